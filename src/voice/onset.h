/*
 * onset.h: how suddenly a sound has become louder.
 *
 *     onset_finder finder;
 *     onset_make(&finder, rate, window, window / 4);
 *     float strength = onset_find(&finder, magnitudes);     // of spectrum_look, every quarter of a window
 *
 * Spectral flux (Bello et al., "A tutorial on onset detection in music signals", 2005): the rise of the level in
 * decibels since two windows ago, averaged over bands of equal musical width; falls do not count. A band is compared
 * with the loudest of itself and its neighbors then, so that a voice that slides is no beginning (Boeck and Widmer,
 * "Maximum filter vibrato suppression for onset detection", 2013). What counts is what rises above the usual of the
 * last half second.
 */
#ifndef LUMEN_VOICE_ONSET_H
#define LUMEN_VOICE_ONSET_H

#include <stdint.h>

enum { ONSET_BANDS = 24, ONSET_HISTORY = 64, ONSET_BACK = 2 };

typedef struct onset_finder {
    uint32_t edges[ONSET_BANDS + 1];       /* band k: bins from edges[k] to edges[k + 1] - 1 */
    float levels[ONSET_BACK][ONSET_BANDS]; /* decibels, of the windows before, the latest first */
    float history[ONSET_HISTORY];          /* flux of the last half second, a ring */
    uint32_t history_count, history_at;
    float fall;     /* what is left of a strength after one step */
    float strength; /* the last one */
} onset_finder;

void onset_make(onset_finder *finder, uint32_t rate, uint32_t window, uint32_t hop);

/* Takes the (window / 2 + 1) magnitudes of the newest window, returns 0 to 1. */
float onset_find(onset_finder *finder, const float *magnitudes);

#endif

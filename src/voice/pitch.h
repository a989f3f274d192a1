/*
 * pitch.h: the fundamental frequency of a voice.
 *
 *     pitch_finder finder;
 *     if (!pitch_make(&finder, rate, window, memory)) ...
 *     float hertz = pitch_find(&finder, samples);   // every quarter of a window; `window` samples, the newest last
 *
 * The YIN estimator (de Cheveigne and Kawahara, "YIN, a fundamental frequency estimator for speech and music", 2002,
 * steps 2 to 5): the cumulative mean normalized difference of the signal and itself shifted by a lag dips where the lag
 * is a period. Of the dips that are nearly as deep as the deepest the first one counts, as in McLeod and Wyvill, "A
 * smarter way to find pitch", 2005: so a breathy voice is found and two periods are not taken for one. The samples
 * are low-passed and thinned out first, since nothing above the first few harmonics helps.
 */
#ifndef LUMEN_VOICE_PITCH_H
#define LUMEN_VOICE_PITCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

enum { PITCH_MIN_HERTZ = 70, PITCH_MAX_HERTZ = 1000, PITCH_SAMPLES = 512 };

typedef struct pitch_finder {
    uint32_t window, hop; /* samples */
    uint32_t thinning;    /* one sample is kept of so many; divides hop */
    float rate;           /* of what is kept, hertz: 6,400 to 12,800 */
    uint32_t tap_count;
    float *taps;                  /* (tap_count) the low pass */
    float samples[PITCH_SAMPLES]; /* kept, the newest last */
    float heard[3];               /* the last three findings */
} pitch_finder;

/* `window` is a power of two, at least PITCH_SAMPLES, that lasts 40 to 80 ms. False when memory runs out. */
bool pitch_make(pitch_finder *finder, uint32_t rate, uint32_t window, arena *memory);

/* Takes the newest quarter of `samples`, the rest of which it has seen, and returns the median of the last three
 * findings: hertz, or 0 where there is no voice. */
float pitch_find(pitch_finder *finder, const float *samples);

#endif

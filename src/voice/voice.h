/*
 * voice.h: what a microphone says about a voice, in four numbers; nothing is kept but a window of samples.
 *
 *     voice *ear;
 *     status = voice_open(48000, &ear, &error);
 *     voice_hear(ear, samples, count);          // mono, -1..1, any number at a time
 *     voice_features now = voice_now(ear);
 *     voice_close(ear);
 *
 * The numbers are those of the last window (40 to 80 ms, 43 at 48 kHz) and are renewed every quarter of one (10 to 20
 * ms). How the samples are cut into calls makes no difference. One thread at a time for each ear; several ears are
 * independent.
 */
#ifndef LUMEN_VOICE_VOICE_H
#define LUMEN_VOICE_VOICE_H

#include <stddef.h>

#include "base/error.h"

typedef struct voice voice;

typedef struct voice_features {
    float loudness;   /* 0..1: from silence (-60 dBFS) to a full-scale sine (0 dBFS), linear in decibels; smoothed */
    float pitch;      /* hertz, 70..1000; 0 without a voice */
    float brightness; /* spectral centroid in hertz, smoothed; falls to 0 in silence */
    float onset;      /* 0..1: how suddenly it has just become louder; falls back within a quarter of a second */
} voice_features;

enum { VOICE_RATE_MIN = 8000, VOICE_RATE_MAX = 192000 };

/* `rate` in hertz, VOICE_RATE_MIN to VOICE_RATE_MAX. Errors: LUMEN_ERROR_INVALID, LUMEN_ERROR_MEMORY. */
lumen_status voice_open(unsigned rate, voice **out, lumen_error *error);
void voice_close(voice *ear); /* NULL is fine */

/* Takes samples; allocates nothing. Samples that are not finite count as silence, those beyond -1..1 as clipped. */
void voice_hear(voice *ear, const float *samples, size_t count);
voice_features voice_now(const voice *ear);

#endif

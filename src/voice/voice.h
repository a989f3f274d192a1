/*
 * voice.h: what a microphone says about a voice, in four numbers; nothing is kept but a window of samples.
 *
 *     voice *ear;
 *     status = voice_open(48000, &ear, &error);
 *     voice_hear(ear, samples, count);          // mono, -1..1, any number at a time
 *     voice_features now = voice_now(ear);
 *     voice_close(ear);
 */
#ifndef LUMEN_VOICE_VOICE_H
#define LUMEN_VOICE_VOICE_H

#include <stddef.h>

#include "base/error.h"

typedef struct voice voice;

typedef struct voice_features {
    float loudness;   /* 0..1: from silence (-60 dBFS) to full scale, smoothed */
    float pitch;      /* hertz, 70..1000; 0 without a voice */
    float brightness; /* spectral centroid in hertz */
    float onset;      /* 0..1: how suddenly it has just become louder; falls back within a quarter of a second */
} voice_features;

/* `rate` in hertz, 8,000 to 192,000. Errors: LUMEN_ERROR_INVALID, LUMEN_ERROR_MEMORY. */
lumen_status voice_open(unsigned rate, voice **out, lumen_error *error);
void voice_close(voice *ear);

/* Takes samples; allocates nothing. Samples that are not finite count as silence. */
void voice_hear(voice *ear, const float *samples, size_t count);
voice_features voice_now(const voice *ear);

#endif

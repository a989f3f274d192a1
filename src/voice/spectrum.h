/*
 * spectrum.h: how strong each frequency is in a window of samples.
 *
 *     spectrum lens;
 *     if (!spectrum_make(&lens, 2048, memory)) ...
 *     spectrum_look(&lens, samples);            // 2048 of them
 *     lens.magnitudes[k]                        // of the frequency k * rate / 2048
 */
#ifndef LUMEN_VOICE_SPECTRUM_H
#define LUMEN_VOICE_SPECTRUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct spectrum {
    uint32_t size;          /* N, a power of two, 8 to 65536 */
    float *magnitudes;      /* (N / 2 + 1); a sine of amplitude 1 in the middle of a bin gives 1 */
    float *window;          /* (N) Hann, scaled so */
    float *cosines, *sines; /* (N / 2) of -2 pi k / N */
    float *turns[2];        /* (N / 2) the same again in the order in which the transform needs them: cosines, sines */
    float *values[2];       /* (N / 2) complex numbers under way: real parts, imaginary parts */
    uint16_t *reversed;     /* (N / 2) indices with their bits the other way round */
} spectrum;

/* Tables for windows of `size` samples, in `memory`, which owns them. False when memory runs out. */
bool spectrum_make(spectrum *lens, uint32_t size, arena *memory);

/* Fills the magnitudes of `size` samples under a Hann window. */
void spectrum_look(spectrum *lens, const float *samples);

#endif

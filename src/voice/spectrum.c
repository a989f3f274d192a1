/*
 * A real transform of N samples is a complex one of N / 2, the even samples as real and the odd ones as imaginary
 * parts, and one pass that takes the two apart (Press et al., "Numerical Recipes", section 12.3). The complex one is
 * Cooley and Tukey's with radix two, in place: at a hundred windows of 2,048 samples a second nothing faster is needed.
 */
#include "voice/spectrum.h"

#include <math.h>
#include <stddef.h>

static const double PI = 3.14159265358979323846;

bool spectrum_make(spectrum *lens, uint32_t size, arena *memory)
{
    uint32_t half = size / 2;
    *lens = (spectrum){
        .size = size,
        .magnitudes = arena_array(memory, float, half + 1),
        .window = arena_array(memory, float, size),
        .cosines = arena_array(memory, float, half),
        .sines = arena_array(memory, float, half),
        .turns = {arena_array(memory, float, half), arena_array(memory, float, half)},
        .values = {arena_array(memory, float, half), arena_array(memory, float, half)},
        .reversed = arena_array(memory, uint16_t, half),
    };
    if (lens->magnitudes == NULL || lens->window == NULL || lens->cosines == NULL || lens->sines == NULL ||
        lens->turns[0] == NULL || lens->turns[1] == NULL || lens->values[0] == NULL || lens->values[1] == NULL ||
        lens->reversed == NULL)
        return false;

    /* The Hann window has a mean of 1/2, and half of a sine's amplitude lies at its negative frequency. */
    for (uint32_t i = 0; i < size; i++)
        lens->window[i] = (float)((0.5 - 0.5 * cos(2.0 * PI * i / size)) * 4.0 / size);
    for (uint32_t k = 0; k < half; k++) {
        lens->cosines[k] = (float)cos(2.0 * PI * k / size);
        lens->sines[k] = (float)-sin(2.0 * PI * k / size);
    }
    /* The stage that joins runs of `reach` needs the angles pi i / reach; they lie from turns[reach] on. */
    for (uint32_t reach = 1; reach < half; reach *= 2)
        for (uint32_t i = 0; i < reach; i++) {
            lens->turns[0][reach + i] = lens->cosines[i * (half / reach)];
            lens->turns[1][reach + i] = lens->sines[i * (half / reach)];
        }
    lens->reversed[0] = 0;
    for (uint32_t i = 1; i < half; i++)
        lens->reversed[i] = (uint16_t)(lens->reversed[i / 2] / 2 + (i % 2 == 1 ? half / 2 : 0));
    for (uint32_t k = 0; k <= half; k++)
        lens->magnitudes[k] = 0.0f;
    return true;
}

/* Joins two transforms of `reach` values, `low` and `high`, to one of twice as many. */
static inline void join(uint32_t reach, const float *restrict cosines, const float *restrict sines,
                        float *restrict low_real, float *restrict low_imaginary, float *restrict high_real,
                        float *restrict high_imaginary)
{
    for (uint32_t i = 0; i < reach; i++) {
        float real = high_real[i] * cosines[i] - high_imaginary[i] * sines[i];
        float imaginary = high_real[i] * sines[i] + high_imaginary[i] * cosines[i];
        high_real[i] = low_real[i] - real;
        high_imaginary[i] = low_imaginary[i] - imaginary;
        low_real[i] += real;
        low_imaginary[i] += imaginary;
    }
}

/* The complex transform of the N / 2 values, which lie in reversed order. */
static void transform(const spectrum *lens)
{
    uint32_t half = lens->size / 2;
    float *real = lens->values[0], *imaginary = lens->values[1];
    for (uint32_t reach = 1; reach < half; reach *= 2)
        for (uint32_t start = 0; start < half; start += 2 * reach)
            join(reach, lens->turns[0] + reach, lens->turns[1] + reach, real + start, imaginary + start,
                 real + start + reach, imaginary + start + reach);
}

void spectrum_look(spectrum *lens, const float *samples)
{
    uint32_t half = lens->size / 2;
    float *reals = lens->values[0], *imaginaries = lens->values[1];
    for (uint32_t i = 0; i < half; i++) {
        reals[lens->reversed[i]] = samples[2 * i] * lens->window[2 * i];
        imaginaries[lens->reversed[i]] = samples[2 * i + 1] * lens->window[2 * i + 1];
    }
    transform(lens);

    lens->magnitudes[0] = 0.5f * fabsf(reals[0] + imaginaries[0]);
    lens->magnitudes[half] = 0.5f * fabsf(reals[0] - imaginaries[0]);
    for (uint32_t k = 1; k < half; k++) {
        uint32_t mirror = half - k;
        float even_real = 0.5f * (reals[k] + reals[mirror]),
              even_imaginary = 0.5f * (imaginaries[k] - imaginaries[mirror]);
        float odd_real = 0.5f * (imaginaries[k] + imaginaries[mirror]),
              odd_imaginary = 0.5f * (reals[mirror] - reals[k]);
        float real = even_real + odd_real * lens->cosines[k] - odd_imaginary * lens->sines[k];
        float imaginary = even_imaginary + odd_real * lens->sines[k] + odd_imaginary * lens->cosines[k];
        lens->magnitudes[k] = sqrtf(real * real + imaginary * imaginary);
    }
}

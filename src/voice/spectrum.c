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
        .turns = arena_array(memory, float, size),
        .values = arena_array(memory, float, size),
        .reversed = arena_array(memory, uint16_t, half),
    };
    if (lens->magnitudes == NULL || lens->window == NULL || lens->turns == NULL || lens->values == NULL ||
        lens->reversed == NULL)
        return false;

    /* The Hann window has a mean of 1/2, and half of a sine's amplitude lies at its negative frequency. */
    for (uint32_t i = 0; i < size; i++)
        lens->window[i] = (float)((0.5 - 0.5 * cos(2.0 * PI * i / size)) * 4.0 / size);
    for (uint32_t k = 0; k < half; k++) {
        lens->turns[2 * k] = (float)cos(2.0 * PI * k / size);
        lens->turns[2 * k + 1] = (float)-sin(2.0 * PI * k / size);
    }
    lens->reversed[0] = 0;
    for (uint32_t i = 1; i < half; i++)
        lens->reversed[i] = (uint16_t)(lens->reversed[i / 2] / 2 + (i % 2 == 1 ? half / 2 : 0));
    for (uint32_t k = 0; k <= half; k++)
        lens->magnitudes[k] = 0.0f;
    return true;
}

/* The complex transform of the N / 2 values, which lie in reversed order. */
static void transform(const spectrum *lens)
{
    uint32_t half = lens->size / 2;
    float *values = lens->values;
    for (uint32_t reach = 1; reach < half; reach *= 2) {
        uint32_t step = half / reach; /* in turns of 2 pi / N; a turn of this stage is pi / reach */
        for (uint32_t start = 0; start < half; start += 2 * reach) {
            for (uint32_t i = 0; i < reach; i++) {
                float *low = values + 2 * (start + i), *high = low + 2 * reach;
                float cosine = lens->turns[2 * i * step], sine = lens->turns[2 * i * step + 1];
                float real = high[0] * cosine - high[1] * sine, imaginary = high[0] * sine + high[1] * cosine;
                high[0] = low[0] - real;
                high[1] = low[1] - imaginary;
                low[0] += real;
                low[1] += imaginary;
            }
        }
    }
}

void spectrum_look(spectrum *lens, const float *samples)
{
    uint32_t half = lens->size / 2;
    float *values = lens->values;
    for (uint32_t i = 0; i < half; i++) {
        uint32_t to = lens->reversed[i];
        values[2 * to] = samples[2 * i] * lens->window[2 * i];
        values[2 * to + 1] = samples[2 * i + 1] * lens->window[2 * i + 1];
    }
    transform(lens);

    lens->magnitudes[0] = 0.5f * fabsf(values[0] + values[1]);
    lens->magnitudes[half] = 0.5f * fabsf(values[0] - values[1]);
    for (uint32_t k = 1; k < half; k++) {
        const float *one = values + 2 * k, *other = values + 2 * (half - k);
        float even_real = 0.5f * (one[0] + other[0]), even_imaginary = 0.5f * (one[1] - other[1]);
        float odd_real = 0.5f * (one[1] + other[1]), odd_imaginary = 0.5f * (other[0] - one[0]);
        float cosine = lens->turns[2 * k], sine = lens->turns[2 * k + 1];
        float real = even_real + odd_real * cosine - odd_imaginary * sine;
        float imaginary = even_imaginary + odd_real * sine + odd_imaginary * cosine;
        lens->magnitudes[k] = sqrtf(real * real + imaginary * imaginary);
    }
}

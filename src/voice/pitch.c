#include "voice/pitch.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/dispatch.h"

static const double PI = 3.14159265358979323846;

/* The low pass: a sinc under a Blackman window. Half of the amplitude is left at CUTOFF; nothing from twice that on. */
static const double CUTOFF_HERTZ = 2000.0, TAPS_SECONDS = 0.0027;

/* The deepest dip of a voice is no shallower than VOICED (0: perfectly periodic, 1: noise), and a dip counts as nearly
 * as deep within NEARLY. */
static const float VOICED = 0.25f, NEARLY = 0.1f;

/* A voice is at least this loud (-55 dBFS) and has at least this part of its power below the cutoff. */
static const float QUIETEST_POWER = 1.6e-6f, LOW_SHARE = 0.01f;

enum { LAGS = PITCH_SAMPLES / 2 };

bool pitch_make(pitch_finder *finder, uint32_t rate, uint32_t window, arena *memory)
{
    uint32_t tap_count = (uint32_t)(rate * TAPS_SECONDS) | 1;
    *finder = (pitch_finder){
        .window = window,
        .hop = window / 4,
        .thinning = window / PITCH_SAMPLES,
        .rate = (float)rate / (float)(window / PITCH_SAMPLES),
        .tap_count = tap_count,
        .taps = arena_array(memory, float, tap_count),
    };
    if (finder->taps == NULL)
        return false;
    double sum = 0.0, middle = (tap_count - 1) / 2.0;
    for (uint32_t i = 0; i < tap_count; i++) {
        double angle = 2.0 * PI * CUTOFF_HERTZ / rate * (i - middle);
        double across = 2.0 * PI * (i + 1) / (tap_count + 1);
        double tap =
            (fabs(angle) < 1e-9 ? 1.0 : sin(angle) / angle) * (0.42 - 0.5 * cos(across) + 0.08 * cos(2.0 * across));
        finder->taps[i] = (float)tap;
        sum += tap;
    }
    for (uint32_t i = 0; i < tap_count; i++)
        finder->taps[i] = (float)(finder->taps[i] / sum);
    return true;
}

/* ---- The samples that are kept -------------------------------------------------------------------------- */

/* The low-passed signal where the last tap falls on `newest`. Four sums, since one would wait for each addition. */
static float low_passed(const pitch_finder *finder, const float *newest)
{
    const float *from = newest - (finder->tap_count - 1), *tap = finder->taps, *end = tap + finder->tap_count;
    float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (; tap + 4 <= end; tap += 4, from += 4)
        for (int lane = 0; lane < 4; lane++)
            sums[lane] += tap[lane] * from[lane];
    for (; tap < end; tap++, from++)
        sums[0] += *tap * *from;
    return sums[0] + sums[1] + (sums[2] + sums[3]);
}

static void keep(pitch_finder *finder, const float *samples)
{
    uint32_t fresh = finder->hop / finder->thinning;
    memmove(finder->samples, finder->samples + fresh, (PITCH_SAMPLES - fresh) * sizeof *finder->samples);
    const float *at = samples + finder->window - finder->hop + finder->thinning - 1;
    for (uint32_t i = 0; i < fresh; i++, at += finder->thinning)
        finder->samples[PITCH_SAMPLES - fresh + i] = low_passed(finder, at);
}

static float power_of(const float *samples, uint32_t count)
{
    float sum = 0.0f;
    for (uint32_t i = 0; i < count; i++)
        sum += samples[i] * samples[i];
    return sum / (float)count;
}

/* ---- The period ------------------------------------------------------------------------------------------ */

/* Fills differences[1 .. lags]: the sum of squares of the signal less itself `lag` later, over the same
 * number of samples for each. The loop over the lags is the inner one because it can be done several at a time. */
LUMEN_DISPATCH
static void find_differences(const float *restrict samples, uint32_t lags, float *restrict differences)
{
    for (uint32_t lag = 0; lag <= lags; lag++)
        differences[lag] = 0.0f;
    for (uint32_t i = 0; i + 1 + lags < PITCH_SAMPLES; i += 2) {
        const float *later = samples + i;
        float here = later[0], next = later[1];
        for (uint32_t lag = 1; lag <= lags; lag++) {
            float one = here - later[lag], other = next - later[lag + 1];
            differences[lag] += one * one + other * other;
        }
    }
}

/* The lowest point of the parabola through three neighbors, from -1/2 to 1/2 around the middle one. */
static float parabola_low(float before, float middle, float after)
{
    float bend = before - 2.0f * middle + after;
    if (!(bend > 1e-12f * middle) || bend <= 0.0f)
        return 0.0f;
    float shift = 0.5f * (before - after) / bend;
    return shift < -0.5f ? -0.5f : shift > 0.5f ? 0.5f : shift;
}

static bool is_dip(const float *values, uint32_t lag)
{
    return values[lag] <= values[lag - 1] && values[lag] < values[lag + 1];
}

/* The period in samples, 0 where there is none. `differences` and `normalized` have LAGS places. */
static float find_period(const float *differences, const float *normalized, uint32_t lags)
{
    float deepest = VOICED;
    for (uint32_t lag = 2; lag < lags; lag++)
        if (is_dip(normalized, lag) && normalized[lag] < deepest)
            deepest = normalized[lag];
    if (deepest >= VOICED)
        return 0.0f;
    uint32_t first = 2;
    while (!(is_dip(normalized, first) && normalized[first] <= deepest + NEARLY))
        first++;
    return (float)first + parabola_low(differences[first - 1], differences[first], differences[first + 1]);
}

static float find_once(const pitch_finder *finder, const float *samples)
{
    float low_power = power_of(finder->samples, PITCH_SAMPLES);
    if (low_power < QUIETEST_POWER || low_power < LOW_SHARE * power_of(samples, finder->window))
        return 0.0f;

    float differences[LAGS], normalized[LAGS];
    uint32_t lags = (uint32_t)(finder->rate / (float)PITCH_MIN_HERTZ) + 2;
    find_differences(finder->samples, lags, differences);
    float sum = 0.0f;
    normalized[0] = 1.0f;
    for (uint32_t lag = 1; lag <= lags; lag++) {
        sum += differences[lag];
        normalized[lag] = sum > 0.0f ? differences[lag] * (float)lag / sum : 1.0f;
    }
    float period = find_period(differences, normalized, lags);
    float hertz = period > 0.0f ? finder->rate / period : 0.0f;
    return hertz >= (float)PITCH_MIN_HERTZ && hertz <= (float)PITCH_MAX_HERTZ ? hertz : 0.0f;
}

static float median_of_three(const float values[3])
{
    float low = fminf(values[0], values[1]), high = fmaxf(values[0], values[1]);
    return fmaxf(low, fminf(high, values[2]));
}

float pitch_find(pitch_finder *finder, const float *samples)
{
    keep(finder, samples);
    finder->heard[0] = finder->heard[1];
    finder->heard[1] = finder->heard[2];
    finder->heard[2] = find_once(finder, samples);
    /* A single window that says otherwise than its neighbors is mistaken, mostly by an octave. */
    return median_of_three(finder->heard);
}

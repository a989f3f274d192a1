#include "voice/onset.h"

#include <math.h>
#include <string.h>

static const float LOWEST_HERTZ = 60.0f, HIGHEST_HERTZ = 8000.0f;

/* Below this a band is silent, whatever a microphone hisses. */
static const float SILENT_DECIBELS = -65.0f;

/* The flux that counts begins at USUAL_FACTOR times the usual and LEAST_DECIBELS, and is full FULL_DECIBELS above. */
static const float USUAL_FACTOR = 1.5f, LEAST_DECIBELS = 1.0f, FULL_DECIBELS = 6.0f;

/* A strength of 1 is below 0.02 after a quarter of a second. */
static const float FALL_SECONDS = 0.06f, USUAL_SECONDS = 0.5f;

void onset_make(onset_finder *finder, uint32_t rate, uint32_t window, uint32_t hop)
{
    memset(finder, 0, sizeof *finder);
    float bin = (float)rate / (float)window, step = (float)hop / (float)rate;
    float highest = fminf(HIGHEST_HERTZ, 0.45f * (float)rate);
    for (uint32_t k = 0; k <= ONSET_BANDS; k++) {
        float hertz = LOWEST_HERTZ * powf(highest / LOWEST_HERTZ, (float)k / (float)ONSET_BANDS);
        uint32_t edge = (uint32_t)(hertz / bin + 0.5f);
        /* The lowest bands are narrower than a bin: each gets one. */
        finder->edges[k] = k > 0 && edge <= finder->edges[k - 1] ? finder->edges[k - 1] + 1 : edge;
    }
    for (uint32_t i = 0; i < ONSET_BACK; i++)
        for (uint32_t k = 0; k < ONSET_BANDS; k++)
            finder->levels[i][k] = SILENT_DECIBELS;
    uint32_t history = (uint32_t)(USUAL_SECONDS / step);
    finder->history_count = history < 1 ? 1 : history > ONSET_HISTORY ? ONSET_HISTORY : history;
    finder->fall = expf(-step / FALL_SECONDS);
}

/* A sine in the middle of a band has the level of its amplitude: a Hann window spreads it over three bins whose squares
 * add up to 3/2. */
static float band_level(const onset_finder *finder, const float *magnitudes, uint32_t band)
{
    float power = 0.0f;
    for (uint32_t bin = finder->edges[band]; bin < finder->edges[band + 1]; bin++)
        power += magnitudes[bin] * magnitudes[bin];
    return fmaxf(SILENT_DECIBELS, 10.0f * log10f(power / 1.5f + 1e-12f));
}

static float find_flux(onset_finder *finder, const float *magnitudes)
{
    const float *before = finder->levels[ONSET_BACK - 1];
    float now[ONSET_BANDS], flux = 0.0f;
    for (uint32_t k = 0; k < ONSET_BANDS; k++) {
        now[k] = band_level(finder, magnitudes, k);
        float loudest = before[k];
        if (k > 0)
            loudest = fmaxf(loudest, before[k - 1]);
        if (k + 1 < ONSET_BANDS)
            loudest = fmaxf(loudest, before[k + 1]);
        flux += fmaxf(0.0f, now[k] - loudest);
    }
    memmove(finder->levels[1], finder->levels[0], (ONSET_BACK - 1) * sizeof finder->levels[0]);
    memcpy(finder->levels[0], now, sizeof now);
    return flux / (float)ONSET_BANDS;
}

float onset_find(onset_finder *finder, const float *magnitudes)
{
    float usual = 0.0f;
    for (uint32_t i = 0; i < finder->history_count; i++)
        usual += finder->history[i];
    usual /= (float)finder->history_count;

    float flux = find_flux(finder, magnitudes);
    finder->history[finder->history_at] = flux;
    finder->history_at = (finder->history_at + 1) % finder->history_count;

    float fresh = (flux - (USUAL_FACTOR * usual + LEAST_DECIBELS)) / FULL_DECIBELS;
    finder->strength = fmaxf(finder->strength * finder->fall, fminf(1.0f, fmaxf(0.0f, fresh)));
    if (finder->strength < 1e-6f)
        finder->strength = 0.0f;
    return finder->strength;
}

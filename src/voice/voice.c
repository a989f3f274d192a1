#include "voice/voice.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "voice/onset.h"
#include "voice/pitch.h"
#include "voice/spectrum.h"

enum { QUARTERS = 4, MEMORY_MAX = 1 << 20 };

static const float WINDOW_SECONDS = 0.04f;

/* Below this frequency there is no voice: hum, wind, and a microphone's offset. */
static const float RUMBLE_HERTZ = 20.0f;

static const float SILENT_DECIBELS = -60.0f;

/* How quickly what is shown follows: a rise at once, a fall gently. */
static const float RISE_SECONDS = 0.015f, FALL_SECONDS = 0.1f, BRIGHTNESS_SECONDS = 0.03f;

struct voice {
    arena *memory; /* holds everything, this included */
    float hertz_per_bin;
    uint32_t window, hop; /* samples; window is a power of two, hop a quarter of it */

    float *samples; /* (window), of which `filled` are there */
    uint32_t filled;
    float offset_pole, offset_in, offset_out; /* a first-order high pass */

    double powers[QUARTERS]; /* sums of squares of the last four hops, the newest last */
    spectrum lens;
    pitch_finder pitch;
    onset_finder onset;
    float rise, fall, follow; /* what is left of a difference after one hop */
    voice_features now;
};

lumen_status voice_open(unsigned rate, voice **out, lumen_error *error)
{
    *out = NULL;
    if (rate < VOICE_RATE_MIN || rate > VOICE_RATE_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a microphone's rate of %u hertz cannot be used; open it with %d to %d", rate, VOICE_RATE_MIN,
                          VOICE_RATE_MAX);
    uint32_t window = PITCH_SAMPLES;
    while ((float)window < WINDOW_SECONDS * (float)rate)
        window *= 2;

    arena *memory = arena_create(MEMORY_MAX);
    voice *ear = memory == NULL ? NULL : arena_array(memory, voice, 1);
    float *samples = memory == NULL ? NULL : arena_array(memory, float, window);
    if (ear == NULL || samples == NULL)
        goto no_memory;
    float step = (float)(window / QUARTERS) / (float)rate;
    *ear = (voice){
        .memory = memory,
        .hertz_per_bin = (float)rate / (float)window,
        .window = window,
        .hop = window / QUARTERS,
        .samples = samples,
        .filled = window - window / QUARTERS, /* silence before the first sample */
        .offset_pole = expf(-6.2831853f * RUMBLE_HERTZ / (float)rate),
        .rise = expf(-step / RISE_SECONDS),
        .fall = expf(-step / FALL_SECONDS),
        .follow = expf(-step / BRIGHTNESS_SECONDS),
    };
    memset(samples, 0, window * sizeof *samples);
    if (!spectrum_make(&ear->lens, window, memory) || !pitch_make(&ear->pitch, rate, window, memory))
        goto no_memory;
    onset_make(&ear->onset, rate, window, ear->hop);
    *out = ear;
    return LUMEN_OK;

no_memory:
    arena_destroy(memory);
    return lumen_fail_memory(error, "the ear for a microphone");
}

void voice_close(voice *ear)
{
    if (ear != NULL)
        arena_destroy(ear->memory);
}

/* ---- A window -------------------------------------------------------------------------------------------- */

/* The root mean square of the window in decibels below that of a full-scale sine. */
static float find_level(voice *ear)
{
    memmove(ear->powers, ear->powers + 1, (QUARTERS - 1) * sizeof *ear->powers);
    double sum = 0.0;
    for (uint32_t i = ear->window - ear->hop; i < ear->window; i++)
        sum += (double)ear->samples[i] * (double)ear->samples[i];
    ear->powers[QUARTERS - 1] = sum;
    double whole = 0.0;
    for (int i = 0; i < QUARTERS; i++)
        whole += ear->powers[i];
    return 10.0f * log10f((float)(2.0 * whole / ear->window) + 1e-12f);
}

/* The mean frequency, weighted by the magnitudes; 0 where there is nothing. */
static float find_centroid(const voice *ear)
{
    float weighted = 0.0f, sum = 0.0f;
    uint32_t lowest = (uint32_t)(RUMBLE_HERTZ / ear->hertz_per_bin) + 1;
    for (uint32_t k = lowest; k <= ear->window / 2; k++) {
        weighted += (float)k * ear->lens.magnitudes[k];
        sum += ear->lens.magnitudes[k];
    }
    return sum > 0.0f ? weighted / sum * ear->hertz_per_bin : 0.0f;
}

static float approach(float from, float to, float left)
{
    float value = to + (from - to) * left;
    return value < 1e-6f ? 0.0f : value;
}

static void look_at_window(voice *ear)
{
    float level = find_level(ear);
    spectrum_look(&ear->lens, ear->samples);

    float loudness = fminf(1.0f, fmaxf(0.0f, 1.0f - level / SILENT_DECIBELS));
    ear->now.loudness = approach(ear->now.loudness, loudness, loudness > ear->now.loudness ? ear->rise : ear->fall);
    float centroid = level > SILENT_DECIBELS ? find_centroid(ear) : 0.0f;
    ear->now.brightness = approach(ear->now.brightness, centroid, ear->follow);
    ear->now.pitch = pitch_find(&ear->pitch, ear->samples);
    ear->now.onset = onset_find(&ear->onset, ear->lens.magnitudes);
}

/* ---- Samples --------------------------------------------------------------------------------------------- */

void voice_hear(voice *ear, const float *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float sample = isfinite(samples[i]) ? fminf(1.0f, fmaxf(-1.0f, samples[i])) : 0.0f;
        float out = sample - ear->offset_in + ear->offset_pole * ear->offset_out;
        /* Numbers too small to be normal are slow, and silent. */
        ear->offset_out = fabsf(out) < 1e-15f ? 0.0f : out;
        ear->offset_in = sample;
        ear->samples[ear->filled++] = ear->offset_out;
        if (ear->filled == ear->window) {
            look_at_window(ear);
            memmove(ear->samples, ear->samples + ear->hop, (ear->window - ear->hop) * sizeof *ear->samples);
            ear->filled = ear->window - ear->hop;
        }
    }
}

voice_features voice_now(const voice *ear)
{
    return ear->now;
}

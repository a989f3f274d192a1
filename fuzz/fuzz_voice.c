/* Any rate and any floats: every answer lies within its range, and how the samples are cut makes no difference. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "voice/voice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_in_range(voice_features now, unsigned rate)
{
    require(now.loudness >= 0.0f && now.loudness <= 1.0f && now.onset >= 0.0f && now.onset <= 1.0f);
    require(now.pitch == 0.0f || (now.pitch >= 70.0f && now.pitch <= 1000.0f));
    require(now.brightness >= 0.0f && now.brightness <= (float)rate / 2.0f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { HEAD = 8, REPEATS = 8 };
    if (size < HEAD)
        return 0;
    uint32_t rate, cut;
    memcpy(&rate, data, sizeof rate);
    memcpy(&cut, data + 4, sizeof cut);
    voice *whole = NULL, *pieces = NULL;
    lumen_error error;
    lumen_status status = voice_open(rate, &whole, &error);
    require((status == LUMEN_OK) == (rate >= VOICE_RATE_MIN && rate <= VOICE_RATE_MAX));
    if (status != LUMEN_OK) {
        rate = VOICE_RATE_MIN + rate % (VOICE_RATE_MAX - VOICE_RATE_MIN + 1);
        require(voice_open(rate, &whole, &error) == LUMEN_OK);
    }
    require(voice_open(rate, &pieces, &error) == LUMEN_OK);

    size_t count = (size - HEAD) / sizeof(float), step = 1 + cut % 5000;
    float *samples = malloc(count * sizeof *samples + 1);
    require(samples != NULL);
    memcpy(samples, data + HEAD, count * sizeof *samples);
    /* The same few samples again and again fill more than a window. */
    for (int again = 0; again < REPEATS; again++) {
        voice_hear(whole, samples, count);
        for (size_t at = 0; at < count; at += step)
            voice_hear(pieces, samples + at, count - at < step ? count - at : step);
        voice_features one = voice_now(whole), other = voice_now(pieces);
        require(memcmp(&one, &other, sizeof one) == 0);
        require_in_range(one, rate);
    }
    free(samples);
    voice_close(whole);
    voice_close(pieces);
    return 0;
}

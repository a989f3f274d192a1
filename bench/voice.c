/*
 * What the room voice says of a recording, and what it costs.
 *
 *     bench_voice RATE         reads 32-bit floats from standard input; writes one line for each quarter of a window:
 *                              the number of samples heard, loudness, pitch, brightness, onset
 *     bench_voice RATE cost    the same samples as often as gives a minute of sound; writes microseconds of processor
 *                              time for each second of sound
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "voice/voice.h"

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The samples of standard input; NULL without any. */
static float *read_samples(size_t *count)
{
    size_t room = 1u << 16, used = 0, got;
    float *samples = malloc(room * sizeof *samples);
    while (samples != NULL && (got = fread(samples + used, sizeof *samples, room - used, stdin)) > 0) {
        used += got;
        if (used == room) {
            float *larger = realloc(samples, (room *= 2) * sizeof *samples);
            if (larger == NULL)
                free(samples);
            samples = larger;
        }
    }
    *count = used;
    return samples;
}

static void write_features(voice *ear, const float *samples, size_t count)
{
    voice_features before = voice_now(ear);
    for (size_t i = 0; i < count; i++) {
        voice_hear(ear, samples + i, 1);
        voice_features now = voice_now(ear);
        if (memcmp(&now, &before, sizeof now) != 0)
            printf("%zu %.6f %.3f %.3f %.6f\n", i + 1, (double)now.loudness, (double)now.pitch, (double)now.brightness,
                   (double)now.onset);
        before = now;
    }
}

static double cost(voice *ear, const float *samples, size_t count, unsigned rate)
{
    enum { SECONDS = 60, BLOCK = 480 };
    double start = processor_seconds();
    size_t heard = 0;
    while (heard < (size_t)rate * SECONDS)
        for (size_t at = 0; at < count; at += BLOCK) {
            size_t block = count - at < BLOCK ? count - at : BLOCK;
            voice_hear(ear, samples + at, block);
            heard += block;
        }
    return (processor_seconds() - start) * 1e6 / ((double)heard / rate);
}

int main(int count, char **arguments)
{
    unsigned rate = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 0;
    voice *ear = NULL;
    lumen_error error = {0};
    if (voice_open(rate, &ear, &error) != LUMEN_OK) {
        fprintf(stderr, "bench_voice: %s\nusage: bench_voice RATE [cost] < SAMPLES\n", error.message);
        return 1;
    }
    size_t sample_count = 0;
    float *samples = read_samples(&sample_count);
    if (samples == NULL || sample_count == 0) {
        fprintf(stderr, "bench_voice: there are no samples on standard input\n");
        voice_close(ear);
        free(samples);
        return 1;
    }
    if (count > 2 && strcmp(arguments[2], "cost") == 0)
        printf("%.1f\n", cost(ear, samples, sample_count, rate));
    else
        write_features(ear, samples, sample_count);
    voice_close(ear);
    free(samples);
    return 0;
}

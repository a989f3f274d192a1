/* Times the way of a word: text to 2,048 points in memory, on one thread.
 *
 *     bench_pipeline ROUNDS < texts
 *
 * Prints one JSON object a line: {"text": ..., "ms": [one per round]}. The first round warms up and is not printed. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lumen.h"

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int measure(lumen *library, const char *text, long rounds)
{
    const lumen_request request = {.text = text};
    printf("{\"text\": \"%s\", \"ms\": [", text);
    for (long round = -1; round < rounds; round++) {
        lumen_shape *shape = NULL;
        lumen_error error;
        double start = now_ms();
        if (lumen_generate(library, &request, &shape, &error) != LUMEN_OK) {
            fprintf(stderr, "bench_pipeline: %s\n", error.message);
            return 1;
        }
        double end = now_ms();
        lumen_shape_free(shape);
        if (round >= 0)
            printf("%s%.4f", round > 0 ? ", " : "", end - start);
    }
    printf("]}\n");
    return 0;
}

int main(int count, char **arguments)
{
    long rounds = count > 1 ? strtol(arguments[1], NULL, 10) : 5;
    lumen *library = NULL;
    lumen_error error;
    if (lumen_open(NULL, &library, &error) != LUMEN_OK) {
        fprintf(stderr, "bench_pipeline: %s\n", error.message);
        return 1;
    }
    char text[1024];
    int status = 0;
    while (status == 0 && fgets(text, sizeof text, stdin) != NULL) {
        text[strcspn(text, "\n")] = '\0';
        if (text[0] != '\0' && strpbrk(text, "\"\\") == NULL)
            status = measure(library, text, rounds);
    }
    lumen_close(library);
    return status;
}

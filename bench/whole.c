/*
 * The engine partcrafter from a word to named parts, its stages and their memory.
 *
 *     bench_whole MODELS QUALITY PARTS THREADS ROUNDS BUDGET usual|low
 *
 * Each round prints a line of JSON: seconds and peak of resident memory (pages of mapped files included) of each stage.
 * The first round loads what is kept. BUDGET in bytes; 0: what the machine has free. See whole.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "partcrafter/partcrafter_engine.h"
#include "pipeline/pipeline.h"

enum { STAGES_MAX = 16, NAME_BYTES = 32 };

typedef struct stages {
    size_t count;
    char names[STAGES_MAX][NAME_BYTES];
    uint64_t peaks[STAGES_MAX]; /* bytes */
} stages;

/* ---- The peak of a stage: the kernel counts it, and begins anew when it is told to ---------------------------- */

static uint64_t peak_bytes(void)
{
    char line[256];
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %llu", &kilobytes) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return (uint64_t)kilobytes << 10;
}

static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (file == NULL)
        return;
    fputs("5", file);
    fclose(file);
}

static void end_stage(stages *all)
{
    if (all->count > 0)
        all->peaks[all->count - 1] = peak_bytes();
    forget_peak();
}

static bool note_stage(void *user, const char *stage, double fraction)
{
    stages *all = user;
    (void)fraction;
    if (all->count > 0 && strcmp(all->names[all->count - 1], stage) == 0)
        return true;
    end_stage(all);
    if (all->count < STAGES_MAX)
        snprintf(all->names[all->count++], NAME_BYTES, "%s", stage);
    return true;
}

/* ---- Rounds ------------------------------------------------------------------------------------------------- */

static const char *holding_name(partcrafter_holding holding)
{
    static const char *const names[] = {"all", "a stage's", "a piece's"};
    return names[holding];
}

static void print_round(const engine *one, const stages *all, const lumen_shape *shape, double total,
                        partcrafter_holding holding)
{
    partcrafter_engine_timings took;
    size_t triangles = 0;
    partcrafter_engine_timings_of(one, &took);
    for (uint32_t part = 0; part < shape->part_count; part++)
        triangles += shape->part_meshes[part].triangle_count;
    printf("{\"seconds\": {");
    for (int i = 0; i < PARTCRAFTER_STAGES; i++)
        printf("\"%s\": %.4f, ", partcrafter_stage_name((partcrafter_stage)i), took.seconds[i]);
    printf("\"loading, in these\": %.4f, \"all\": %.4f}, \"peak\": {", took.loading, total);
    for (size_t i = 0; i < all->count; i++)
        printf("%s\"%s\": %llu", i > 0 ? ", " : "", all->names[i], (unsigned long long)all->peaks[i]);
    printf("}, \"parts\": %u, \"triangles\": %zu, \"field_points\": %llu, \"holding\": \"%s\"}\n", shape->part_count,
           triangles, (unsigned long long)took.field_points, holding_name(holding));
    fflush(stdout);
}

static lumen_status run_round(lumen *library, const lumen_request *request, lumen_error *error)
{
    stages all = {0};
    lumen_request wanted = *request;
    const engine *one = pipeline_engine(library, "partcrafter");
    lumen_shape *shape = NULL;
    pipeline_plan plan;
    partcrafter_engine_needs needs = {0};
    wanted.progress = note_stage;
    wanted.progress_user = &all;
    lumen_status status = pipeline_plan_request(library, request, &plan, error);
    if (status != LUMEN_OK)
        return status;
    const engine_request order = {.phrase = &plan.phrase, .quality = request->quality, .num_parts = request->num_parts};
    status = partcrafter_engine_measure(one, &order, &needs, error);
    if (status != LUMEN_OK)
        return status;
    const uint64_t began = clock_now_ns();
    status = lumen_generate(library, &wanted, &shape, error);
    const double total = clock_seconds_between(began, clock_now_ns());
    end_stage(&all);
    if (status == LUMEN_OK)
        print_round(one, &all, shape, total, needs.holding);
    lumen_shape_free(shape);
    return status;
}

static lumen_quality quality_of(const char *name)
{
    return strcmp(name, "high") == 0       ? LUMEN_QUALITY_HIGH
           : strcmp(name, "standard") == 0 ? LUMEN_QUALITY_STANDARD
                                           : LUMEN_QUALITY_FAST;
}

int main(int count, char **arguments)
{
    if (count != 8) {
        fprintf(stderr, "usage: bench_whole MODELS QUALITY PARTS THREADS ROUNDS BUDGET usual|low\n");
        return 2;
    }
    const lumen_options options = {.models = arguments[1],
                                   .threads = (uint32_t)strtoul(arguments[4], NULL, 10),
                                   .memory_budget = strtoull(arguments[6], NULL, 10),
                                   .low_memory = strcmp(arguments[7], "low") == 0};
    const lumen_request request = {.text = "cat",
                                   .engine = "partcrafter",
                                   .quality = quality_of(arguments[2]),
                                   .num_parts = (uint32_t)strtoul(arguments[3], NULL, 10),
                                   .points = 16384};
    const int rounds = atoi(arguments[5]);
    lumen *library = NULL;
    lumen_error error = {0};
    lumen_status status = lumen_open(&options, &library, &error);
    for (int round = 0; round < rounds && status == LUMEN_OK; round++)
        status = run_round(library, &request, &error);
    if (status != LUMEN_OK)
        fprintf(stderr, "bench_whole: %s\n", error.message);
    lumen_close(library);
    return status == LUMEN_OK ? 0 : 1;
}

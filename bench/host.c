/*
 * What a process of its own costs an engine: the round trip of an order against a direct call, how long a crash takes
 * to mend, and the memory of a host.
 *
 *     build/bench/bench_host
 *
 * The executor's side of a work is played here, so that nothing else is measured.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "host/lumen_engines.h"

enum { ROUNDS = 400, ENDS = 20 };

/* ---- A work, as the executor would have it -------------------------------------------------------------------- */

struct executor_work {
    executor_order order;
    lumen_status status;
    blob *packed;
};

const executor_order *executor_work_order(const executor_work *work)
{
    return &work->order;
}

bool executor_work_cancelled(const executor_work *work)
{
    (void)work;
    return false;
}

void executor_work_progress(executor_work *work, const char *stage, double fraction)
{
    (void)work;
    (void)stage;
    (void)fraction;
}

void executor_work_finish(executor_work *work, lumen_status status, blob *packed, const lumen_error *error)
{
    (void)error;
    work->status = status;
    work->packed = blob_keep(packed);
}

/* ---- Engines besides the real one ----------------------------------------------------------------------------- */

static void fail(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes, lumen_status *statuses,
                 lumen_error *errors)
{
    (void)self;
    (void)requests;
    for (size_t i = 0; i < count; i++) {
        shapes[i] = NULL;
        statuses[i] = lumen_fail(&errors[i], LUMEN_ERROR_FAILED, "nothing is made here");
    }
}

static void crash(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes, lumen_status *statuses,
                  lumen_error *errors)
{
    (void)self;
    (void)requests;
    (void)count;
    (void)shapes;
    (void)statuses;
    (void)errors;
    abort();
}

/* ---- Measuring ------------------------------------------------------------------------------------------------ */

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *values, size_t count, double q)
{
    qsort(values, count, sizeof *values, compare);
    return values[(size_t)((double)(count - 1) * q)];
}

/* Seconds for one order; its size, when wanted. */
static double order(host_set *hosts, const char *name, const char *text, size_t *size)
{
    executor_work work = {.order = {.engine = name, .batch_max = 1, .request = {.text = text}}};
    executor_work *works[] = {&work};
    executor_backend backend = host_backend(hosts);
    double start = now_seconds();
    backend.run(backend.self, 0, works, 1);
    double seconds = now_seconds() - start;
    if (size != NULL)
        *size = work.packed != NULL ? work.packed->size : 0;
    blob_release(work.packed);
    return seconds;
}

static void compare_with_direct(host_set *hosts, lumen *library, const char *text)
{
    static double direct[ROUNDS], hosted[ROUNDS];
    size_t size = 0;
    /* Turn by turn, so that what else the machine does meets both. */
    for (size_t i = 0; i < ROUNDS; i++) {
        lumen_shape *shape;
        lumen_error error;
        const lumen_request request = {.text = text};
        double start = now_seconds();
        lumen_generate(library, &request, &shape, &error);
        direct[i] = now_seconds() - start;
        lumen_shape_free(shape);
        hosted[i] = order(hosts, "procedural", text, &size);
    }
    double a = quantile(direct, ROUNDS, 0.1), b = quantile(hosted, ROUNDS, 0.1);
    double c = quantile(direct, ROUNDS, 0.5), d = quantile(hosted, ROUNDS, 0.5);
    printf("%-8s %7zu bytes   direct %6.0f us (median %6.0f)   hosted %6.0f us (median %6.0f)   more %5.0f us\n", text,
           size, a * 1e6, c * 1e6, b * 1e6, d * 1e6, (b - a) * 1e6);
}

static host_report wait_until_ready(host_set *hosts, uint32_t starts)
{
    host_report report;
    do {
        host_read_report(hosts, 0, &report);
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    } while (!report.ready || report.starts < starts || report.models[0].state != MODEL_LOADED);
    return report;
}

static void measure(host_set *hosts, lumen *library, double opened)
{
    static double values[ROUNDS];
    host_report report = wait_until_ready(hosts, 1);
    printf("first model loaded %.1f ms after the start; the model takes %.1f MiB\n", (now_seconds() - opened) * 1e3,
           (double)report.models[0].bytes / 1048576.0);
    for (size_t i = 0; i < ROUNDS; i++)
        values[i] = order(hosts, "fail", "nothing", NULL);
    printf("an order without work: median %.1f us\n", quantile(values, ROUNDS, 0.5) * 1e6);
    static const char *const texts[] = {"cat", "ball", "dragon"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        compare_with_direct(hosts, library, texts[i]);
    host_read_report(hosts, 0, &report);
    printf("resident memory of the host %.1f MiB\n", (double)report.resident_bytes / 1048576.0);

    double told[ENDS], mended[ENDS], again[ENDS];
    for (size_t i = 0; i < ENDS; i++) {
        told[i] = order(hosts, "crash", "cat", NULL);
        mended[i] = order(hosts, "procedural", "cat", NULL);
    }
    printf("a crash is told after %.1f ms, the next order answered after %.1f ms more (medians)\n",
           quantile(told, ENDS, 0.5) * 1e3, quantile(mended, ENDS, 0.5) * 1e3);
    for (size_t i = 0; i < ENDS; i++) {
        order(hosts, "fail", "nothing", NULL);
        host_read_report(hosts, 0, &report);
        double start = now_seconds();
        kill(report.process, SIGKILL);
        wait_until_ready(hosts, report.starts + 1);
        again[i] = now_seconds() - start;
    }
    printf("killed while idle, loaded again after %.1f ms (median)\n", quantile(again, ENDS, 0.5) * 1e3);
}

int main(int count, char **arguments)
{
    host_engines engines;
    lumen_error error;
    if (lumen_engines_offer(NULL, &engines, &error) != LUMEN_OK)
        return 1;
    const host_engine list[] = {engines.engines[0],
                                {.name = "fail", .batch_max = 1, .generate = fail},
                                {.name = "crash", .batch_max = 1, .generate = crash}};
    const host_engines offered = {
        .models = engines.models, .model_count = engines.model_count, .engines = list, .engine_count = 3};
    int status = 1;
    host_set *hosts = NULL;
    lumen *library = NULL;
    const char *const program[] = {"bench_host", "engine-host", NULL};
    const host_options options = {.program = "/proc/self/exe", .arguments = program, .offered = &offered, .slots = 1};
    double opened = now_seconds();
    if (count == 3 && strcmp(arguments[1], "engine-host") == 0) {
        status = host_main(&offered, atoi(arguments[2]));
    } else if (host_set_open(&options, &hosts, &error) != LUMEN_OK || lumen_open(NULL, &library, &error) != LUMEN_OK) {
        fprintf(stderr, "%s\n", error.message);
    } else {
        measure(hosts, library, opened);
        status = 0;
    }
    lumen_close(library);
    host_set_close(hosts);
    lumen_engines_withdraw(&engines);
    return status;
}

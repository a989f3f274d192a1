#include "test_engines.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "host/lumen_engines.h"
#include "pipeline/pipeline.h"
#include "procedural/procedural.h"

typedef enum behavior { SCULPT, FAIL, CRASH, HANG } behavior;

typedef struct test_engine {
    engine base; /* first, so that an engine can be seen as what it is */
    double wait_seconds;
    behavior behavior;
    procedural_engine sculptor; /* over the shapes of the library that the engine was added to */
} test_engine;

static const char *const names[] = {"test-1ms", "test-100ms", "test-5s", "test-fail", "test-crash", "test-hang", NULL};

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Waits, and says how far it is, until it is over or called off. */
static bool wait_and_tell(const test_engine *self, const engine_request *request)
{
    double start = now_seconds();
    for (double left = self->wait_seconds; left > 0.0; left = self->wait_seconds - (now_seconds() - start)) {
        if (request->progress != NULL &&
            !request->progress(request->progress_user, "wait", 1.0 - left / self->wait_seconds))
            return false;
        double nap = left < 0.005 ? left : 0.005;
        nanosleep(&(struct timespec){.tv_nsec = (long)(nap * 1e9)}, NULL);
    }
    return true;
}

static lumen_status generate(const engine *base, const engine_request *request, arena *scratch, arena *memory,
                             engine_result *result, lumen_error *error)
{
    const test_engine *self = (const test_engine *)base;
    if (!wait_and_tell(self, request))
        return lumen_fail(error, LUMEN_ERROR_CANCELLED, "%s was called off while it waited", base->name);
    switch (self->behavior) {
    case FAIL: return lumen_fail(error, LUMEN_ERROR_FAILED, "%s fails, as it is meant to", base->name);
    case CRASH: abort();
    case HANG:
        for (;;)
            pause();
    case SCULPT: break;
    }
    return self->sculptor.base.generate(&self->sculptor.base, request, scratch, memory, result, error);
}

static lumen_status add(lumen *library, lumen_error *error)
{
    /* They live as long as the process, which has one library. */
    static test_engine engines[] = {
        {.wait_seconds = 0.001, .behavior = SCULPT}, {.wait_seconds = 0.1, .behavior = SCULPT},
        {.wait_seconds = 5.0, .behavior = SCULPT},   {.wait_seconds = 0.001, .behavior = FAIL},
        {.wait_seconds = 0.001, .behavior = CRASH},  {.wait_seconds = 0.001, .behavior = HANG},
    };
    for (size_t i = 0; names[i] != NULL; i++) {
        engines[i].base = (engine){.name = names[i], .batch_max = 1, .generate = generate};
        engines[i].sculptor = procedural_engine_make(pipeline_shapes(library));
        lumen_status status = pipeline_add_engine(library, &engines[i].base, error);
        if (status != LUMEN_OK)
            return status;
    }
    return LUMEN_OK;
}

lumen_status test_engines_offer(const char *concepts, host_engines *out, lumen_error *error)
{
    return lumen_engines_offer_more(concepts, &(lumen_engines_more){.names = names, .add = add}, out, error);
}

lumen_status test_engines_open_library(const char *concepts, const char *folder, uint64_t memory_budget, lumen **out,
                                       lumen_error *error)
{
    lumen_status status = lumen_engines_open_library(concepts, folder, memory_budget, out, error);
    if (status == LUMEN_OK)
        status = add(*out, error);
    if (status != LUMEN_OK) {
        lumen_close(*out);
        *out = NULL;
    }
    return status;
}

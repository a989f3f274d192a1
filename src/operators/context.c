/* A context: its memory, its first failure, its progress, and where its time went. */

#include "operators/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static const size_t default_arena_bytes = (size_t)4 << 30;
static const size_t alignment = 64;

/* ---- Opening and closing ------------------------------------------------------------------------------- */

static const backend *backend_of(const char *device)
{
    const backend *cpu = operators_cpu_backend();
    if (device == NULL)
        return cpu != NULL ? cpu : &plain_backend;
    if (strcmp(device, "cpu") == 0)
        return cpu;
    return strcmp(device, "plain") == 0 ? &plain_backend : NULL;
}

static unsigned core_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

lumen_status operators_open(const operators_options *options, operators **out, lumen_error *error)
{
    static const operators_options defaults = {0};
    *out = NULL;
    if (options == NULL)
        options = &defaults;
    const backend *back = backend_of(options->device);
    if (back == NULL)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "this Lumen has no device \"%s\" for networks; use \"plain\", or build it with oneDNN",
                          options->device);
    if (options->type != TENSOR_NONE && options->type != TENSOR_BF16 && options->type != TENSOR_F32)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "networks compute in bf16 or f32, not in %s",
                          tensor_type_name(options->type));
    if (options->allow != NULL && !options->allow(options->allow_user, sizeof(operators)))
        return lumen_fail_memory(error, "a context of networks");
    operators *run = calloc(1, sizeof *run);
    if (run == NULL)
        return lumen_fail_memory(error, "a context of networks");
    run->back = back;
    run->type = options->type;
    run->threads = options->threads > 0 ? options->threads : core_count();
    run->progress = options->progress;
    run->progress_user = options->progress_user;
    run->allow = options->allow;
    run->allow_user = options->allow_user;
    run->capacity = options->arena_bytes > 0 ? options->arena_bytes : default_arena_bytes;
    operators_reset_costs(run);

    lumen_status status = back->open(run, error);
    if (status != LUMEN_OK) {
        free(run);
        return status;
    }
    if (run->allow == NULL || run->allow(run->allow_user, run->capacity))
        run->arena = back->reserve(run, run->capacity);
    if (run->arena == NULL) {
        status =
            lumen_fail(error, LUMEN_ERROR_MEMORY,
                       "no address space of %zu MiB for activations; ask for a smaller arena", run->capacity >> 20);
        operators_close(run);
        return status;
    }
    *out = run;
    return LUMEN_OK;
}

void operators_close(operators *run)
{
    if (run == NULL)
        return;
    operators_unload(run);
    if (run->arena != NULL)
        run->back->unreserve(run, run->arena, run->capacity);
    run->back->close(run);
    free(run);
}

tensor_type operators_type(const operators *run)
{
    return run->type;
}

const char *operators_device(const operators *run)
{
    return run->description;
}

size_t operators_weight_bytes(const operators *run)
{
    return run->weight_bytes;
}

size_t operators_peak_bytes(const operators *run)
{
    return run->peak;
}

/* ---- Failures and progress ------------------------------------------------------------------------------ */

lumen_status operators_status(const operators *run, lumen_error *error)
{
    if (error != NULL && operators_failed(run))
        *error = run->error;
    return run->error.status;
}

void operators_clear(operators *run)
{
    run->error = (lumen_error){.status = LUMEN_OK};
}

void operators_fail(operators *run, lumen_status status, const char *format, ...)
{
    if (operators_failed(run))
        return;
    va_list arguments;
    va_start(arguments, format);
    run->error.status = status;
    vsnprintf(run->error.message, sizeof run->error.message, format, arguments);
    va_end(arguments);
}

bool operators_step(operators *run, const char *stage, double fraction)
{
    if (operators_failed(run))
        return false;
    if (run->progress != NULL && !run->progress(run->progress_user, stage, fraction))
        operators_fail(run, LUMEN_ERROR_CANCELLED, "stopped during %s, as was asked", stage);
    return !operators_failed(run);
}

const char *tensor_text(const tensor *x, char text[TENSOR_TEXT_MAX])
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < x->rank && i < TENSOR_RANK_MAX; i++)
        used += (size_t)snprintf(text + used, TENSOR_TEXT_MAX - used, "%s%zu", i > 0 ? ", " : "(", x->sizes[i]);
    snprintf(text + used, TENSOR_TEXT_MAX - used, "%s %s", x->rank > 0 ? ")" : "()", tensor_type_name(x->type));
    return text;
}

/* ---- Memory ----------------------------------------------------------------------------------------------- */

bool operators_may_take(operators *run, size_t bytes)
{
    return run->allow == NULL || run->allow(run->allow_user, bytes);
}

void *operators_allocate(operators *run, size_t bytes)
{
    if (bytes > SIZE_MAX - alignment || !operators_may_take(run, bytes))
        return NULL;
    size_t whole = (bytes + alignment - 1) / alignment * alignment;
    return aligned_alloc(alignment, whole > 0 ? whole : alignment);
}

void *operators_allocate_cleared(operators *run, size_t count, size_t element)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, element, &bytes))
        return NULL;
    void *memory = operators_allocate(run, bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

void operators_free(void *memory)
{
    free(memory);
}

size_t operators_mark(const operators *run)
{
    return run->used;
}

void operators_release(operators *run, size_t mark)
{
    if (mark <= run->used)
        run->used = mark;
}

tensor op_empty_of(operators *run, tensor_type type, uint32_t rank, const size_t *sizes)
{
    const tensor nothing = {0};
    if (operators_failed(run))
        return nothing;
    size_t bytes = tensor_type_bytes(type);
    bool overflow = rank > TENSOR_RANK_MAX || bytes == 0;
    for (uint32_t i = 0; !overflow && i < rank; i++)
        overflow = __builtin_mul_overflow(bytes, sizes[i], &bytes);
    if (overflow) {
        operators_fail(run, LUMEN_ERROR_INVALID, "no tensor of %s has %u sizes such as these", tensor_type_name(type),
                       rank);
        return nothing;
    }
    size_t free_bytes = run->capacity - run->used;
    if (bytes > free_bytes || (bytes + alignment - 1) / alignment * alignment > free_bytes) {
        operators_fail(run, LUMEN_ERROR_MEMORY,
                       "activations need %zu MiB more than the arena of %zu MiB has left; give it more",
                       (bytes - (bytes < free_bytes ? bytes : free_bytes)) / (1u << 20) + 1, run->capacity >> 20);
        return nothing;
    }
    if (!operators_may_take(run, bytes)) {
        operators_fail(run, LUMEN_ERROR_MEMORY, "memory ran out while making activations; free some and try again");
        return nothing;
    }
    tensor made = tensor_make(type, rank, sizes, run->arena + run->used);
    run->used += (bytes + alignment - 1) / alignment * alignment;
    if (run->used > run->peak)
        run->peak = run->used;
    return made;
}

tensor op_empty(operators *run, uint32_t rank, const size_t *sizes)
{
    return op_empty_of(run, run->type, rank, sizes);
}

/* ---- Where the time goes ------------------------------------------------------------------------------------ */

uint64_t cost_begin(void)
{
    return clock_now_ns();
}

void cost_end(operators *run, cost_kind kind, uint64_t began, double macs)
{
    operators_cost *cost = &run->costs[kind];
    cost->seconds += clock_seconds_between(began, clock_now_ns());
    cost->macs += macs;
    cost->calls++;
}

size_t operators_costs(const operators *run, operators_cost *out, size_t capacity)
{
    size_t count = capacity < COST_KINDS ? capacity : COST_KINDS;
    memcpy(out, run->costs, count * sizeof *out);
    return count;
}

void operators_reset_costs(operators *run)
{
    static const char *const kinds[COST_KINDS] = {"linear", "convolution", "attention", "norm", "other"};
    for (size_t i = 0; i < COST_KINDS; i++)
        run->costs[i] = (operators_cost){.kind = kinds[i]};
}

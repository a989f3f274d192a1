/* The table of the CPU's back end, opening and closing. */

#include "operators/cpu/cpu.h"

#include <stdio.h>
#include <sys/mman.h>

#include "operators/cpu/bf16.h"
#include "operators/cpu/tiles.h"
#include "operators/plain/plain.h"

/* ---- Opening and closing ---------------------------------------------------------------------------------------- */

static void cpu_close(operators *run)
{
    cpu *device = cpu_of(run);
    primitives_forget(run);
    if (device->stream != NULL)
        dnnl_stream_destroy(device->stream);
    if (device->engine != NULL)
        dnnl_engine_destroy(device->engine);
    operators_free(device);
    run->device = NULL;
}

static lumen_status cpu_open(operators *run, lumen_error *error)
{
    bool tiles, bf16 = bf16_multiplied(&tiles);
    if (run->type == TENSOR_NONE)
        run->type = bf16 ? TENSOR_BF16 : TENSOR_F32;
    if (run->type == TENSOR_BF16 && !bf16)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "this processor does not multiply bf16 (it has neither AMX nor AVX-512 bf16); use f32");
    cpu *device = operators_allocate_cleared(run, 1, sizeof *device);
    if (device == NULL)
        return lumen_fail_memory(error, "the CPU's back end");
    run->device = device;
    device->tiles = run->type == TENSOR_BF16 && tiles_usable();
    dnnl_status_t status = dnnl_engine_create(&device->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&device->stream, device->engine, dnnl_stream_default_flags);
    if (status != dnnl_success) {
        cpu_close(run);
        return lumen_fail(error, LUMEN_ERROR_FAILED, "oneDNN could not start on this CPU (status %d)", (int)status);
    }
    const dnnl_version_t *version = dnnl_version();
    snprintf(run->description, sizeof run->description, "cpu (oneDNN %d.%d, %s, %u thread%s)", version->major,
             version->minor,
             run->type != TENSOR_BF16 ? "f32"
             : tiles                  ? "bf16 AMX"
                                      : "bf16 AVX-512",
             run->threads, run->threads == 1 ? "" : "s");
    return LUMEN_OK;
}

/* Large pages, where the system has some, spare the first touch of each picture half of its time. */
static void *cpu_reserve(operators *run, size_t bytes)
{
    void *arena = plain_backend.reserve(run, bytes);
    if (arena != NULL)
        madvise(arena, bytes, MADV_HUGEPAGE);
    return arena;
}

static void cpu_unreserve(operators *run, void *arena, size_t bytes)
{
    plain_backend.unreserve(run, arena, bytes);
}

static const backend cpu_backend = {
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .reserve = cpu_reserve,
    .unreserve = cpu_unreserve,
    .unloaded = primitives_forget,
    .load_linear = cpu_load_linear,
    .load_convolution = cpu_load_convolution,
    .load_norm = plain_load_norm,
    .load_embedding = cpu_load_embedding,
    .linear = cpu_linear_run,
    .linear_geglu = cpu_linear_geglu,
    .convolution = cpu_convolution_run,
    .upsample_convolution = cpu_upsample_convolution,
    .norm_convolution = cpu_norm_convolution,
    .embedding = cpu_embedding_run,
    .group_norm = cpu_group_norm,
    .row_norm = cpu_row_norm,
    .head_norm = cpu_head_norm,
    .attention = cpu_attention,
    .activation = cpu_activation,
    .add = cpu_add,
    .scale = cpu_scale,
    .concat = cpu_concat,
    .upsample = cpu_upsample,
    .resize = cpu_resize,
    .max_pool = cpu_max_pool,
    .softmax = cpu_softmax,
    .copy = cpu_copy,
    .to_f32 = cpu_to_f32,
};

const backend *operators_cpu_backend(void)
{
    return &cpu_backend;
}

/* The table of the plain back end, and its memory. */

#include "operators/plain/plain.h"

#include <stdio.h>
#include <sys/mman.h>

static lumen_status plain_open(operators *run, lumen_error *error)
{
    if (run->type == TENSOR_BF16)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "the plain device computes in f32 alone; use the cpu device for bf16");
    run->type = TENSOR_F32;
    run->threads = 1;
    snprintf(run->description, sizeof run->description, "plain (f32, 1 thread)");
    return LUMEN_OK;
}

static void plain_close(operators *run)
{
    (void)run;
}

/* Pages are taken from the system when they are first written, and never reserved before. */
static void *plain_reserve(operators *run, size_t bytes)
{
    (void)run;
    void *arena = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return arena != MAP_FAILED ? arena : NULL;
}

static void plain_unreserve(operators *run, void *arena, size_t bytes)
{
    (void)run;
    munmap(arena, bytes);
}

const backend plain_backend = {
    .name = "plain",
    .open = plain_open,
    .close = plain_close,
    .reserve = plain_reserve,
    .unreserve = plain_unreserve,
    .load_linear = plain_load_linear,
    .load_convolution = plain_load_convolution,
    .load_norm = plain_load_norm,
    .load_embedding = plain_load_embedding,
    .linear = plain_linear_run,
    .linear_geglu = plain_linear_geglu,
    .convolution = plain_convolution_run,
    .embedding = plain_embedding_run,
    .group_norm = plain_group_norm,
    .row_norm = plain_row_norm,
    .head_norm = plain_head_norm,
    .attention = plain_attention,
    .activation = plain_activation,
    .add = plain_add,
    .scale = plain_scale,
    .concat = plain_concat,
    .upsample = plain_upsample,
    .resize = plain_resize,
    .max_pool = plain_max_pool,
    .softmax = plain_softmax,
    .copy = plain_copy,
    .to_f32 = plain_to_f32,
};

#include "networks/partcrafter_inside.h"

#include "base/clock.h"

lumen_status partcrafter_begin_part(partcrafter *model, const float *latents, size_t tokens, lumen_error *error)
{
    if (tokens == 0 || tokens > model->options.tokens_max)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "a part of %zu tokens is not possible; give 1 to %zu", tokens,
                          model->options.tokens_max);
    model->part_ready = false;
    partcrafter_begin_progress(model, partcrafter_load_share(model, PARTCRAFTER_DECODER) + 1.0);
    if (model->runs[PARTCRAFTER_DECODER] != NULL)
        operators_clear(model->runs[PARTCRAFTER_DECODER]);
    lumen_status status = partcrafter_need(model, PARTCRAFTER_DECODER, error);
    if (status != LUMEN_OK)
        return status;
    operators *run = model->runs[PARTCRAFTER_DECODER];
    const uint64_t began = clock_now_ns();
    const size_t sizes[] = {1, tokens, model->config.decoder.channels};
    partcrafter_begin_share(model, 1.0);
    operators_release(run, 0); /* the part before */
    tensor host = tensor_make(TENSOR_F32, 3, sizes, (void *)(uintptr_t)latents);
    tensor x = op_from(run, &host);
    triposg_decoder_read(run, &model->decoder, &x, &model->part);
    status = operators_status(run, error);
    model->part_ready = status == LUMEN_OK;
    model->timings.trunk += clock_seconds_between(began, clock_now_ns());
    return status;
}

lumen_status partcrafter_field(partcrafter *model, const float *points, size_t count, float *values, lumen_error *error)
{
    if (!model->part_ready)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "there is no part to ask; begin one first");
    operators *run = model->runs[PARTCRAFTER_DECODER];
    const uint64_t began = clock_now_ns();
    operators_clear(run);
    partcrafter_begin_progress(model, 1.0);
    partcrafter_begin_share(model, 1.0);
    lumen_status status = triposg_decoder_field(run, &model->decoder, &model->part, points, count, values, error);
    model->timings.field += clock_seconds_between(began, clock_now_ns());
    model->timings.points += count;
    return status;
}

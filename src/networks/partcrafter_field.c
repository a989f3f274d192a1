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
    if (model->field.quick != NULL)
        operators_clear(model->field.quick);
    lumen_status status = partcrafter_need(model, PARTCRAFTER_DECODER, error);
    if (status != LUMEN_OK)
        return status;
    const uint64_t began = clock_now_ns();
    partcrafter_begin_share(model, 1.0);
    status = triposg_field_begin(&model->field, latents, tokens, error);
    model->part_ready = status == LUMEN_OK;
    model->timings.trunk += clock_seconds_between(began, clock_now_ns());
    return status;
}

lumen_status partcrafter_field(partcrafter *model, const float *points, size_t count, float *values, lumen_error *error)
{
    if (!model->part_ready)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "there is no part to ask; begin one first");
    const uint64_t began = clock_now_ns(), before = model->field.doubtful;
    partcrafter_begin_progress(model, 1.0);
    partcrafter_begin_share(model, 1.0);
    lumen_status status = triposg_field_ask(&model->field, points, count, values, error);
    model->timings.field += clock_seconds_between(began, clock_now_ns());
    model->timings.points += count;
    model->timings.doubtful += model->field.doubtful - before;
    return status;
}

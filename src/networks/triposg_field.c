#include "networks/triposg_field.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

/* ---- Weights and sizes ----------------------------------------------------------------------------------- */

lumen_status triposg_field_load(const triposg_decoder_config *config, layer_loader *in, tensor_type type,
                                triposg_field *field)
{
    const tensor_type fine = in->type;
    operators *run = in->run;
    lumen_status status = triposg_decoder_load(config, in, &field->decoder);
    if (status != LUMEN_OK || type == TENSOR_F32)
        return status;
    in->type = type;
    in->run = run != NULL ? field->quick : NULL;
    status = triposg_decoder_load_points(config, in, &field->points);
    in->type = fine;
    in->run = run;
    return status;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t triposg_fine_bytes(const triposg_decoder_config *config, size_t tokens)
{
    return (triposg_part_elements(config, tokens) +
            larger(triposg_decoder_elements(config, tokens), triposg_field_elements(config, tokens))) *
           tensor_type_bytes(TENSOR_F32);
}

size_t triposg_quick_bytes(const triposg_decoder_config *config, tensor_type type, size_t tokens)
{
    if (type == TENSOR_F32)
        return 0;
    return (triposg_part_elements(config, tokens) + triposg_field_elements(config, tokens)) * tensor_type_bytes(type);
}

/* ---- A part ---------------------------------------------------------------------------------------------- */

/* Points that show how far bf16 errs: all are asked in bf16, and those nearest to the surface in f32 too. */
enum { SAMPLES = 1024, COMPARED = 128 };

typedef struct sample {
    float point[3], quick, fine;
} sample;

static int by_magnitude(const void *a, const void *b)
{
    const float one = fabsf(((const sample *)a)->quick), other = fabsf(((const sample *)b)->quick);
    return (one > other) - (one < other);
}

typedef struct samples {
    sample each[SAMPLES];
    float points[3 * SAMPLES], values[SAMPLES];
} samples;

static void choose_points(samples *all)
{
    random_state random = random_seed(1);
    for (size_t i = 0; i < 3 * SAMPLES; i++)
        all->points[i] = (float)TRIPOSG_REACH * (2.0f * random_float(&random) - 1.0f);
}

/* Half as much again as the largest error that was seen: were errors normal, four times their deviation. Where they are
 * not, the largest knows more than the deviation. (Twice the deviation leaves 0.01 % of the signs of random weights
 * wrong; fields with fine waves, whose errors follow the waves, want this much for every sign of a lattice to be
 * right.) What is not a number in bf16 is not compared; were nothing left, all would be in doubt. */
static const float doubt_factor = 1.5f;

static float doubt_of(const samples *all)
{
    float doubt = -1.0f;
    for (size_t i = 0; i < COMPARED; i++) {
        const float difference = fabsf(all->each[i].quick - all->values[i]);
        if (isfinite(difference) && difference > doubt)
            doubt = difference;
    }
    return doubt >= 0.0f ? doubt_factor * doubt : INFINITY;
}

static lumen_status measure_doubt(triposg_field *field, samples *all, lumen_error *error)
{
    choose_points(all);
    lumen_status status = triposg_decoder_field(field->quick, &field->points, &field->quick_part, all->points, SAMPLES,
                                                all->values, error);
    for (size_t i = 0; i < SAMPLES && status == LUMEN_OK; i++) {
        memcpy(all->each[i].point, all->points + 3 * i, sizeof all->each[i].point);
        all->each[i].quick = isfinite(all->values[i]) ? all->values[i] : INFINITY;
    }
    if (status != LUMEN_OK)
        return status;
    qsort(all->each, SAMPLES, sizeof *all->each, by_magnitude);
    for (size_t i = 0; i < COMPARED; i++)
        memcpy(all->points + 3 * i, all->each[i].point, sizeof all->each[i].point);
    status =
        triposg_decoder_field(field->fine, &field->decoder, &field->part, all->points, COMPARED, all->values, error);
    field->doubt = doubt_of(all);
    return status;
}

/* Keys and values in bf16, for points that are asked in it. */
static lumen_status copy_part(triposg_field *field, float *host, lumen_error *error)
{
    const triposg_part *part = &field->part;
    const size_t *sizes = part->keys.sizes, count = tensor_count(&part->keys);
    op_to_f32(field->fine, &part->keys, host);
    op_to_f32(field->fine, &part->values, host + count);
    const tensor keys = tensor_make(TENSOR_F32, 3, sizes, host);
    const tensor values = tensor_make(TENSOR_F32, 3, sizes, host + count);
    field->quick_part.keys = op_from(field->quick, &keys);
    field->quick_part.values = op_from(field->quick, &values);
    const lumen_status status = operators_status(field->fine, error);
    return status == LUMEN_OK ? operators_status(field->quick, error) : status;
}

static lumen_status begin_quick(triposg_field *field, lumen_error *error)
{
    const size_t bytes = 2 * tensor_count(&field->part.keys) * sizeof(float);
    void *work = NULL;
    if (operators_may_take(field->quick, larger(bytes, sizeof(samples))))
        work = malloc(larger(bytes, sizeof(samples)));
    if (work == NULL)
        return lumen_fail_memory(error, "the field of a part");
    operators_clear(field->quick);
    operators_release(field->quick, 0);
    lumen_status status = copy_part(field, work, error);
    if (status == LUMEN_OK)
        status = measure_doubt(field, work, error);
    free(work);
    return status;
}

lumen_status triposg_field_begin(triposg_field *field, const float *latents, size_t tokens, lumen_error *error)
{
    operators *run = field->fine;
    const size_t sizes[] = {1, tokens, field->decoder.config.channels};
    operators_clear(run);
    operators_release(run, 0); /* the part before */
    field->doubt = 0.0f;
    field->asked = field->doubtful = 0;
    const tensor host = tensor_make(TENSOR_F32, 3, sizes, (void *)(uintptr_t)latents);
    const tensor x = op_from(run, &host);
    triposg_decoder_read(run, &field->decoder, &x, &field->part);
    const lumen_status status = operators_status(run, error);
    return status == LUMEN_OK && field->quick != NULL ? begin_quick(field, error) : status;
}

/* ---- Points ---------------------------------------------------------------------------------------------- */

/* What is not a number is in doubt. */
static bool is_doubtful(const triposg_field *field, float value)
{
    return !(fabsf(value) > field->doubt);
}

/* Of `count` values, `few` are asked again. */
static lumen_status ask_again(triposg_field *field, const float *points, size_t count, size_t few, float *values,
                              lumen_error *error)
{
    float *work = malloc(4 * few * sizeof *work);
    size_t next = 0;
    if (work == NULL)
        return lumen_fail_memory(error, "the points of a field");
    float *again = work + 3 * few;
    for (size_t i = 0; i < count; i++)
        if (is_doubtful(field, values[i]))
            memcpy(work + 3 * next++, points + 3 * i, 3 * sizeof *work);
    const lumen_status status =
        triposg_decoder_field(field->fine, &field->decoder, &field->part, work, few, again, error);
    next = 0;
    for (size_t i = 0; i < count && status == LUMEN_OK; i++)
        if (is_doubtful(field, values[i]))
            values[i] = again[next++];
    free(work);
    return status;
}

lumen_status triposg_field_ask(triposg_field *field, const float *points, size_t count, float *values,
                               lumen_error *error)
{
    size_t few = 0;
    operators_clear(field->fine);
    field->asked += count;
    if (field->quick == NULL)
        return triposg_decoder_field(field->fine, &field->decoder, &field->part, points, count, values, error);
    operators_clear(field->quick);
    const lumen_status status =
        triposg_decoder_field(field->quick, &field->points, &field->quick_part, points, count, values, error);
    for (size_t i = 0; i < count && status == LUMEN_OK; i++)
        few += is_doubtful(field, values[i]);
    field->doubtful += few;
    return few > 0 ? ask_again(field, points, count, few, values, error) : status;
}

/*
 * Attention: tiles of queries. Each thread takes (picture, head, tile) in turn, computes the scores of these few
 * queries over all keys in f32, makes probabilities of them where they lie, and multiplies those with the values. So no
 * more scores exist at once than threads times a tile's, and q, k, v are read where they are, whatever their stride.
 */

#include "operators/cpu/tiles.h"

#include <math.h>

#include "operators/cpu/rows.h"

enum { KEY_SCORES = 3, KEY_VALUES = 4, TILE = 64 };

typedef struct attending {
    const operators *run;
    const attention_call *call;
    tensor *out;
    const primitive *scores[2], *values[2]; /* of whole tiles, and of the last */
    size_t tiles;                           /* of a head */
    char *scratch;
    size_t scratch_each, inner_scratch; /* bytes of a thread; of them for oneDNN */
    dnnl_status_t *failed;              /* (threads) */
} attending;

/* ---- Softmax of a tile ---------------------------------------------------------------------------------------- */

ROWS_INLINE float prepare_scores(float *scores, const float *mask, float scale, size_t count)
{
    float lanes[ROW_LANES], largest = -INFINITY;
    for (size_t lane = 0; lane < ROW_LANES; lane++)
        lanes[lane] = -INFINITY;
    if (mask != NULL)
        for (size_t i = 0; i < count; i++)
            scores[i] = scores[i] * scale + mask[i];
    else
        for (size_t i = 0; i < count; i++)
            scores[i] *= scale;
    size_t i = 0;
    for (; i + ROW_LANES <= count; i += ROW_LANES)
        for (size_t lane = 0; lane < ROW_LANES; lane++)
            lanes[lane] = scores[i + lane] > lanes[lane] ? scores[i + lane] : lanes[lane];
    for (; i < count; i++)
        largest = scores[i] > largest ? scores[i] : largest;
    for (size_t lane = 0; lane < ROW_LANES; lane++)
        largest = lanes[lane] > largest ? lanes[lane] : largest;
    return largest;
}

/* Scores become probabilities: in place for f32, else in `out`. Keys from `count` to `keys` are hidden. */
ROWS_INLINE void softmax_scores(tensor_type type, float *scores, const float *mask, float scale, size_t count,
                                size_t keys, void *out)
{
    float largest = prepare_scores(scores, mask, scale, count);
    float base = largest > -INFINITY ? largest : 0.0f, lanes[ROW_LANES] = {0};
    for (size_t i = 0; i < count; i++)
        scores[i] = row_exp(scores[i] - base);
    size_t i = 0;
    for (; i + ROW_LANES <= count; i += ROW_LANES)
        for (size_t lane = 0; lane < ROW_LANES; lane++)
            lanes[lane] += scores[i + lane];
    for (; i < count; i++)
        lanes[0] += scores[i];
    float sum = row_lanes_sum(lanes), factor = largest > -INFINITY ? 1.0f / sum : 0.0f;
    for (i = 0; i < count; i++)
        row_store(type, out, i, scores[i] * factor);
    for (; i < keys; i++)
        row_store(type, out, i, 0.0f);
}

ROWS_DISPATCH
static void softmax_f32(float *scores, const float *mask, float scale, size_t count, size_t keys, void *out)
{
    softmax_scores(TENSOR_F32, scores, mask, scale, count, keys, out);
}

ROWS_DISPATCH
static void softmax_bf16(float *scores, const float *mask, float scale, size_t count, size_t keys, void *out)
{
    softmax_scores(TENSOR_BF16, scores, mask, scale, count, keys, out);
}

/* ---- One tile --------------------------------------------------------------------------------------------------- */

static const char *at_row(const tensor *x, size_t row, size_t column)
{
    return (const char *)x->data + (row * tensor_stride(x) + column) * tensor_type_bytes(x->type);
}

static dnnl_status_t attend_tile(const attending *all, size_t index, unsigned thread)
{
    const attention_call *call = all->call;
    size_t tokens = call->q->sizes[1], keys = call->k->sizes[1], channels = call->q->sizes[2];
    size_t tile = index % all->tiles, head = index / all->tiles % call->heads, n = index / all->tiles / call->heads;
    size_t first = tile * TILE, rows = tokens - first < TILE ? tokens - first : TILE, column = head * call->head_size;
    bool bf16 = call->q->type == TENSOR_BF16;
    char *scratch = all->scratch + thread * all->scratch_each;
    float *scores = (float *)(void *)(scratch + all->inner_scratch);
    char *probabilities = bf16 ? (char *)(scores + TILE * keys) : (char *)scores;
    size_t bytes = tensor_type_bytes(call->q->type);

    const primitive_data to_scores = {.source = at_row(call->q, n * tokens + first, column),
                                      .weights = at_row(call->k, n * keys, column),
                                      .destination = scores,
                                      .scratch = scratch};
    dnnl_status_t status = primitive_execute(all->run, all->scores[rows < TILE], thread, &to_scores);
    if (status != dnnl_success)
        return status;
    for (size_t row = 0; row < rows; row++) {
        size_t token = first + row, seen = call->causal && token < keys ? token + 1 : keys;
        const float *mask = call->mask != NULL ? call->mask + token * keys : NULL;
        (bf16 ? softmax_bf16 : softmax_f32)(scores + row * keys, mask, call->scale, seen, keys,
                                            probabilities + row * keys * bytes);
    }
    const primitive_data to_values = {.source = probabilities,
                                      .weights = at_row(call->v, n * keys, column),
                                      .destination =
                                          (char *)all->out->data + ((n * tokens + first) * channels + column) * bytes,
                                      .scratch = scratch};
    return primitive_execute(all->run, all->values[rows < TILE], thread, &to_values);
}

static void attend_range(void *argument, size_t from, size_t to, unsigned thread)
{
    const attending *all = argument;
    dnnl_status_t status = dnnl_success;
    for (size_t index = from; status == dnnl_success && index < to; index++)
        status = attend_tile(all, index, thread);
    all->failed[thread] = status;
}

/* ---- The two products ------------------------------------------------------------------------------------------- */

typedef struct strided_product {
    int64_t kind;
    dnnl_dim_t rows, in, out;
    dnnl_dim_t source_stride, in_stride, out_stride, result_stride; /* in_stride, out_stride: of the second factor */
    dnnl_data_type_t type, result_type;
} strided_product;

static dnnl_status_t make_layouts(const strided_product *of, onednn_layout layouts[3])
{
    dnnl_status_t status = onednn_layout_make(&layouts[0], of->type, 2, (dnnl_dims_t){of->rows, of->in},
                                              (dnnl_dims_t){of->source_stride, 1});
    if (status == dnnl_success)
        status = onednn_layout_make(&layouts[1], of->type, 2, (dnnl_dims_t){of->in, of->out},
                                    (dnnl_dims_t){of->in_stride, of->out_stride});
    if (status == dnnl_success)
        status = onednn_layout_make(&layouts[2], of->result_type, 2, (dnnl_dims_t){of->rows, of->out},
                                    (dnnl_dims_t){of->result_stride, 1});
    return status;
}

static const primitive *product_primitive(operators *run, const strided_product *of)
{
    primitive_key key = {{of->kind, of->rows, of->in, of->out, of->source_stride, of->in_stride, of->out_stride,
                          of->result_stride, of->type, of->result_type}};
    primitive *made = primitive_find(run, &key);
    if (made != NULL)
        return made;
    onednn_layout layouts[3] = {0};
    dnnl_primitive_desc_t description = NULL;
    parallel_plan_alone(run);
    dnnl_status_t status = make_layouts(of, layouts);
    if (status == dnnl_success) {
        onednn_matmul call = {.source = &layouts[0], .weights = &layouts[1], .destination = &layouts[2]};
        status = onednn_matmul_describe(&description, &call, cpu_of(run)->engine);
    }
    if (status == dnnl_success) {
        primitive_parts parts = {
            .source = &layouts[0], .weights = &layouts[1], .destination = &layouts[2], .users = run->threads};
        made = primitive_add(run, &key, description, &parts);
    } else {
        onednn_failed(run, "attention", status);
    }
    parallel_plan_team(run);
    for (size_t i = 0; i < 3; i++)
        onednn_layout_free(&layouts[i]);
    return made;
}

static bool make_products(operators *run, const attention_call *call, attending *all)
{
    size_t tokens = call->q->sizes[1], last = tokens % TILE;
    dnnl_dim_t keys = (dnnl_dim_t)call->k->sizes[1], size = (dnnl_dim_t)call->head_size;
    dnnl_data_type_t type = onednn_type(run->type);
    for (size_t which = 0; which < 2; which++) {
        size_t rows = which == 0 ? TILE : last;
        if (rows == 0 || (which == 0 && tokens < TILE))
            continue;
        strided_product scores = {.kind = KEY_SCORES,
                                  .rows = (dnnl_dim_t)rows,
                                  .in = size,
                                  .out = keys,
                                  .source_stride = (dnnl_dim_t)tensor_stride(call->q),
                                  .in_stride = 1,
                                  .out_stride = (dnnl_dim_t)tensor_stride(call->k),
                                  .result_stride = keys,
                                  .type = type,
                                  .result_type = dnnl_f32};
        strided_product values = {.kind = KEY_VALUES,
                                  .rows = (dnnl_dim_t)rows,
                                  .in = keys,
                                  .out = size,
                                  .source_stride = keys,
                                  .in_stride = (dnnl_dim_t)tensor_stride(call->v),
                                  .out_stride = 1,
                                  .result_stride = (dnnl_dim_t)call->q->sizes[2],
                                  .type = type,
                                  .result_type = type};
        all->scores[which] = product_primitive(run, &scores);
        all->values[which] = all->scores[which] != NULL ? product_primitive(run, &values) : NULL;
        if (all->values[which] == NULL)
            return false;
    }
    return true;
}

static size_t scratch_of(const primitive *made)
{
    return made != NULL ? (made->scratch_bytes + 63) / 64 * 64 : 0;
}

void cpu_attention(operators *run, const attention_call *call, tensor *out)
{
    parallel_enter(run);
    if (run->type == TENSOR_BF16 && cpu_of(run)->tiles) {
        tiles_attention(run, call, out);
        return;
    }
    size_t mark = operators_mark(run), keys = call->k->sizes[1];
    attending all = {.run = run, .call = call, .out = out, .tiles = (call->q->sizes[1] + TILE - 1) / TILE};
    if (!make_products(run, call, &all))
        return;
    for (size_t which = 0; which < 2; which++) {
        size_t scores = scratch_of(all.scores[which]), values = scratch_of(all.values[which]);
        all.inner_scratch = scores > all.inner_scratch ? scores : all.inner_scratch;
        all.inner_scratch = values > all.inner_scratch ? values : all.inner_scratch;
    }
    size_t each = TILE * keys * (sizeof(float) + tensor_type_bytes(run->type));
    all.scratch_each = all.inner_scratch + (each + 63) / 64 * 64;
    all.scratch = op_empty_of(run, TENSOR_U8, 2, (size_t[]){run->threads, all.scratch_each}).data;
    all.failed = op_empty_of(run, TENSOR_U8, 2, (size_t[]){run->threads, sizeof *all.failed}).data;
    if (all.scratch != NULL && all.failed != NULL) {
        for (unsigned thread = 0; thread < run->threads; thread++)
            all.failed[thread] = dnnl_success;
        parallel_for(run, out->sizes[0] * call->heads * all.tiles, 1, attend_range, &all);
        for (unsigned thread = 0; thread < run->threads; thread++)
            if (all.failed[thread] != dnnl_success)
                onednn_failed(run, "attention", all.failed[thread]);
    }
    operators_release(run, mark);
}

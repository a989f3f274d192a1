/* Weights of the plain back end: f32, in the order of the files. */

#include "operators/plain/plain.h"

#include <string.h>

/* Values of a tensor as f32; NULL when memory runs out. */
static float *values_of(operators *run, const tensor *from)
{
    float *values = operators_allocate_cleared(run, tensor_count(from), sizeof *values);
    if (values != NULL) {
        tensor_convert(TENSOR_F32, values, from->type, from->data, tensor_count(from));
        run->weight_bytes += tensor_count(from) * sizeof *values;
    }
    return values;
}

/* ---- Linear ---- */

static void release_linear(operators *run, loaded_layer *self)
{
    (void)run;
    plain_linear *made = (plain_linear *)self;
    operators_free(made->weight);
    operators_free(made->bias);
    operators_free(made);
}

lumen_status plain_load_linear(operators *run, const tensor *weights, const tensor *biases, size_t count, linear **out,
                               lumen_error *error)
{
    size_t in = weights[0].sizes[1], outputs = 0;
    for (size_t i = 0; i < count; i++)
        outputs += weights[i].sizes[0];
    plain_linear *made = operators_allocate_cleared(run, 1, sizeof *made);
    if (made == NULL)
        return lumen_fail_memory(error, "a linear layer");
    made->base.base.release = release_linear;
    made->weight = operators_allocate_cleared(run, outputs * in, sizeof *made->weight);
    made->bias = operators_allocate_cleared(run, outputs, sizeof *made->bias);
    if (made->weight == NULL || made->bias == NULL) {
        release_linear(run, &made->base.base);
        return lumen_fail_memory(error, "a linear layer");
    }
    for (size_t i = 0, row = 0; i < count; row += weights[i].sizes[0], i++) {
        tensor_convert(TENSOR_F32, made->weight + row * in, weights[i].type, weights[i].data,
                       tensor_count(&weights[i]));
        if (biases != NULL && biases[i].data != NULL)
            tensor_convert(TENSOR_F32, made->bias + row, biases[i].type, biases[i].data, biases[i].sizes[0]);
    }
    run->weight_bytes += (outputs * in + outputs) * sizeof(float);
    *out = &made->base;
    return LUMEN_OK;
}

/* ---- Convolution ---- */

static void release_convolution(operators *run, loaded_layer *self)
{
    (void)run;
    plain_convolution *made = (plain_convolution *)self;
    operators_free(made->weight);
    operators_free(made->bias);
    operators_free(made);
}

lumen_status plain_load_convolution(operators *run, const tensor *weight, const tensor *bias,
                                    const convolution_options *how, convolution **out, lumen_error *error)
{
    (void)how;
    plain_convolution *made = operators_allocate_cleared(run, 1, sizeof *made);
    if (made == NULL)
        return lumen_fail_memory(error, "a convolution");
    made->base.base.release = release_convolution;
    made->weight = values_of(run, weight);
    made->bias = operators_allocate_cleared(run, weight->sizes[0], sizeof *made->bias);
    if (made->weight == NULL || made->bias == NULL) {
        release_convolution(run, &made->base.base);
        return lumen_fail_memory(error, "a convolution");
    }
    if (bias != NULL)
        tensor_convert(TENSOR_F32, made->bias, bias->type, bias->data, bias->sizes[0]);
    run->weight_bytes += weight->sizes[0] * sizeof(float);
    *out = &made->base;
    return LUMEN_OK;
}

/* ---- Norm ---- */

static void release_norm(operators *run, loaded_layer *self)
{
    (void)run;
    norm *made = (norm *)self;
    operators_free(made->weight);
    operators_free(made->bias);
    operators_free(made);
}

lumen_status plain_load_norm(operators *run, const tensor *weight, const tensor *bias, norm **out, lumen_error *error)
{
    norm *made = operators_allocate_cleared(run, 1, sizeof *made);
    if (made == NULL)
        return lumen_fail_memory(error, "a norm");
    made->base.release = release_norm;
    made->weight = values_of(run, weight);
    if (bias != NULL)
        made->bias = values_of(run, bias);
    if (made->weight == NULL || (bias != NULL && made->bias == NULL)) {
        release_norm(run, &made->base);
        return lumen_fail_memory(error, "a norm");
    }
    *out = made;
    return LUMEN_OK;
}

/* ---- Embedding ---- */

static void release_embedding(operators *run, loaded_layer *self)
{
    (void)run;
    plain_embedding *made = (plain_embedding *)self;
    operators_free(made->table);
    operators_free(made);
}

lumen_status plain_load_embedding(operators *run, const tensor *table, embedding **out, lumen_error *error)
{
    plain_embedding *made = operators_allocate_cleared(run, 1, sizeof *made);
    if (made == NULL)
        return lumen_fail_memory(error, "an embedding");
    made->base.base.release = release_embedding;
    made->table = values_of(run, table);
    if (made->table == NULL) {
        release_embedding(run, &made->base.base);
        return lumen_fail_memory(error, "an embedding");
    }
    *out = &made->base;
    return LUMEN_OK;
}

/* ---- Its use ---- */

void plain_embedding_run(operators *run, const embedding *table, const tensor *ids, tensor *out)
{
    (void)run;
    const plain_embedding *layer = (const plain_embedding *)table;
    const int32_t *id = ids->data;
    float *to = out->data;
    for (size_t i = 0; i < tensor_count(ids); i++)
        memcpy(to + i * table->channels, layer->table + (size_t)id[i] * table->channels, table->channels * sizeof *to);
}

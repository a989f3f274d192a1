/* Loading layers: the checks that every back end may rely on. */

#include "operators/internal.h"

/* Dimensions beyond this cannot be meant; products of three of them and an element's size stay below 2^64. */
static const size_t size_max = (size_t)1 << 20;

static lumen_status check_weight(const char *what, const tensor *weight, uint32_t rank, lumen_error *error)
{
    char text[TENSOR_TEXT_MAX];
    bool number = weight->type == TENSOR_F32 || weight->type == TENSOR_F16 || weight->type == TENSOR_BF16;
    bool fits = weight->data != NULL && number && weight->rank == rank && tensor_is_dense(weight);
    for (uint32_t i = 0; fits && i < rank; i++)
        fits = weight->sizes[i] > 0 && weight->sizes[i] <= size_max;
    if (fits)
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_INVALID,
                      "%s cannot be of %s; it wants %u sizes from 1 to %zu and f32, f16 or bf16", what,
                      tensor_text(weight, text), rank, size_max);
}

static lumen_status check_channels(const char *what, const tensor *values, size_t channels, lumen_error *error)
{
    lumen_status status = check_weight(what, values, 1, error);
    if (status == LUMEN_OK && values->sizes[0] != channels)
        status = lumen_fail(error, LUMEN_ERROR_INVALID, "%s has %zu values for %zu channels", what, values->sizes[0],
                            channels);
    return status;
}

static void keep(operators *run, loaded_layer *loaded)
{
    loaded->next = run->layers;
    run->layers = loaded;
}

lumen_status linear_load_joined(operators *run, const tensor *weights, const tensor *biases, size_t count, linear **out,
                                lumen_error *error)
{
    *out = NULL;
    if (count == 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "a linear layer needs weights");
    size_t outputs = 0;
    for (size_t i = 0; i < count; i++) {
        lumen_status status = check_weight("the weight of a linear layer", &weights[i], 2, error);
        if (status == LUMEN_OK && biases != NULL && biases[i].data != NULL)
            status = check_channels("the bias of a linear layer", &biases[i], weights[i].sizes[0], error);
        if (status != LUMEN_OK)
            return status;
        if (weights[i].sizes[1] != weights[0].sizes[1])
            return lumen_fail(error, LUMEN_ERROR_INVALID,
                              "linear layers of %zu and of %zu inputs cannot be joined; they must read the same",
                              weights[0].sizes[1], weights[i].sizes[1]);
        outputs += weights[i].sizes[0];
        if (outputs > size_max)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "joined linear layers have more than %zu outputs", size_max);
    }
    lumen_status status = run->back->load_linear(run, weights, biases, count, out, error);
    if (status == LUMEN_OK) {
        (*out)->in = weights[0].sizes[1];
        (*out)->out = outputs;
        keep(run, &(*out)->base);
    }
    return status;
}

lumen_status linear_load(operators *run, const tensor *weight, const tensor *bias, linear **out, lumen_error *error)
{
    return linear_load_joined(run, weight, bias, 1, out, error);
}

lumen_status convolution_load(operators *run, const tensor *weight, const tensor *bias, const convolution_options *how,
                              convolution **out, lumen_error *error)
{
    *out = NULL;
    lumen_status status = check_weight("the weight of a convolution", weight, 4, error);
    if (status == LUMEN_OK && bias != NULL)
        status = check_channels("the bias of a convolution", bias, weight->sizes[0], error);
    if (status != LUMEN_OK)
        return status;
    convolution_options whole = how != NULL ? *how : (convolution_options){0};
    whole.stride = whole.stride > 0 ? whole.stride : 1;
    whole.dilation = whole.dilation > 0 ? whole.dilation : 1;
    static const uint32_t step_max = 1024;
    if (whole.stride > step_max || whole.dilation > step_max || whole.padding > step_max ||
        weight->sizes[2] > step_max || weight->sizes[3] > step_max)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a convolution's kernel, stride, padding and dilation go up to %u", step_max);
    status = run->back->load_convolution(run, weight, bias, &whole, out, error);
    if (status == LUMEN_OK) {
        convolution *made = *out;
        made->out = weight->sizes[0];
        made->in = weight->sizes[1];
        made->kernel_height = weight->sizes[2];
        made->kernel_width = weight->sizes[3];
        made->how = whole;
        keep(run, &made->base);
    }
    return status;
}

lumen_status norm_load(operators *run, const tensor *weight, const tensor *bias, norm **out, lumen_error *error)
{
    *out = NULL;
    lumen_status status = check_weight("the weight of a norm", weight, 1, error);
    if (status == LUMEN_OK && bias != NULL)
        status = check_channels("the bias of a norm", bias, weight->sizes[0], error);
    if (status == LUMEN_OK)
        status = run->back->load_norm(run, weight, bias, out, error);
    if (status == LUMEN_OK) {
        (*out)->channels = weight->sizes[0];
        keep(run, &(*out)->base);
    }
    return status;
}

lumen_status embedding_load(operators *run, const tensor *table, embedding **out, lumen_error *error)
{
    *out = NULL;
    lumen_status status = check_weight("the table of an embedding", table, 2, error);
    if (status == LUMEN_OK)
        status = run->back->load_embedding(run, table, out, error);
    if (status == LUMEN_OK) {
        (*out)->count = table->sizes[0];
        (*out)->channels = table->sizes[1];
        keep(run, &(*out)->base);
    }
    return status;
}

void operators_unload(operators *run)
{
    while (run->layers != NULL) {
        loaded_layer *first = run->layers;
        run->layers = first->next;
        first->release(run, first);
    }
    run->weight_bytes = 0;
    if (run->back->unloaded != NULL)
        run->back->unloaded(run);
}

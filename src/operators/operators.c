/* Layers, norms and attention: what an operator asks of its operands, the size of its result, and its price. */

#include "operators/internal.h"

#include <math.h>
#include <string.h>

static const tensor nothing = {0};

/* ---- Operands and results -------------------------------------------------------------------------------- */

bool operand_usable(operators *run, const char *operation, const tensor *x, bool may_be_columns)
{
    char text[TENSOR_TEXT_MAX];
    if (operators_failed(run))
        return false;
    if (x == NULL || x->data == NULL || x->type != run->type || x->rank == 0 || tensor_count(x) == 0) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s cannot read %s; it wants a tensor of %s with values", operation,
                       x != NULL ? tensor_text(x, text) : "nothing", tensor_type_name(run->type));
        return false;
    }
    if (!may_be_columns && !tensor_is_dense(x)) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s cannot read columns of a larger tensor; copy them with op_from",
                       operation);
        return false;
    }
    return true;
}

/* `wanted` when it has the right sizes, else (NULL) a new tensor. */
static tensor result_of(operators *run, const char *operation, const tensor *wanted, uint32_t rank, const size_t *sizes)
{
    if (wanted == NULL)
        return op_empty(run, rank, sizes);
    char text[TENSOR_TEXT_MAX], want[TENSOR_TEXT_MAX];
    tensor right = tensor_make(run->type, rank, sizes, NULL);
    if (!operand_usable(run, operation, wanted, false))
        return nothing;
    if (!tensor_same_sizes(wanted, &right)) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s makes %s and cannot write it to %s", operation,
                       tensor_text(&right, want), tensor_text(wanted, text));
        return nothing;
    }
    return *wanted;
}

/* Bytes from a tensor's first element to its last. */
static size_t extent(const tensor *x)
{
    size_t elements = (tensor_rows(x) - 1) * tensor_stride(x) + x->sizes[x->rank - 1];
    return elements * tensor_type_bytes(x->type);
}

static bool overlap(const tensor *a, const tensor *b)
{
    const char *first = a->data, *second = b->data;
    return first < second + extent(b) && second < first + extent(a);
}

static bool epilogue_usable(operators *run, const char *operation, const epilogue *how, const tensor *x,
                            const tensor *out)
{
    char text[TENSOR_TEXT_MAX], want[TENSOR_TEXT_MAX];
    if (how->add != NULL) {
        if (!operand_usable(run, operation, how->add, false))
            return false;
        if (!tensor_same_sizes(how->add, out)) {
            operators_fail(run, LUMEN_ERROR_INVALID, "%s makes %s and cannot add %s", operation, tensor_text(out, want),
                           tensor_text(how->add, text));
            return false;
        }
    }
    if (how->add_channels != NULL) {
        const tensor *add = how->add_channels;
        if (!operand_usable(run, operation, add, false))
            return false;
        if (add->rank != 2 || out->rank < 2 || add->sizes[0] != out->sizes[0] ||
            add->sizes[1] != out->sizes[out->rank - 1]) {
            operators_fail(run, LUMEN_ERROR_INVALID, "%s makes %s and cannot add channels of %s", operation,
                           tensor_text(out, want), tensor_text(add, text));
            return false;
        }
    }
    if ((unsigned)how->activation > ACTIVATION_SIGMOID) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s knows no activation %u", operation, (unsigned)how->activation);
        return false;
    }
    if (overlap(x, out)) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s cannot write over what it reads; give it another tensor",
                       operation);
        return false;
    }
    return true;
}

/* A back end that failed has left nothing worth reading. */
static tensor finished(const operators *run, const tensor *out)
{
    return operators_failed(run) ? nothing : *out;
}

static bool channels_fit(operators *run, const char *operation, const tensor *x, size_t channels)
{
    char text[TENSOR_TEXT_MAX];
    if (x->sizes[x->rank - 1] == channels)
        return true;
    operators_fail(run, LUMEN_ERROR_INVALID, "%s of %zu channels cannot read %s", operation, channels,
                   tensor_text(x, text));
    return false;
}

static bool layer_given(operators *run, const char *operation, const void *layer)
{
    if (layer == NULL)
        operators_fail(run, LUMEN_ERROR_INVALID, "%s has no weights; load them first", operation);
    return !operators_failed(run);
}

/* ---- Layers ---------------------------------------------------------------------------------------------- */

static const epilogue no_epilogue = {0};

tensor op_linear(operators *run, const linear *layer, const tensor *x, const epilogue *how)
{
    const char *operation = "a linear layer";
    how = how != NULL ? how : &no_epilogue;
    if (!layer_given(run, operation, layer) || !operand_usable(run, operation, x, true) ||
        !channels_fit(run, operation, x, layer->in))
        return nothing;
    size_t sizes[TENSOR_RANK_MAX];
    memcpy(sizes, x->sizes, sizeof sizes);
    sizes[x->rank - 1] = layer->out;
    tensor out = result_of(run, operation, how->out, x->rank, sizes);
    if (out.data == NULL || !epilogue_usable(run, operation, how, x, &out))
        return nothing;
    uint64_t began = cost_begin();
    run->back->linear(run, layer, x, how, &out);
    cost_end(run, COST_LINEAR, began, (double)tensor_rows(x) * (double)layer->in * (double)layer->out);
    return finished(run, &out);
}

tensor op_linear_geglu(operators *run, const linear *layer, const tensor *x)
{
    const char *operation = "a linear layer with GEGLU";
    if (!layer_given(run, operation, layer) || !operand_usable(run, operation, x, true) ||
        !channels_fit(run, operation, x, layer->in))
        return nothing;
    if (layer->out % 2 != 0) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s has %zu outputs, which are not twice as many as something",
                       operation, layer->out);
        return nothing;
    }
    size_t sizes[TENSOR_RANK_MAX];
    memcpy(sizes, x->sizes, sizeof sizes);
    sizes[x->rank - 1] = layer->out / 2;
    tensor out = op_empty(run, x->rank, sizes);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->linear_geglu(run, layer, x, &out);
    cost_end(run, COST_LINEAR, began, (double)tensor_rows(x) * (double)layer->in * (double)layer->out);
    return finished(run, &out);
}

/* Positions of a kernel along one side; 0 when it does not fit once. */
static size_t convolved_size(size_t size, size_t kernel, const convolution_options *how)
{
    size_t reach = (kernel - 1) * how->dilation + 1;
    size_t padded = size + 2 * (size_t)how->padding;
    return padded < reach ? 0 : (padded - reach) / how->stride + 1;
}

/* The sizes of a convolution's result over a picture of height times width; false and noted when there is none. */
static bool convolved(operators *run, const char *operation, const convolution *layer, const tensor *x, size_t factor,
                      size_t sizes[4])
{
    char text[TENSOR_TEXT_MAX];
    if (!layer_given(run, operation, layer) || !operand_usable(run, operation, x, false))
        return false;
    if (x->rank != 4) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s reads pictures (N, H, W, C), not %s", operation,
                       tensor_text(x, text));
        return false;
    }
    if (!channels_fit(run, operation, x, layer->in))
        return false;
    sizes[0] = x->sizes[0];
    sizes[1] = convolved_size(x->sizes[1] * factor, layer->kernel_height, &layer->how);
    sizes[2] = convolved_size(x->sizes[2] * factor, layer->kernel_width, &layer->how);
    sizes[3] = layer->out;
    if (sizes[1] > 0 && sizes[2] > 0)
        return true;
    operators_fail(run, LUMEN_ERROR_INVALID, "%s with a kernel of %zu x %zu does not fit into %s", operation,
                   layer->kernel_height, layer->kernel_width, tensor_text(x, text));
    return false;
}

static double convolution_macs(const convolution *layer, const tensor *out)
{
    return (double)tensor_count(out) * (double)(layer->in * layer->kernel_height * layer->kernel_width);
}

tensor op_convolution(operators *run, const convolution *layer, const tensor *x, const epilogue *how)
{
    const char *operation = "a convolution";
    size_t sizes[4];
    how = how != NULL ? how : &no_epilogue;
    if (!convolved(run, operation, layer, x, 1, sizes))
        return nothing;
    tensor out = result_of(run, operation, how->out, 4, sizes);
    if (out.data == NULL || !epilogue_usable(run, operation, how, x, &out))
        return nothing;
    uint64_t began = cost_begin();
    run->back->convolution(run, layer, x, how, &out);
    cost_end(run, COST_CONVOLUTION, began, convolution_macs(layer, &out));
    return finished(run, &out);
}

tensor op_upsample_convolution(operators *run, const convolution *layer, const tensor *x, const epilogue *how)
{
    const char *operation = "a convolution after upsampling";
    size_t sizes[4];
    how = how != NULL ? how : &no_epilogue;
    if (!convolved(run, operation, layer, x, 2, sizes))
        return nothing;
    tensor out = result_of(run, operation, how->out, 4, sizes);
    if (out.data == NULL || !epilogue_usable(run, operation, how, x, &out))
        return nothing;
    if (run->back->upsample_convolution != NULL) {
        uint64_t began = cost_begin();
        run->back->upsample_convolution(run, layer, x, how, &out);
        cost_end(run, COST_CONVOLUTION, began, convolution_macs(layer, &out));
        return finished(run, &out);
    }
    size_t mark = operators_mark(run);
    tensor large = op_upsample_nearest(run, x, 2);
    epilogue same = *how;
    same.out = &out;
    tensor made = op_convolution(run, layer, &large, &same);
    operators_release(run, mark);
    return made;
}

static bool group_norm_usable(operators *run, const char *operation, const norm_before *how, const tensor *x)
{
    char text[TENSOR_TEXT_MAX];
    if (!operand_usable(run, operation, x, false))
        return false;
    size_t channels = x->sizes[x->rank - 1];
    if (how->layer != NULL && !channels_fit(run, operation, x, how->layer->channels))
        return false;
    if (x->rank < 2 || how->groups == 0 || channels % how->groups != 0 || (unsigned)how->after > ACTIVATION_SIGMOID) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s of %u groups cannot read %s", operation, how->groups,
                       tensor_text(x, text));
        return false;
    }
    return true;
}

tensor op_norm_convolution(operators *run, const norm_before *before, const convolution *layer, const tensor *x,
                           const epilogue *how)
{
    const char *operation = "a convolution after a group norm";
    size_t sizes[4];
    how = how != NULL ? how : &no_epilogue;
    if (!convolved(run, operation, layer, x, 1, sizes) || !group_norm_usable(run, operation, before, x))
        return nothing;
    tensor out = result_of(run, operation, how->out, 4, sizes);
    if (out.data == NULL || !epilogue_usable(run, operation, how, x, &out))
        return nothing;
    if (run->back->norm_convolution != NULL) {
        uint64_t began = cost_begin();
        run->back->norm_convolution(run, before, layer, x, how, &out);
        cost_end(run, COST_CONVOLUTION, began, convolution_macs(layer, &out));
        return finished(run, &out);
    }
    size_t mark = operators_mark(run);
    tensor between = op_group_norm(run, before->layer, x, before->groups, before->epsilon, before->after);
    epilogue same = *how;
    same.out = &out;
    tensor made = op_convolution(run, layer, &between, &same);
    operators_release(run, mark);
    return made;
}

tensor op_embedding(operators *run, const embedding *table, const tensor *ids)
{
    const char *operation = "an embedding";
    char text[TENSOR_TEXT_MAX];
    if (operators_failed(run) || !layer_given(run, operation, table))
        return nothing;
    if (ids == NULL || ids->data == NULL || ids->type != TENSOR_I32 || ids->rank != 2 || tensor_count(ids) == 0 ||
        !tensor_is_dense(ids)) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s reads ids (N, T) i32, not %s", operation,
                       ids != NULL ? tensor_text(ids, text) : "nothing");
        return nothing;
    }
    const int32_t *id = ids->data;
    for (size_t i = 0; i < tensor_count(ids); i++)
        if (id[i] < 0 || (size_t)id[i] >= table->count) {
            operators_fail(run, LUMEN_ERROR_INVALID, "there is no embedding of id %d; ids go from 0 to %zu", id[i],
                           table->count - 1);
            return nothing;
        }
    tensor out = op_empty(run, 3, (size_t[]){ids->sizes[0], ids->sizes[1], table->channels});
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->embedding(run, table, ids, &out);
    cost_end(run, COST_OTHER, began, 0);
    return finished(run, &out);
}

/* ---- Norms ------------------------------------------------------------------------------------------------- */

tensor op_group_norm(operators *run, const norm *layer, const tensor *x, uint32_t groups, float epsilon,
                     activation after)
{
    const norm_before how = {.layer = layer, .groups = groups, .epsilon = epsilon, .after = after};
    if (!group_norm_usable(run, "a group norm", &how, x))
        return nothing;
    tensor out = op_empty(run, x->rank, x->sizes);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->group_norm(run, layer, x, groups, epsilon, after, &out);
    cost_end(run, COST_NORM, began, 0);
    return finished(run, &out);
}

static tensor row_norm(operators *run, const char *operation, const norm *layer, const tensor *x, float epsilon,
                       bool centered)
{
    if (!operand_usable(run, operation, x, false) ||
        (layer != NULL && !channels_fit(run, operation, x, layer->channels)))
        return nothing;
    tensor out = op_empty(run, x->rank, x->sizes);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->row_norm(run, layer, x, epsilon, centered, &out);
    cost_end(run, COST_NORM, began, 0);
    return finished(run, &out);
}

tensor op_layer_norm(operators *run, const norm *layer, const tensor *x, float epsilon)
{
    return row_norm(run, "a layer norm", layer, x, epsilon, true);
}

tensor op_rms_norm(operators *run, const norm *layer, const tensor *x, float epsilon)
{
    return row_norm(run, "a root-mean-square norm", layer, x, epsilon, false);
}

tensor op_rms_norm_heads(operators *run, const norm *layer, const tensor *x, uint32_t heads, float epsilon)
{
    const char *operation = "a norm of heads";
    char text[TENSOR_TEXT_MAX];
    if (!operand_usable(run, operation, x, true))
        return nothing;
    size_t channels = x->sizes[x->rank - 1];
    if (heads == 0 || channels % heads != 0 || (layer != NULL && layer->channels != channels / heads)) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s of %zu channels cannot read %u heads in %s", operation,
                       layer != NULL ? layer->channels : 0, heads, tensor_text(x, text));
        return nothing;
    }
    uint64_t began = cost_begin();
    run->back->head_norm(run, layer, x, heads, epsilon);
    cost_end(run, COST_NORM, began, 0);
    return finished(run, x);
}

/* ---- Attention ----------------------------------------------------------------------------------------------- */

static bool attention_fits(const tensor *q, const tensor *k, const tensor *v, size_t heads)
{
    return q->rank == 3 && k->rank == 3 && tensor_same_sizes(k, v) && q->sizes[0] == k->sizes[0] &&
           q->sizes[2] == k->sizes[2] && heads > 0 && q->sizes[2] % heads == 0;
}

static bool mask_fits(const tensor *mask, size_t tokens, size_t keys)
{
    return mask->data != NULL && mask->type == TENSOR_F32 && mask->rank == 2 && mask->sizes[0] == tokens &&
           mask->sizes[1] == keys && tensor_is_dense(mask);
}

tensor op_attention(operators *run, const tensor *q, const tensor *k, const tensor *v, uint32_t heads,
                    const attention_options *how)
{
    const char *operation = "attention";
    char of_q[TENSOR_TEXT_MAX], of_k[TENSOR_TEXT_MAX], of_v[TENSOR_TEXT_MAX];
    static const attention_options defaults = {0};
    how = how != NULL ? how : &defaults;
    if (!operand_usable(run, operation, q, true) || !operand_usable(run, operation, k, true) ||
        !operand_usable(run, operation, v, true))
        return nothing;
    if (!attention_fits(q, k, v, heads)) {
        operators_fail(run, LUMEN_ERROR_INVALID, "attention of %u heads cannot read queries %s, keys %s, values %s",
                       heads, tensor_text(q, of_q), tensor_text(k, of_k), tensor_text(v, of_v));
        return nothing;
    }
    size_t tokens = q->sizes[1], keys = k->sizes[1];
    if (how->mask != NULL && !mask_fits(how->mask, tokens, keys)) {
        operators_fail(run, LUMEN_ERROR_INVALID, "attention of %zu queries and %zu keys cannot use a mask of %s",
                       tokens, keys, tensor_text(how->mask, of_q));
        return nothing;
    }
    tensor out = op_empty(run, 3, q->sizes);
    if (out.data == NULL)
        return nothing;
    attention_call call = {.q = q,
                           .k = k,
                           .v = v,
                           .heads = heads,
                           .head_size = q->sizes[2] / heads,
                           .causal = how->causal,
                           .scale = how->scale,
                           .mask = how->mask != NULL ? how->mask->data : NULL};
    if (!(call.scale != 0.0f))
        call.scale = 1.0f / sqrtf((float)call.head_size);
    uint64_t began = cost_begin();
    run->back->attention(run, &call, &out);
    cost_end(run, COST_ATTENTION, began, 2.0 * (double)(q->sizes[0] * tokens) * (double)keys * (double)q->sizes[2]);
    return finished(run, &out);
}

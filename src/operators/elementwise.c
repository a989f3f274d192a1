/* What moves and changes single values: the same checks and results as in operators.c. */

#include "operators/internal.h"

#include <string.h>

static const tensor nothing = {0};

static tensor finished(operators *run, uint64_t began, const tensor *out)
{
    cost_end(run, COST_OTHER, began, 0);
    return operators_failed(run) ? nothing : *out;
}

/* ---- In and out ------------------------------------------------------------------------------------------ */

tensor op_from(operators *run, const tensor *values)
{
    char text[TENSOR_TEXT_MAX];
    if (operators_failed(run))
        return nothing;
    if (values == NULL || values->data == NULL || values->rank == 0 || tensor_count(values) == 0 ||
        (values->type != TENSOR_F32 && values->type != TENSOR_F16 && values->type != TENSOR_BF16)) {
        operators_fail(run, LUMEN_ERROR_INVALID, "cannot bring in %s; it wants values in f32, f16 or bf16",
                       values != NULL ? tensor_text(values, text) : "nothing");
        return nothing;
    }
    tensor out = op_empty(run, values->rank, values->sizes);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->copy(run, values, &out);
    return finished(run, began, &out);
}

void op_to_f32(operators *run, const tensor *x, float *to)
{
    if (!operand_usable(run, "reading out", x, true))
        return;
    uint64_t began = cost_begin();
    run->back->to_f32(run, x, to);
    cost_end(run, COST_OTHER, began, 0);
}

tensor op_columns(operators *run, const tensor *x, size_t from, size_t count)
{
    char text[TENSOR_TEXT_MAX];
    if (!operand_usable(run, "a choice of columns", x, true))
        return nothing;
    size_t columns = x->sizes[x->rank - 1];
    if (count == 0 || from > columns || count > columns - from) {
        operators_fail(run, LUMEN_ERROR_INVALID, "%s has no %zu columns from column %zu on", tensor_text(x, text),
                       count, from);
        return nothing;
    }
    tensor view = *x;
    view.stride = tensor_stride(x);
    view.sizes[x->rank - 1] = count;
    view.data = (char *)x->data + from * tensor_type_bytes(x->type);
    return view;
}

/* ---- Values --------------------------------------------------------------------------------------------------- */

tensor op_activation(operators *run, const tensor *x, activation which)
{
    if (!operand_usable(run, "an activation", x, false))
        return nothing;
    if ((unsigned)which > ACTIVATION_SIGMOID) {
        operators_fail(run, LUMEN_ERROR_INVALID, "there is no activation %u", (unsigned)which);
        return nothing;
    }
    tensor out = op_empty(run, x->rank, x->sizes);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->activation(run, x, which, &out);
    return finished(run, began, &out);
}

tensor op_add(operators *run, const tensor *a, const tensor *b)
{
    char of_a[TENSOR_TEXT_MAX], of_b[TENSOR_TEXT_MAX];
    if (!operand_usable(run, "an addition", a, false) || !operand_usable(run, "an addition", b, false))
        return nothing;
    if (!tensor_same_sizes(a, b) && !(b->rank == 1 && b->sizes[0] == a->sizes[a->rank - 1])) {
        operators_fail(run, LUMEN_ERROR_INVALID, "cannot add %s to %s; they need equal sizes or the channels' alone",
                       tensor_text(b, of_b), tensor_text(a, of_a));
        return nothing;
    }
    tensor out = op_empty(run, a->rank, a->sizes);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->add(run, a, b, &out);
    return finished(run, began, &out);
}

tensor op_scale(operators *run, const tensor *x, float factor, float offset)
{
    if (!operand_usable(run, "scaling", x, false))
        return nothing;
    tensor out = op_empty(run, x->rank, x->sizes);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->scale(run, x, factor, offset, &out);
    return finished(run, began, &out);
}

tensor op_softmax(operators *run, const tensor *x)
{
    if (!operand_usable(run, "softmax", x, false))
        return nothing;
    tensor out = op_empty(run, x->rank, x->sizes);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->softmax(run, x, &out);
    return finished(run, began, &out);
}

tensor op_concat_channels(operators *run, const tensor *a, const tensor *b)
{
    char of_a[TENSOR_TEXT_MAX], of_b[TENSOR_TEXT_MAX];
    if (!operand_usable(run, "joining channels", a, false) || !operand_usable(run, "joining channels", b, false))
        return nothing;
    size_t sizes[TENSOR_RANK_MAX];
    memcpy(sizes, a->sizes, sizeof sizes);
    bool fits = a->rank == b->rank;
    for (uint32_t i = 0; fits && i + 1 < a->rank; i++)
        fits = a->sizes[i] == b->sizes[i];
    if (!fits) {
        operators_fail(run, LUMEN_ERROR_INVALID, "cannot join the channels of %s and %s; the other sizes must be equal",
                       tensor_text(a, of_a), tensor_text(b, of_b));
        return nothing;
    }
    sizes[a->rank - 1] += b->sizes[b->rank - 1];
    tensor out = op_empty(run, a->rank, sizes);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->concat(run, a, b, &out);
    return finished(run, began, &out);
}

/* ---- Pictures --------------------------------------------------------------------------------------------------- */

static bool picture_usable(operators *run, const char *operation, const tensor *x)
{
    char text[TENSOR_TEXT_MAX];
    if (!operand_usable(run, operation, x, false))
        return false;
    if (x->rank != 4)
        operators_fail(run, LUMEN_ERROR_INVALID, "%s reads pictures (N, H, W, C), not %s", operation,
                       tensor_text(x, text));
    return x->rank == 4;
}

/* A new picture of the same number and channels; sizes that overflow are refused by op_empty. */
static tensor picture_of(operators *run, const tensor *x, size_t height, size_t width)
{
    return op_empty(run, 4, (size_t[]){x->sizes[0], height, width, x->sizes[3]});
}

tensor op_upsample_nearest(operators *run, const tensor *x, uint32_t factor)
{
    if (!picture_usable(run, "upsampling", x))
        return nothing;
    size_t height, width;
    if (factor == 0 || __builtin_mul_overflow(x->sizes[1], factor, &height) ||
        __builtin_mul_overflow(x->sizes[2], factor, &width)) {
        operators_fail(run, LUMEN_ERROR_INVALID, "a picture cannot be upsampled by a factor of %u", factor);
        return nothing;
    }
    tensor out = picture_of(run, x, height, width);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->upsample(run, x, factor, &out);
    return finished(run, began, &out);
}

tensor op_resize_bilinear(operators *run, const tensor *x, size_t height, size_t width)
{
    if (!picture_usable(run, "resizing", x))
        return nothing;
    if (height == 0 || width == 0) {
        operators_fail(run, LUMEN_ERROR_INVALID, "a picture cannot be resized to %zu x %zu", height, width);
        return nothing;
    }
    tensor out = picture_of(run, x, height, width);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->resize(run, x, &out);
    return finished(run, began, &out);
}

tensor op_max_pool(operators *run, const tensor *x)
{
    if (!picture_usable(run, "pooling", x))
        return nothing;
    tensor out = picture_of(run, x, x->sizes[1] / 2 + x->sizes[1] % 2, x->sizes[2] / 2 + x->sizes[2] % 2);
    if (out.data == NULL)
        return nothing;
    uint64_t began = cost_begin();
    run->back->max_pool(run, x, &out);
    return finished(run, began, &out);
}

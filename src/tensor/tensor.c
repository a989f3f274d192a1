/* Types, sizes and views of tensors. */

#include "tensor/tensor.h"

size_t tensor_type_bytes(tensor_type type)
{
    switch (type) {
    case TENSOR_F32:
    case TENSOR_I32: return 4;
    case TENSOR_BF16:
    case TENSOR_F16: return 2;
    case TENSOR_I64: return 8;
    case TENSOR_U8: return 1;
    case TENSOR_NONE: break;
    }
    return 0;
}

const char *tensor_type_name(tensor_type type)
{
    switch (type) {
    case TENSOR_F32: return "f32";
    case TENSOR_I32: return "i32";
    case TENSOR_BF16: return "bf16";
    case TENSOR_F16: return "f16";
    case TENSOR_I64: return "i64";
    case TENSOR_U8: return "u8";
    case TENSOR_NONE: break;
    }
    return "none";
}

tensor tensor_make(tensor_type type, uint32_t rank, const size_t *sizes, void *data)
{
    tensor made = {.type = type, .rank = rank < TENSOR_RANK_MAX ? rank : TENSOR_RANK_MAX, .data = data};
    for (uint32_t i = 0; i < TENSOR_RANK_MAX; i++)
        made.sizes[i] = i < made.rank ? sizes[i] : 1;
    return made;
}

size_t tensor_count(const tensor *x)
{
    size_t count = 1;
    for (uint32_t i = 0; i < x->rank; i++)
        count *= x->sizes[i];
    return count;
}

size_t tensor_bytes(const tensor *x)
{
    return tensor_count(x) * tensor_type_bytes(x->type);
}

static size_t last_size(const tensor *x)
{
    return x->rank > 0 ? x->sizes[x->rank - 1] : 1;
}

size_t tensor_rows(const tensor *x)
{
    size_t last = last_size(x);
    return last > 0 ? tensor_count(x) / last : 0;
}

size_t tensor_stride(const tensor *x)
{
    return x->stride > 0 ? x->stride : last_size(x);
}

bool tensor_is_dense(const tensor *x)
{
    return tensor_stride(x) == last_size(x) || tensor_rows(x) <= 1;
}

bool tensor_same_sizes(const tensor *a, const tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->sizes[i] != b->sizes[i])
            return false;
    return true;
}

tensor tensor_reshape(const tensor *x, uint32_t rank, const size_t *sizes)
{
    tensor view = tensor_make(x->type, rank, sizes, x->data);
    view.stride = x->stride;
    bool fits = rank <= TENSOR_RANK_MAX && tensor_count(&view) == tensor_count(x) &&
                (tensor_is_dense(x) || last_size(&view) == last_size(x));
    if (!fits)
        view.data = NULL;
    if (tensor_is_dense(x))
        view.stride = 0;
    return view;
}

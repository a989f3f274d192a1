/* Types, sizes and views of tensors. */

#include "tensor/tensor.h"

size_t tensor_type_bytes(tensor_type type)
{
    switch (type) {
    case TENSOR_F32:
    case TENSOR_I32:
        return 4;
    case TENSOR_BF16:
    case TENSOR_F16:
        return 2;
    case TENSOR_I64:
        return 8;
    case TENSOR_U8:
        return 1;
    case TENSOR_NONE:
        break;
    }
    return 0;
}

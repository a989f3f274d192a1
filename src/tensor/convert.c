/* Conversions between f32, bf16 and f16. Written without branches, so that the compiler makes vector loops of them. */

#include "tensor/tensor.h"

#include <string.h>

#include "base/dispatch.h"

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint16_t load_u16(const unsigned char *from, size_t i)
{
    uint16_t value;
    memcpy(&value, from + 2 * i, sizeof value);
    return value;
}

static inline void store_u16(unsigned char *to, size_t i, uint16_t value)
{
    memcpy(to + 2 * i, &value, sizeof value);
}

static inline float load_f32(const unsigned char *from, size_t i)
{
    float value;
    memcpy(&value, from + 4 * i, sizeof value);
    return value;
}

static inline void store_f32(unsigned char *to, size_t i, float value)
{
    memcpy(to + 4 * i, &value, sizeof value);
}

static inline float f32_of_bf16(uint16_t half)
{
    return float_of((uint32_t)half << 16);
}

static inline uint16_t bf16_of_f32(float value)
{
    uint32_t bits = bits_of(value);
    uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    uint32_t not_a_number = bits >> 16 | 0x40u;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? not_a_number : rounded);
}

/* The exponent's bias is 15 in f16 and 127 in f32. A subnormal becomes 2^-14 (1 + m / 1024) - 2^-14, which is exact and
 * spares the processor subnormal operands. */
static inline float f32_of_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t magnitude = (uint32_t)(half & 0x7fffu) << 13;
    uint32_t exponent = half & 0x7c00u;
    uint32_t normal = magnitude + (112u << 23);
    uint32_t infinite = magnitude + (224u << 23);
    uint32_t subnormal = bits_of(float_of(magnitude + (113u << 23)) - 0x1p-14f);
    uint32_t bits = exponent == 0x7c00u ? infinite : exponent == 0 ? subnormal : normal;
    return float_of(bits | sign);
}

/* Adding 2^(e + 13 - 23) in f32 rounds to the spacing of f16 at that size: 0.5 does it for subnormals (spacing 2^-24).
 */
static inline uint16_t f16_of_f32(float value)
{
    uint32_t bits = bits_of(value);
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t normal = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
    uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
    uint32_t half = magnitude >= 0x477ff000u ? special : magnitude < 0x38800000u ? subnormal : normal;
    return (uint16_t)(half | sign);
}

LUMEN_DISPATCH
static void f32_from_bf16(unsigned char *to, const unsigned char *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_f32(to, i, f32_of_bf16(load_u16(from, i)));
}

LUMEN_DISPATCH
static void f32_from_f16(unsigned char *to, const unsigned char *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_f32(to, i, f32_of_f16(load_u16(from, i)));
}

LUMEN_DISPATCH
static void bf16_from_f32(unsigned char *to, const unsigned char *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_u16(to, i, bf16_of_f32(load_f32(from, i)));
}

LUMEN_DISPATCH
static void bf16_from_f16(unsigned char *to, const unsigned char *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_u16(to, i, bf16_of_f32(f32_of_f16(load_u16(from, i))));
}

LUMEN_DISPATCH
static void f16_from_f32(unsigned char *to, const unsigned char *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_u16(to, i, f16_of_f32(load_f32(from, i)));
}

LUMEN_DISPATCH
static void f16_from_bf16(unsigned char *to, const unsigned char *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_u16(to, i, f16_of_f32(f32_of_bf16(load_u16(from, i))));
}

bool tensor_convert(tensor_type to_type, void *to, tensor_type from_type, const void *from, size_t count)
{
    if (count == 0 || (to_type == from_type && tensor_type_bytes(to_type) > 0)) {
        if (count > 0)
            memcpy(to, from, count * tensor_type_bytes(to_type));
        return true;
    }
    switch (to_type) {
    case TENSOR_F32:
        if (from_type != TENSOR_BF16 && from_type != TENSOR_F16)
            return false;
        (from_type == TENSOR_BF16 ? f32_from_bf16 : f32_from_f16)(to, from, count);
        return true;
    case TENSOR_BF16:
        if (from_type != TENSOR_F32 && from_type != TENSOR_F16)
            return false;
        (from_type == TENSOR_F32 ? bf16_from_f32 : bf16_from_f16)(to, from, count);
        return true;
    case TENSOR_F16:
        if (from_type != TENSOR_F32 && from_type != TENSOR_BF16)
            return false;
        (from_type == TENSOR_F32 ? f16_from_f32 : f16_from_bf16)(to, from, count);
        return true;
    case TENSOR_NONE:
    case TENSOR_I64:
    case TENSOR_I32:
    case TENSOR_U8: break;
    }
    return false;
}

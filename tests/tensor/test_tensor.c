/* Tensors: sizes, views, conversions. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "tensor/tensor.h"

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void a_tensor_knows_its_elements_and_bytes(void **state)
{
    (void)state;
    float values[24];
    tensor x = tensor_make(TENSOR_F32, 3, (size_t[]){2, 3, 4}, values);
    assert_int_equal(tensor_count(&x), 24);
    assert_int_equal(tensor_bytes(&x), 96);
    assert_int_equal(tensor_rows(&x), 6);
    assert_int_equal(tensor_stride(&x), 4);
    assert_int_equal(x.sizes[TENSOR_RANK_MAX - 1], 1);
    tensor scalar = tensor_make(TENSOR_BF16, 0, NULL, values);
    assert_int_equal(tensor_bytes(&scalar), 2);
    assert_true(tensor_is_dense(&scalar));
    assert_string_equal(tensor_type_name(TENSOR_BF16), "bf16");
    assert_string_equal(tensor_type_name(TENSOR_NONE), "none");
    assert_int_equal(tensor_type_bytes(TENSOR_I64), 8);
    assert_int_equal(tensor_type_bytes(TENSOR_NONE), 0);
}

static void a_reshape_is_a_view_of_as_many_elements(void **state)
{
    (void)state;
    float values[24];
    tensor x = tensor_make(TENSOR_F32, 3, (size_t[]){2, 3, 4}, values);
    tensor y = tensor_reshape(&x, 2, (size_t[]){6, 4});
    assert_ptr_equal(y.data, values);
    assert_false(tensor_same_sizes(&x, &y));
    tensor back = tensor_reshape(&y, 3, (size_t[]){2, 3, 4});
    assert_true(tensor_same_sizes(&x, &back));
    assert_null(tensor_reshape(&x, 2, (size_t[]){5, 4}).data);
}

static void columns_keep_their_last_size_when_reshaped(void **state)
{
    (void)state;
    float values[60];
    tensor columns = tensor_make(TENSOR_F32, 3, (size_t[]){2, 3, 4}, values + 2);
    columns.stride = 10;
    assert_false(tensor_is_dense(&columns));
    assert_int_equal(tensor_stride(&columns), 10);
    tensor flat = tensor_reshape(&columns, 2, (size_t[]){6, 4});
    assert_non_null(flat.data);
    assert_int_equal(flat.stride, 10);
    assert_null(tensor_reshape(&columns, 2, (size_t[]){3, 8}).data);
}

static void every_f16_becomes_the_same_number(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits, back;
        float value;
        assert_true(tensor_convert(TENSOR_F32, &value, TENSOR_F16, &half, 1));
        uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
        if (exponent == 31 && fraction != 0) {
            assert_true(isnan(value));
            continue;
        }
        double expected = exponent == 31  ? INFINITY
                          : exponent == 0 ? ldexp((double)fraction, -24)
                                          : ldexp(1024.0 + (double)fraction, (int)exponent - 25);
        assert_true((double)value == (bits >> 15 ? -expected : expected));
        assert_true(tensor_convert(TENSOR_F16, &back, TENSOR_F32, &value, 1));
        assert_int_equal(back, half);
    }
}

static void conversions_round_to_the_nearest_and_at_ties_to_the_even_one(void **state)
{
    (void)state;
    static const struct {
        uint32_t from;
        uint16_t bf16;
    } cases[] = {
        {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81}, {0x3f807fff, 0x3f80},
        {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, {0x80000000, 0x8000}, {0x00000001, 0x0000},
        {0x7f800001, 0x7fc0}, {0xffc00000, 0xffc0}, {0x7fffffff, 0x7fff},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float value = float_of(cases[i].from);
        uint16_t bf16;
        assert_true(tensor_convert(TENSOR_BF16, &bf16, TENSOR_F32, &value, 1));
        assert_int_equal(bf16, cases[i].bf16);
    }
    static const struct {
        double from;
        uint16_t f16;
    } halves[] = {
        {1.0, 0x3c00},         {1.0 + 0x1p-11, 0x3c00}, {1.0 + 0x3p-11, 0x3c02}, {1.0 + 0x1.002p-11, 0x3c01},
        {65504.0, 0x7bff},     {65519.0, 0x7bff},       {65520.0, 0x7c00},       {1e10, 0x7c00},
        {0x1p-24, 0x0001},     {0x1p-25, 0x0000},       {0x1.8p-24, 0x0002},     {0x1.004p-25, 0x0001},
        {0x1.ff8p-15, 0x03ff}, {0x1p-14, 0x0400},       {-2.0, 0xc000},
    };
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        float value = (float)halves[i].from;
        uint16_t f16;
        assert_true(tensor_convert(TENSOR_F16, &f16, TENSOR_F32, &value, 1));
        assert_int_equal(f16, halves[i].f16);
    }
}

static void conversions_need_no_alignment_and_agree_at_any_length(void **state)
{
    (void)state;
    static const tensor_type types[] = {TENSOR_F32, TENSOR_BF16, TENSOR_F16};
    unsigned char source[4 * 100 + 8], one[4 * 100 + 8], single[8];
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (unsigned char)(i * 37 + 11);
    for (size_t from = 0; from < 3; from++)
        for (size_t to = 0; to < 3; to++)
            for (size_t count = 0; count <= 100; count += 7) {
                size_t from_bytes = tensor_type_bytes(types[from]), to_bytes = tensor_type_bytes(types[to]);
                assert_true(tensor_convert(types[to], one + 1, types[from], source + 3, count));
                for (size_t i = 0; i < count; i++) {
                    assert_true(tensor_convert(types[to], single, types[from], source + 3 + i * from_bytes, 1));
                    assert_memory_equal(single, one + 1 + i * to_bytes, to_bytes);
                }
            }
    assert_false(tensor_convert(TENSOR_F32, one, TENSOR_I32, source, 1));
    assert_false(tensor_convert(TENSOR_U8, one, TENSOR_F32, source, 1));
    assert_true(bits_of(1.0f) == 0x3f800000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_knows_its_elements_and_bytes),
        cmocka_unit_test(a_reshape_is_a_view_of_as_many_elements),
        cmocka_unit_test(columns_keep_their_last_size_when_reshaped),
        cmocka_unit_test(every_f16_becomes_the_same_number),
        cmocka_unit_test(conversions_round_to_the_nearest_and_at_ties_to_the_even_one),
        cmocka_unit_test(conversions_need_no_alignment_and_agree_at_any_length),
    };
    return cmocka_run_group_tests_name("tensor", tests, NULL, NULL);
}

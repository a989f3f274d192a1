/* Every back end against PyTorch. golden.py has made the numbers, from the same inputs. */

#include "support.h"

#include <stdlib.h>

#include "golden.h"

/* The same numbers as pattern() of golden.py: steps of 1 / 1024 between -1 and 1, times a scale. */
static float *pattern(size_t seed, size_t count, float scale)
{
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((int)((seed * 7919 + i * 104729 + i * i * 31) % 2003) - 1001) / 1024.0f * scale;
    return values;
}

static tensor pattern_in(operators *run, size_t seed, uint32_t rank, const size_t *sizes, float scale)
{
    tensor values = tensor_make(TENSOR_F32, rank, sizes, NULL);
    values.data = pattern(seed, tensor_count(&values), scale);
    tensor made = op_from(run, &values);
    free(values.data);
    return made;
}

static linear *pattern_linear(operators *run, size_t in, size_t out, size_t seed)
{
    float *values = pattern(seed, in * out, 0.5f), *shifts = pattern(seed + 1, out, 1.0f);
    tensor weight = tensor_make(TENSOR_F32, 2, (size_t[]){out, in}, values);
    tensor bias = tensor_make(TENSOR_F32, 1, (size_t[]){out}, shifts);
    linear *made = NULL;
    assert_int_equal(linear_load(run, &weight, &bias, &made, NULL), LUMEN_OK);
    free(values);
    free(shifts);
    return made;
}

static convolution *pattern_convolution(operators *run, size_t out, size_t kernel, const convolution_options *how)
{
    float *values = pattern(12, out * 8 * kernel * kernel, 0.25f), *shifts = pattern(13, out, 1.0f);
    tensor weight = tensor_make(TENSOR_F32, 4, (size_t[]){out, 8, kernel, kernel}, values);
    tensor bias = tensor_make(TENSOR_F32, 1, (size_t[]){out}, shifts);
    convolution *made = NULL;
    assert_int_equal(convolution_load(run, &weight, &bias, how, &made, NULL), LUMEN_OK);
    free(values);
    free(shifts);
    return made;
}

static norm *pattern_norm(operators *run, size_t channels)
{
    float *values = pattern(14, channels, 1.0f), *shifts = pattern(15, channels, 1.0f);
    tensor weight = tensor_make(TENSOR_F32, 1, (size_t[]){channels}, values);
    tensor bias = tensor_make(TENSOR_F32, 1, (size_t[]){channels}, shifts);
    norm *made = NULL;
    assert_int_equal(norm_load(run, &weight, &bias, &made, NULL), LUMEN_OK);
    free(values);
    free(shifts);
    return made;
}

/* The device and type of a test. */
typedef struct target {
    const char *device;
    precision within;
} target;

static operators *target_open(void **state)
{
    const target *of = *state;
    return context_open_or_skip(
        &(operators_options){.device = of->device, .type = of->within.type, .arena_bytes = 1u << 24});
}

static void check(void **state, operators *run, tensor made, const float *golden, size_t count)
{
    const target *of = *state;
    lumen_error error = {0};
    operators_status(run, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(tensor_count(&made), count);
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    op_to_f32(run, &made, values);
    difference apart = difference_of(golden, values, count);
    free(values);
    if (!(apart.largest <= of->within.largest) || !(apart.relative <= of->within.relative))
        print_message("%s: largest error %.3g of the largest value, relative %.3g\n", operators_device(run),
                      apart.largest, apart.relative);
    assert_true(apart.largest <= of->within.largest);
    assert_true(apart.relative <= of->within.relative);
}

#define CHECK(made, golden) check(state, run, made, golden, sizeof golden / sizeof golden[0])

static void linear_layers_are_those_of_the_reference(void **state)
{
    operators *run = target_open(state);
    tensor x = pattern_in(run, 1, 3, (size_t[]){2, 5, 12}, 1.0f);
    CHECK(op_linear(run, pattern_linear(run, 12, 7, 10), &x, NULL), golden_linear);
    epilogue how = {.activation = ACTIVATION_SILU, .add = &x};
    CHECK(op_linear(run, pattern_linear(run, 12, 12, 10), &x, &how), golden_linear_silu_added);
    CHECK(op_linear_geglu(run, pattern_linear(run, 12, 16, 20), &x), golden_geglu);
    operators_close(run);
}

static void convolutions_are_those_of_the_reference(void **state)
{
    operators *run = target_open(state);
    tensor x = pattern_in(run, 2, 4, (size_t[]){1, 7, 6, 8}, 1.0f);
    convolution_options same = {.padding = 1}, halving = {.padding = 1, .stride = 2},
                        spread = {.padding = 2, .dilation = 2};
    CHECK(op_convolution(run, pattern_convolution(run, 5, 3, &same), &x, NULL), golden_convolution);
    CHECK(op_convolution(run, pattern_convolution(run, 6, 3, &halving), &x, NULL), golden_convolution_stride);
    CHECK(op_convolution(run, pattern_convolution(run, 4, 3, &spread), &x, NULL), golden_convolution_dilation);
    CHECK(op_convolution(run, pattern_convolution(run, 9, 1, NULL), &x, NULL), golden_convolution_point);
    CHECK(op_upsample_convolution(run, pattern_convolution(run, 3, 3, &same), &x, NULL), golden_upsample_convolution);
    operators_close(run);
}

static void norms_are_those_of_the_reference(void **state)
{
    operators *run = target_open(state);
    tensor wide = pattern_in(run, 3, 4, (size_t[]){2, 3, 4, 24}, 3.0f);
    const norm *of_wide = pattern_norm(run, 24);
    CHECK(op_group_norm(run, of_wide, &wide, 4, 1e-5f, ACTIVATION_NONE), golden_group_norm);
    CHECK(op_group_norm(run, of_wide, &wide, 8, 1e-6f, ACTIVATION_SILU), golden_group_norm_silu);
    tensor x = pattern_in(run, 1, 3, (size_t[]){2, 5, 12}, 1.0f);
    const norm *of_x = pattern_norm(run, 12);
    CHECK(op_layer_norm(run, of_x, &x, 1e-5f), golden_layer_norm);
    float *values = pattern(14, 12, 1.0f);
    tensor weight = tensor_make(TENSOR_F32, 1, (size_t[]){12}, values);
    norm *unshifted = NULL;
    assert_int_equal(norm_load(run, &weight, NULL, &unshifted, NULL), LUMEN_OK);
    free(values);
    CHECK(op_rms_norm(run, unshifted, &x, 1e-6f), golden_rms_norm);
    operators_close(run);
}

static void activations_and_softmax_are_those_of_the_reference(void **state)
{
    operators *run = target_open(state);
    tensor x = pattern_in(run, 4, 3, (size_t[]){1, 1, 81}, 5.0f);
    CHECK(op_activation(run, &x, ACTIVATION_SILU), golden_silu);
    CHECK(op_activation(run, &x, ACTIVATION_GELU), golden_gelu);
    CHECK(op_activation(run, &x, ACTIVATION_QUICK_GELU), golden_quick_gelu);
    CHECK(op_activation(run, &x, ACTIVATION_SIGMOID), golden_sigmoid);
    CHECK(op_softmax(run, &x), golden_softmax);
    operators_close(run);
}

static void attention_is_that_of_the_reference(void **state)
{
    operators *run = target_open(state);
    size_t tokens[] = {1, 9, 16}, more[] = {1, 13, 16};
    tensor q = pattern_in(run, 5, 3, tokens, 2.0f), k = pattern_in(run, 6, 3, tokens, 2.0f);
    tensor v = pattern_in(run, 7, 3, tokens, 1.0f);
    tensor long_k = pattern_in(run, 8, 3, more, 2.0f), long_v = pattern_in(run, 9, 3, more, 1.0f);
    CHECK(op_attention(run, &q, &long_k, &long_v, 2, NULL), golden_attention);
    attention_options causal = {.causal = true};
    CHECK(op_attention(run, &q, &k, &v, 2, &causal), golden_attention_causal);
    float *values = pattern(16, 9 * 13, 2.0f);
    tensor mask = tensor_make(TENSOR_F32, 2, (size_t[]){9, 13}, values);
    attention_options masked = {.mask = &mask, .scale = 0.3f};
    CHECK(op_attention(run, &q, &long_k, &long_v, 4, &masked), golden_attention_mask);
    free(values);
    operators_close(run);
}

static void pictures_change_their_size_as_in_the_reference(void **state)
{
    operators *run = target_open(state);
    tensor x = pattern_in(run, 2, 4, (size_t[]){1, 7, 6, 8}, 1.0f);
    CHECK(op_resize_bilinear(run, &x, 10, 15), golden_bilinear_up);
    CHECK(op_resize_bilinear(run, &x, 3, 4), golden_bilinear_down);
    CHECK(op_max_pool(run, &x), golden_max_pool);
    operators_close(run);
}

#define ON(target, test)                                                                                               \
    {                                                                                                                  \
#test " on " #target, test, NULL, NULL, &target                                                                \
    }

int main(void)
{
    /* Inputs are exact in f32 and rounded to bf16. */
    static target plain = {"plain", {TENSOR_F32, 1e-6, 1e-6}}, cpu = {"cpu", {TENSOR_F32, 2e-6, 2e-6}};
    static target cpu_bf16 = {"cpu", {TENSOR_BF16, 2e-2, 1e-2}};
    const struct CMUnitTest tests[] = {
        ON(plain, linear_layers_are_those_of_the_reference),
        ON(plain, convolutions_are_those_of_the_reference),
        ON(plain, norms_are_those_of_the_reference),
        ON(plain, activations_and_softmax_are_those_of_the_reference),
        ON(plain, attention_is_that_of_the_reference),
        ON(plain, pictures_change_their_size_as_in_the_reference),
        ON(cpu, linear_layers_are_those_of_the_reference),
        ON(cpu, convolutions_are_those_of_the_reference),
        ON(cpu, norms_are_those_of_the_reference),
        ON(cpu, activations_and_softmax_are_those_of_the_reference),
        ON(cpu, attention_is_that_of_the_reference),
        ON(cpu, pictures_change_their_size_as_in_the_reference),
        ON(cpu_bf16, linear_layers_are_those_of_the_reference),
        ON(cpu_bf16, convolutions_are_those_of_the_reference),
        ON(cpu_bf16, norms_are_those_of_the_reference),
        ON(cpu_bf16, activations_and_softmax_are_those_of_the_reference),
        ON(cpu_bf16, attention_is_that_of_the_reference),
        ON(cpu_bf16, pictures_change_their_size_as_in_the_reference),
    };
    return cmocka_run_group_tests_name("operators_golden", tests, NULL, NULL);
}

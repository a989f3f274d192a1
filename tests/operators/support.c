#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../sanitized.h"
#include "base/random.h"

float *values_make(size_t count, uint64_t seed, float mean, float spread)
{
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    random_state random = random_seed(seed);
    for (size_t i = 0; i < count; i++) {
        float sum = 0.0f; /* of four: nearly normal, with a spread of 1 */
        for (int j = 0; j < 4; j++)
            sum += random_float(&random) - 0.5f;
        float value = mean + spread * sum * 1.7320508f;
        uint16_t rounded;
        tensor_convert(TENSOR_BF16, &rounded, TENSOR_F32, &value, 1);
        tensor_convert(TENSOR_F32, &values[i], TENSOR_BF16, &rounded, 1);
    }
    return values;
}

tensor values_in(operators *run, uint32_t rank, const size_t *sizes, uint64_t seed, float mean, float spread)
{
    tensor plain = tensor_make(TENSOR_F32, rank, sizes, NULL);
    plain.data = values_make(tensor_count(&plain), seed, mean, spread);
    tensor made = op_from(run, &plain);
    free(plain.data);
    return made;
}

linear *linear_of(operators *run, size_t in, size_t out, bool bias, uint64_t seed)
{
    lumen_error error = {0};
    linear *made = NULL;
    tensor weight = tensor_make(TENSOR_F32, 2, (size_t[]){out, in}, NULL);
    tensor shift = tensor_make(TENSOR_F32, 1, (size_t[]){out}, NULL);
    weight.data = values_make(in * out, seed, 0.0f, 1.0f / sqrtf((float)in));
    shift.data = values_make(out, seed + 1, 0.0f, 0.5f);
    lumen_status status = linear_load(run, &weight, bias ? &shift : NULL, &made, &error);
    free(weight.data);
    free(shift.data);
    assert_string_equal(error.message, "");
    assert_int_equal(status, LUMEN_OK);
    return made;
}

convolution *convolution_of(operators *run, size_t in, size_t out, size_t kernel, const convolution_options *how,
                            bool bias, uint64_t seed)
{
    lumen_error error = {0};
    convolution *made = NULL;
    tensor weight = tensor_make(TENSOR_F32, 4, (size_t[]){out, in, kernel, kernel}, NULL);
    tensor shift = tensor_make(TENSOR_F32, 1, (size_t[]){out}, NULL);
    weight.data = values_make(in * out * kernel * kernel, seed, 0.0f, 1.0f / sqrtf((float)(in * kernel * kernel)));
    shift.data = values_make(out, seed + 1, 0.0f, 0.5f);
    lumen_status status = convolution_load(run, &weight, bias ? &shift : NULL, how, &made, &error);
    free(weight.data);
    free(shift.data);
    assert_string_equal(error.message, "");
    assert_int_equal(status, LUMEN_OK);
    return made;
}

norm *norm_of(operators *run, size_t channels, bool bias, uint64_t seed)
{
    lumen_error error = {0};
    norm *made = NULL;
    tensor weight = tensor_make(TENSOR_F32, 1, (size_t[]){channels}, NULL), shift = weight;
    weight.data = values_make(channels, seed, 1.0f, 0.5f);
    shift.data = values_make(channels, seed + 1, 0.0f, 0.5f);
    lumen_status status = norm_load(run, &weight, bias ? &shift : NULL, &made, &error);
    free(weight.data);
    free(shift.data);
    assert_int_equal(status, LUMEN_OK);
    return made;
}

operators *context_open(const operators_options *options)
{
    lumen_error error = {0};
    operators *run = NULL;
    lumen_status status = operators_open(options, &run, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(status, LUMEN_OK);
    return run;
}

operators *context_open_or_skip(const operators_options *options)
{
    operators *run = NULL;
    if (operators_open(options, &run, NULL) == LUMEN_ERROR_UNAVAILABLE)
        skip();
    assert_non_null(run);
    return run;
}

float *result_of(operators *run, operation what, const void *given, tensor *sizes)
{
    lumen_error error = {0};
    size_t mark = operators_mark(run);
    tensor made = what(run, given);
    operators_status(run, &error);
    assert_string_equal(error.message, "");
    assert_non_null(made.data);
    float *values = malloc(tensor_count(&made) * sizeof *values);
    assert_non_null(values);
    op_to_f32(run, &made, values);
    assert_int_equal(operators_status(run, NULL), LUMEN_OK);
    operators_release(run, mark);
    *sizes = made;
    return values;
}

difference difference_of(const float *reference, const float *other, size_t count)
{
    double largest = 0.0, apart = 0.0, errors = 0.0, squares = 0.0, others = 0.0, product = 0.0;
    for (size_t i = 0; i < count; i++) {
        double a = (double)reference[i], b = (double)other[i];
        largest = fmax(largest, fabs(a));
        apart = isnan(b) ? INFINITY : fmax(apart, fabs(a - b));
        errors += (a - b) * (a - b);
        squares += a * a;
        others += b * b;
        product += a * b;
    }
    bool zero = squares == 0.0;
    return (difference){.largest = apart / (zero ? 1.0 : largest),
                        .relative = sqrt(errors / (zero ? 1.0 : squares)),
                        .cosine = zero && others == 0.0 ? 1.0 : product / sqrt(squares * others)};
}

void compare_with_plain(void **state, operation what, const void *given)
{
    const precision *within = *state;
    operators_options options = {.device = "cpu", .type = within->type, .arena_bytes = 1u << 28};
    operators *other = context_open_or_skip(&options);
    operators *plain = context_open(&(operators_options){.device = "plain", .arena_bytes = 1u << 28});
    tensor expected_sizes, sizes;
    float *expected = result_of(plain, what, given, &expected_sizes);
    float *got = result_of(other, what, given, &sizes);
    assert_true(tensor_same_sizes(&expected_sizes, &sizes));
    /* A second time: primitives are made by then. */
    float *again = result_of(other, what, given, &sizes);
    difference apart = difference_of(expected, got, tensor_count(&sizes));
    if (!(apart.largest <= within->largest) || !(apart.relative <= within->relative))
        print_message("%s: largest error %.3g of the largest value, relative %.3g\n", tensor_type_name(within->type),
                      apart.largest, apart.relative);
    assert_true(apart.largest <= within->largest);
    assert_true(apart.relative <= within->relative);
    assert_memory_equal(got, again, tensor_count(&sizes) * sizeof *got);
    free(expected);
    free(got);
    free(again);
    operators_close(other);
    operators_close(plain);
}

static void run_alone(void **state, operation what, const void *given)
{
    const precision *within = *state;
    tensor sizes;
    operators *run =
        context_open_or_skip(&(operators_options){.device = "cpu", .type = within->type, .arena_bytes = 1u << 28});
    free(result_of(run, what, given, &sizes));
    operators_close(run);
}

void compare_large_with_plain(void **state, operation what, const void *given)
{
    (SANITIZED ? run_alone : compare_with_plain)(state, what, given);
}

/* Inside of the CPU's back end: what this machine's processor would not show by itself. */

#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "operators/cpu/bf16.h"
#include "operators/cpu/cpu.h"

static tensor attend(operators *run, const void *given)
{
    const bool *tiles = given;
    if (strcmp(run->back->name, "cpu") == 0)
        cpu_of(run)->tiles = cpu_of(run)->tiles && *tiles;
    tensor all = values_in(run, 3, (size_t[]){2, 150, 3 * 128}, 1, 0.0f, 1.5f);
    tensor q = op_columns(run, &all, 0, 128), k = op_columns(run, &all, 128, 128), v = op_columns(run, &all, 256, 128);
    return op_attention(run, &q, &k, &v, 2, &(attention_options){.causal = true});
}

static void attention_in_bf16_does_without_tile_registers(void **state)
{
    static precision bf16 = {TENSOR_BF16, 1.5e-2, 6e-3};
    (void)state;
    void *within = &bf16;
    compare_with_plain(&within, attend, &(bool){false});
    compare_with_plain(&within, attend, &(bool){true});
}

/* Rows are taken in tiles, tiles in chunks, inputs in slices, and threads divide rows or outputs; what is left over at
 * the end of each must not show. 4160 inputs are two slices and a bit; 4096 outputs of all rows are written past the
 * cache, those of few rows are not. */
enum { ROWS_MOST = 523 };

typedef struct product {
    size_t in, out;
    bool gated;
    size_t rows;
} product;

/* The first `rows` of always the same rows. */
static tensor multiply(operators *run, const void *given)
{
    const product *of = given;
    tensor all = values_in(run, 2, (size_t[]){ROWS_MOST, of->in}, 1, 0.0f, 1.0f);
    tensor added = values_in(run, 2, (size_t[]){ROWS_MOST, of->out}, 2, 0.0f, 1.0f);
    tensor x = tensor_make(all.type, 2, (size_t[]){of->rows, of->in}, all.data);
    tensor add = tensor_make(all.type, 2, (size_t[]){of->rows, of->out}, added.data);
    linear *layer = linear_of(run, of->in, of->out, true, 3);
    if (of->gated)
        return op_linear_geglu(run, layer, &x);
    return op_linear(run, layer, &x, &(epilogue){.activation = ACTIVATION_GELU, .add = &add});
}

static void rows_do_not_depend_on_what_comes_with_them(void **state)
{
    (void)state;
    const product products[] = {
        {.in = 96, .out = 192},
        {.in = 2080, .out = 192},
        {.in = 4160, .out = 192},
        {.in = 96, .out = 4096},
        {.in = 96, .out = 192, .gated = true},
    };
    const size_t rows[] = {1, 16, 31, 33, 49, 64, 65, 80, 97, 200, 211, 400};
    for (size_t p = 0; p < sizeof products / sizeof *products; p++) {
        operators_options options = {.type = TENSOR_BF16, .arena_bytes = 1 << 25, .threads = 1};
        product of = products[p];
        of.rows = ROWS_MOST;
        operators *run = context_open_or_skip(&options);
        if (!cpu_of(run)->tiles) {
            operators_close(run);
            skip(); /* oneDNN promises nothing of the kind */
        }
        tensor sizes;
        float *all = result_of(run, multiply, &of, &sizes);
        operators_close(run);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            options.threads = (unsigned)(i % 3 + 1);
            of.rows = rows[i];
            run = context_open_or_skip(&options);
            float *some = result_of(run, multiply, &of, &sizes);
            operators_close(run);
            assert_memory_equal(some, all, tensor_count(&sizes) * sizeof *some);
            free(some);
        }
        free(all);
    }
}

static void linear_layers_of_all_shapes_are_near_the_plain_ones(void **state)
{
    static precision bf16 = {TENSOR_BF16, 1.5e-2, 6e-3};
    (void)state;
    void *within = &bf16;
    compare_with_plain(&within, multiply, &(product){.in = 96, .out = 192, .rows = 97});
    compare_with_plain(&within, multiply, &(product){.in = 2080, .out = 192, .rows = 211});
    compare_with_plain(&within, multiply, &(product){.in = 4160, .out = 192, .rows = 100});
    compare_with_plain(&within, multiply, &(product){.in = 4160, .out = 192, .rows = 64, .gated = true});
}

static void bf16_or_skip(void)
{
    bool tiles;
    if (!bf16_multiplied(&tiles))
        skip();
}

static float widened(uint16_t half)
{
    float value;
    tensor_convert(TENSOR_F32, &value, TENSOR_BF16, &half, 1);
    return value;
}

/* All bf16 from -100 to 100, through GEGLU with a value of 1. */
static void gelu_is_within_a_rounding_of_bf16_everywhere(void **state)
{
    (void)state;
    bf16_or_skip();
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t gate = (uint16_t)bits, value = 0x3f80, got;
        double x = (double)widened(gate);
        if (!(fabs(x) <= 100.0))
            continue;
        bf16_geglu(&value, &gate, &got, 1);
        double expected = 0.5 * x * erfc(-x / sqrt(2.0));
        assert_true(fabs((double)widened(got) - expected) <= fabs(expected) * 0x1.1p-8 + 1e-6);
    }
}

static void silu_is_within_a_rounding_of_bf16_everywhere(void **state)
{
    (void)state;
    bf16_or_skip();
    const float factor = 1.0f, shift = 0.0f;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t from = (uint16_t)bits, got;
        double x = (double)widened(from);
        if (isnan(x) || isinf(x))
            continue;
        bf16_affine(&from, &got, 1, 1, &factor, &shift, true);
        double expected = x / (1.0 + exp(-x));
        assert_true(fabs((double)widened(got) - expected) <= fabs(expected) * 0x1.1p-8 + 2e-36);
    }
}

static void loading_f16_rounds_like_any_conversion(void **state)
{
    (void)state;
    bf16_or_skip();
    static uint16_t halves[65537], fast[65536], expected[65536];
    for (size_t i = 0; i < 65536; i++)
        halves[i + 1] = (uint16_t)i;
    bf16_from_halves(fast, halves + 1, 65536);
    tensor_convert(TENSOR_BF16, expected, TENSOR_F16, halves + 1, 65536);
    for (size_t i = 0; i < 65536; i++)
        assert_true(fast[i] == expected[i] || (isnan(widened(fast[i])) && isnan(widened(expected[i]))) ||
                    /* The processor's own rounding takes subnormal results for zero. */
                    (fabsf(widened(expected[i])) < 0x1p-126f && widened(fast[i]) == 0.0f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_in_bf16_does_without_tile_registers),
        cmocka_unit_test(rows_do_not_depend_on_what_comes_with_them),
        cmocka_unit_test(linear_layers_of_all_shapes_are_near_the_plain_ones),
        cmocka_unit_test(gelu_is_within_a_rounding_of_bf16_everywhere),
        cmocka_unit_test(silu_is_within_a_rounding_of_bf16_everywhere),
        cmocka_unit_test(loading_f16_rounds_like_any_conversion),
    };
    return cmocka_run_group_tests_name("operators_cpu", tests, NULL, NULL);
}

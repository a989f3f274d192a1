/* Contexts: memory, failures, cancellation, threads. */

#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- A small network with one of everything that allocates ----------------------------------------------- */

enum { SIDE = 8, CHANNELS = 64, TOKENS = SIDE * SIDE };

typedef struct network {
    convolution *first, *down;
    norm *norm;
    linear *joined, *out, *gated;
    embedding *table;
} network;

static lumen_status network_load(operators *run, network *made, lumen_error *error)
{
    float *values = values_make(CHANNELS * CHANNELS * 9, 1, 0.0f, 0.05f);
    /* f16, so that everything is converted on the way. */
    uint16_t *halves = malloc(CHANNELS * CHANNELS * 9 * sizeof *halves);
    assert_non_null(halves);
    tensor_convert(TENSOR_F16, halves, TENSOR_F32, values, CHANNELS * CHANNELS * 9);
    free(values);
    tensor kernel = tensor_make(TENSOR_F16, 4, (size_t[]){CHANNELS, CHANNELS, 3, 3}, halves);
    tensor square = tensor_make(TENSOR_F16, 2, (size_t[]){CHANNELS, CHANNELS}, halves);
    tensor row = tensor_make(TENSOR_F16, 1, (size_t[]){CHANNELS}, halves);
    tensor three[3] = {square, square, square};
    tensor wide = tensor_make(TENSOR_F16, 2, (size_t[]){2 * CHANNELS, CHANNELS}, halves);
    convolution_options same = {.padding = 1}, halving = {.stride = 2, .padding = 1};
    lumen_status status = convolution_load(run, &kernel, &row, &same, &made->first, error);
    if (status == LUMEN_OK)
        status = convolution_load(run, &kernel, NULL, &halving, &made->down, error);
    if (status == LUMEN_OK)
        status = norm_load(run, &row, &row, &made->norm, error);
    if (status == LUMEN_OK)
        status = linear_load_joined(run, three, NULL, 3, &made->joined, error);
    if (status == LUMEN_OK)
        status = linear_load(run, &square, &row, &made->out, error);
    if (status == LUMEN_OK)
        status = linear_load(run, &wide, NULL, &made->gated, error);
    if (status == LUMEN_OK)
        status = embedding_load(run, &square, &made->table, error);
    free(halves);
    return status;
}

/* A block as in the figure, checked once at its end by the caller. */
static tensor network_run(operators *run, const network *with)
{
    tensor x = values_in(run, 4, (size_t[]){1, SIDE, SIDE, CHANNELS}, 3, 0.0f, 1.0f);
    tensor channels = values_in(run, 2, (size_t[]){1, CHANNELS}, 4, 0.0f, 1.0f);
    size_t mark = operators_mark(run);
    tensor h = op_group_norm(run, with->norm, &x, 32, 1e-5f, ACTIVATION_SILU);
    op_convolution(run, with->first, &h, &(epilogue){.add_channels = &channels, .add = &x, .out = &x});
    operators_release(run, mark);
    op_norm_convolution(run, &(norm_before){with->norm, 32, 1e-5f, ACTIVATION_SILU}, with->first, &x, NULL);
    operators_release(run, mark);
    tensor tokens = tensor_reshape(&x, 3, (size_t[]){1, TOKENS, CHANNELS});
    h = op_layer_norm(run, with->norm, &tokens, 1e-5f);
    tensor all = op_linear(run, with->joined, &h, NULL);
    tensor q = op_columns(run, &all, 0, CHANNELS), k = op_columns(run, &all, CHANNELS, CHANNELS);
    tensor v = op_columns(run, &all, 2 * CHANNELS, CHANNELS);
    tensor a = op_attention(run, &q, &k, &v, 2, NULL);
    op_linear(run, with->out, &a, &(epilogue){.add = &tokens, .out = &tokens});
    h = op_linear_geglu(run, with->gated, &tokens);
    h = op_softmax(run, &h);
    h = op_add(run, &h, &tokens);
    tensor picture = tensor_reshape(&h, 4, (size_t[]){1, SIDE, SIDE, CHANNELS});
    picture = op_upsample_convolution(run, with->down, &picture, NULL);
    tensor ids = tensor_make(TENSOR_I32, 2, (size_t[]){1, 2}, (int32_t[]){1, 5});
    tensor words = op_embedding(run, with->table, &ids);
    operators_step(run, "block", 0.5);
    words = op_activation(run, &words, ACTIVATION_GELU);
    return picture;
}

static float *network_result(const operators_options *options)
{
    operators *run = context_open(options);
    network with;
    lumen_error error = {0};
    assert_int_equal(network_load(run, &with, &error), LUMEN_OK);
    tensor made = network_run(run, &with);
    assert_int_equal(operators_status(run, &error), LUMEN_OK);
    float *values = malloc(TOKENS * CHANNELS * sizeof *values);
    assert_non_null(values);
    op_to_f32(run, &made, values);
    operators_close(run);
    return values;
}

/* ---- Memory ----------------------------------------------------------------------------------------------- */

static void a_full_arena_is_a_clean_error_and_marks_give_memory_back(void **state)
{
    (void)state;
    operators *run = context_open(&(operators_options){.type = TENSOR_F32, .arena_bytes = 1 << 20});
    size_t half[1] = {1 << 17}, mark = operators_mark(run);
    assert_non_null(op_empty(run, 1, half).data);
    tensor second = op_empty(run, 1, half);
    assert_int_equal((uintptr_t)second.data % 64, 0);
    assert_int_equal(operators_peak_bytes(run), 1 << 20);
    assert_null(op_empty(run, 1, half).data);
    lumen_error error;
    assert_int_equal(operators_status(run, &error), LUMEN_ERROR_MEMORY);
    assert_non_null(strstr(error.message, "arena"));
    /* What is called after a failure does nothing, also where there would be room. */
    operators_release(run, mark);
    assert_null(op_empty(run, 1, half).data);
    operators_clear(run);
    assert_non_null(op_empty(run, 1, half).data);
    operators_close(run);
}

static void sizes_whose_product_overflows_are_refused(void **state)
{
    (void)state;
    operators *run = context_open(&(operators_options){.arena_bytes = 1 << 20});
    assert_null(op_empty(run, 3, (size_t[]){SIZE_MAX / 2, 4, 4}).data);
    assert_int_equal(operators_status(run, NULL), LUMEN_ERROR_INVALID);
    operators_clear(run);
    assert_null(op_empty(run, 1, (size_t[]){SIZE_MAX / 4}).data);
    assert_int_equal(operators_status(run, NULL), LUMEN_ERROR_MEMORY);
    operators_close(run);
}

typedef struct budget {
    size_t left, asked;
} budget;

static bool allow_while_left(void *user, size_t bytes)
{
    (void)bytes;
    budget *of = user;
    of->asked++;
    if (of->left == 0)
        return false;
    of->left--;
    return true;
}

static void each_allocation_may_fail(void **state)
{
    const char *device = *state;
    size_t failures = 0;
    for (size_t allowed = 0;; allowed++) {
        budget of = {.left = allowed};
        operators_options options = {
            .device = device, .arena_bytes = 1 << 24, .threads = 2, .allow = allow_while_left, .allow_user = &of};
        operators *run = NULL;
        network with;
        lumen_error error = {0};
        lumen_status status = operators_open(&options, &run, &error);
        if (status == LUMEN_OK)
            status = network_load(run, &with, &error);
        if (status == LUMEN_OK) {
            tensor made = network_run(run, &with);
            status = operators_status(run, &error);
            assert_true((made.data == NULL) || status == LUMEN_OK || of.asked > allowed);
        }
        if (status != LUMEN_OK) {
            assert_int_equal(status, LUMEN_ERROR_MEMORY);
            assert_int_equal(error.status, LUMEN_ERROR_MEMORY);
            assert_true(strlen(error.message) > 10);
            failures++;
        }
        operators_close(run);
        if (of.asked <= allowed) {
            assert_int_equal(status, LUMEN_OK);
            break;
        }
        assert_int_not_equal(status, LUMEN_OK);
    }
    assert_true(failures > 30);
}

static void a_network_that_failed_works_again_afterwards(void **state)
{
    (void)state;
    float *expected = network_result(&(operators_options){.arena_bytes = 1 << 24});
    budget of = {.left = SIZE_MAX};
    operators *run =
        context_open(&(operators_options){.arena_bytes = 1 << 24, .allow = allow_while_left, .allow_user = &of});
    network with;
    assert_int_equal(network_load(run, &with, NULL), LUMEN_OK);
    size_t mark = operators_mark(run);
    float *values = malloc(TOKENS * CHANNELS * sizeof *values);
    assert_non_null(values);
    for (size_t allowed = 0; allowed < 60; allowed++) {
        of.left = allowed;
        network_run(run, &with);
        operators_release(run, mark);
        operators_clear(run);
    }
    of.left = SIZE_MAX;
    tensor made = network_run(run, &with);
    op_to_f32(run, &made, values);
    assert_int_equal(operators_status(run, NULL), LUMEN_OK);
    assert_memory_equal(values, expected, TOKENS * CHANNELS * sizeof *values);
    operators_close(run);
    free(values);
    free(expected);
}

static bool count_bytes(void *user, size_t bytes)
{
    *(size_t *)user += bytes;
    return true;
}

static void a_second_run_takes_no_memory_but_the_arena(void **state)
{
    (void)state;
    size_t bytes = 0;
    operators *run =
        context_open(&(operators_options){.arena_bytes = 1 << 24, .allow = count_bytes, .allow_user = &bytes});
    network with;
    assert_int_equal(network_load(run, &with, NULL), LUMEN_OK);
    size_t before[3];
    for (size_t i = 0; i < 3; i++) {
        bytes = 0;
        network_run(run, &with);
        operators_release(run, 0);
        before[i] = bytes;
    }
    assert_int_equal(operators_status(run, NULL), LUMEN_OK);
    /* The first made primitives; then it is the tensors alone, the same each time. */
    assert_true(before[1] <= before[0]);
    assert_int_equal(before[1], before[2]);
    operators_close(run);
}

static void unloading_gives_all_layers_back_for_the_next_model(void **state)
{
    (void)state;
    operators *run = context_open(&(operators_options){.arena_bytes = 1 << 24});
    network with;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(network_load(run, &with, NULL), LUMEN_OK);
        size_t weights = operators_weight_bytes(run);
        size_t values = 2 * CHANNELS * CHANNELS * 9 + 7 * CHANNELS * CHANNELS;
        assert_true(weights >= values * tensor_type_bytes(operators_type(run)));
        assert_true(weights < values * tensor_type_bytes(operators_type(run)) * 5 / 4);
        network_run(run, &with);
        operators_release(run, 0);
        assert_int_equal(operators_status(run, NULL), LUMEN_OK);
        operators_unload(run);
        assert_int_equal(operators_weight_bytes(run), 0);
    }
    operators_close(run);
}

/* ---- Failures ------------------------------------------------------------------------------------------------ */

static void a_device_that_is_not_there_is_refused(void **state)
{
    (void)state;
    operators *run = NULL;
    lumen_error error;
    assert_int_equal(operators_open(&(operators_options){.device = "abacus"}, &run, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_null(run);
    assert_non_null(strstr(error.message, "abacus"));
    operators_options halves = {.device = "plain", .type = TENSOR_BF16};
    assert_int_equal(operators_open(&halves, &run, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_int_equal(operators_open(&(operators_options){.type = TENSOR_U8}, &run, &error), LUMEN_ERROR_INVALID);
    operators_close(NULL);
}

static void refused(operators *run, tensor made, const char *part)
{
    lumen_error error = {0};
    assert_null(made.data);
    assert_int_equal(operators_status(run, &error), LUMEN_ERROR_INVALID);
    if (strstr(error.message, part) == NULL)
        print_message("\"%s\" does not say \"%s\"\n", error.message, part);
    assert_non_null(strstr(error.message, part));
    operators_clear(run);
}

static void operands_of_wrong_sizes_are_refused_with_their_sizes(void **state)
{
    operators *run = context_open(&(operators_options){.device = *state, .arena_bytes = 1 << 24});
    network with;
    assert_int_equal(network_load(run, &with, NULL), LUMEN_OK);
    tensor x = values_in(run, 3, (size_t[]){1, 10, CHANNELS}, 1, 0.0f, 1.0f);
    tensor narrow = op_columns(run, &x, 1, 32);
    tensor picture = values_in(run, 4, (size_t[]){1, 4, 4, CHANNELS}, 1, 0.0f, 1.0f);
    tensor empty = {0}, other = op_empty_of(run, TENSOR_U8, 3, x.sizes);
    int32_t bad[2] = {3, CHANNELS}, negative[2] = {-1, 0};

    refused(run, op_linear(run, with.out, &narrow, NULL), "(1, 10, 32)");
    refused(run, op_linear(run, with.out, &empty, NULL), "cannot read");
    refused(run, op_linear(run, with.out, NULL, NULL), "nothing");
    refused(run, op_linear(run, with.out, &other, NULL), "u8");
    refused(run, op_linear(run, NULL, &x, NULL), "no weights");
    refused(run, op_linear(run, with.out, &x, &(epilogue){.add = &picture}), "cannot add");
    refused(run, op_linear(run, with.out, &x, &(epilogue){.add_channels = &x}), "cannot add channels");
    refused(run, op_linear(run, with.out, &x, &(epilogue){.out = &picture}), "cannot write it");
    refused(run, op_linear(run, with.out, &x, &(epilogue){.out = &x}), "cannot write over");
    refused(run, op_linear(run, with.out, &x, &(epilogue){.activation = (activation)99}), "no activation 99");
    refused(run, op_convolution(run, with.first, &x, NULL), "pictures");
    tensor thin = values_in(run, 4, (size_t[]){1, 4, 4, 7}, 1, 0.0f, 1.0f);
    refused(run, op_convolution(run, with.first, &thin, NULL), "64 channels");
    refused(run, op_group_norm(run, with.norm, &x, 7, 1e-5f, ACTIVATION_NONE), "7 groups");
    refused(run, op_group_norm(run, with.norm, &x, 0, 1e-5f, ACTIVATION_NONE), "0 groups");
    const norm_before uneven = {with.norm, 7, 1e-5f, ACTIVATION_NONE};
    refused(run, op_norm_convolution(run, &uneven, with.first, &picture, NULL), "7 groups");
    refused(run, op_norm_convolution(run, &uneven, with.first, &x, NULL), "pictures");
    refused(run, op_layer_norm(run, with.norm, &narrow, 1e-5f), "columns");
    refused(run, op_rms_norm_heads(run, NULL, &x, 7, 1e-6f), "7 heads");
    refused(run, op_rms_norm_heads(run, with.norm, &x, 2, 1e-6f), "2 heads");
    refused(run, op_attention(run, &x, &x, &x, 7, NULL), "7 heads");
    refused(run, op_attention(run, &x, &x, &x, 0, NULL), "0 heads");
    refused(run, op_attention(run, &x, &x, &narrow, 1, NULL), "values (1, 10, 32)");
    refused(run, op_attention(run, &x, &x, &x, 1, &(attention_options){.mask = &x}), "mask");
    refused(run, op_columns(run, &x, 60, 5), "no 5 columns");
    refused(run, op_columns(run, &x, SIZE_MAX, 2), "columns");
    refused(run, op_add(run, &x, &picture), "cannot add");
    refused(run, op_concat_channels(run, &x, &picture), "cannot join");
    refused(run, op_upsample_nearest(run, &picture, 0), "factor of 0");
    refused(run, op_resize_bilinear(run, &picture, 0, 3), "0 x 3");
    refused(run, op_max_pool(run, &x), "pictures");
    tensor ids = tensor_make(TENSOR_I32, 2, (size_t[]){1, 2}, bad);
    refused(run, op_embedding(run, with.table, &ids), "id 64");
    ids.data = negative;
    refused(run, op_embedding(run, with.table, &ids), "id -1");
    tensor unfit = tensor_reshape(&x, 2, (size_t[]){3, 5});
    refused(run, op_softmax(run, &unfit), "cannot read");
    operators_close(run);
}

static void layers_of_wrong_sizes_are_refused(void **state)
{
    operators *run = context_open(&(operators_options){.device = *state, .arena_bytes = 1 << 24});
    float values[36] = {0};
    tensor three = tensor_make(TENSOR_F32, 3, (size_t[]){2, 3, 4}, values);
    tensor zero = tensor_make(TENSOR_F32, 2, (size_t[]){0, 3}, values);
    tensor huge = tensor_make(TENSOR_F32, 2, (size_t[]){(size_t)1 << 40, 3}, values);
    tensor whole = tensor_make(TENSOR_I32, 2, (size_t[]){2, 3}, values);
    tensor good = tensor_make(TENSOR_F32, 2, (size_t[]){2, 3}, values);
    tensor other = tensor_make(TENSOR_F32, 2, (size_t[]){2, 4}, values);
    tensor bias = tensor_make(TENSOR_F32, 1, (size_t[]){3}, values);
    linear *layer = NULL;
    lumen_error error;
    assert_int_equal(linear_load(run, &three, NULL, &layer, &error), LUMEN_ERROR_INVALID);
    assert_null(layer);
    assert_non_null(strstr(error.message, "(2, 3, 4)"));
    assert_int_equal(linear_load(run, &zero, NULL, &layer, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(linear_load(run, &huge, NULL, &layer, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(linear_load(run, &whole, NULL, &layer, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(linear_load(run, &good, &bias, &layer, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "3 values for 2 channels"));
    tensor unlike[2] = {good, other};
    assert_int_equal(linear_load_joined(run, unlike, NULL, 2, &layer, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(linear_load_joined(run, unlike, NULL, 0, &layer, &error), LUMEN_ERROR_INVALID);
    convolution *kernel = NULL;
    tensor four = tensor_make(TENSOR_F32, 4, (size_t[]){2, 2, 3, 3}, values);
    convolution_options far = {.padding = 5000};
    assert_int_equal(convolution_load(run, &four, NULL, &far, &kernel, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(convolution_load(run, &good, NULL, NULL, &kernel, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(convolution_load(run, &four, NULL, NULL, &kernel, &error), LUMEN_OK);
    tensor small = op_empty(run, 4, (size_t[]){1, 2, 2, 2});
    refused(run, op_convolution(run, kernel, &small, NULL), "does not fit");
    assert_int_equal(operators_status(run, NULL), LUMEN_OK);
    operators_close(run);
}

static void the_first_failure_stays_until_it_is_cleared(void **state)
{
    (void)state;
    operators *run = context_open(&(operators_options){.arena_bytes = 1 << 20});
    tensor x = op_empty(run, 2, (size_t[]){2, 3}), nothing = {0};
    op_columns(run, &x, 3, 1);
    op_softmax(run, &nothing);
    lumen_error error;
    assert_int_equal(operators_status(run, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "columns"));
    assert_false(operators_step(run, "never", 0.0));
    operators_clear(run);
    assert_int_equal(operators_status(run, &error), LUMEN_OK);
    assert_true(operators_step(run, "on", 0.5));
    operators_close(run);
}

static bool stop_at_second(void *user, const char *stage, double fraction)
{
    int *calls = user;
    assert_string_equal(stage, "denoising");
    assert_true(fraction >= 0.0 && fraction <= 1.0);
    return ++*calls < 2;
}

static void progress_may_cancel_between_blocks(void **state)
{
    (void)state;
    int calls = 0;
    operators *run =
        context_open(&(operators_options){.arena_bytes = 1 << 20, .progress = stop_at_second, .progress_user = &calls});
    assert_true(operators_step(run, "denoising", 0.25));
    assert_false(operators_step(run, "denoising", 0.5));
    lumen_error error;
    assert_int_equal(operators_status(run, &error), LUMEN_ERROR_CANCELLED);
    assert_null(op_empty(run, 1, (size_t[]){1}).data);
    assert_false(operators_step(run, "denoising", 0.75));
    assert_int_equal(calls, 2);
    operators_close(run);
}

/* ---- Side by side ---------------------------------------------------------------------------------------------- */

static void costs_are_counted_for_each_kind(void **state)
{
    (void)state;
    operators *run = context_open(&(operators_options){.arena_bytes = 1 << 24});
    network with;
    assert_int_equal(network_load(run, &with, NULL), LUMEN_OK);
    operators_reset_costs(run);
    network_run(run, &with);
    operators_cost costs[8];
    assert_int_equal(operators_costs(run, costs, 8), 5);
    double macs = 0.0;
    for (size_t i = 0; i < 5; i++) {
        assert_true(costs[i].calls > 0);
        assert_true(costs[i].seconds >= 0.0);
        macs += costs[i].macs;
    }
    assert_string_equal(costs[0].kind, "linear");
    const double tokens = (double)TOKENS, channels = (double)CHANNELS;
    assert_true(costs[0].macs == tokens * channels * channels * (3 + 1 + 2));
    assert_true(costs[2].macs == 2.0 * tokens * tokens * channels);
    /* The first convolution twice at 8 x 8; the other goes from 16 x 16 back to 8 x 8. */
    assert_true(costs[1].macs == 3.0 * tokens * channels * channels * 9);
    assert_true(macs > 0.0);
    operators_close(run);
}

static void *run_network(void *argument)
{
    const operators_options *options = argument;
    return network_result(options);
}

static void contexts_run_side_by_side(void **state)
{
    (void)state;
    operators_options options = {.arena_bytes = 1 << 24, .threads = 2};
    float *alone = network_result(&options);
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_network, &options), 0);
    for (size_t i = 0; i < 3; i++) {
        void *values;
        assert_int_equal(pthread_join(threads[i], &values), 0);
        assert_memory_equal(values, alone, TOKENS * CHANNELS * sizeof *alone);
        free(values);
    }
    free(alone);
}

static void the_number_of_threads_does_not_change_the_result(void **state)
{
    (void)state;
    operators_options options = {.arena_bytes = 1 << 24, .threads = 1};
    float *one = network_result(&options);
    for (unsigned threads = 2; threads <= 5; threads++) {
        options.threads = threads;
        float *more = network_result(&options);
        difference apart = difference_of(one, more, TOKENS * CHANNELS);
        assert_true(apart.largest < 2e-2);
        assert_true(apart.cosine > 0.9999);
        free(more);
    }
    free(one);
}

int main(void)
{
    static char plain[] = "plain";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_arena_is_a_clean_error_and_marks_give_memory_back),
        cmocka_unit_test(sizes_whose_product_overflows_are_refused),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test_prestate(each_allocation_may_fail, plain),
        cmocka_unit_test(a_network_that_failed_works_again_afterwards),
        cmocka_unit_test(a_second_run_takes_no_memory_but_the_arena),
        cmocka_unit_test(unloading_gives_all_layers_back_for_the_next_model),
        cmocka_unit_test(a_device_that_is_not_there_is_refused),
        cmocka_unit_test(operands_of_wrong_sizes_are_refused_with_their_sizes),
        cmocka_unit_test_prestate(operands_of_wrong_sizes_are_refused_with_their_sizes, plain),
        cmocka_unit_test(layers_of_wrong_sizes_are_refused),
        cmocka_unit_test_prestate(layers_of_wrong_sizes_are_refused, plain),
        cmocka_unit_test(the_first_failure_stays_until_it_is_cleared),
        cmocka_unit_test(progress_may_cancel_between_blocks),
        cmocka_unit_test(costs_are_counted_for_each_kind),
        cmocka_unit_test(contexts_run_side_by_side),
        cmocka_unit_test(the_number_of_threads_does_not_change_the_result),
    };
    return cmocka_run_group_tests_name("operators_contexts", tests, NULL, NULL);
}

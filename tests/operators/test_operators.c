/* Every operator of the CPU's back end against the plain one, which is the specification. */

#include "support.h"

#include <stdlib.h>
#include <string.h>

/* ---- Linear layers --------------------------------------------------------------------------------------- */

typedef struct linear_case {
    size_t pictures, rows, in, out;
    bool bias;
    activation activation;
    bool add, in_place, channels;
} linear_case;

static tensor apply_linear(operators *run, const void *given)
{
    const linear_case *of = given;
    const linear *layer = linear_of(run, of->in, of->out, of->bias, 1);
    tensor x = values_in(run, 3, (size_t[]){of->pictures, of->rows, of->in}, 2, 0.2f, 1.0f);
    tensor add = values_in(run, 3, (size_t[]){of->pictures, of->rows, of->out}, 3, 0.0f, 1.0f);
    tensor channels = values_in(run, 2, (size_t[]){of->pictures, of->out}, 4, 0.0f, 1.0f);
    epilogue how = {.activation = of->activation,
                    .add = of->add ? &add : NULL,
                    .out = of->in_place ? &add : NULL,
                    .add_channels = of->channels ? &channels : NULL};
    return op_linear(run, layer, &x, &how);
}

static void a_linear_layer_of_any_number_of_rows_is_the_sum_of_products(void **state)
{
    static const linear_case cases[] = {
        {1, 1, 320, 1280, true, ACTIVATION_NONE, false, false, false},
        {1, 77, 768, 96, false, ACTIVATION_NONE, false, false, false},
        {1, 77, 64, 200, true, ACTIVATION_NONE, false, false, false},
        {2, 31, 60, 48, true, ACTIVATION_NONE, false, false, false},
        {1, 256, 128, 64, true, ACTIVATION_NONE, false, false, false},
        {1, 600, 64, 96, true, ACTIVATION_NONE, false, false, false},
        {1, 33, 5120, 64, true, ACTIVATION_NONE, false, false, false},
        {1, 150, 4128, 64, true, ACTIVATION_NONE, false, false, false},
        {1, 66, 4096, 1120, true, ACTIVATION_GELU, true, false, false},
        {3, 5, 7, 3, true, ACTIVATION_NONE, false, false, false},
        {1, 1, 1, 1, true, ACTIVATION_NONE, false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        (cases[i].in * cases[i].out < 1 << 22 ? compare_with_plain : compare_large_with_plain)(state, apply_linear,
                                                                                               &cases[i]);
}

static void what_follows_a_linear_layer_is_done_in_the_order_of_the_header(void **state)
{
    static const activation all[] = {ACTIVATION_NONE,       ACTIVATION_SILU, ACTIVATION_GELU,
                                     ACTIVATION_QUICK_GELU, ACTIVATION_RELU, ACTIVATION_SIGMOID};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        compare_with_plain(state, apply_linear, &(linear_case){1, 40, 64, 96, true, all[i], false, false, false});
        compare_with_plain(state, apply_linear, &(linear_case){1, 40, 64, 96, true, all[i], true, false, false});
        compare_with_plain(state, apply_linear, &(linear_case){2, 20, 64, 96, true, all[i], true, true, true});
    }
}

static tensor apply_geglu(operators *run, const void *given)
{
    const linear_case *of = given;
    const linear *layer = linear_of(run, of->in, of->out, of->bias, 1);
    tensor x = values_in(run, 3, (size_t[]){of->pictures, of->rows, of->in}, 2, 0.0f, 1.0f);
    return op_linear_geglu(run, layer, &x);
}

static void geglu_is_the_first_half_times_the_gelu_of_the_second(void **state)
{
    compare_with_plain(state, apply_geglu,
                       &(linear_case){.pictures = 1, .rows = 256, .in = 128, .out = 512, .bias = true});
    compare_with_plain(state, apply_geglu,
                       &(linear_case){.pictures = 2, .rows = 33, .in = 64, .out = 1024, .bias = true});
    compare_with_plain(state, apply_geglu, &(linear_case){.pictures = 1, .rows = 7, .in = 20, .out = 36});
}

static tensor apply_joined(operators *run, const void *given)
{
    (void)given;
    enum { IN = 48, KEYS = 32, VALUES = 40 };
    float *weights = values_make((KEYS + VALUES) * IN, 1, 0.0f, 0.1f), *bias = values_make(VALUES, 2, 0.0f, 1.0f);
    tensor parts[2] = {tensor_make(TENSOR_F32, 2, (size_t[]){KEYS, IN}, weights),
                       tensor_make(TENSOR_F32, 2, (size_t[]){VALUES, IN}, weights + KEYS * IN)};
    tensor biases[2] = {{0}, tensor_make(TENSOR_F32, 1, (size_t[]){VALUES}, bias)};
    linear *joined = NULL;
    assert_int_equal(linear_load_joined(run, parts, biases, 2, &joined, NULL), LUMEN_OK);
    free(weights);
    free(bias);
    tensor x = values_in(run, 3, (size_t[]){1, 9, IN}, 3, 0.0f, 1.0f);
    tensor both = op_linear(run, joined, &x, NULL);
    tensor values = op_columns(run, &both, KEYS, VALUES);
    /* Columns can be read by a layer, without a copy. */
    return op_linear(run, linear_of(run, VALUES, 24, true, 5), &values, NULL);
}

static void joined_layers_give_columns_that_a_layer_can_read(void **state)
{
    compare_with_plain(state, apply_joined, NULL);
}

/* ---- Convolutions ------------------------------------------------------------------------------------------ */

typedef struct convolution_case {
    size_t pictures, height, width, in, out, kernel;
    convolution_options how;
    activation activation;
    bool add, in_place, channels, upsample;
} convolution_case;

static tensor apply_convolution(operators *run, const void *given)
{
    const convolution_case *of = given;
    const convolution *layer = convolution_of(run, of->in, of->out, of->kernel, &of->how, true, 1);
    tensor x = values_in(run, 4, (size_t[]){of->pictures, of->height, of->width, of->in}, 2, 0.1f, 1.0f);
    tensor channels = values_in(run, 2, (size_t[]){of->pictures, of->out}, 4, 0.0f, 1.0f);
    tensor sizes = (of->upsample ? op_upsample_convolution : op_convolution)(run, layer, &x, NULL);
    tensor add = values_in(run, 4, sizes.sizes, 3, 0.0f, 1.0f);
    epilogue how = {.activation = of->activation,
                    .add = of->add ? &add : NULL,
                    .out = of->in_place ? &add : NULL,
                    .add_channels = of->channels ? &channels : NULL};
    return (of->upsample ? op_upsample_convolution : op_convolution)(run, layer, &x, &how);
}

static void convolutions_of_all_kinds_agree(void **state)
{
    static const convolution_case cases[] = {
        {.pictures = 1, .height = 16, .width = 16, .in = 64, .out = 64, .kernel = 3, .how = {.padding = 1}},
        {.pictures = 1, .height = 12, .width = 20, .in = 4, .out = 32, .kernel = 3, .how = {.padding = 1}},
        {.pictures = 1, .height = 12, .width = 20, .in = 64, .out = 4, .kernel = 3, .how = {.padding = 1}},
        {.pictures = 1, .height = 9, .width = 7, .in = 32, .out = 3, .kernel = 3, .how = {.padding = 1}},
        {.pictures = 2, .height = 16, .width = 16, .in = 96, .out = 64, .kernel = 1},
        {.pictures = 1,
         .height = 16,
         .width = 14,
         .in = 32,
         .out = 48,
         .kernel = 3,
         .how = {.stride = 2, .padding = 1}},
        {.pictures = 1,
         .height = 15,
         .width = 13,
         .in = 32,
         .out = 32,
         .kernel = 3,
         .how = {.stride = 2, .padding = 1}},
        {.pictures = 1,
         .height = 14,
         .width = 14,
         .in = 16,
         .out = 16,
         .kernel = 3,
         .how = {.padding = 4, .dilation = 4}},
        {.pictures = 1, .height = 28, .width = 28, .in = 3, .out = 64, .kernel = 14, .how = {.stride = 14}},
        {.pictures = 1, .height = 5, .width = 5, .in = 7, .out = 5, .kernel = 5, .how = {.padding = 2}},
        {.pictures = 1,
         .height = 8,
         .width = 8,
         .in = 32,
         .out = 32,
         .kernel = 3,
         .how = {.padding = 1},
         .upsample = true},
        {.pictures = 2,
         .height = 5,
         .width = 7,
         .in = 64,
         .out = 64,
         .kernel = 3,
         .how = {.padding = 1},
         .upsample = true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        compare_with_plain(state, apply_convolution, &cases[i]);
}

static void what_follows_a_convolution_is_done_in_the_order_of_the_header(void **state)
{
    convolution_case base = {
        .pictures = 1, .height = 10, .width = 12, .in = 32, .out = 64, .kernel = 3, .how = {.padding = 1}};
    for (unsigned which = 0; which < 32; which++) {
        convolution_case one = base;
        one.pictures = which & 1 ? 2 : 1;
        one.channels = (which & 2) != 0;
        one.add = (which & 4) != 0;
        one.in_place = (which & 8) != 0;
        one.activation = which & 16 ? ACTIVATION_SILU : ACTIVATION_NONE;
        if (which & 1) {
            one.kernel = 1;
            one.how.padding = 0;
        }
        compare_with_plain(state, apply_convolution, &one);
    }
}

static void results_larger_than_the_cache_agree(void **state)
{
    compare_large_with_plain(
        state, apply_convolution,
        &(convolution_case){
            .pictures = 1, .height = 256, .width = 254, .in = 32, .out = 64, .kernel = 1, .how = {.padding = 1}});
    /* Bands of the picture, of which each takes rows over from the one before. */
    for (uint32_t stride = 1; stride <= 3; stride++)
        compare_large_with_plain(state, apply_convolution,
                                 &(convolution_case){.pictures = 1,
                                                     .height = 121,
                                                     .width = 40,
                                                     .in = 256,
                                                     .out = 32,
                                                     .kernel = 3,
                                                     .how = {.padding = 1, .stride = stride}});
}

static tensor apply_two_sizes(operators *run, const void *given)
{
    (void)given;
    const convolution *layer = convolution_of(run, 32, 32, 3, &(convolution_options){.padding = 1}, true, 1);
    tensor small = values_in(run, 4, (size_t[]){1, 4, 4, 32}, 2, 0.0f, 1.0f);
    tensor large = values_in(run, 4, (size_t[]){1, 40, 24, 32}, 2, 0.0f, 1.0f);
    tensor first = op_convolution(run, layer, &small, NULL);
    tensor second = op_convolution(run, layer, &large, NULL);
    tensor third = op_convolution(run, layer, &small, NULL);
    tensor whole = op_add(run, &first, &third);
    (void)second;
    return whole;
}

static void a_convolution_serves_pictures_of_different_sizes(void **state)
{
    compare_with_plain(state, apply_two_sizes, NULL);
}

/* ---- Norms --------------------------------------------------------------------------------------------------- */

typedef struct norm_case {
    size_t pictures, pixels, channels;
    uint32_t groups;
    float mean, epsilon;
    activation after;
    bool weighted, bias, centered;
} norm_case;

static tensor apply_group_norm(operators *run, const void *given)
{
    const norm_case *of = given;
    const norm *layer = of->weighted ? norm_of(run, of->channels, of->bias, 1) : NULL;
    tensor x = values_in(run, 3, (size_t[]){of->pictures, of->pixels, of->channels}, 2, of->mean, 1.0f);
    return op_group_norm(run, layer, &x, of->groups, of->epsilon, of->after);
}

static void group_norms_agree_for_groups_of_any_size(void **state)
{
    static const norm_case cases[] = {
        {1, 64, 320, 32, 0.0f, 1e-5f, ACTIVATION_SILU, true, true, false},
        {2, 50, 960, 32, 0.5f, 1e-6f, ACTIVATION_NONE, true, true, false},
        {1, 300, 64, 32, 8.0f, 1e-6f, ACTIVATION_SILU, true, true, false},
        {1, 1, 30, 3, 0.0f, 1e-5f, ACTIVATION_NONE, true, false, false},
        {3, 17, 7, 7, 1.0f, 1e-5f, ACTIVATION_GELU, false, false, false},
        {1, 1000, 128, 32, 0.0f, 1e-6f, ACTIVATION_RELU, true, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        compare_with_plain(state, apply_group_norm, &cases[i]);
}

typedef struct norm_convolution_case {
    norm_before norm; /* its layer is made by the test */
    convolution_case convolution;
} norm_convolution_case;

static tensor apply_norm_convolution(operators *run, const void *given)
{
    const norm_convolution_case *of = given;
    const convolution_case *shape = &of->convolution;
    const convolution *layer = convolution_of(run, shape->in, shape->out, shape->kernel, &shape->how, true, 1);
    tensor x = values_in(run, 4, (size_t[]){shape->pictures, shape->height, shape->width, shape->in}, 2, 0.5f, 1.0f);
    tensor channels = values_in(run, 2, (size_t[]){shape->pictures, shape->out}, 4, 0.0f, 1.0f);
    norm_before before = of->norm;
    before.layer = norm_of(run, shape->in, true, 3);
    epilogue how = {.add_channels = &channels};
    tensor normed = op_group_norm(run, before.layer, &x, before.groups, before.epsilon, before.after);
    tensor apart = op_convolution(run, layer, &normed, &how);
    tensor joined = op_norm_convolution(run, &before, layer, &x, &how);
    /* On one device not a bit may differ: what is multiplied is the same. */
    if (joined.data != NULL && apart.data != NULL)
        assert_memory_equal(joined.data, apart.data, tensor_bytes(&joined));
    return joined;
}

static void a_norm_before_a_convolution_is_the_one_after_the_other(void **state)
{
    const norm_before silu = {.groups = 32, .epsilon = 1e-6f, .after = ACTIVATION_SILU};
    const norm_before none = {.groups = 8, .epsilon = 1e-5f}, gelu = {.groups = 4, .after = ACTIVATION_GELU};
    const norm_convolution_case cases[] = {
        {silu, {.pictures = 1, .height = 4, .width = 5, .in = 64, .out = 96, .kernel = 3, .how = {.padding = 1}}},
        {silu, {.pictures = 2, .height = 70, .width = 66, .in = 64, .out = 32, .kernel = 3, .how = {.padding = 1}}},
        {none, {.pictures = 1, .height = 33, .width = 20, .in = 32, .out = 32, .kernel = 1}},
        {none, {.pictures = 1, .height = 9, .width = 9, .in = 32, .out = 64, .kernel = 3, .how = {.stride = 2}}},
        {gelu, {.pictures = 1, .height = 8, .width = 8, .in = 32, .out = 32, .kernel = 3, .how = {.padding = 1}}},
        {silu, {.pictures = 1, .height = 8, .width = 8, .in = 64, .out = 3, .kernel = 3, .how = {.padding = 1}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        (cases[i].convolution.height < 64 ? compare_with_plain
                                          : compare_large_with_plain)(state, apply_norm_convolution, &cases[i]);
}

static tensor apply_row_norm(operators *run, const void *given)
{
    const norm_case *of = given;
    const norm *layer = of->weighted ? norm_of(run, of->channels, of->bias, 1) : NULL;
    tensor x = values_in(run, 3, (size_t[]){of->pictures, of->pixels, of->channels}, 2, of->mean, 1.0f);
    return (of->centered ? op_layer_norm : op_rms_norm)(run, layer, &x, of->epsilon);
}

static void layer_and_root_mean_square_norms_agree(void **state)
{
    static const size_t channels[] = {1, 7, 16, 30, 77, 640, 1280, 768};
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
        for (unsigned which = 0; which < 8; which++) {
            norm_case one = {.pictures = 2,
                             .pixels = 9,
                             .channels = channels[i],
                             .mean = 3.0f,
                             .epsilon = 1e-5f,
                             .weighted = (which & 1) != 0,
                             .bias = (which & 2) != 0,
                             .centered = (which & 4) != 0};
            if (channels[i] > 1 || !one.centered)
                compare_with_plain(state, apply_row_norm, &one);
        }
}

typedef struct head_case {
    size_t rows, heads, each, apart; /* apart: columns of the joined tensor beside the heads */
    bool weighted;
} head_case;

static tensor apply_head_norm(operators *run, const void *given)
{
    const head_case *of = given;
    const norm *layer = of->weighted ? norm_of(run, of->each, false, 1) : NULL;
    tensor x = values_in(run, 3, (size_t[]){2, of->rows, of->heads * of->each + of->apart}, 2, 0.5f, 1.0f);
    tensor heads = op_columns(run, &x, of->apart, of->heads * of->each);
    op_rms_norm_heads(run, layer, &heads, (uint32_t)of->heads, 1e-6f);
    return x; /* with what lies beside the heads, which must stay */
}

static void each_head_is_normalized_by_itself_and_in_place(void **state)
{
    static const head_case cases[] = {
        {.rows = 9, .heads = 4, .each = 16, .weighted = true},
        {.rows = 33, .heads = 16, .each = 128, .apart = 2048, .weighted = true},
        {.rows = 5, .heads = 3, .each = 7, .apart = 5},
        {.rows = 1, .heads = 1, .each = 64, .apart = 64, .weighted = true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        compare_with_plain(state, apply_head_norm, &cases[i]);
}

/* ---- Attention -------------------------------------------------------------------------------------------------- */

typedef struct attention_case {
    size_t pictures, tokens, keys, channels;
    uint32_t heads;
    bool causal, masked, joined;
    float scale;
} attention_case;

static tensor apply_attention(operators *run, const void *given)
{
    const attention_case *of = given;
    size_t channels = of->channels;
    attention_options how = {.causal = of->causal, .scale = of->scale};
    tensor mask = op_empty_of(run, TENSOR_F32, 2, (size_t[]){of->tokens, of->keys});
    if (of->masked) {
        float *values = values_make(of->tokens * of->keys, 9, 0.0f, 2.0f);
        memcpy(mask.data, values, tensor_bytes(&mask));
        free(values);
        how.mask = &mask;
    }
    if (of->joined) {
        tensor all = values_in(run, 3, (size_t[]){of->pictures, of->tokens, 3 * channels}, 2, 0.0f, 1.5f);
        tensor q = op_columns(run, &all, 0, channels), k = op_columns(run, &all, channels, channels);
        tensor v = op_columns(run, &all, 2 * channels, channels);
        return op_attention(run, &q, &k, &v, of->heads, &how);
    }
    tensor q = values_in(run, 3, (size_t[]){of->pictures, of->tokens, channels}, 2, 0.0f, 1.5f);
    tensor k = values_in(run, 3, (size_t[]){of->pictures, of->keys, channels}, 3, 0.0f, 1.5f);
    tensor v = values_in(run, 3, (size_t[]){of->pictures, of->keys, channels}, 4, 0.0f, 1.0f);
    return op_attention(run, &q, &k, &v, of->heads, &how);
}

static void attention_agrees_for_any_number_of_tokens(void **state)
{
    static const attention_case cases[] = {
        {.pictures = 1, .tokens = 256, .keys = 256, .channels = 128, .heads = 2, .joined = true},
        {.pictures = 1, .tokens = 130, .keys = 77, .channels = 128, .heads = 2},
        {.pictures = 2, .tokens = 33, .keys = 70, .channels = 64, .heads = 1},
        {.pictures = 1, .tokens = 1, .keys = 1, .channels = 64, .heads = 1},
        {.pictures = 1, .tokens = 1, .keys = 300, .channels = 192, .heads = 3},
        {.pictures = 1, .tokens = 100, .keys = 96, .channels = 512, .heads = 1},
        {.pictures = 1, .tokens = 40, .keys = 40, .channels = 60, .heads = 3, .joined = true},
        {.pictures = 1, .tokens = 10, .keys = 12, .channels = 14, .heads = 2, .scale = 0.5f},
        {.pictures = 2, .tokens = 64, .keys = 128, .channels = 80, .heads = 1},
        /* More than one block of queries and of keys. */
        {.pictures = 1, .tokens = 150, .keys = 1100, .channels = 64, .heads = 1},
        {.pictures = 1, .tokens = 40, .keys = 1040, .channels = 128, .heads = 2, .scale = 1.0f},
        {.pictures = 2, .tokens = 300, .keys = 300, .channels = 384, .heads = 1, .joined = true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        compare_with_plain(state, apply_attention, &cases[i]);
}

static void causal_attention_sees_no_later_token_and_masks_are_added(void **state)
{
    compare_with_plain(
        state, apply_attention,
        &(attention_case){
            .pictures = 1, .tokens = 77, .keys = 77, .channels = 128, .heads = 2, .causal = true, .joined = true});
    compare_with_plain(
        state, apply_attention,
        &(attention_case){.pictures = 2, .tokens = 50, .keys = 77, .channels = 64, .heads = 1, .masked = true});
    compare_with_plain(
        state, apply_attention,
        &(attention_case){
            .pictures = 1, .tokens = 20, .keys = 20, .channels = 32, .heads = 2, .causal = true, .masked = true});
    compare_with_plain(
        state, apply_attention,
        &(attention_case){
            .pictures = 1, .tokens = 700, .keys = 700, .channels = 64, .heads = 1, .causal = true, .joined = true});
    compare_with_plain(
        state, apply_attention,
        &(attention_case){.pictures = 1, .tokens = 9, .keys = 1100, .channels = 64, .heads = 1, .masked = true});
}

/* ---- The rest ------------------------------------------------------------------------------------------ */

static tensor apply_activation(operators *run, const void *given)
{
    tensor x = values_in(run, 2, (size_t[]){37, 1001}, 1, 0.0f, 4.0f);
    return op_activation(run, &x, *(const activation *)given);
}

static void activations_agree(void **state)
{
    for (unsigned which = ACTIVATION_NONE; which <= ACTIVATION_SIGMOID; which++)
        compare_with_plain(state, apply_activation, &(activation){(activation)which});
}

static tensor apply_rest(operators *run, const void *given)
{
    tensor x = values_in(run, 4, (size_t[]){2, 9, 7, 20}, 1, 0.0f, 1.0f);
    tensor y = values_in(run, 4, (size_t[]){2, 9, 7, 20}, 2, 0.0f, 1.0f);
    tensor channels = values_in(run, 1, (size_t[]){20}, 3, 0.0f, 1.0f);
    tensor narrow = values_in(run, 4, (size_t[]){2, 9, 7, 13}, 4, 0.0f, 1.0f);
    switch (*(const int *)given) {
    case 0: return op_add(run, &x, &y);
    case 1: return op_add(run, &x, &channels);
    case 2: return op_scale(run, &x, -1.5f, 0.25f);
    case 3: return op_concat_channels(run, &x, &narrow);
    case 4: return op_upsample_nearest(run, &x, 2);
    case 5: return op_upsample_nearest(run, &x, 3);
    case 6: return op_resize_bilinear(run, &x, 18, 14);
    case 7: return op_resize_bilinear(run, &x, 4, 5);
    case 8: return op_max_pool(run, &x);
    default: return op_softmax(run, &x);
    }
}

static void what_moves_and_mixes_values_agrees(void **state)
{
    for (int which = 0; which < 10; which++)
        compare_with_plain(state, apply_rest, &which);
}

static tensor apply_embedding(operators *run, const void *given)
{
    (void)given;
    float *values = values_make(50 * 24, 1, 0.0f, 1.0f);
    tensor table = tensor_make(TENSOR_F32, 2, (size_t[]){50, 24}, values);
    embedding *layer = NULL;
    assert_int_equal(embedding_load(run, &table, &layer, NULL), LUMEN_OK);
    free(values);
    int32_t ids[6] = {0, 49, 7, 7, 1, 30};
    tensor of = tensor_make(TENSOR_I32, 2, (size_t[]){2, 3}, ids);
    return op_embedding(run, layer, &of);
}

static void an_embedding_gives_the_rows_of_its_ids(void **state)
{
    compare_with_plain(state, apply_embedding, NULL);
}

static void weights_in_any_type_and_at_any_address_give_the_same_layer(void **state)
{
    (void)state;
    enum { IN = 40, OUT = 24 };
    static const tensor_type types[] = {TENSOR_F32, TENSOR_BF16, TENSOR_F16};
    float *values = values_make(IN * OUT, 1, 0.0f, 1.0f), *first = NULL;
    for (size_t i = 0; i < 6; i++) {
        operators *run = context_open(&(operators_options){.threads = 1, .arena_bytes = 1u << 24});
        unsigned char bytes[IN * OUT * 4 + 8];
        tensor weight = tensor_make(types[i % 3], 2, (size_t[]){OUT, IN}, bytes + i / 3);
        assert_true(tensor_convert(weight.type, weight.data, TENSOR_F32, values, IN * OUT));
        linear *layer = NULL;
        assert_int_equal(linear_load(run, &weight, NULL, &layer, NULL), LUMEN_OK);
        assert_true(operators_weight_bytes(run) >= IN * OUT * tensor_type_bytes(operators_type(run)));
        tensor x = values_in(run, 2, (size_t[]){5, IN}, 2, 0.0f, 1.0f);
        tensor y = op_linear(run, layer, &x, NULL);
        float *got = malloc(5 * OUT * sizeof *got);
        assert_non_null(got);
        op_to_f32(run, &y, got);
        if (first == NULL)
            first = got;
        else {
            assert_memory_equal(first, got, 5 * OUT * sizeof *got);
            free(got);
        }
        operators_close(run);
    }
    free(first);
    free(values);
}

#define IN(type, test)                                                                                                 \
    {                                                                                                                  \
#test " in " #type, test, NULL, NULL, &type                                                                    \
    }

int main(void)
{
    static precision f32 = {TENSOR_F32, 2e-5, 1e-5}, bf16 = {TENSOR_BF16, 1.5e-2, 6e-3};
    const struct CMUnitTest tests[] = {
        IN(f32, a_linear_layer_of_any_number_of_rows_is_the_sum_of_products),
        IN(f32, what_follows_a_linear_layer_is_done_in_the_order_of_the_header),
        IN(f32, geglu_is_the_first_half_times_the_gelu_of_the_second),
        IN(f32, joined_layers_give_columns_that_a_layer_can_read),
        IN(f32, convolutions_of_all_kinds_agree),
        IN(f32, what_follows_a_convolution_is_done_in_the_order_of_the_header),
        IN(f32, a_convolution_serves_pictures_of_different_sizes),
        IN(f32, results_larger_than_the_cache_agree),
        IN(f32, group_norms_agree_for_groups_of_any_size),
        IN(f32, a_norm_before_a_convolution_is_the_one_after_the_other),
        IN(f32, layer_and_root_mean_square_norms_agree),
        IN(f32, each_head_is_normalized_by_itself_and_in_place),
        IN(f32, attention_agrees_for_any_number_of_tokens),
        IN(f32, causal_attention_sees_no_later_token_and_masks_are_added),
        IN(f32, activations_agree),
        IN(f32, what_moves_and_mixes_values_agrees),
        IN(f32, an_embedding_gives_the_rows_of_its_ids),
        IN(bf16, a_linear_layer_of_any_number_of_rows_is_the_sum_of_products),
        IN(bf16, what_follows_a_linear_layer_is_done_in_the_order_of_the_header),
        IN(bf16, geglu_is_the_first_half_times_the_gelu_of_the_second),
        IN(bf16, joined_layers_give_columns_that_a_layer_can_read),
        IN(bf16, convolutions_of_all_kinds_agree),
        IN(bf16, what_follows_a_convolution_is_done_in_the_order_of_the_header),
        IN(bf16, a_convolution_serves_pictures_of_different_sizes),
        IN(bf16, results_larger_than_the_cache_agree),
        IN(bf16, group_norms_agree_for_groups_of_any_size),
        IN(bf16, a_norm_before_a_convolution_is_the_one_after_the_other),
        IN(bf16, layer_and_root_mean_square_norms_agree),
        IN(bf16, each_head_is_normalized_by_itself_and_in_place),
        IN(bf16, attention_agrees_for_any_number_of_tokens),
        IN(bf16, causal_attention_sees_no_later_token_and_masks_are_added),
        IN(bf16, activations_agree),
        IN(bf16, what_moves_and_mixes_values_agrees),
        IN(bf16, an_embedding_gives_the_rows_of_its_ids),
        cmocka_unit_test(weights_in_any_type_and_at_any_address_give_the_same_layer),
    };
    return cmocka_run_group_tests_name("operators", tests, NULL, NULL);
}

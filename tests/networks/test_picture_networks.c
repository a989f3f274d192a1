/* From a picture to its mask and its tokens: small networks of the same structure, with equal weights. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "made_up.h"
#include "networks/dinov2.h"
#include "networks/isnet.h"

static setting plain_f32 = {"plain", TENSOR_F32};
static setting cpu_f32 = {"cpu", TENSOR_F32}, cpu_bf16 = {"cpu", TENSOR_BF16};

static const isnet_config small_isnet = {
    .channels = 3,
    .first = 16,
    .down = {{8, 16}, {8, 16}, {8, 32}, {16, 32}, {16, 32}, {16, 32}},
    .up = {{4, 16}, {8, 16}, {8, 16}, {8, 32}, {16, 32}},
};

static dinov2_config small_dinov2(void)
{
    dinov2_config config = dinov2_default();
    config.width = 32;
    config.layers = 3;
    config.heads = 2;
    config.hidden = 128;
    config.trained = 70;
    config.resized = 64;
    config.cropped = 56;
    return config;
}

static void assert_like(operators *run, const setting *how, const tensor *x, const char *name)
{
    lumen_error error = {0};
    tensor expected = golden(name);
    const size_t count = tensor_count(&expected);
    float *values = malloc(count * sizeof *values);
    if (operators_status(run, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    assert_int_equal(tensor_count(x), count);
    op_to_f32(run, x, values);
    const likeness found = compare(values, expected.data, count);
    free(values);
    if (how->type == TENSOR_F32 ? !(found.relative <= 1e-4) : !(found.cosine >= 0.999))
        fail_msg("%s on %s: relative error %.3g, cosine %.6f", name, how->device, found.relative, found.cosine);
}

static tensor golden_picture_of(operators *run, const char *name)
{
    tensor x = golden(name);
    const size_t sizes[] = {1, x.sizes[1], x.sizes[2], x.sizes[0]};
    float *values = channels_last(&x);
    tensor host = tensor_make(TENSOR_F32, 4, sizes, values);
    tensor out = op_from(run, &host);
    free(values);
    return out;
}

/* ---- IS-Net ------------------------------------------------------------------------------------------------ */

static void isnet_maps_what_the_reference_maps(void **state)
{
    static isnet network;
    const setting *how = *state;
    lumen_error error = {0};
    operators *run = open_made_up_device(how);
    layer_loader in = made_up_loader(run, &error);
    assert_int_equal(isnet_load(&small_isnet, &in, &network), LUMEN_OK);
    tensor picture = golden_picture_of(run, "isnet.picture");
    const size_t before = operators_mark(run);
    tensor map = isnet_forward(run, &network, &picture);
    assert_like(run, how, &map, "isnet.map");
    /* What a pipeline's memory is planned with. */
    const size_t bound = isnet_elements(&small_isnet, 70, 54) * tensor_type_bytes(how->type) + (256u << 10);
    assert_true(operators_peak_bytes(run) <= bound);
    assert_true(operators_mark(run) - before <= (tensor_bytes(&map) + 63) / 64 * 64);
    operators_close(run);
}

static void isnet_of_the_true_size_has_the_weights_of_the_official_file(void **state)
{
    (void)state;
    static isnet network;
    lumen_error error = {0};
    const isnet_config config = isnet_default();
    layer_loader in = {.from = &made_up, .network = "mask", .type = TENSOR_F32, .error = &error};
    assert_int_equal(isnet_load(&config, &in, &network), LUMEN_OK);
    /* 44,046,790 that are learned, less the five maps that are not computed, less two of three numbers of each of the
     * 14,400 channels that have a batch norm: folded away. */
    assert_int_equal(in.bytes, (44046790 - 13253 - 2 * 14400) * sizeof(float));
}

/* ---- DINOv2 ------------------------------------------------------------------------------------------------ */

/* (3, H, W) -> rows of patches, each (color, row, column). */
static float *patches_of(const tensor *x, size_t patch)
{
    const size_t side = x->sizes[1], grid = side / patch;
    const float *from = x->data;
    float *out = malloc(tensor_bytes(x)), *to = out;
    assert_non_null(out);
    for (size_t index = 0; index < grid * grid; index++)
        for (size_t c = 0; c < 3; c++)
            for (size_t i = 0; i < patch * patch; i++) {
                const size_t row = index / grid * patch + i / patch, column = index % grid * patch + i % patch;
                *to++ = from[(c * side + row) * side + column];
            }
    return out;
}

static void dinov2_says_what_the_reference_says(void **state)
{
    static dinov2 encoder;
    const setting *how = *state;
    const dinov2_config config = small_dinov2();
    lumen_error error = {0};
    operators *run = open_made_up_device(how);
    layer_loader in = made_up_loader(run, &error);
    assert_int_equal(dinov2_load(&config, &in, &encoder), LUMEN_OK);
    const tensor pixels = golden("dino.pixels");
    float *patches = patches_of(&pixels, config.patch);
    tensor tokens = dinov2_forward(run, &encoder, patches);
    free(patches);
    assert_int_equal(tokens.sizes[1], dinov2_tokens(&config));
    assert_like(run, how, &tokens, "dino.tokens");
    const size_t bound = dinov2_elements(&config) * tensor_type_bytes(how->type) + (256u << 10);
    assert_true(operators_peak_bytes(run) <= bound);
    operators_close(run);
}

static void dinov2_of_the_true_size_has_its_weights(void **state)
{
    (void)state;
    static dinov2 encoder;
    lumen_error error = {0};
    const dinov2_config config = dinov2_default();
    layer_loader in = {.from = &made_up, .network = "image encoder", .type = TENSOR_F32, .error = &error};
    assert_int_equal(dinov2_load(&config, &in, &encoder), LUMEN_OK);
    /* 304,368,640, less the unused token for masking, the class token that is in the table and the scales that are in
     * the layers; 257 positions instead of 1,370. */
    assert_int_equal(in.bytes, (304368640 - 1024 * (1 + 1 + 2 * 24 + 1370 - 257)) * sizeof(float));
}

static void dinov2_sees_a_picture_as_pillow_resizes_it(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{61, 47}, {300, 500}, {256, 256}, {700, 310}};
    const dinov2_config config = dinov2_default();
    float *patches = malloc(dinov2_value_count(&config) * sizeof *patches);
    assert_non_null(patches);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t width = sizes[i][0], height = sizes[i][1];
        uint8_t *pixels = malloc(width * height * 3);
        char name[32];
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x++) {
                uint8_t *at = pixels + (y * width + x) * 3;
                at[0] = (uint8_t)((x * 7 + y * 3) % 32 * 8);
                at[1] = (uint8_t)((x / 5 + y / 3) % 2 * 255);
                at[2] = (uint8_t)((x * x + y * 5) % 256);
            }
        const picture_image picture = {.width = (uint32_t)width, .height = (uint32_t)height, .pixels = pixels};
        lumen_error error = {0};
        assert_int_equal(dinov2_prepare(&config, &picture, patches, &error), LUMEN_OK);
        snprintf(name, sizeof name, "prepared.%zux%zu", width, height);
        const tensor expected = golden(name);
        const uint8_t *bytes = expected.data;
        for (size_t j = 0; j < tensor_count(&expected); j++) {
            const size_t c = j % 3, x = j / 3 % 224, y = j / 3 / 224 * 7;
            const float value = ((float)((double)bytes[j] * (1.0 / 255.0)) - config.mean[c]) / config.deviation[c];
            const size_t patch = y / 14 * 16 + x / 14, inside = (c * 14 + y % 14) * 14 + x % 14;
            if (patches[patch * 588 + inside] != value)
                fail_msg("%s: pixel %zu, %zu, color %zu is %.6g, not %.6g", name, x, y, c,
                         (double)patches[patch * 588 + inside], (double)value);
        }
        free(pixels);
    }
    free(patches);
}

static void a_sliver_of_a_picture_costs_no_more_than_its_middle(void **state)
{
    (void)state;
    const dinov2_config config = dinov2_default();
    float *patches = malloc(dinov2_value_count(&config) * sizeof *patches);
    uint8_t *pixels = calloc(3, 100000);
    /* Its whole would be 256 x 25,600,000 pixels. */
    const picture_image sliver = {.width = 1, .height = 100000, .pixels = pixels};
    lumen_error error = {0};
    assert_int_equal(dinov2_prepare(&config, &sliver, patches, &error), LUMEN_OK);
    assert_true(patches[0] == (0.0f - config.mean[0]) / config.deviation[0]);
    const picture_image empty = {0};
    assert_int_equal(dinov2_prepare(&config, &empty, patches, &error), LUMEN_ERROR_INVALID);
    free(pixels);
    free(patches);
}

/* ---- Faults -------------------------------------------------------------------------------------------------- */

/* Refuses the memory that is asked for after `left` times. */
static bool allow_some(void *user, size_t bytes)
{
    size_t *left = user;
    (void)bytes;
    if (*left == 0)
        return false;
    (*left)--;
    return true;
}

/* Loads and runs both small networks; what went wrong first. */
static lumen_status run_both(operators *run, lumen_error *error)
{
    static isnet network;
    static dinov2 encoder;
    static float picture[33 * 33 * 3], patches[16 * 588];
    const dinov2_config config = small_dinov2();
    layer_loader in = made_up_loader(run, error);
    lumen_status status = isnet_load(&small_isnet, &in, &network);
    if (status == LUMEN_OK)
        status = dinov2_load(&config, &in, &encoder);
    if (status != LUMEN_OK)
        return status;
    const tensor values = tensor_make(TENSOR_F32, 4, (size_t[]){1, 33, 33, 3}, picture);
    tensor x = op_from(run, &values);
    isnet_forward(run, &network, &x);
    dinov2_forward(run, &encoder, patches);
    return operators_status(run, error);
}

static void memory_that_runs_out_anywhere_is_told(void **state)
{
    (void)state;
    lumen_status status = LUMEN_ERROR_MEMORY;
    size_t refused = 0;
    /* Every one at first, then some: a load asks more than a thousand times. */
    for (size_t point = 0; status != LUMEN_OK; point += point < 40 ? 1 : 101) {
        size_t left = point;
        operators *run;
        lumen_error error = {0};
        const operators_options options = {
            .device = "plain", .arena_bytes = 1u << 28, .allow = allow_some, .allow_user = &left};
        status = operators_open(&options, &run, &error);
        if (status == LUMEN_OK)
            status = run_both(run, &error);
        if (status != LUMEN_OK) {
            assert_int_equal(status, LUMEN_ERROR_MEMORY);
            assert_true(error.message[0] != '\0');
            refused++;
        }
        operators_close(run);
    }
    assert_true(refused > 40);
}

static bool stop_at(void *user, const char *stage, double fraction)
{
    size_t *left = user;
    (void)stage;
    (void)fraction;
    return (*left)-- != 0;
}

static void both_can_be_stopped_between_any_two_steps(void **state)
{
    (void)state;
    lumen_status status = LUMEN_ERROR_CANCELLED;
    size_t stopped = 0;
    for (size_t point = 0; status != LUMEN_OK; point += 11) {
        size_t left = point;
        operators *run;
        lumen_error error = {0};
        const operators_options options = {
            .device = "plain", .arena_bytes = 1u << 28, .progress = stop_at, .progress_user = &left};
        assert_int_equal(operators_open(&options, &run, &error), LUMEN_OK);
        status = run_both(run, &error);
        if (status != LUMEN_OK) {
            assert_int_equal(status, LUMEN_ERROR_CANCELLED);
            stopped++;
        }
        operators_close(run);
    }
    assert_true(stopped > 10);
}

int main(void)
{
#define ON_EACH(test)                                                                                                  \
    cmocka_unit_test_prestate(test, &plain_f32), cmocka_unit_test_prestate(test, &cpu_f32),                            \
        cmocka_unit_test_prestate(test, &cpu_bf16)
    const struct CMUnitTest tests[] = {
        ON_EACH(isnet_maps_what_the_reference_maps),
        cmocka_unit_test(isnet_of_the_true_size_has_the_weights_of_the_official_file),
        ON_EACH(dinov2_says_what_the_reference_says),
        cmocka_unit_test(dinov2_of_the_true_size_has_its_weights),
        cmocka_unit_test(dinov2_sees_a_picture_as_pillow_resizes_it),
        cmocka_unit_test(a_sliver_of_a_picture_costs_no_more_than_its_middle),
        cmocka_unit_test(memory_that_runs_out_anywhere_is_told),
        cmocka_unit_test(both_can_be_stopped_between_any_two_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

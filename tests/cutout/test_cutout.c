/* What a picture shows, alone on white. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cutout/inside.h"
#include "tensor/safetensors.h"

enum { SIDE = 1024, DISCS_MAX = 4 };

extern const unsigned char golden_cutout[];
extern const size_t golden_cutout_size;

/* A view of what the reference computed (golden.py); false when it has none of that name. */
static bool golden(const char *name, tensor *out)
{
    static double aligned[(100 << 10) / sizeof(double)];
    static safetensors *file;
    lumen_error error = {0};
    if (file == NULL) {
        assert_true(golden_cutout_size <= sizeof aligned);
        memcpy(aligned, golden_cutout, golden_cutout_size);
        assert_int_equal(safetensors_from_bytes("golden", aligned, golden_cutout_size, &file, &error), LUMEN_OK);
    }
    return safetensors_has(file, name) && safetensors_find(file, name, out, &error) == LUMEN_OK;
}

/* ---- Steps -------------------------------------------------------------------------------------------------- */

static void the_threshold_parts_two_heaps_of_values(void **state)
{
    (void)state;
    const uint8_t values[] = {10, 12, 11, 10, 200, 201, 199};
    assert_int_equal(cutout_otsu(values, sizeof values), 12);
    uint8_t picture[48 * 64];
    tensor expected;
    for (unsigned i = 0; i < sizeof picture; i++) {
        const unsigned x = i % 64, y = i / 64;
        picture[i] = (uint8_t)((x * x * 5 + y * 9 + x * y) % 97 + (x > 40 ? 120 : 0));
    }
    assert_true(golden("otsu", &expected));
    assert_int_equal(cutout_otsu(picture, sizeof picture), *(const int32_t *)expected.data);
}

static void equal_values_have_no_threshold_that_parts_them(void **state)
{
    (void)state;
    const uint8_t values[] = {0, 0, 0, 0};
    assert_int_equal(cutout_otsu(values, sizeof values), 0);
}

static void an_outline_runs_through_the_centers_of_the_border(void **state)
{
    (void)state;
    uint8_t values[16 * 16] = {0};
    for (unsigned y = 3; y < 9; y++)
        for (unsigned x = 2; x < 12; x++)
            values[y * 16 + x] = 1;
    assert_int_equal(cutout_outline_area(values, 16, 16, 2, 3), 2 * 9 * 5);
    values[5 * 16 + 5] = 0; /* a hole changes nothing */
    assert_int_equal(cutout_outline_area(values, 16, 16, 2, 3), 2 * 9 * 5);
}

static void a_line_and_a_point_have_no_area(void **state)
{
    (void)state;
    uint8_t values[8 * 8] = {0};
    values[0] = 1;
    assert_int_equal(cutout_outline_area(values, 8, 8, 0, 0), 0);
    for (unsigned i = 0; i < 8; i++)
        values[i * 8 + i] = 1;
    assert_int_equal(cutout_outline_area(values, 8, 8, 0, 0), 0);
}

static void outlines_of_noise_have_the_areas_that_opencv_finds(void **state)
{
    (void)state;
    uint8_t values[48 * 64];
    tensor expected;
    for (unsigned i = 0; i < sizeof values; i++) {
        const unsigned x = i % 64, y = i / 64;
        values[i] = (x * 31 + y * 17 + x * y * 7 + x * x / 3 + y * y / 5) % 11 < 5 ? 1 : 0;
    }
    assert_true(golden("outlines", &expected));
    assert_true(expected.sizes[0] > 10);
    for (size_t i = 0; i < expected.sizes[0]; i++) {
        const int32_t *row = (const int32_t *)expected.data + 3 * i;
        assert_int_equal(cutout_outline_area(values, 64, 48, (uint32_t)row[0], (uint32_t)row[1]), row[2]);
    }
}

static void pieces_of_less_than_200_pixels_are_dirt(void **state)
{
    (void)state;
    enum { WIDTH = 60, HEIGHT = 30 };
    uint8_t values[WIDTH * HEIGHT] = {0};
    bool found;
    cutout_box box;
    lumen_error error;
    for (unsigned i = 0; i < 200; i++) {
        values[(i / 20) * WIDTH + i % 20] = 255; /* 200 pixels */
        values[(15 + i / 20) * WIDTH + 30 + i % 20] = 255;
    }
    values[15 * WIDTH + 30] = 0; /* 199 */
    assert_int_equal(cutout_clean(values, WIDTH, HEIGHT, &found, &box, &error), LUMEN_OK);
    assert_true(found);
    assert_int_equal(values[0], 255);
    assert_int_equal(values[16 * WIDTH + 35], 0);
    assert_true(box.left == 0 && box.top == 0 && box.width == 20 && box.height == 10);
}

static void the_box_is_that_of_the_largest_outline_not_of_the_most_pixels(void **state)
{
    (void)state;
    enum { WIDTH = 120, HEIGHT = 80 };
    uint8_t values[WIDTH * HEIGHT] = {0};
    bool found;
    cutout_box box;
    lumen_error error;
    for (unsigned y = 0; y < 30; y++)
        for (unsigned x = 0; x < 30; x++)
            values[y * WIDTH + x] = 255; /* 900 pixels */
    for (unsigned i = 0; i < 60; i++) {  /* a frame of 236 pixels around more */
        values[(10 + i) * WIDTH + 50] = values[(10 + i) * WIDTH + 109] = 255;
        values[10 * WIDTH + 50 + i] = values[69 * WIDTH + 50 + i] = 255;
    }
    assert_int_equal(cutout_clean(values, WIDTH, HEIGHT, &found, &box, &error), LUMEN_OK);
    assert_true(found && box.left == 50 && box.top == 10 && box.width == 60 && box.height == 60);
    assert_int_equal(values[0], 255); /* what is not in the box's piece still belongs to the mask */
}

static void pieces_hang_together_by_their_corners(void **state)
{
    (void)state;
    enum { WIDTH = 40, HEIGHT = 40 };
    uint8_t values[WIDTH * HEIGHT] = {0};
    bool found;
    cutout_box box;
    lumen_error error;
    for (unsigned i = 0; i < 150; i++) {
        values[(i / 15) * WIDTH + i % 15] = 255;
        values[(10 + i / 15) * WIDTH + 15 + i % 15] = 255;
    }
    assert_int_equal(cutout_clean(values, WIDTH, HEIGHT, &found, &box, &error), LUMEN_OK);
    assert_true(found && box.width == 30 && box.height == 20);
}

/* ---- The whole, against the reference ------------------------------------------------------------------------ */

typedef struct example {
    const char *name;
    uint32_t width, height;
    int discs[DISCS_MAX][3]; /* x, y, radius in pixels of the map */
    int alpha;               /* 0: none, 1: one that tells, 2: an opaque one */
} example;

static const example examples[] = {
    {"small", 83, 61, {{500, 480, 300}, {900, 900, 40}}, 0},
    {"wide", 640, 200, {{300, 600, 250}, {700, 300, 200}, {60, 60, 30}}, 0},
    {"large", 1500, 1100, {{200, 200, 90}, {800, 700, 60}}, 0},
    {"beyond", 2413, 317, {{512, 512, 70}, {515, 100, 40}}, 0},
    {"alpha", 120, 90, {{512, 512, 300}}, 1},
    {"opaque", 120, 90, {{512, 400, 300}}, 2},
};

static picture_photograph photograph_of(const example *one)
{
    const size_t count = (size_t)one->width * one->height;
    picture_photograph made = {.color = {one->width, one->height, malloc(3 * count)}};
    made.alpha = one->alpha != 0 ? malloc(count) : NULL;
    for (size_t i = 0; i < count; i++) {
        const int x = (int)(i % one->width), y = (int)(i / one->width);
        uint8_t *color = made.color.pixels + 3 * i;
        color[0] = (uint8_t)((x * 7 + y * 3) % 32 * 8);
        color[1] = (uint8_t)((x / 5 + y / 3) % 2 * 255);
        color[2] = (uint8_t)((x * x + y * 5) % 256);
        if (one->alpha == 1) {
            const int value = (x - 30) * (y - 20);
            made.alpha[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        } else if (one->alpha == 2) {
            made.alpha[i] = 255;
        }
    }
    return made;
}

static float *map_of(const example *one)
{
    float *map = malloc(sizeof(float) * SIDE * SIDE);
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int x = i % SIDE, y = i / SIDE;
        map[i] = (float)((x * 7 + y * 13) % 17) / 400.0f;
        for (int j = 0; j < DISCS_MAX && one->discs[j][2] > 0; j++) {
            const int *disc = one->discs[j], square = disc[2] * disc[2];
            const int inside = square - (x - disc[0]) * (x - disc[0]) - (y - disc[1]) * (y - disc[1]);
            const float value = (float)(inside > 0 ? inside : 0) / (float)square;
            map[i] = value > map[i] ? value : map[i];
        }
    }
    return map;
}

static void assert_input_like(const example *one, const picture_image *picture)
{
    char name[32];
    tensor expected;
    lumen_error error;
    float *values = malloc(sizeof(float) * SIDE * SIDE * 3);
    snprintf(name, sizeof name, "%s.input", one->name);
    assert_true(golden(name, &expected));
    assert_int_equal(cutout_input(picture, SIDE, values, &error), LUMEN_OK);
    /* A picture that was made smaller first may differ by one of 255 before that. */
    const float most = one->width > CUTOUT_SIDE_MAX ? 1.01f / 255.0f : 2e-6f;
    for (size_t i = 0; i < tensor_count(&expected); i++) {
        const size_t c = i % 3, x = i / 3 % expected.sizes[1] * 37, y = i / 3 / expected.sizes[1] * 37;
        const float want = ((const float *)expected.data)[i], have = values[(y * SIDE + x) * 3 + c];
        if (!(fabsf(want - have) <= most))
            fail_msg("%s: the network sees %g at %zu, %zu, not %g", one->name, (double)have, x, y, (double)want);
    }
    free(values);
}

static void assert_picture_like(const example *one, const picture_image *picture)
{
    char name[32];
    tensor size, expected;
    snprintf(name, sizeof name, "%s.size", one->name);
    assert_true(golden(name, &size));
    assert_int_equal(picture->width, ((const int32_t *)size.data)[0]);
    assert_int_equal(picture->height, ((const int32_t *)size.data)[1]);
    snprintf(name, sizeof name, "%s.picture", one->name);
    assert_true(golden(name, &expected));
    const int most = one->width > CUTOUT_SIDE_MAX ? 1 : 0;
    for (size_t i = 0; i < tensor_count(&expected); i++) {
        const size_t c = i % 3, x = i / 3 % expected.sizes[1] * 5, y = i / 3 / expected.sizes[1] * 5;
        const int want = ((const uint8_t *)expected.data)[i], have = picture->pixels[(y * picture->width + x) * 3 + c];
        if (abs(want - have) > most)
            fail_msg("%s: the pixel at %zu, %zu is %d, not %d", one->name, x, y, have, want);
    }
}

static void pictures_are_cut_out_as_the_reference_cuts_them_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const example *one = &examples[i];
        picture_photograph photograph = photograph_of(one);
        cutout_mask mask = {0};
        picture_image picture = {0};
        lumen_error error = {0};
        assert_int_equal(cutout_reduce(&photograph, &error), LUMEN_OK);
        if (cutout_alpha_tells(&photograph)) {
            assert_int_equal(one->alpha, 1);
            assert_int_equal(cutout_mask_of_alpha(&photograph, &mask, &error), LUMEN_OK);
        } else {
            float *map = map_of(one);
            assert_input_like(one, &photograph.color);
            assert_int_equal(
                cutout_mask_of_map(map, SIDE, SIDE, photograph.color.width, photograph.color.height, &mask, &error),
                LUMEN_OK);
            free(map);
        }
        assert_int_equal(cutout_compose(&photograph.color, &mask, &picture, &error), LUMEN_OK);
        assert_picture_like(one, &picture);
        cutout_mask_free(&mask);
        picture_free(&picture);
        picture_photograph_free(&photograph);
    }
}

/* ---- What cannot be cut out ------------------------------------------------------------------------------------ */

static void a_map_without_anything_says_that_nothing_stands_out(void **state)
{
    (void)state;
    static float map[64 * 64];
    cutout_mask mask;
    lumen_error error;
    assert_int_equal(cutout_mask_of_map(map, 64, 64, 100, 100, &mask, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "stands out"));
    assert_null(mask.values);
    map[5] = 1.0f; /* a speck */
    assert_int_equal(cutout_mask_of_map(map, 64, 64, 64, 64, &mask, &error), LUMEN_ERROR_INVALID);
}

static void a_map_that_holds_no_numbers_is_a_failure_of_the_network(void **state)
{
    (void)state;
    static float map[64 * 64];
    cutout_mask mask;
    lumen_error error;
    map[100] = NAN;
    assert_int_equal(cutout_mask_of_map(map, 64, 64, 100, 100, &mask, &error), LUMEN_ERROR_FAILED);
}

static void pictures_that_show_nothing_are_refused_with_the_reason(void **state)
{
    (void)state;
    static float values[64 * 64 * 3];
    uint8_t pixels[40 * 40 * 3] = {0}, alpha[40 * 40] = {0};
    lumen_error error;
    const picture_image dot = {1, 1, pixels}, black = {40, 40, pixels};
    assert_int_equal(cutout_input(&dot, 64, values, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "too small"));
    assert_int_equal(cutout_input(&black, 64, values, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "black"));
    cutout_mask mask;
    const picture_photograph clear = {.color = black, .alpha = alpha};
    assert_false(cutout_alpha_tells(&clear)); /* nothing is opaque */
    assert_int_equal(cutout_mask_of_alpha(&clear, &mask, &error), LUMEN_ERROR_INVALID);
    assert_null(mask.values);
}

static void a_thread_of_a_picture_is_too_narrow(void **state)
{
    (void)state;
    lumen_error error;
    picture_photograph thread = {.color = {5000, 1, calloc(3, 5000)}};
    assert_int_equal(cutout_reduce(&thread, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(thread.color.width, 5000); /* as it was */
    picture_photograph_free(&thread);
}

static void the_longer_side_fills_five_sixths_of_a_square(void **state)
{
    (void)state;
    static uint8_t pixels[300 * 300 * 3], values[300 * 300];
    memset(values, 255, sizeof values);
    const picture_image picture = {300, 300, pixels};
    picture_image made;
    lumen_error error;
    cutout_mask mask = {300, 300, values, {10, 20, 200, 100}};
    assert_int_equal(cutout_compose(&picture, &mask, &made, &error), LUMEN_OK);
    assert_true(made.width == 240 && made.height == 240);
    assert_int_equal(made.pixels[0], 255);
    assert_int_equal(made.pixels[(120 * 240 + 120) * 3], 0);
    picture_free(&made);
    mask.box = (cutout_box){0, 0, 301, 10};
    assert_int_equal(cutout_compose(&picture, &mask, &made, &error), LUMEN_ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_threshold_parts_two_heaps_of_values),
        cmocka_unit_test(equal_values_have_no_threshold_that_parts_them),
        cmocka_unit_test(an_outline_runs_through_the_centers_of_the_border),
        cmocka_unit_test(a_line_and_a_point_have_no_area),
        cmocka_unit_test(outlines_of_noise_have_the_areas_that_opencv_finds),
        cmocka_unit_test(pieces_of_less_than_200_pixels_are_dirt),
        cmocka_unit_test(the_box_is_that_of_the_largest_outline_not_of_the_most_pixels),
        cmocka_unit_test(pieces_hang_together_by_their_corners),
        cmocka_unit_test(pictures_are_cut_out_as_the_reference_cuts_them_out),
        cmocka_unit_test(a_map_without_anything_says_that_nothing_stands_out),
        cmocka_unit_test(a_map_that_holds_no_numbers_is_a_failure_of_the_network),
        cmocka_unit_test(pictures_that_show_nothing_are_refused_with_the_reason),
        cmocka_unit_test(a_thread_of_a_picture_is_too_narrow),
        cmocka_unit_test(the_longer_side_fills_five_sixths_of_a_square),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

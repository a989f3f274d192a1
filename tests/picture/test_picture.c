#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "picture/camera.h"
#include "picture/color.h"
#include "picture/picture.h"
#include "picture/raster.h"
#include "picture/text.h"
#include "sample_shape.h"

/* ---- Help ------------------------------------------------------------------------------------------ */

static int brightness(const picture_image *image, uint32_t x, uint32_t y)
{
    const uint8_t *pixel = image->pixels + 3 * ((size_t)y * image->width + x);
    return pixel[0] + pixel[1] + pixel[2];
}

static picture_image blank_image(uint32_t width, uint32_t height)
{
    picture_image image = {width, height, calloc((size_t)width * height, 3)};
    assert_non_null(image.pixels);
    return image;
}

/* The columns of a blank image in which something was drawn; false for none. */
static bool drawn_columns(const picture_image *image, uint32_t *first, uint32_t *last)
{
    bool any = false;
    for (uint32_t x = 0; x < image->width; x++)
        for (uint32_t y = 0; y < image->height; y++)
            if (brightness(image, x, y) > 0) {
                *first = any ? *first : x;
                *last = x;
                any = true;
            }
    return any;
}

static picture_image render(const lumen_shape *shape, const picture_options *options)
{
    picture_image image;
    lumen_error error = {0};
    assert_int_equal(picture_render(shape, options, &image, &error), LUMEN_OK);
    return image;
}

/* ---- Color ----------------------------------------------------------------------------------------- */

static void linear_light_follows_the_standard_and_back(void **state)
{
    (void)state;
    color_decoder decoder;
    color_encoder encoder;
    color_decoder_make(&decoder);
    color_encoder_make(&encoder);
    for (int i = 0; i < 256; i++) {
        double value = i / 255.0;
        double expected = value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
        assert_true(fabs((double)decoder.linear[i] - expected) < 1e-7);
        assert_true(fabsf(color_encode(&encoder, decoder.linear[i]) - (float)i) < 0.05f);
    }
    assert_true(color_encode(&encoder, -1.0f) == 0.0f);
    assert_true(color_encode(&encoder, 7.0f) == 255.0f);
    assert_true(color_encode(&encoder, NAN) == 0.0f);
}

/* ---- Raster ---------------------------------------------------------------------------------------- */

enum { SIDE = 32 };

typedef struct sheet {
    float depth[SIDE * SIDE];
    uint32_t ids[SIDE * SIDE];
} sheet;

static raster_grid clear_sheet(sheet *paper)
{
    raster_grid grid = {SIDE, 0, SIDE, paper->depth, paper->ids};
    raster_clear(&grid);
    return grid;
}

static void triangles_that_share_an_edge_leave_no_gap(void **state)
{
    (void)state;
    sheet *paper = malloc(sizeof *paper);
    assert_non_null(paper);
    raster_grid grid = clear_sheet(paper);
    /* A square cut by a skew diagonal, its corners between places. */
    raster_vertex corners[4] = {{35, 35, 1}, {470, 41, 1}, {475, 477, 1}, {33, 470, 1}};
    uint32_t triangles[6] = {0, 2, 1, 0, 3, 2};
    raster_triangles(&grid, corners, triangles, 2);
    int covered = 0;
    for (int y = 3; y < 29; y++)
        for (int x = 3; x < 29; x++)
            covered += paper->ids[y * SIDE + x] != RASTER_NOTHING;
    assert_int_equal(covered, 26 * 26);
    assert_true(paper->ids[0] == RASTER_NOTHING && paper->ids[SIDE * SIDE - 1] == RASTER_NOTHING);
    free(paper);
}

static void the_nearer_triangle_wins_in_any_order(void **state)
{
    (void)state;
    sheet *paper = malloc(sizeof *paper);
    assert_non_null(paper);
    raster_vertex far_away[3] = {{0, 0, 0.1f}, {0, 512, 0.1f}, {512, 0, 0.1f}};
    raster_vertex near_by[3] = {{0, 0, 0.9f}, {0, 512, 0.9f}, {512, 0, 0.9f}};
    for (int order = 0; order < 2; order++) {
        raster_grid grid = clear_sheet(paper);
        for (int i = 0; i < 2; i++) {
            const raster_vertex *at = i == order ? far_away : near_by;
            raster_triangle(&grid, &at[0], &at[1], &at[2], i == order ? 1 : 2);
        }
        assert_int_equal(paper->ids[3 * SIDE + 3], 2);
    }
    /* One that faces away is not drawn, nor one far outside the grid's range. */
    raster_grid grid = clear_sheet(paper);
    raster_triangle(&grid, &near_by[0], &near_by[2], &near_by[1], 3);
    raster_vertex outside = {INT32_MAX, 0, 1.0f};
    raster_triangle(&grid, &near_by[0], &near_by[1], &outside, 4);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true(paper->ids[i] == RASTER_NOTHING);
    free(paper);
}

static void rows_outside_the_band_are_left_alone(void **state)
{
    (void)state;
    sheet *paper = malloc(sizeof *paper);
    assert_non_null(paper);
    raster_grid whole = clear_sheet(paper);
    (void)whole;
    raster_grid band = {SIDE, 8, 4, paper->depth + SIDE, paper->ids + SIDE};
    raster_vertex corners[3] = {{-5000, -5000, 1}, {-5000, 9000, 1}, {9000, -5000, 1}};
    raster_triangle(&band, &corners[0], &corners[1], &corners[2], 5);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_true((paper->ids[i] == 5) == (i >= SIDE && i < 5 * SIDE));
    free(paper);
}

/* ---- Camera ---------------------------------------------------------------------------------------- */

static void the_scene_fills_its_frame(void **state)
{
    (void)state;
    vec3 corners[8];
    for (int i = 0; i < 8; i++)
        corners[i] = vec3_make(i & 1 ? 0.3f : -0.3f, i & 2 ? 0.6f : -0.6f, i & 4 ? 1.0f : -1.0f);
    scene content = {.vertex_count = 8, .positions = corners, .low = corners[0], .high = corners[7]};
    camera view = camera_fit(&content, 0.0f, 0.0f, (camera_frame){10.0f, 20.0f, 200.0f, 300.0f});
    float left = INFINITY, right = -INFINITY, top = INFINITY, bottom = -INFINITY;
    for (int i = 0; i < 8; i++) {
        float x, y, depth;
        camera_project(&view, corners[i], &x, &y, &depth);
        left = fminf(left, x), right = fmaxf(right, x), top = fminf(top, y), bottom = fmaxf(bottom, y);
        assert_true(depth > 0.0f);
    }
    assert_true(fabsf(left - 10.0f) < 0.01f && fabsf(right - 210.0f) < 0.01f);
    assert_true(fabsf(top + bottom - 2.0f * 170.0f) < 0.02f && top >= 20.0f);
}

static void a_creature_looks_to_the_left_of_the_picture(void **state)
{
    (void)state;
    vec3 corners[2] = {{-0.2f, -0.8f, -1.0f}, {0.2f, 0.8f, 1.0f}};
    scene content = {.vertex_count = 2, .positions = corners, .low = corners[0], .high = corners[1]};
    camera view = camera_fit(&content, 0.0f, 0.0f, (camera_frame){0.0f, 0.0f, 100.0f, 100.0f});
    float front_x, back_x, y, front_depth, back_depth;
    camera_project(&view, vec3_make(0.0f, 0.0f, 1.0f), &front_x, &y, &front_depth);
    camera_project(&view, vec3_make(0.0f, 0.0f, -1.0f), &back_x, &y, &back_depth);
    assert_true(front_x < back_x - 30.0f);
    assert_true(front_depth > back_depth);
}

static void a_ray_goes_through_the_pixel_of_its_point(void **state)
{
    (void)state;
    vec3 corners[2] = {{-1.0f, -0.5f, -0.7f}, {1.0f, 0.5f, 0.7f}};
    scene content = {.vertex_count = 2, .positions = corners, .low = corners[0], .high = corners[1]};
    camera view = camera_fit(&content, 40.0f, 20.0f, (camera_frame){0.0f, 0.0f, 640.0f, 480.0f});
    vec3 point = vec3_make(0.3f, 0.1f, -0.4f);
    float x, y, depth;
    camera_project(&view, point, &x, &y, &depth);
    vec3 again = vec3_add(view.eye, vec3_scale(camera_ray(&view, x, y), 1.0f / depth));
    assert_true(vec3_length(vec3_subtract(again, point)) < 1e-4f);
}

/* ---- Text ------------------------------------------------------------------------------------------ */

static void text_stands_where_it_was_put(void **state)
{
    (void)state;
    text_face *face;
    lumen_error error = {0};
    assert_int_equal(text_open(&face, &error), LUMEN_OK);
    picture_image image = blank_image(300, 60);
    text_style style = {20.0f, 10.0f, {255, 255, 255}};
    float width = text_width(face, "horse", 20.0f);
    assert_true(width > 40.0f && width < 80.0f);
    text_draw_centered(face, &image, 150.0f, 40.0f, 280.0f, &style, "horse");
    uint32_t first = 0, last = 0;
    assert_true(drawn_columns(&image, &first, &last));
    assert_true(fabsf((float)(first + last + 1) / 2.0f - 150.0f) < 3.0f);
    assert_true(fabsf((float)(last - first) - width) < 5.0f);
    picture_free(&image);
    text_close(face);
}

static void long_text_shrinks_and_then_ends_in_an_ellipsis(void **state)
{
    (void)state;
    text_face *face;
    lumen_error error = {0};
    assert_int_equal(text_open(&face, &error), LUMEN_OK);
    text_style style = {20.0f, 14.0f, {255, 255, 255}};
    char longest[201];
    memset(longest, 'm', 200);
    longest[200] = '\0';
    static const char *const texts[] = {"a slightly longer text",
                                        "\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8e\xe9\xa9\xac"};
    for (int i = 0; i < 3; i++) {
        picture_image image = blank_image(220, 60);
        text_draw_centered(face, &image, 110.0f, 40.0f, 160.0f, &style, i == 2 ? longest : texts[i]);
        uint32_t first = 0, last = 0;
        assert_true(drawn_columns(&image, &first, &last));
        assert_true(first >= 28 && last <= 191);
        if (i == 2) /* the dots: columns at the end with ink near the base line only */
            for (uint32_t y = 0; y < 36; y++)
                assert_int_equal(brightness(&image, last - 1, y), 0);
        picture_free(&image);
    }
    text_close(face);
}

static void unknown_characters_and_bad_bytes_are_boxes(void **state)
{
    (void)state;
    text_face *face;
    lumen_error error = {0};
    assert_int_equal(text_open(&face, &error), LUMEN_OK);
    picture_image image = blank_image(200, 60);
    text_style style = {20.0f, 20.0f, {255, 255, 255}};
    text_draw(face, &image, 10.0f, 40.0f, 190.0f, &style, "\xe9\xa9\xac\xff\xc3");
    uint32_t first = 0, last = 0;
    assert_true(drawn_columns(&image, &first, &last));
    assert_true(last - first > 30);
    /* Nothing at all, and outside the image, are fine. */
    text_draw(face, &image, 10.0f, 40.0f, 190.0f, &style, "");
    text_draw(face, &image, -50.0f, 500.0f, 190.0f, &style, "outside");
    text_draw_centered(face, &image, 0.0f, 0.0f, 1.0f, &style, "no room");
    picture_free(&image);
    text_close(face);
}

/* ---- Pictures -------------------------------------------------------------------------------------- */

static void a_picture_shows_the_shape_on_a_dark_ground(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_CAR);
    picture_options options = {.width = 160, .height = 160};
    picture_image image = render(shape, &options);
    assert_int_equal(image.width, 160);
    assert_int_equal(image.height, 160);
    /* The corners are night, and a good part of the middle is a red car. */
    assert_true(brightness(&image, 0, 0) < 60 && brightness(&image, 159, 159) < 90);
    int red = 0;
    for (size_t i = 0; i < 160 * 160; i++) {
        const uint8_t *pixel = image.pixels + 3 * i;
        red += pixel[0] > 100 && pixel[0] > 2 * pixel[1];
    }
    assert_in_range(red, 1500, 16000);
    picture_free(&image);
    sample_shape_free(shape);
}

static void a_picture_is_the_same_every_time(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_HORSE);
    picture_options options = {.width = 128, .height = 96, .legend = true, .caption = "horse"};
    picture_image first = render(shape, &options), second = render(shape, &options);
    assert_memory_equal(first.pixels, second.pixels, (size_t)128 * 96 * 3);
    picture_free(&first);
    picture_free(&second);
    sample_shape_free(shape);
}

static void edges_are_smooth(void **state)
{
    (void)state;
    /* A white ball on the dark: along its outline there are pixels between the two. */
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    picture_options options = {.width = 96, .height = 96, .coloring = PICTURE_BY_PART};
    picture_image image = render(shape, &options);
    int between = 0;
    for (uint32_t y = 1; y < 95; y++)
        for (uint32_t x = 1; x < 95; x++) {
            int here = brightness(&image, x, y), left = brightness(&image, x - 1, y),
                right = brightness(&image, x + 1, y);
            between += left < 110 && right > 200 && here > left + 20 && here < right - 20;
        }
    assert_true(between > 5);
    picture_free(&image);
    sample_shape_free(shape);
}

static void a_legend_shows_the_parts_in_colors_of_their_own(void **state)
{
    (void)state;
    /* A gray shape: whatever has a hue belongs to the legend and the small shape beside it. */
    lumen_shape *shape = sample_shape_make(SAMPLE_HORSE);
    for (uint32_t part = 0; part < shape->part_count; part++)
        memset(shape->part_meshes[part].colors, 90, 3 * (size_t)shape->part_meshes[part].vertex_count);
    picture_options options = {.width = 300, .height = 300, .legend = true};
    picture_image image = render(shape, &options);
    int orange_above = 0, orange_left = 0, orange_right = 0;
    for (uint32_t y = 0; y < 300; y++)
        for (uint32_t x = 0; x < 300; x++) {
            const uint8_t *pixel = image.pixels + 3 * ((size_t)y * 300 + x);
            bool orange = pixel[0] > 120 && pixel[0] > 2 * pixel[2];
            orange_above += orange && y < 220;
            orange_left += orange && y >= 220 && x < 200;
            orange_right += orange && y >= 220 && x >= 200;
        }
    assert_int_equal(orange_above, 0);
    assert_true(orange_left > 5);
    assert_true(orange_right > 50);
    picture_free(&image);
    sample_shape_free(shape);
}

static void hidden_triangles_are_not_drawn(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    lumen_mesh meshes[2] = {shape->part_meshes[0], shape->part_meshes[1]};
    shape->part_meshes = meshes;
    picture_options options = {.width = 64, .height = 64, .azimuth = 30.0f, .elevation = 10.0f};
    picture_image with = render(shape, &options);
    meshes[0].hidden = malloc(meshes[0].triangle_count);
    assert_non_null(meshes[0].hidden);
    memset(meshes[0].hidden, 1, meshes[0].triangle_count);
    picture_image without = render(shape, &options);
    assert_true(brightness(&with, 32, 50) != brightness(&without, 32, 50));
    free(meshes[0].hidden);
    picture_free(&with);
    picture_free(&without);
    sample_shape_free(shape);
}

static void legend_and_caption_change_only_what_lies_below(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_HORSE);
    const char *names[6] = {"head", NULL, "a_name_that_is_very_long_indeed_and_goes_on", "\xff\xfe", "", "x"};
    shape->part_names = names;
    picture_options options = {.width = 200, .height = 300, .legend = true, .caption = "\xff nothing \n wrong"};
    picture_image image = render(shape, &options);
    int bright = 0;
    for (uint32_t y = 240; y < 300; y++)
        for (uint32_t x = 0; x < 200; x++)
            bright += brightness(&image, x, y) > 300;
    assert_true(bright > 30);
    picture_free(&image);
    sample_shape_free(shape);
}

static void a_shape_without_surfaces_gives_an_empty_stage(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    shape->part_meshes = NULL;
    picture_options options = {.width = 64, .height = 64, .legend = true, .caption = "nothing"};
    picture_image image = render(shape, &options);
    picture_free(&image);
    sample_shape_free(shape);
}

static void meshes_without_normals_and_colors_are_drawn(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    lumen_mesh meshes[2] = {shape->part_meshes[0], shape->part_meshes[1]};
    for (int i = 0; i < 2; i++) {
        meshes[i].normals = NULL;
        meshes[i].colors = NULL;
    }
    shape->part_meshes = meshes;
    shape->part_colors = NULL;
    picture_options options = {.width = 64, .height = 64};
    picture_image image = render(shape, &options);
    int white = 0;
    for (uint32_t y = 0; y < 64; y++)
        for (uint32_t x = 0; x < 64; x++)
            white += brightness(&image, x, y) > 450;
    assert_true(white > 100);
    picture_free(&image);
    sample_shape_free(shape);
}

static void bad_sizes_and_broken_meshes_are_refused(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    picture_image image;
    lumen_error error = {0};
    assert_int_equal(picture_render(shape, &(picture_options){.width = 3}, &image, &error), LUMEN_ERROR_INVALID);
    assert_null(image.pixels);
    assert_int_equal(picture_render(shape, &(picture_options){.height = 100000}, &image, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "16 to 8192"));
    shape->part_meshes[1].triangles[9] = UINT32_MAX;
    assert_int_equal(picture_render(shape, &(picture_options){.width = 64}, &image, &error), LUMEN_ERROR_FAILED);
    assert_non_null(strstr(error.message, "part 2"));
    assert_null(image.pixels);
    const lumen_shape *shapes[1] = {shape};
    assert_int_equal(picture_sheet(shapes, 0, 0, 0, &image, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(picture_sheet(shapes, PICTURE_SHEET_MAX + 1, 0, 0, &image, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(picture_sheet(shapes, 1, 0, 0, &image, &error), LUMEN_ERROR_FAILED);
    assert_null(image.pixels);
    sample_shape_free(shape);
}

static void a_sheet_is_about_square_unless_told_otherwise(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    const lumen_shape *shapes[5] = {shape, shape, shape, shape, shape};
    picture_image square, row;
    lumen_error error = {0};
    assert_int_equal(picture_sheet(shapes, 5, 0, 0, &square, &error), LUMEN_OK);
    assert_int_equal(picture_sheet(shapes, 3, 7, 0, &row, &error), LUMEN_OK);
    assert_true(square.width > 3 * 256 && square.width < 4 * 256);
    assert_true(square.height > 2 * 256 && square.height < 3 * 256);
    assert_int_equal(row.width, square.width);
    assert_true(row.height < 2 * 256);
    /* The last tile of the square is not there. */
    assert_true(brightness(&square, square.width - 128, square.height - 128) < 30);
    picture_free(&square);
    picture_free(&row);
    sample_shape_free(shape);
}

static void a_png_starts_with_its_signature_and_size(void **state)
{
    (void)state;
    picture_image image = blank_image(300, 7);
    buffer out;
    lumen_error error = {0};
    buffer_open(&out, 1u << 20);
    assert_int_equal(picture_write_png(&image, &out, &error), LUMEN_OK);
    assert_memory_equal(out.data, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x2c\0\0\0\x07\x08\x02", 26);
    assert_memory_equal(out.data + out.size - 8, "IEND", 4);
    buffer_close(&out);
    buffer_open(&out, 40);
    assert_int_equal(picture_write_png(&image, &out, &error), LUMEN_ERROR_MEMORY);
    buffer_close(&out);
    picture_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_light_follows_the_standard_and_back),
        cmocka_unit_test(triangles_that_share_an_edge_leave_no_gap),
        cmocka_unit_test(the_nearer_triangle_wins_in_any_order),
        cmocka_unit_test(rows_outside_the_band_are_left_alone),
        cmocka_unit_test(the_scene_fills_its_frame),
        cmocka_unit_test(a_creature_looks_to_the_left_of_the_picture),
        cmocka_unit_test(a_ray_goes_through_the_pixel_of_its_point),
        cmocka_unit_test(text_stands_where_it_was_put),
        cmocka_unit_test(long_text_shrinks_and_then_ends_in_an_ellipsis),
        cmocka_unit_test(unknown_characters_and_bad_bytes_are_boxes),
        cmocka_unit_test(a_picture_shows_the_shape_on_a_dark_ground),
        cmocka_unit_test(a_picture_is_the_same_every_time),
        cmocka_unit_test(edges_are_smooth),
        cmocka_unit_test(a_legend_shows_the_parts_in_colors_of_their_own),
        cmocka_unit_test(hidden_triangles_are_not_drawn),
        cmocka_unit_test(legend_and_caption_change_only_what_lies_below),
        cmocka_unit_test(a_shape_without_surfaces_gives_an_empty_stage),
        cmocka_unit_test(meshes_without_normals_and_colors_are_drawn),
        cmocka_unit_test(bad_sizes_and_broken_meshes_are_refused),
        cmocka_unit_test(a_sheet_is_about_square_unless_told_otherwise),
        cmocka_unit_test(a_png_starts_with_its_signature_and_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

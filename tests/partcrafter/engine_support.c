#include "engine_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <png.h>

#include "../networks/made_up.h"
#include "picture/picture.h"

char models_folder[256], own_folder[256];

const lumen_request painted = {
    .text = "tree", .engine = "partcrafter", .quality = LUMEN_QUALITY_FAST, .steps = 2, .tokens = 16};

lumen_request pictured;

static buffer shared_picture;
static lumen_shape *whole;

engine_request as_engine_request(const words_phrase *phrase)
{
    return (engine_request){
        .phrase = phrase, .quality = painted.quality, .steps = painted.steps, .tokens = painted.tokens};
}

/* ---- Pictures --------------------------------------------------------------------------------------------- */

/* Colors and alpha. */
static uint8_t *make_disc(uint32_t size, uint8_t red)
{
    uint8_t *pixels = malloc((size_t)4 * size * size);
    const double middle = 0.5 * (double)size;
    assert_non_null(pixels);
    for (uint32_t i = 0; i < size * size; i++) {
        const double x = (double)(i % size) - middle, y = (double)(i / size) - middle;
        const bool inside = x * x + y * y < middle * middle / 4.0;
        memset(pixels + (size_t)4 * i, inside ? 40 : 255, 3);
        pixels[(size_t)4 * i] = inside ? red : 255;
        pixels[(size_t)4 * i + 3] = inside ? 255 : 0;
    }
    return pixels;
}

static buffer save_picture(picture_image *image)
{
    lumen_error error = {0};
    buffer bytes;
    buffer_open(&bytes, 1 << 22);
    assert_int_equal(picture_write_png(image, &bytes, &error), LUMEN_OK);
    picture_free(image);
    return bytes;
}

buffer draw_disc(uint32_t size, uint8_t red)
{
    picture_image image = {.width = size, .height = size, .pixels = malloc((size_t)3 * size * size)};
    uint8_t *pixels = make_disc(size, red);
    assert_non_null(image.pixels);
    for (uint32_t i = 0; i < size * size; i++)
        memcpy(image.pixels + (size_t)3 * i, pixels + (size_t)4 * i, 3);
    free(pixels);
    return save_picture(&image);
}

buffer draw_black(uint32_t size)
{
    picture_image image = {.width = size, .height = size, .pixels = calloc((size_t)3 * size, size)};
    assert_non_null(image.pixels);
    return save_picture(&image);
}

buffer draw_cut_out_disc(uint32_t size, uint8_t red)
{
    png_image image = {.version = PNG_IMAGE_VERSION, .width = size, .height = size, .format = PNG_FORMAT_RGBA};
    png_alloc_size_t bytes = 1 << 20;
    uint8_t *pixels = make_disc(size, red), *file = malloc(bytes);
    buffer out;
    assert_non_null(file);
    assert_true(png_image_write_to_memory(&image, file, &bytes, 0, pixels, 0, NULL));
    buffer_open(&out, 1 << 22);
    buffer_append(&out, file, bytes);
    assert_false(buffer_failed(&out));
    free(pixels);
    free(file);
    return out;
}

lumen_request from_picture(const buffer *bytes, const char *text)
{
    lumen_request request = painted;
    request.text = text;
    request.image = bytes->data;
    request.image_size = bytes->size;
    return request;
}

/* ---- Models ----------------------------------------------------------------------------------------------- */

int make_shared_models(const ellipsoids *parts)
{
    make_test_folder(models_folder, sizeof models_folder);
    write_small_models(models_folder, parts);
    shared_picture = draw_cut_out_disc(64, 200);
    pictured = from_picture(&shared_picture, painted.text);
    return 0;
}

int remove_shared_models(void **state)
{
    (void)state;
    lumen_shape_free(whole);
    whole = NULL;
    buffer_close(&shared_picture);
    remove_test_folder(models_folder);
    return 0;
}

void make_own_folder(const ellipsoids *parts)
{
    char from[512], to[512];
    static const char *const shared[] = {"sdxl-turbo", "rmbg-1.4"};
    make_test_folder(own_folder, sizeof own_folder);
    for (size_t i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "%s/%s", models_folder, shared[i]);
        snprintf(to, sizeof to, "%s/%s", own_folder, shared[i]);
        assert_int_equal(symlink(from, to), 0);
    }
    if (parts != NULL)
        write_small_maker(own_folder, parts);
}

/* ---- Libraries -------------------------------------------------------------------------------------------- */

lumen *open_library(const lumen_options *how)
{
    lumen_options options = *how;
    lumen *library = NULL;
    lumen_error error = {0};
    if (options.models == NULL)
        options.models = models_folder;
    if (options.precision == NULL)
        options.precision = "f32";
    options.threads = 1;
    if (lumen_open(&options, &library, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return library;
}

lumen *open_usual(void)
{
    return open_library(&(lumen_options){0});
}

lumen_shape *generate(lumen *library, const lumen_request *request)
{
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    if (lumen_generate(library, request, &shape, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return shape;
}

void assert_fails(lumen *library, const lumen_request *request, lumen_status expected, const char *naming)
{
    lumen_shape *shape = (lumen_shape *)&shape;
    lumen_error error = {0};
    lumen_status status = lumen_generate(library, request, &shape, &error);
    if (status != expected || error.status != expected || strstr(error.message, naming) == NULL)
        fail_msg("%s, not %s of %s: %s", lumen_status_name(status), lumen_status_name(expected), naming, error.message);
    assert_null(shape);
}

void assert_same(const lumen_shape *one, const lumen_shape *other)
{
    assert_int_equal(one->point_count, other->point_count);
    assert_memory_equal(one->positions, other->positions, one->point_count * 3 * sizeof(float));
    assert_memory_equal(one->part_ids, other->part_ids, one->point_count);
    assert_int_equal(one->part_count, other->part_count);
    for (uint32_t k = 0; k < one->part_count; k++) {
        assert_string_equal(one->part_names[k], other->part_names[k]);
        assert_int_equal(one->part_meshes[k].vertex_count, other->part_meshes[k].vertex_count);
    }
}

const lumen_shape *expected_shape(void)
{
    if (whole == NULL) {
        lumen *library = open_usual();
        whole = generate(library, &pictured);
        lumen_close(library);
    }
    return whole;
}

void assert_works(lumen *library)
{
    lumen_shape *shape = generate(library, &pictured);
    assert_string_equal(shape->pipeline, "partcrafter");
    assert_same(shape, expected_shape());
    lumen_shape_free(shape);
}

int32_t part_named(const lumen_shape *shape, const char *name)
{
    for (uint32_t k = 0; k < shape->part_count; k++)
        if (strcmp(shape->part_names[k], name) == 0)
            return (int32_t)k;
    fail_msg("no part is called %s", name);
    return -1;
}

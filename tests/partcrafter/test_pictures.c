/* Pictures that nobody would send on purpose. Each has a defined answer, and the next request works. What every kind of
 * file becomes in memory is in tests/picture. */

#include "engine_support.h"

#include <stdlib.h>
#include <string.h>

#include <png.h>

static lumen *usual;

static int make_models(void **state)
{
    (void)state;
    make_shared_models(&bush_of_ellipsoids);
    usual = open_usual();
    return 0;
}

static int remove_models(void **state)
{
    lumen_close(usual);
    return remove_shared_models(state);
}

/* All bytes of all pixels have one value; of alpha another. */
static buffer draw_plain(uint32_t width, uint32_t height, uint32_t format, uint8_t color, uint8_t alpha)
{
    png_image image = {.version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = format};
    png_alloc_size_t size = 1 << 20;
    const size_t bytes = PNG_IMAGE_SIZE(image);
    uint8_t *pixels = malloc(bytes), *file = malloc(size);
    buffer out;
    assert_true(pixels != NULL && file != NULL);
    memset(pixels, color, bytes);
    for (size_t i = 3; i < bytes && format == PNG_FORMAT_RGBA; i += 4)
        pixels[i] = alpha;
    assert_true(png_image_write_to_memory(&image, file, &size, 0, pixels, 0, NULL));
    buffer_open(&out, 1 << 22);
    buffer_append(&out, file, size);
    assert_false(buffer_failed(&out));
    free(pixels);
    free(file);
    return out;
}

static void refuse(buffer picture, const char *naming)
{
    const lumen_request request = from_picture(&picture, painted.text);
    assert_fails(usual, &request, LUMEN_ERROR_INVALID, naming);
    buffer_close(&picture);
}

static void pictures_too_small_or_too_narrow_to_show_anything_are_refused(void **state)
{
    (void)state;
    refuse(draw_plain(1, 1, PNG_FORMAT_RGB, 200, 0), "");
    refuse(draw_plain(1, 4096, PNG_FORMAT_RGB, 200, 0), "");
    refuse(draw_plain(4096, 1, PNG_FORMAT_RGB, 200, 0), "");
    assert_works(usual);
}

static void pictures_that_are_all_black_are_refused(void **state)
{
    (void)state;
    refuse(draw_plain(64, 64, PNG_FORMAT_RGB, 0, 0), "black");
    refuse(draw_plain(64, 64, PNG_FORMAT_GRAY, 0, 0), "black");
    refuse(draw_plain(64, 64, PNG_FORMAT_LINEAR_Y, 0, 0), "black"); /* of 16 bits */
    refuse(draw_plain(64, 64, PNG_FORMAT_RGBA, 0, 0), "black");     /* and nothing of it can be seen */
    assert_works(usual);
}

/* A network decides what they show, here one of noise: it may see something or nothing. */
static void pictures_of_one_color_are_made_or_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t format;
        uint8_t color, alpha;
    } plain[] = {{PNG_FORMAT_RGB, 255, 0},
                 {PNG_FORMAT_LINEAR_Y, 90, 0},
                 {PNG_FORMAT_RGBA, 255, 0},   /* nothing of it can be seen */
                 {PNG_FORMAT_RGBA, 90, 255}}; /* its alpha says nothing */
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        buffer picture = draw_plain(48, 64, plain[i].format, plain[i].color, plain[i].alpha);
        const lumen_request request = from_picture(&picture, painted.text);
        lumen_shape *shape = NULL;
        lumen_error error = {0};
        const lumen_status status = lumen_generate(usual, &request, &shape, &error);
        assert_true((status == LUMEN_OK) == (shape != NULL));
        if (status != LUMEN_OK && (status != LUMEN_ERROR_INVALID || strlen(error.message) < 10))
            fail_msg("%s: %s", lumen_status_name(status), error.message);
        lumen_shape_free(shape);
        buffer_close(&picture);
    }
    assert_works(usual);
}

static void put_number(uint8_t *at, size_t bytes, uint32_t value)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* The widths and heights that they claim are those of gigabytes. */
static void bombs_are_refused_by_what_they_claim(void **state)
{
    (void)state;
    buffer png = draw_plain(8, 8, PNG_FORMAT_RGB, 90, 0), jpeg;
    /* The begin, a frame of three colors, a scan, and not much of it. */
    static const uint8_t frame[] = {0xff, 0xd8, 0xff, 0xc0, 0, 17,   8, 0,    0,    0, 0,    3,   1, 0x22,
                                    0,    2,    0x11, 1,    3, 0x11, 1, 0xff, 0xda, 0, 12,   3,   1, 0,
                                    2,    0x11, 3,    0x11, 0, 63,   0, 1,    2,    3, 0xff, 0xd9};
    put_number(png.data + 16, 4, 60000);
    put_number(png.data + 20, 4, 60000);
    uint32_t crc = 0xffffffff;
    for (size_t i = 12; i < 29; i++)
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (((crc ^ (uint32_t)png.data[i] >> bit) & 1) != 0 ? 0xedb88320 : 0);
    put_number(png.data + 29, 4, ~crc);
    buffer_open(&jpeg, 1 << 10);
    buffer_append(&jpeg, frame, sizeof frame);
    put_number(jpeg.data + 7, 2, 60000);
    put_number(jpeg.data + 9, 2, 60000);
    refuse(png, "60000 x 60000");
    refuse(jpeg, "60000 x 60000");
    assert_works(usual);
}

static void pictures_that_are_cut_short_are_refused(void **state)
{
    (void)state;
    buffer whole = draw_disc(64, 200);
    for (size_t size = 0; size < whole.size; size += whole.size / 9 + 1) {
        lumen_request request = from_picture(&whole, painted.text);
        request.image_size = size;
        assert_fails(usual, &request, LUMEN_ERROR_INVALID, "");
    }
    buffer_close(&whole);
    assert_works(usual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_too_small_or_too_narrow_to_show_anything_are_refused),
        cmocka_unit_test(pictures_that_are_all_black_are_refused),
        cmocka_unit_test(pictures_of_one_color_are_made_or_refused),
        cmocka_unit_test(bombs_are_refused_by_what_they_claim),
        cmocka_unit_test(pictures_that_are_cut_short_are_refused),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}

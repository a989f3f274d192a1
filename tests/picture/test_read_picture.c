/* Pictures from files that someone else made, and pictures in other sizes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

#include "base/error.h"
#include "picture/picture.h"
#include "picture/resample.h"

enum { WIDTH = 19, HEIGHT = 13 };

/* ---- Files to read ------------------------------------------------------------------------------------------- */

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static void append(png_structp png, png_bytep data, png_size_t size)
{
    bytes *out = png_get_io_ptr(png);
    out->data = realloc(out->data, out->size + size);
    assert_non_null(out->data);
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

/* What pixel (x, y) is in channel c, in 8 bits. */
static uint8_t sample(size_t x, size_t y, size_t c)
{
    return (uint8_t)(x * 13 + y * 7 * (c + 1) + c * 50);
}

static size_t channels_of(int color)
{
    return color == PNG_COLOR_TYPE_RGB_ALPHA    ? 4
           : color == PNG_COLOR_TYPE_RGB        ? 3
           : color == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                : 1;
}

static bytes make_png(int color, int bits, int interlace)
{
    bytes out = {0};
    uint8_t rows[HEIGHT][WIDTH * 8] = {0}, *pointers[HEIGHT];
    const size_t channels = channels_of(color), each = bits == 16 ? 2 : 1;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, append, NULL);
    png_set_IHDR(png, info, WIDTH, HEIGHT, bits, color, interlace, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (color == PNG_COLOR_TYPE_PALETTE) {
        png_color palette[256];
        png_byte clear[] = {255, 0, 100};
        for (size_t i = 0; i < 256; i++)
            palette[i] = (png_color){(png_byte)i, (png_byte)(255 - i), 7};
        png_set_PLTE(png, info, palette, 256);
        png_set_tRNS(png, info, clear, 3, NULL);
    }
    png_write_info(png, info);
    for (size_t y = 0; y < HEIGHT; y++) {
        pointers[y] = rows[y];
        for (size_t i = 0; i < WIDTH * channels; i++) {
            const uint8_t value = sample(i / channels, y, i % channels);
            rows[y][each * i] = value;
            rows[y][each * i + each - 1] = value;
        }
    }
    png_write_image(png, pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return out;
}

/* The exif block is put in as it is. */
static bytes make_jpeg(J_COLOR_SPACE color, bool progressive, const void *exif, unsigned exif_size)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr failing;
    unsigned char *data = NULL;
    unsigned long size = 0;
    uint8_t row[WIDTH * 4];
    jpeg.err = jpeg_std_error(&failing);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = WIDTH;
    jpeg.image_height = HEIGHT;
    jpeg.input_components = color == JCS_GRAYSCALE ? 1 : color == JCS_CMYK ? 4 : 3;
    jpeg.in_color_space = color;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (exif != NULL)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, exif_size);
    while (jpeg.next_scanline < HEIGHT) {
        /* Smooth and gray, so that little is lost: bright on the left, dark at the bottom. */
        for (size_t i = 0; i < WIDTH * (size_t)jpeg.input_components; i++)
            row[i] = (uint8_t)(250 - 10 * (i / (size_t)jpeg.input_components) - 4 * jpeg.next_scanline);
        JSAMPROW pointer = row;
        jpeg_write_scanlines(&jpeg, &pointer, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return (bytes){data, size};
}

static lumen_status read_bytes(const bytes *from, picture_photograph *out, lumen_error *error)
{
    /* A copy of its very size, so that a sanitizer sees every step beyond. */
    void *copy = malloc(from->size > 0 ? from->size : 1);
    assert_non_null(copy);
    if (from->size > 0)
        memcpy(copy, from->data, from->size);
    lumen_status status = picture_read("test", copy, from->size, 0, out, error);
    free(copy);
    return status;
}

static picture_photograph must_read(const bytes *from)
{
    picture_photograph out;
    lumen_error error = {0};
    if (read_bytes(from, &out, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return out;
}

/* ---- PNG ------------------------------------------------------------------------------------------------------ */

static void every_kind_of_png_becomes_rgb_and_alpha(void **state)
{
    (void)state;
    static const struct {
        int color, bits;
    } kinds[] = {{PNG_COLOR_TYPE_RGB, 8},        {PNG_COLOR_TYPE_RGB, 16},      {PNG_COLOR_TYPE_GRAY, 8},
                 {PNG_COLOR_TYPE_GRAY, 16},      {PNG_COLOR_TYPE_RGB_ALPHA, 8}, {PNG_COLOR_TYPE_RGB_ALPHA, 16},
                 {PNG_COLOR_TYPE_GRAY_ALPHA, 8}, {PNG_COLOR_TYPE_PALETTE, 8}};
    for (size_t i = 0; i < 2 * sizeof kinds / sizeof *kinds; i++) {
        const int color = kinds[i / 2].color;
        bytes file = make_png(color, kinds[i / 2].bits, i % 2 == 0 ? PNG_INTERLACE_NONE : PNG_INTERLACE_ADAM7);
        picture_photograph read = must_read(&file);
        const size_t channels = channels_of(color);
        const bool alpha = channels == 2 || channels == 4 || color == PNG_COLOR_TYPE_PALETTE;
        assert_true(read.color.width == WIDTH && read.color.height == HEIGHT);
        assert_int_equal(read.alpha != NULL, alpha);
        for (size_t j = 0; j < (size_t)WIDTH * HEIGHT; j++) {
            const size_t x = j % WIDTH, y = j / WIDTH;
            const uint8_t *pixel = read.color.pixels + 3 * j, first = sample(x, y, 0);
            if (color == PNG_COLOR_TYPE_PALETTE) {
                assert_true(pixel[0] == first && pixel[1] == 255 - first && pixel[2] == 7);
                assert_int_equal(read.alpha[j], first == 1 ? 0 : first == 2 ? 100 : 255);
                continue;
            }
            for (size_t c = 0; c < 3; c++)
                assert_int_equal(pixel[c], sample(x, y, channels >= 3 ? c : 0));
            if (alpha)
                assert_int_equal(read.alpha[j], sample(x, y, channels - 1));
        }
        picture_photograph_free(&read);
        free(file.data);
    }
}

static void a_png_that_is_cut_short_anywhere_is_refused(void **state)
{
    (void)state;
    bytes file = make_png(PNG_COLOR_TYPE_RGB_ALPHA, 8, PNG_INTERLACE_ADAM7);
    for (size_t size = 0; size < file.size; size++) {
        picture_photograph read;
        lumen_error error = {0};
        const bytes shorter = {file.data, size};
        assert_int_equal(read_bytes(&shorter, &read, &error), LUMEN_ERROR_INVALID);
        assert_true(read.color.pixels == NULL && read.alpha == NULL && error.message[0] != '\0');
    }
    free(file.data);
}

static uint32_t crc_of(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

static void put_number(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void a_png_that_claims_to_be_huge_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{30000, 30000}, {1, 40000}, {0x7fffffff, 0x7fffffff}, {8193, 8192}};
    bytes file = make_png(PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        picture_photograph read;
        lumen_error error = {0};
        put_number(file.data + 16, sizes[i][0]);
        put_number(file.data + 20, sizes[i][1]);
        put_number(file.data + 29, crc_of(file.data + 12, 17));
        assert_int_equal(read_bytes(&file, &read, &error), LUMEN_ERROR_INVALID);
        assert_null(read.color.pixels);
    }
    free(file.data);
}

static void a_caller_may_allow_fewer_pixels(void **state)
{
    (void)state;
    picture_photograph read;
    lumen_error error = {0};
    bytes png = make_png(PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE), jpeg = make_jpeg(JCS_RGB, false, NULL, 0);
    const bytes *files[] = {&png, &jpeg};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(picture_read("it", files[i]->data, files[i]->size, WIDTH * HEIGHT - 1, &read, &error),
                         LUMEN_ERROR_INVALID);
        assert_non_null(strstr(error.message, "19 x 13"));
        assert_int_equal(picture_read("it", files[i]->data, files[i]->size, WIDTH * HEIGHT, &read, &error), LUMEN_OK);
        picture_photograph_free(&read);
    }
    free(png.data);
    free(jpeg.data);
}

/* ---- JPEG ----------------------------------------------------------------------------------------------------- */

static void every_kind_of_jpeg_becomes_rgb(void **state)
{
    (void)state;
    static const J_COLOR_SPACE colors[] = {JCS_GRAYSCALE, JCS_RGB, JCS_CMYK};
    for (size_t i = 0; i < 6; i++) {
        bytes file = make_jpeg(colors[i / 2], i % 2 == 1, NULL, 0);
        picture_photograph read = must_read(&file);
        assert_true(read.color.width == WIDTH && read.color.height == HEIGHT && read.alpha == NULL);
        for (size_t j = 0; j < (size_t)WIDTH * HEIGHT * 3; j++) {
            const int ink = 250 - 10 * (int)(j / 3 % WIDTH) - 4 * (int)(j / 3 / WIDTH);
            /* Written with Adobe's marker: inverted inks, each times black. */
            const int want = colors[i / 2] == JCS_CMYK ? ink * ink / 255 : ink;
            assert_in_range(read.color.pixels[j], want < 8 ? 0 : want - 8, want + 8);
        }
        picture_photograph_free(&read);
        free(file.data);
    }
}

static void a_jpeg_that_is_cut_short_is_refused(void **state)
{
    (void)state;
    for (int progressive = 0; progressive < 2; progressive++) {
        bytes file = make_jpeg(JCS_RGB, progressive == 1, NULL, 0);
        /* The last two bytes are the mark of its end. */
        for (size_t size = 0; size + 2 < file.size; size++) {
            picture_photograph read;
            lumen_error error = {0};
            const bytes shorter = {file.data, size};
            assert_int_equal(read_bytes(&shorter, &read, &error), LUMEN_ERROR_INVALID);
            assert_null(read.color.pixels);
        }
        free(file.data);
    }
}

/* Which corner is the bright one, and whether the picture lies on its side: how it was turned. */
static void a_camera_that_was_held_sideways_is_made_up_for(void **state)
{
    (void)state;
    /* Where the brightest corner of the file, its first pixel, is to be seen: right, bottom. */
    static const struct {
        bool right, bottom, turned;
    } expected[] = {{0, 0, 0}, {1, 0, 0}, {1, 1, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 1}, {1, 1, 1}, {0, 1, 1}};
    for (unsigned turn = 1; turn <= 8; turn++)
        for (int big = 0; big < 2; big++) {
            uint8_t little_exif[] = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0";
            uint8_t big_exif[] = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
            little_exif[24] = (uint8_t)turn;
            big_exif[25] = (uint8_t)turn;
            bytes file = make_jpeg(JCS_RGB, false, big == 1 ? big_exif : little_exif, sizeof big_exif - 1);
            picture_photograph read = must_read(&file);
            const picture_image *image = &read.color;
            const size_t last = 3 * (size_t)(image->width - 1), bottom = 3 * (size_t)image->width * (image->height - 1);
            const size_t bright = (expected[turn - 1].right ? last : 0) + (expected[turn - 1].bottom ? bottom : 0);
            assert_int_equal(image->width, expected[turn - 1].turned ? HEIGHT : WIDTH);
            assert_in_range(image->pixels[bright], 240, 255);
            assert_in_range(image->pixels[last + bottom - bright], 0, 40);
            picture_photograph_free(&read);
            free(file.data);
        }
}

static void nonsense_in_exif_is_no_reason_to_refuse_a_picture(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        unsigned size;
    } blocks[] = {{"Exif\0\0", 6},
                  {"Exif\0\0II*\0\xff\xff\xff\xff", 14},
                  {"Exif\0\0II*\0\x08\0\0\0\xff\xff", 16},
                  {"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0", 28}};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        bytes file = make_jpeg(JCS_RGB, false, blocks[i].bytes, blocks[i].size);
        picture_photograph read = must_read(&file);
        assert_int_equal(read.color.width, WIDTH);
        picture_photograph_free(&read);
        free(file.data);
    }
}

static void a_jpeg_that_claims_to_be_huge_is_refused(void **state)
{
    (void)state;
    bytes file = make_jpeg(JCS_RGB, false, NULL, 0);
    picture_photograph read;
    lumen_error error = {0};
    for (size_t i = 0; i + 9 < file.size; i++)
        if (file.data[i] == 0xff && file.data[i + 1] == 0xc0) {
            file.data[i + 5] = file.data[i + 7] = 0xff;
            break;
        }
    assert_int_equal(read_bytes(&file, &read, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "make it smaller"));
    free(file.data);
}

static void what_is_neither_png_nor_jpeg_is_refused_by_name(void **state)
{
    (void)state;
    picture_photograph read;
    lumen_error error = {0};
    assert_int_equal(picture_read("horse.gif", "GIF89a", 6, 0, &read, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "horse.gif is neither PNG nor JPEG"));
    assert_int_equal(picture_read("nothing", "", 0, 0, &read, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(picture_read_file("/nowhere/horse.png", 0, &read, &error), LUMEN_ERROR_IO);
}

static void a_file_is_read_as_its_bytes_are(void **state)
{
    (void)state;
    char path[] = "/tmp/lumen-read-XXXXXX";
    bytes file = make_png(PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE);
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, file.data, file.size), (ssize_t)file.size);
    close(descriptor);
    picture_photograph read;
    lumen_error error = {0};
    assert_int_equal(picture_read_file(path, 0, &read, &error), LUMEN_OK);
    assert_int_equal(read.color.pixels[3], sample(1, 0, 0));
    picture_photograph_free(&read);
    unlink(path);
    free(file.data);
}

/* ---- Other sizes ------------------------------------------------------------------------------------------------ */

static void a_picture_of_its_own_size_stays_as_it_is(void **state)
{
    (void)state;
    const uint8_t from[] = {1, 2, 3, 250, 0, 255};
    uint8_t to[6];
    lumen_error error;
    for (int filter = RESAMPLE_AREA; filter <= RESAMPLE_BICUBIC; filter++) {
        const resample_request how = {.filter = (resample_filter)filter, .width = 3, .height = 2};
        assert_int_equal(resample_bytes(from, 3, 2, 1, &how, to, &error), LUMEN_OK);
        assert_memory_equal(from, to, sizeof to);
    }
}

static void an_area_is_the_mean_of_what_it_covers(void **state)
{
    (void)state;
    const uint8_t from[] = {0, 30, 90, 10, 50, 60};
    uint8_t to[2];
    lumen_error error;
    const resample_request how = {.filter = RESAMPLE_AREA, .width = 2, .height = 1};
    /* Each of the two covers one and a half columns of both rows. */
    assert_int_equal(resample_bytes_once(from, 3, 2, 1, &how, to, &error), LUMEN_OK);
    assert_int_equal(to[0], (0 + 15 + 10 + 25 + 1) / 3);
    assert_int_equal(to[1], (15 + 90 + 25 + 60 + 1) / 3);
}

static void a_triangle_halves_with_weights_of_one_and_three(void **state)
{
    (void)state;
    float from[8] = {0}, to[4];
    lumen_error error;
    const resample_request how = {.filter = RESAMPLE_TRIANGLE, .width = 4, .height = 1};
    from[3] = 8.0f;
    assert_int_equal(resample_floats(from, 8, 1, 1, &how, to, &error), LUMEN_OK);
    assert_true(to[1] == 3.0f && to[2] == 1.0f);
}

static void a_window_is_what_the_whole_has_there(void **state)
{
    (void)state;
    uint8_t from[40 * 30], whole[60 * 20], part[7 * 5];
    lumen_error error;
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (uint8_t)(i * i % 251);
    resample_request how = {.filter = RESAMPLE_BICUBIC, .width = 60, .height = 20};
    assert_int_equal(resample_bytes(from, 40, 30, 1, &how, whole, &error), LUMEN_OK);
    how.window = (resample_window){.left = 50, .top = 9, .width = 7, .height = 5};
    assert_int_equal(resample_bytes(from, 40, 30, 1, &how, part, &error), LUMEN_OK);
    for (size_t i = 0; i < sizeof part; i++)
        assert_int_equal(part[i], whole[(9 + i / 7) * 60 + 50 + i % 7]);
    how.window.left = 54;
    assert_int_equal(resample_bytes(from, 40, 30, 1, &how, part, &error), LUMEN_ERROR_INVALID);
    how = (resample_request){.filter = RESAMPLE_BICUBIC};
    assert_int_equal(resample_bytes(from, 40, 30, 1, &how, part, &error), LUMEN_ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_png_becomes_rgb_and_alpha),
        cmocka_unit_test(a_png_that_is_cut_short_anywhere_is_refused),
        cmocka_unit_test(a_png_that_claims_to_be_huge_is_refused_before_memory_is_taken),
        cmocka_unit_test(a_caller_may_allow_fewer_pixels),
        cmocka_unit_test(every_kind_of_jpeg_becomes_rgb),
        cmocka_unit_test(a_jpeg_that_is_cut_short_is_refused),
        cmocka_unit_test(a_camera_that_was_held_sideways_is_made_up_for),
        cmocka_unit_test(nonsense_in_exif_is_no_reason_to_refuse_a_picture),
        cmocka_unit_test(a_jpeg_that_claims_to_be_huge_is_refused),
        cmocka_unit_test(what_is_neither_png_nor_jpeg_is_refused_by_name),
        cmocka_unit_test(a_file_is_read_as_its_bytes_are),
        cmocka_unit_test(a_picture_of_its_own_size_stays_as_it_is),
        cmocka_unit_test(an_area_is_the_mean_of_what_it_covers),
        cmocka_unit_test(a_triangle_halves_with_weights_of_one_and_three),
        cmocka_unit_test(a_window_is_what_the_whole_has_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

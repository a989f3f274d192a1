/* JPEG by libjpeg, whose errors are jumps: they end in read_pixels. */

#include "picture/read.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* A progressive picture may be sent in any number of passes; a few bytes each make a decoder work for hours. */
enum { SCANS_MAX = 100, EXIF_BYTES_MAX = 0xffff };

typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr failing;
    struct jpeg_progress_mgr passes;
    jmp_buf end;
    const picture_reading *from;
    char why[JMSG_LENGTH_MAX];
    uint8_t *pixels, *ink; /* ink: a row of CMYK */
} reader;

static void stop(j_common_ptr jpeg)
{
    reader *me = jpeg->client_data;
    jpeg->err->format_message(jpeg, me->why);
    longjmp(me->end, 1);
}

/* Warnings are of damage that can be lived with, but for an early end: half of the picture would be gray. */
static void hear(j_common_ptr jpeg, int level)
{
    if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF)
        stop(jpeg);
}

static void count_passes(j_common_ptr jpeg)
{
    reader *me = jpeg->client_data;
    if (me->jpeg.input_scan_number > SCANS_MAX) {
        snprintf(me->why, sizeof me->why, "it comes in more than %d passes", SCANS_MAX);
        longjmp(me->end, 1);
    }
}

/* Inverted, as Adobe writes it, or not. */
static void ink_to_color(const uint8_t *ink, size_t count, bool inverted, uint8_t *to)
{
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++) {
            const unsigned flip = inverted ? 0 : 255, color = ink[4 * i + c] ^ flip, black = ink[4 * i + 3] ^ flip;
            to[3 * i + c] = (uint8_t)((color * black + 127) / 255);
        }
}

static unsigned turn_of(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker != NULL; marker = marker->next)
        if (marker->data_length > 6 && memcmp(marker->data, "Exif\0", 6) == 0)
            return picture_exif_turn(marker->data + 6, marker->data_length - 6);
    return 1;
}

static lumen_status read_pixels(reader *me, picture_photograph *out, unsigned *turn)
{
    struct jpeg_decompress_struct *jpeg = &me->jpeg;
    if (setjmp(me->end))
        return picture_damaged(me->from, me->why);
    jpeg_create_decompress(jpeg);
    jpeg->client_data = me;
    jpeg->progress = &me->passes;
    jpeg_mem_src(jpeg, me->from->bytes, (unsigned long)me->from->size);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, EXIF_BYTES_MAX);
    jpeg_read_header(jpeg, TRUE);
    lumen_status status = picture_check_size(me->from, jpeg->image_width, jpeg->image_height);
    if (status != LUMEN_OK)
        return status;
    const bool inks = jpeg->num_components == 4;
    const size_t width = jpeg->image_width, height = jpeg->image_height;
    jpeg->out_color_space = inks ? JCS_CMYK : JCS_RGB;
    me->pixels = malloc(3 * width * height);
    me->ink = inks ? malloc(4 * width) : NULL;
    if (me->pixels == NULL || (inks && me->ink == NULL))
        return lumen_fail_memory(me->from->error, me->from->name);
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < height) {
        uint8_t *to = me->pixels + 3 * width * jpeg->output_scanline;
        JSAMPROW row = inks ? me->ink : to;
        if (jpeg_read_scanlines(jpeg, &row, 1) == 1 && inks)
            ink_to_color(me->ink, width, jpeg->saw_Adobe_marker, to);
    }
    *turn = turn_of(jpeg);
    jpeg_finish_decompress(jpeg);
    out->color.width = (uint32_t)width;
    out->color.height = (uint32_t)height;
    return LUMEN_OK;
}

lumen_status picture_read_jpeg(const picture_reading *from, picture_photograph *out, unsigned *turn)
{
    /* Not on the stack of read_pixels: what it holds must outlive the jump. */
    reader *me = calloc(1, sizeof *me);
    if (me == NULL)
        return lumen_fail_memory(from->error, from->name);
    me->from = from;
    me->jpeg.err = jpeg_std_error(&me->failing);
    me->jpeg.client_data = me;
    me->failing.error_exit = stop;
    me->failing.emit_message = hear;
    me->passes.progress_monitor = count_passes;
    lumen_status status = read_pixels(me, out, turn);
    jpeg_destroy_decompress(&me->jpeg);
    if (status == LUMEN_OK)
        out->color.pixels = me->pixels;
    else
        free(me->pixels);
    free(me->ink);
    free(me);
    return status;
}

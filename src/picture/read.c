#include "picture/read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

lumen_status picture_damaged(const picture_reading *from, const char *why)
{
    return lumen_fail(from->error, LUMEN_ERROR_INVALID, "%.200s cannot be read (%.80s); give a whole PNG or JPEG",
                      from->name, why);
}

lumen_status picture_check_size(const picture_reading *from, uint64_t width, uint64_t height)
{
    if (width == 0 || height == 0)
        return picture_damaged(from, "it has no pixels");
    if (width <= PICTURE_READ_SIDE_MAX && height <= PICTURE_READ_SIDE_MAX && width * height <= from->pixels_max)
        return LUMEN_OK;
    return lumen_fail(from->error, LUMEN_ERROR_INVALID,
                      "%.200s has %llu x %llu pixels, more than %zu or a side beyond %d; make it smaller", from->name,
                      (unsigned long long)width, (unsigned long long)height, from->pixels_max, PICTURE_READ_SIDE_MAX);
}

picture_kind picture_kind_of(const void *bytes, size_t size)
{
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, jpeg[] = {0xff, 0xd8, 0xff};
    if (size >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return PICTURE_PNG;
    return size >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0 ? PICTURE_JPEG : PICTURE_OTHER;
}

size_t picture_pixels_most(size_t pixels_max)
{
    return pixels_max == 0 || pixels_max > PICTURE_READ_PIXELS_MAX ? PICTURE_READ_PIXELS_MAX : pixels_max;
}

lumen_status picture_is_other(const picture_reading *from)
{
    return lumen_fail(from->error, LUMEN_ERROR_INVALID, "%.200s is neither PNG nor JPEG; convert it to one of them",
                      from->name);
}

lumen_status picture_read(const char *name, const void *bytes, size_t size, size_t pixels_max, picture_photograph *out,
                          lumen_error *error)
{
    const picture_reading from = {
        .name = name, .bytes = bytes, .size = size, .pixels_max = picture_pixels_most(pixels_max), .error = error};
    const picture_kind kind = picture_kind_of(bytes, size);
    unsigned turn = 1;
    *out = (picture_photograph){0};
    if (kind == PICTURE_OTHER)
        return picture_is_other(&from);
    lumen_status status = kind == PICTURE_PNG ? picture_read_png(&from, out) : picture_read_jpeg(&from, out, &turn);
    if (status == LUMEN_OK && turn != 1)
        status = picture_turn(out, turn, error);
    if (status != LUMEN_OK)
        picture_photograph_free(out);
    return status;
}

/* ---- Files ----------------------------------------------------------------------------------------------- */

static lumen_status read_whole(FILE *file, const char *path, uint8_t **out, size_t *size, lumen_error *error)
{
    size_t capacity = 1 << 16, used = 0;
    uint8_t *bytes = NULL;
    for (;;) {
        uint8_t *larger = realloc(bytes, capacity);
        if (larger == NULL) {
            free(bytes);
            return lumen_fail_memory(error, path);
        }
        bytes = larger;
        used += fread(bytes + used, 1, capacity - used, file);
        if (used < capacity || capacity > PICTURE_READ_BYTES_MAX)
            break;
        capacity *= 2;
    }
    *out = bytes;
    *size = used;
    if (ferror(file))
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s could not be read (%s); check the disk", path,
                          strerror(errno));
    if (used > PICTURE_READ_BYTES_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s is larger than %d MiB; make the picture smaller", path,
                          PICTURE_READ_BYTES_MAX >> 20);
    return LUMEN_OK;
}

lumen_status picture_read_file(const char *path, size_t pixels_max, picture_photograph *out, lumen_error *error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    *out = (picture_photograph){0};
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s could not be opened (%s); check the name", path,
                          strerror(errno));
    lumen_status status = read_whole(file, path, &bytes, &size, error);
    fclose(file);
    if (status == LUMEN_OK)
        status = picture_read(path, bytes, size, pixels_max, out, error);
    free(bytes);
    return status;
}

void picture_photograph_free(picture_photograph *photograph)
{
    picture_free(&photograph->color);
    free(photograph->alpha);
    photograph->alpha = NULL;
}

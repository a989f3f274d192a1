/*
 * read.h: between the reader of pictures (read.c) and the two formats. setjmp stays in the file of each library.
 */
#ifndef LUMEN_PICTURE_READ_H
#define LUMEN_PICTURE_READ_H

#include "base/error.h"
#include "picture/picture.h"

typedef struct picture_reading {
    const char *name;
    const uint8_t *bytes;
    size_t size, pixels_max;
    lumen_error *error;
} picture_reading;

/* Each fills `out` or leaves it empty. `turn` is the EXIF orientation, 1 to 8. */
lumen_status picture_read_png(const picture_reading *from, picture_photograph *out);
lumen_status picture_read_jpeg(const picture_reading *from, picture_photograph *out, unsigned *turn);

/* What kind of file it is, by its first bytes. */
typedef enum picture_kind { PICTURE_OTHER, PICTURE_PNG, PICTURE_JPEG } picture_kind;
picture_kind picture_kind_of(const void *bytes, size_t size);
size_t picture_pixels_most(size_t pixels_max);
lumen_status picture_is_other(const picture_reading *from);

/* Whether a picture of these sizes is taken; says so when not. */
lumen_status picture_check_size(const picture_reading *from, uint64_t width, uint64_t height);
lumen_status picture_damaged(const picture_reading *from, const char *why);

/* The orientation that an EXIF block (behind "Exif\0\0") states; 1, as it lies, where it states none or nonsense. */
unsigned picture_exif_turn(const uint8_t *bytes, size_t size);

/* Turns and mirrors so that it stands upright. */
lumen_status picture_turn(picture_photograph *photograph, unsigned turn, lumen_error *error);

#endif

/* Which way up a camera was held, and pictures turned upright. */

#include "picture/read.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRY_BYTES = 12, TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3 };

/* Numbers of an EXIF block in its byte order; 0 beyond its end. */
typedef struct exif {
    const uint8_t *bytes;
    size_t size;
    bool big; /* the most significant byte first */
} exif;

static uint32_t number_at(const exif *from, size_t at, size_t count)
{
    uint32_t value = 0;
    if (at > from->size || count > from->size - at)
        return 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint32_t)from->bytes[at + i] << 8 * (from->big ? count - 1 - i : i);
    return value;
}

unsigned picture_exif_turn(const uint8_t *bytes, size_t size)
{
    exif from = {.bytes = bytes, .size = size};
    if (size < 8 || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
        return 1;
    from.big = bytes[0] == 'M';
    const size_t directory = number_at(&from, 4, 4);
    const uint32_t entries = number_at(&from, directory, 2);
    for (uint32_t i = 0; i < entries; i++) {
        const size_t entry = directory + 2 + (size_t)i * ENTRY_BYTES;
        if (entry + ENTRY_BYTES > size)
            break;
        if (number_at(&from, entry, 2) == TAG_ORIENTATION && number_at(&from, entry + 2, 2) == TYPE_SHORT) {
            const uint32_t turn = number_at(&from, entry + 8, 2);
            return turn >= 1 && turn <= 8 ? turn : 1;
        }
    }
    return 1;
}

/* Where pixel (x, y) of the upright picture lies in the file, whose sizes are given. */
static size_t lies_at(unsigned turn, size_t width, size_t height, size_t x, size_t y)
{
    switch (turn) {
    case 2: return y * width + (width - 1 - x);
    case 3: return (height - 1 - y) * width + (width - 1 - x);
    case 4: return (height - 1 - y) * width + x;
    case 5: return x * width + y;
    case 6: return (height - 1 - x) * width + y;
    case 7: return (height - 1 - x) * width + (width - 1 - y);
    case 8: return x * width + (width - 1 - y);
    default: return y * width + x;
    }
}

static uint8_t *turned(const uint8_t *from, unsigned turn, size_t width, size_t height, size_t channels)
{
    const size_t new_width = turn >= 5 ? height : width, new_height = turn >= 5 ? width : height;
    uint8_t *out = malloc(width * height * channels), *to = out;
    if (out == NULL)
        return NULL;
    for (size_t y = 0; y < new_height; y++)
        for (size_t x = 0; x < new_width; x++, to += channels)
            memcpy(to, from + lies_at(turn, width, height, x, y) * channels, channels);
    return out;
}

lumen_status picture_turn(picture_photograph *photograph, unsigned turn, lumen_error *error)
{
    const uint32_t width = photograph->color.width, height = photograph->color.height;
    const picture_photograph old = *photograph;
    picture_photograph made = {.color = {.width = turn >= 5 ? height : width, .height = turn >= 5 ? width : height}};
    made.color.pixels = turned(old.color.pixels, turn, width, height, 3);
    made.alpha = old.alpha != NULL ? turned(old.alpha, turn, width, height, 1) : NULL;
    if (made.color.pixels == NULL || (old.alpha != NULL && made.alpha == NULL)) {
        picture_photograph_free(&made);
        return lumen_fail_memory(error, "a picture turned upright");
    }
    picture_photograph_free(photograph);
    *photograph = made;
    return LUMEN_OK;
}

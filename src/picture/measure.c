/* How large a PNG or JPEG file says that it is, without a library: its head alone is looked at. */

#include "picture/read.h"

static uint32_t big_endian(const uint8_t *bytes, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* The header chunk comes first: its size, "IHDR", width, height (PNG, section 11.2.2). */
static bool measure_png(const picture_reading *from, uint32_t *width, uint32_t *height)
{
    enum { SIGNATURE = 8, CHUNK_HEAD = 8, HEADER = 13, CHECKSUM = 4 };
    const uint8_t *chunk = from->bytes + SIGNATURE;
    if (from->size < SIGNATURE + CHUNK_HEAD + HEADER + CHECKSUM || big_endian(chunk, 4) != HEADER ||
        big_endian(chunk + 4, 4) != 0x49484452)
        return false;
    *width = big_endian(chunk + CHUNK_HEAD, 4);
    *height = big_endian(chunk + CHUNK_HEAD + 4, 4);
    return true;
}

/* Whether a marker begins a frame: SOF0 to SOF15 without DHT, JPG and DAC (T.81, table B.1). */
static bool begins_frame(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Segments, each a marker and a length that counts itself, up to the frame. */
static bool measure_jpeg(const picture_reading *from, uint32_t *width, uint32_t *height)
{
    enum { START = 2, FRAME = 7, END_OF_IMAGE = 0xd9, START_OF_SCAN = 0xda };
    for (size_t at = START; at + 4 <= from->size;) {
        const uint8_t marker = from->bytes[at + 1];
        if (from->bytes[at] != 0xff || marker == 0xff) { /* what decoders pass over, and filling */
            at++;
            continue;
        }
        if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) { /* stands alone */
            at += 2;
            continue;
        }
        const size_t length = big_endian(from->bytes + at + 2, 2);
        if (length < 2 || marker == END_OF_IMAGE || marker == START_OF_SCAN)
            return false;
        if (begins_frame(marker)) {
            if (length < FRAME || from->size - at < 2 + FRAME)
                return false;
            *height = big_endian(from->bytes + at + 5, 2);
            *width = big_endian(from->bytes + at + 7, 2);
            return true;
        }
        at += 2 + length;
    }
    return false;
}

lumen_status picture_measure(const char *name, const void *bytes, size_t size, size_t pixels_max, uint32_t *width,
                             uint32_t *height, lumen_error *error)
{
    const picture_reading from = {
        .name = name, .bytes = bytes, .size = size, .pixels_max = picture_pixels_most(pixels_max), .error = error};
    const picture_kind kind = picture_kind_of(bytes, size);
    *width = *height = 0;
    if (kind == PICTURE_OTHER)
        return picture_is_other(&from);
    if (!(kind == PICTURE_PNG ? measure_png(&from, width, height) : measure_jpeg(&from, width, height)))
        return picture_damaged(&from, "its head does not say its size");
    return picture_check_size(&from, *width, *height);
}

#include "base/utf8.h"

#include <stdbool.h>

static bool is_character(int32_t code)
{
    return code >= 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

size_t utf8_decode(const void *text, size_t length, int32_t *character)
{
    /* The least character that needs so many bytes: a smaller one is written overlong. */
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *byte = text;
    *character = -1;
    if (length == 0)
        return 0;
    if (byte[0] < 0x80) {
        *character = byte[0];
        return 1;
    }
    size_t size = byte[0] < 0xc0 ? 0 : byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : byte[0] < 0xf8 ? 4 : 0;
    if (size == 0 || size > length)
        return 0;
    int32_t code = byte[0] & (0x7f >> size);
    for (size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (byte[i] & 0x3f);
    }
    if (code < least[size] || !is_character(code))
        return 0;
    *character = code;
    return size;
}

size_t utf8_encode(int32_t character, char bytes[UTF8_BYTES_MAX])
{
    uint32_t code = is_character(character) ? (uint32_t)character : 0xfffd;
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    bytes[0] = (char)(first[size] | code);
    return size;
}

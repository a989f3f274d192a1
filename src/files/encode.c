#include "files/files.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void files_base64(buffer *out, const void *bytes, size_t size)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *byte = bytes;
    while (size > 0) {
        uint32_t group = (uint32_t)byte[0] << 16;
        if (size > 1)
            group |= (uint32_t)byte[1] << 8;
        if (size > 2)
            group |= byte[2];
        char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63], size > 1 ? alphabet[group >> 6 & 63] : '=',
                        size > 2 ? alphabet[group & 63] : '='};
        buffer_append(out, text, sizeof text);
        size_t taken = size < 3 ? size : 3;
        byte += taken;
        size -= taken;
    }
}

/* Writes what stands for the character at the start of `text` and returns how many bytes it took of it. */
static size_t escape_character(const unsigned char *text, size_t size, char escaped[16])
{
    if (text[0] == '\\') {
        snprintf(escaped, 16, "\\\\");
        return 1;
    }
    if (text[0] >= 0x20 && text[0] < 0x7f) {
        snprintf(escaped, 16, "%c", text[0]);
        return 1;
    }
    int32_t code;
    size_t length = utf8_decode(text, size, &code);
    if (length == 0 || code < 0x80) {
        snprintf(escaped, 16, "\\x%02x", text[0]);
        return 1;
    }
    snprintf(escaped, 16, code < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)code);
    return length;
}

void files_escape(buffer *out, const char *text, size_t limit)
{
    static const char ellipsis[] = "...";
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text), used = 0, kept = 0;
    size_t start = out->size;
    while (left > 0) {
        char escaped[16];
        size_t taken = escape_character(at, left, escaped);
        size_t length = strlen(escaped);
        if (used + length > limit) {
            /* Back to the last place that leaves room for the dots. */
            if (!buffer_failed(out))
                out->size = start + kept;
            buffer_append(out, ellipsis, limit < 3 ? limit : 3);
            return;
        }
        buffer_append(out, escaped, length);
        used += length;
        if (used + 3 <= limit)
            kept = used;
        at += taken;
        left -= taken;
    }
}

#include "files/files.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void files_base64(buffer *out, const void *bytes, size_t size)
{
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

size_t files_base64_size(const char *text, size_t length)
{
    if (length == 0 || length % 4 != 0)
        return 0;
    size_t padding = text[length - 1] != '=' ? 0 : text[length - 2] != '=' ? 1 : 2;
    return length / 4 * 3 - padding;
}

enum { NO_DIGIT = 64 };

static void fill_digits(unsigned char digits[256])
{
    memset(digits, NO_DIGIT, 256);
    for (unsigned i = 0; i < 64; i++)
        digits[(unsigned char)alphabet[i]] = (unsigned char)i;
}

bool files_base64_read(const char *text, size_t length, unsigned char *bytes)
{
    const size_t size = files_base64_size(text, length);
    const size_t whole = size / 3, rest = size % 3;
    const unsigned char *letter = (const unsigned char *)text;
    unsigned char digits[256], wrong = 0;
    fill_digits(digits);
    for (size_t i = 0; i < whole; i++, letter += 4, bytes += 3) {
        const unsigned char a = digits[letter[0]], b = digits[letter[1]], c = digits[letter[2]], d = digits[letter[3]];
        wrong |= a | b | c | d;
        bytes[0] = (unsigned char)(a << 2 | b >> 4);
        bytes[1] = (unsigned char)(b << 4 | c >> 2);
        bytes[2] = (unsigned char)(c << 6 | d);
    }
    if (rest > 0) {
        const unsigned char a = digits[letter[0]], b = digits[letter[1]], c = rest == 2 ? digits[letter[2]] : 0;
        wrong |= a | b | c | ((rest == 1 ? b & 15 : c & 3) != 0 ? NO_DIGIT : 0);
        bytes[0] = (unsigned char)(a << 2 | b >> 4);
        if (rest == 2)
            bytes[1] = (unsigned char)(b << 4 | c >> 2);
    }
    return size > 0 && wrong < NO_DIGIT;
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

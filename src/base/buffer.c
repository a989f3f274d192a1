#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_open(buffer *out, size_t limit)
{
    *out = (buffer){.limit = limit};
}

void buffer_close(buffer *out)
{
    free(out->data);
    *out = (buffer){0};
}

bool buffer_failed(const buffer *out)
{
    return out->failed;
}

/* Makes room for `more` bytes behind the present ones. */
static bool reserve(buffer *out, size_t more)
{
    if (out->failed)
        return false;
    if (more > out->limit - out->size) {
        out->failed = true;
        return false;
    }
    if (out->size + more <= out->capacity)
        return true;
    size_t capacity = out->capacity == 0 ? 4096 : out->capacity;
    while (capacity < out->size + more)
        capacity = capacity > out->limit / 2 ? out->limit : capacity * 2;
    unsigned char *data = realloc(out->data, capacity);
    if (data == NULL) {
        out->failed = true;
        return false;
    }
    out->data = data;
    out->capacity = capacity;
    return true;
}

void buffer_append(buffer *out, const void *bytes, size_t size)
{
    if (size == 0 || !reserve(out, size))
        return;
    memcpy(out->data + out->size, bytes, size);
    out->size += size;
}

void buffer_text(buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

void buffer_print(buffer *out, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        out->failed = true;
    else
        buffer_append(out, text, (size_t)length);
}

void buffer_fill(buffer *out, unsigned char value, size_t count)
{
    if (count == 0 || !reserve(out, count))
        return;
    memset(out->data + out->size, value, count);
    out->size += count;
}

void buffer_u8(buffer *out, uint8_t value)
{
    buffer_append(out, &value, 1);
}

void buffer_u16(buffer *out, uint16_t value)
{
    unsigned char bytes[2] = {(unsigned char)(value & 0xff), (unsigned char)(value >> 8)};
    buffer_append(out, bytes, sizeof bytes);
}

void buffer_u32(buffer *out, uint32_t value)
{
    unsigned char bytes[4] = {(unsigned char)(value & 0xff), (unsigned char)(value >> 8 & 0xff),
                              (unsigned char)(value >> 16 & 0xff), (unsigned char)(value >> 24)};
    buffer_append(out, bytes, sizeof bytes);
}

void buffer_f32(buffer *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    buffer_u32(out, bits);
}

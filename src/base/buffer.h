/*
 * buffer.h: bytes that grow up to a bound declared at birth.
 *
 *     buffer out;
 *     buffer_open(&out, 16u << 20);
 *     buffer_append(&out, "ply\n", 4);
 *     buffer_print(&out, "element vertex %u\n", count);
 *     if (buffer_failed(&out)) ...            // checked once, at the end
 *     buffer_close(&out);
 *
 * A failed append leaves the buffer failed and every later append without effect, so that a writer
 * reads top to bottom and checks once.
 */
#ifndef LUMEN_BASE_BUFFER_H
#define LUMEN_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct buffer {
    unsigned char *data;
    size_t size;
    size_t capacity;
    size_t limit;
    bool failed;
} buffer;

void buffer_open(buffer *out, size_t limit);
void buffer_close(buffer *out);
bool buffer_failed(const buffer *out);

void buffer_append(buffer *out, const void *bytes, size_t size);
void buffer_text(buffer *out, const char *text);
void buffer_print(buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_fill(buffer *out, unsigned char value, size_t count);

/* Little-endian numbers, whatever the machine. */
void buffer_u8(buffer *out, uint8_t value);
void buffer_u16(buffer *out, uint16_t value);
void buffer_u32(buffer *out, uint32_t value);
void buffer_f32(buffer *out, float value);

#endif

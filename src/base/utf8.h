/*
 * utf8.h: one character at a time, in and out of UTF-8.
 *
 *     int32_t character;
 *     size_t size = utf8_decode(text, length, &character);    // 0: these bytes are not UTF-8
 *     char bytes[UTF8_BYTES_MAX];
 *     size = utf8_encode(character, bytes);
 */
#ifndef LUMEN_BASE_UTF8_H
#define LUMEN_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_BYTES_MAX = 4 };

/* Reads the character at the start of `length` bytes and returns how many of them it takes; 0, with *character -1, for
 * what is no UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) and for an empty text. */
size_t utf8_decode(const void *text, size_t length, int32_t *character);

/* Writes a character and returns how many bytes it took. A surrogate or a number out of range is U+FFFD. */
size_t utf8_encode(int32_t character, char bytes[UTF8_BYTES_MAX]);

#endif

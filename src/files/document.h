/*
 * document.h: the few operations on JSON that the formats need, so that there can be two of them: Jansson
 * (document_jansson.c) and the JSON that every browser has in its JavaScript (document_browser.c).
 *
 *     document_value *about = document_object();
 *     document_set(about, "name", document_text("horse"));
 *     document_set(about, "parts", document_integer(6));
 *     written = document_write(about, 6, &out);            // {"name":"horse","parts":6}
 *     document_free(about);
 *
 * A value belongs to whoever made it until it is set in an object or added to an array, which takes it over, also when
 * that fails. NULL is a value that could not be made: set, added or written it fails, so that a document is checked
 * once, at the end. Members keep the order in which they were set.
 */
#ifndef LUMEN_FILES_DOCUMENT_H
#define LUMEN_FILES_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct document_value document_value;

/* NULL when memory runs out. */
document_value *document_object(void);
document_value *document_array(void);
document_value *document_text(const char *text); /* what is not UTF-8 is escaped as by files_escape; NULL is "" */
document_value *document_boolean(bool truth);
document_value *document_real(double number); /* finite */

/* A whole number. The browser's numbers hold up to 2^53, Jansson's up to 2^63 - 1; a larger one becomes a string. */
document_value *document_integer(uint64_t number);

/* False when memory ran out here, or before: for NULL. */
bool document_set(document_value *object, const char *name, document_value *value);
bool document_add(document_value *array, document_value *value);

/* The elements of an array; 0 for NULL. */
size_t document_count(const document_value *array);

/* Appends the compact text of a value with reals at `digits` significant digits. False for NULL, or when memory or the
 * buffer's bound is reached. */
bool document_write(const document_value *value, int digits, buffer *out);

void document_free(document_value *value); /* NULL is fine */

#endif

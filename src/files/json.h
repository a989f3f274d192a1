/*
 * json.h: what the formats with JSON inside share. Values are new references, or NULL when memory ran out.
 */
#ifndef LUMEN_FILES_JSON_H
#define LUMEN_FILES_JSON_H

#include "base/buffer.h"
#include "lumen.h"

#include <jansson.h>

/* A string; what is not UTF-8 is escaped as by files_escape, and NULL is "". */
json_t *files_json_text(const char *text);

/* An integer, or a string above 2^63 - 1, which JSON integers here do not reach. */
json_t *files_json_seed(uint64_t seed);

/* The object of files_json, with or without its long arrays: positions, part_ids, attachments. The shape must have passed
 * files_json_check. */
json_t *files_json_object(const lumen_shape *shape, bool arrays);

/* LUMEN_ERROR_FAILED when a number of the shape cannot be written in JSON. */
lumen_status files_json_check(const lumen_shape *shape, lumen_error *error);

/* Appends the (N) attachments as bytes, 255 at the extremity; zeros for a shape without them. */
void files_attachments(const lumen_shape *shape, buffer *out);

/* Appends the compact text of `value` with reals at `digits` significant digits. False for NULL, or when
 * memory or the buffer's bound is reached. Members keep the order in which they were added. */
bool files_json_dump(const json_t *value, int digits, buffer *out);

#endif

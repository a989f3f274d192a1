/*
 * json.h: what the rooms that speak JSON share. For a program that has Jansson; see document.h. Values are new references, or NULL when memory ran out.
 */
#ifndef LUMEN_FILES_JSON_H
#define LUMEN_FILES_JSON_H

#include "base/buffer.h"

#include <jansson.h>

/* A string; what is not UTF-8 is escaped as by files_escape, and NULL is "". */
json_t *files_json_text(const char *text);

/* Appends the compact text of `value` with reals at `digits` significant digits. False for NULL, or when
 * memory or the buffer's bound is reached. Members keep the order in which they were added. */
bool files_json_dump(const json_t *value, int digits, buffer *out);

#endif

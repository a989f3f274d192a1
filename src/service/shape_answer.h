/*
 * shape_answer.h: a shape as the bodies that POST /generate sends, prepared once and sent any number of times.
 *
 * This is the `answer` of a cache entry (cache/cache.h). What is kept says "cached": true; the first answer, to those
 * who waited for the making, is a copy that says false.
 *
 * The binary message: "LUM1", u32 J, u32 N, u32 total size (little-endian); J bytes of JSON (J a multiple of 4, padded
 * with blanks): the object without positions, part_ids and attachments; (N, 3) float32 positions; (N) uint8 part ids;
 * (N) uint8 attachments, 255 at the extremity.
 */
#ifndef LUMEN_SERVICE_SHAPE_ANSWER_H
#define LUMEN_SERVICE_SHAPE_ANSWER_H

#include "http/http.h"
#include "lumen.h"

typedef struct shape_answer {
    http_content *json;
    http_content *binary;
    size_t json_flag, binary_flag; /* where "true" stands behind "cached": */
    size_t bytes;                  /* held in all */
} shape_answer;

/* The answer of a packed shape. Errors: LUMEN_ERROR_INVALID when the bytes are no shape, or not the one of `key`;
 * LUMEN_ERROR_MEMORY. */
lumen_status shape_answer_make(uint64_t key, const blob *packed, shape_answer **out, lumen_error *error);

/* The body for those who waited: "cached": false. A new content, or NULL when memory runs out. */
http_content *shape_answer_fresh(const shape_answer *answer, bool binary);

void shape_answer_free(shape_answer *answer);

/* Appends the binary message of a shape. */
lumen_status shape_answer_binary(const lumen_shape *shape, buffer *out, lumen_error *error);

#endif

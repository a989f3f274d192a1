/*
 * clip_text.h: inside the room: a prompt as the tokenizer sees it, and the pieces that it falls into.
 *
 *     clip_text clean;
 *     status = clip_text_clean(text, &clean, &error);
 *     for (size_t at = 0; (kind = clip_text_next(&clean, false, &at, &begin)) != CLIP_PIECE_NONE;)
 *         ...                                              // characters[begin .. at)
 *     clip_text_close(&clean);
 */
#ifndef LUMEN_TOKENIZER_CLIP_TEXT_H
#define LUMEN_TOKENIZER_CLIP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct clip_text {
    int32_t *characters; /* code points: in normal form C, then in lower case */
    size_t count;
    int32_t *scratch;
} clip_text;

/* Errors: LUMEN_ERROR_INVALID (bad UTF-8, more than CLIP_TEXT_BYTES_MAX), LUMEN_ERROR_MEMORY. Takes time in proportion
 * to the length, whatever the text. */
lumen_status clip_text_clean(const char *text, clip_text *out, lumen_error *error);
void clip_text_close(clip_text *clean);

typedef enum clip_piece {
    CLIP_PIECE_NONE, /* the text is over */
    CLIP_PIECE_WORD, /* for the table of merges */
    CLIP_PIECE_START,
    CLIP_PIECE_END,
    CLIP_PIECE_EXCLAMATION /* "!", where that is a token of its own */
} clip_piece;

/* The next piece behind *at: it begins at *begin, and *at moves behind it. */
clip_piece clip_text_next(const clip_text *clean, bool exclamation, size_t *at, size_t *begin);

#endif

/*
 * clip_tokenizer.h: text to the token ids of CLIP's two text encoders, byte for byte as transformers' CLIPTokenizer.
 *
 *     clip_tokenizer *words;
 *     status = clip_tokenizer_open("tokenizer/merges.txt", 49407, &words, &error); // pad with end of text, or 0
 *     int32_t ids[77];
 *     status = clip_tokenizer_encode(words, "a photo of a cat", ids, 77, &error);
 *     clip_tokenizer_close(words);
 *
 * The table of merges is all that is needed: byte symbols, the same with "</w>", 48,894 merges, two marks.
 */
#ifndef LUMEN_TOKENIZER_CLIP_TOKENIZER_H
#define LUMEN_TOKENIZER_CLIP_TOKENIZER_H

#include "base/error.h"

typedef struct clip_tokenizer clip_tokenizer;

enum { CLIP_TOKENS = 77, CLIP_START = 49406, CLIP_END = 49407 };

lumen_status clip_tokenizer_open(const char *merges_path, int32_t pad, clip_tokenizer **out, lumen_error *error);
lumen_status clip_tokenizer_from_bytes(const char *name, const void *merges, size_t size, int32_t pad,
                                       clip_tokenizer **out, lumen_error *error);
void clip_tokenizer_close(clip_tokenizer *words);

/* Start, at most length - 2 tokens of the text, end, padding. Errors: LUMEN_ERROR_INVALID for bad UTF-8. */
lumen_status clip_tokenizer_encode(const clip_tokenizer *words, const char *text, int32_t *ids, size_t length,
                                   lumen_error *error);

#endif

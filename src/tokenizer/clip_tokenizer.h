/*
 * clip_tokenizer.h: text to the token ids of CLIP's two text encoders, id for id as transformers' CLIPTokenizer.
 *
 *     clip_tokenizer *words;
 *     status = clip_tokenizer_open("tokenizer/merges.txt", CLIP_END, &words, &error);
 *     int32_t ids[CLIP_TOKENS];
 *     status = clip_tokenizer_encode(words, "a photo of a cat", ids, CLIP_TOKENS, &error);
 *     clip_tokenizer_close(words);
 *
 * The table of merges is all that is needed: byte symbols, the same with "</w>", 48,894 merges, two marks.
 *
 * The reference is transformers' CLIPTokenizer of version 5, which is CLIPTokenizerFast
 * of version 4: normal form C, white space collapsed, lower case, then pieces. (The former slow tokenizer differs for
 * ideographs, control characters and HTML entities.) The marks "<|startoftext|>" and "<|endoftext|>" in a text, in
 * whatever case, are the marks' tokens, as there. Letters and digits are those of the Unicode version of utf8proc.
 */
#ifndef LUMEN_TOKENIZER_CLIP_TOKENIZER_H
#define LUMEN_TOKENIZER_CLIP_TOKENIZER_H

#include "base/error.h"

typedef struct clip_tokenizer clip_tokenizer;

enum {
    CLIP_TOKENS = 77, /* what the text encoders take */
    CLIP_START = 49406,
    CLIP_END = 49407,
    CLIP_EXCLAMATION = 0, /* "!" amid a word */
    CLIP_TEXT_BYTES_MAX = 1 << 16
};

/* `pad` fills up behind the end: CLIP_END, as text_encoder wants it, or CLIP_EXCLAMATION, as text_encoder_2 does. The
 * latter has a consequence, here as in the reference: each "!" of a text is this very token and never merges.
 * A table of fewer merges than the official one, as tests have, has its two marks right behind them; CLIP_END then
 * still means its end mark. An open tokenizer may be used by any number of threads. */
lumen_status clip_tokenizer_open(const char *merges_path, int32_t pad, clip_tokenizer **out, lumen_error *error);
lumen_status clip_tokenizer_from_bytes(const char *name, const void *merges, size_t size, int32_t pad,
                                       clip_tokenizer **out, lumen_error *error);
void clip_tokenizer_close(clip_tokenizer *words);

/* Start, at most length - 2 tokens of the text, end, padding. Takes n log n steps for n bytes, whatever they are.
 * Errors: LUMEN_ERROR_INVALID for bad UTF-8 or more than CLIP_TEXT_BYTES_MAX, LUMEN_ERROR_MEMORY. */
lumen_status clip_tokenizer_encode(const clip_tokenizer *words, const char *text, int32_t *ids, size_t length,
                                   lumen_error *error);

#endif

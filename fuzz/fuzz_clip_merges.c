/* Any bytes as a table of merges: refused, or one with which any text has tokens. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tokenizer/clip_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clip_tokenizer *words;
    lumen_error error;
    int32_t ids[CLIP_TOKENS];
    if (clip_tokenizer_from_bytes("fuzz", data, size, CLIP_END, &words, &error) != LUMEN_OK)
        return 0;
    if (clip_tokenizer_encode(words, "a cat's the, aaaa \xc3\xa9!!", ids, CLIP_TOKENS, &error) != LUMEN_OK)
        abort();
    for (size_t i = 0; i < CLIP_TOKENS; i++)
        if (ids[i] < 0 || ids[i] > CLIP_END)
            abort();
    clip_tokenizer_close(words);
    return 0;
}

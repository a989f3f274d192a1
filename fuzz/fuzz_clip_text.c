/* Any bytes as a prompt: refused, or a start, tokens, an end, and padding. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/clip_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char merges[] =
    "#version: 0.2\nt h\na n\nth e</w>\na t\na a\naa aa\n' s</w>\n! !\n!! !!\n\xc3\x83 \xc2\xa9</w>\n";

enum { START = 512 + 10, END };

static void check(const clip_tokenizer *words, const char *text, int32_t pad)
{
    int32_t ids[CLIP_TOKENS], short_ids[7];
    lumen_error error;
    if (clip_tokenizer_encode(words, text, ids, CLIP_TOKENS, &error) != LUMEN_OK)
        return;
    if (ids[0] != START)
        abort();
    /* Marks in the text are tokens like others, so the end is where only padding follows. */
    size_t last = CLIP_TOKENS - 1;
    while (last > 1 && ids[last] == pad && (pad != END || ids[last - 1] == END))
        last--;
    if (ids[last] != END)
        abort();
    for (size_t i = 1; i < last; i++)
        if (ids[i] < 0 || ids[i] > END)
            abort();
    /* A shorter answer begins like a longer one. */
    if (clip_tokenizer_encode(words, text, short_ids, 7, &error) != LUMEN_OK ||
        (last > 6 && memcmp(ids, short_ids, 6 * sizeof *ids) != 0) || (last > 6 && short_ids[6] != END))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static clip_tokenizer *first, *second; /* made once: reading a table takes longer than a prompt */
    lumen_error error;
    if (first == NULL &&
        (clip_tokenizer_from_bytes("fuzz", merges, sizeof merges - 1, CLIP_END, &first, &error) != LUMEN_OK ||
         clip_tokenizer_from_bytes("fuzz", merges, sizeof merges - 1, CLIP_EXCLAMATION, &second, &error) != LUMEN_OK))
        abort();
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check(first, text, END);
    check(second, text, CLIP_EXCLAMATION);
    free(text);
    return 0;
}

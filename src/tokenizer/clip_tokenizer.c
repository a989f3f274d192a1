/* Text to token ids: pieces, their bytes, and the merges of neighbors in the order of the table. */

#include "tokenizer/clip_tokenizer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "tokenizer/clip_table.h"
#include "tokenizer/clip_text.h"

enum { MERGES_BYTES_MAX = 16 << 20 };

struct clip_tokenizer {
    clip_table table;
    uint32_t start, end, pad;
    bool exclamation; /* whether "!" is the padding's token wherever it stands */
};

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

lumen_status clip_tokenizer_from_bytes(const char *name, const void *merges, size_t size, int32_t pad,
                                       clip_tokenizer **out, lumen_error *error)
{
    *out = NULL;
    if (pad != CLIP_END && pad != CLIP_EXCLAMATION)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "a padding of token %d is unknown; take %d or %d", (int)pad,
                          CLIP_END, CLIP_EXCLAMATION);
    clip_tokenizer *words = calloc(1, sizeof *words);
    if (words == NULL)
        return lumen_fail_memory(error, "a tokenizer");
    lumen_status status = clip_table_read(name, merges, size, &words->table, error);
    if (status != LUMEN_OK) {
        free(words);
        return status;
    }
    words->start = CLIP_MERGES_FROM + words->table.merge_count;
    words->end = words->start + 1;
    words->exclamation = pad == CLIP_EXCLAMATION;
    words->pad = words->exclamation ? CLIP_EXCLAMATION : words->end;
    *out = words;
    return LUMEN_OK;
}

lumen_status clip_tokenizer_open(const char *merges_path, int32_t pad, clip_tokenizer **out, lumen_error *error)
{
    *out = NULL;
    FILE *file = fopen(merges_path, "rbe");
    if (file == NULL)
        return lumen_fail(error, errno == ENOMEM ? LUMEN_ERROR_MEMORY : LUMEN_ERROR_IO, "%.200s cannot be opened: %s",
                          merges_path, strerror(errno));
    char *bytes = malloc(MERGES_BYTES_MAX + 1);
    size_t size = bytes == NULL ? 0 : fread(bytes, 1, MERGES_BYTES_MAX + 1, file);
    lumen_status status;
    if (bytes == NULL)
        status = lumen_fail_memory(error, merges_path);
    else if (ferror(file))
        status = lumen_fail(error, LUMEN_ERROR_IO, "%.200s cannot be read: %s", merges_path, strerror(errno));
    else if (size > MERGES_BYTES_MAX)
        status = lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s is too large for a table of merges", merges_path);
    else
        status = clip_tokenizer_from_bytes(merges_path, bytes, size, pad, out, error);
    free(bytes);
    fclose(file);
    return status;
}

void clip_tokenizer_close(clip_tokenizer *words)
{
    if (words == NULL)
        return;
    clip_table_close(&words->table);
    free(words);
}

/* ---- Merging ---------------------------------------------------------------------------------------------------- */

/* A piece as a list of tokens. A merge takes away one link, so the lowest pair must be found again and again: the pairs
 * wait in a heap, as token << 32 | place, the lowest token first and of equal ones the leftmost. A piece of n bytes
 * thus takes n log n steps. A pair in the heap may be gone when its turn comes; it is then passed over. */
typedef struct link {
    uint32_t token;
    uint32_t before, behind; /* NO_LINK at the ends */
} link;

#define NO_LINK UINT32_MAX

typedef struct merging {
    const clip_table *table;
    link *links;
    uint64_t *heap;
    size_t heap_count;
} merging;

static void heap_add(merging *piece, uint64_t pair)
{
    size_t at = piece->heap_count++;
    for (; at > 0 && piece->heap[(at - 1) / 2] > pair; at = (at - 1) / 2)
        piece->heap[at] = piece->heap[(at - 1) / 2];
    piece->heap[at] = pair;
}

static uint64_t heap_take(merging *piece)
{
    uint64_t first = piece->heap[0], last = piece->heap[--piece->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= piece->heap_count)
            break;
        if (child + 1 < piece->heap_count && piece->heap[child + 1] < piece->heap[child])
            child++;
        if (piece->heap[child] >= last)
            break;
        piece->heap[at] = piece->heap[child];
        at = child;
    }
    piece->heap[at] = last;
    return first;
}

/* The token that the link at `left` and the one behind it make. */
static uint32_t pair_at(const merging *piece, uint32_t left)
{
    uint32_t right = piece->links[left].behind;
    return right == NO_LINK ? CLIP_NO_TOKEN
                            : clip_table_merge(piece->table, piece->links[left].token, piece->links[right].token);
}

static void offer(merging *piece, uint32_t left)
{
    uint32_t token = left == NO_LINK ? CLIP_NO_TOKEN : pair_at(piece, left);
    if (token != CLIP_NO_TOKEN)
        heap_add(piece, (uint64_t)token << 32 | left);
}

/* Merges `count` links until no pair is left that the table knows. The first link stays the first. */
static void merge_all(merging *piece, uint32_t count)
{
    piece->heap_count = 0;
    for (uint32_t i = 0; i < count; i++)
        offer(piece, i);
    while (piece->heap_count > 0) {
        uint64_t pair = heap_take(piece);
        uint32_t left = (uint32_t)pair, token = (uint32_t)(pair >> 32);
        link *kept = &piece->links[left];
        if (kept->token == CLIP_NO_TOKEN || pair_at(piece, left) != token)
            continue;
        link *taken = &piece->links[kept->behind];
        kept->token = token;
        kept->behind = taken->behind;
        taken->token = CLIP_NO_TOKEN;
        taken->behind = NO_LINK;
        if (kept->behind != NO_LINK)
            piece->links[kept->behind].before = left;
        offer(piece, kept->before);
        offer(piece, left);
    }
}

/* ---- Encoding --------------------------------------------------------------------------------------------------- */

/* The bytes of a piece as tokens in a list; the last one is that of a word's end. */
static uint32_t spell(merging *piece, const int32_t *characters, size_t count)
{
    uint32_t length = 0;
    for (size_t i = 0; i < count; i++) {
        char bytes[UTF8_BYTES_MAX];
        size_t size = utf8_encode(characters[i], bytes);
        for (size_t j = 0; j < size; j++, length++)
            piece->links[length] = (link){.token = piece->table->bytes[(unsigned char)bytes[j]],
                                          .before = length == 0 ? NO_LINK : length - 1,
                                          .behind = length + 1};
    }
    piece->links[length - 1].token += CLIP_BYTE_TOKENS;
    piece->links[length - 1].behind = NO_LINK;
    return length;
}

/* Writes up to `room` tokens of the text and returns how many. */
static size_t encode_pieces(const clip_tokenizer *words, const clip_text *clean, merging *piece, int32_t *ids,
                            size_t room)
{
    size_t count = 0, begin;
    for (size_t at = 0; count < room;) {
        clip_piece kind = clip_text_next(clean, words->exclamation, &at, &begin);
        switch (kind) {
        case CLIP_PIECE_NONE: return count;
        case CLIP_PIECE_START: ids[count++] = (int32_t)words->start; break;
        case CLIP_PIECE_END: ids[count++] = (int32_t)words->end; break;
        case CLIP_PIECE_EXCLAMATION: ids[count++] = CLIP_EXCLAMATION; break;
        case CLIP_PIECE_WORD:
            merge_all(piece, spell(piece, clean->characters + begin, at - begin));
            for (uint32_t i = 0; i != NO_LINK && count < room; i = piece->links[i].behind)
                ids[count++] = (int32_t)piece->links[i].token;
        }
    }
    return count;
}

lumen_status clip_tokenizer_encode(const clip_tokenizer *words, const char *text, int32_t *ids, size_t length,
                                   lumen_error *error)
{
    if (length < 2)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%zu tokens have no room for start and end", length);
    clip_text clean;
    lumen_status status = clip_text_clean(text, &clean, error);
    if (status != LUMEN_OK)
        return status;
    /* Every byte may be a link, and every merge offers two pairs beside those at the start. */
    size_t bytes = clean.count * UTF8_BYTES_MAX + 1;
    merging piece = {.table = &words->table,
                     .links = malloc(bytes * sizeof *piece.links),
                     .heap = malloc(3 * bytes * sizeof *piece.heap)};
    if (piece.links == NULL || piece.heap == NULL) {
        status = lumen_fail_memory(error, "the tokens of a prompt");
    } else {
        size_t count = 0;
        ids[count++] = (int32_t)words->start;
        count += encode_pieces(words, &clean, &piece, ids + count, length - 2);
        ids[count++] = (int32_t)words->end;
        while (count < length)
            ids[count++] = (int32_t)words->pad;
    }
    free(piece.links);
    free(piece.heap);
    clip_text_close(&clean);
    return status;
}

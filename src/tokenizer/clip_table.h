/*
 * clip_table.h: inside the room: which two tokens merge into which.
 *
 * Token ids: 256 bytes, in the order of the byte table; the same at the end of a word; one for each merge, in the order
 * of the file. A lower id thus is a merge that goes first.
 */
#ifndef LUMEN_TOKENIZER_CLIP_TABLE_H
#define LUMEN_TOKENIZER_CLIP_TABLE_H

#include "base/error.h"

enum { CLIP_BYTE_TOKENS = 256, CLIP_MERGES_FROM = 512, CLIP_MERGES_MAX = 48894 };

#define CLIP_NO_TOKEN UINT32_MAX

typedef struct clip_slot {
    uint32_t left, right;
    uint32_t token; /* CLIP_NO_TOKEN: free */
} clip_slot;

typedef struct clip_table {
    uint32_t merge_count;
    uint32_t mask; /* of slots, whose number is a power of two */
    clip_slot *slots;
    uint16_t bytes[CLIP_BYTE_TOKENS]; /* the token of a byte amid a word; at its end it is CLIP_BYTE_TOKENS more */
} clip_table;

/* Errors: LUMEN_ERROR_INVALID (a line that is no merge of two known tokens), LUMEN_ERROR_MEMORY. */
lumen_status clip_table_read(const char *name, const char *merges, size_t size, clip_table *out, lumen_error *error);
void clip_table_close(clip_table *table);

/* What the two merge into; CLIP_NO_TOKEN when they do not. */
uint32_t clip_table_merge(const clip_table *table, uint32_t left, uint32_t right);

#endif

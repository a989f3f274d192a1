/* The table of merges: a text of lines "left right", read into a hash of pairs. */

#include "tokenizer/clip_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static const char word_end[] = "</w>";

/* ---- Tokens by their text, only while the file is read ---------------------------------------------------------- */

typedef struct spelling {
    const char *text;
    size_t length;
} spelling;

typedef struct reader {
    const char *name; /* for messages */
    clip_table *table;
    spelling *tokens;
    uint32_t *found; /* tokens by the hash of their text, in as many slots as the table has; CLIP_NO_TOKEN: free */
    uint32_t count;
    char *text; /* of all tokens, one after the other */
    size_t used;
} reader;

/* FNV-1a. */
static uint32_t hash_text(const char *text, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

/* The place of a text in `found`: that of its token, or a free one. */
static uint32_t *place_of(const reader *reading, const char *text, size_t length)
{
    for (uint32_t i = hash_text(text, length);; i++) {
        uint32_t *place = &reading->found[i & reading->table->mask];
        if (*place == CLIP_NO_TOKEN)
            return place;
        const spelling *token = &reading->tokens[*place];
        if (token->length == length && memcmp(token->text, text, length) == 0)
            return place;
    }
}

/* The two parts one after the other become the next token; false when there is such a token. */
static bool add_token(reader *reading, const char *left, size_t left_length, const char *right, size_t right_length)
{
    char *text = reading->text + reading->used;
    memcpy(text, left, left_length);
    memcpy(text + left_length, right, right_length);
    size_t length = left_length + right_length;
    uint32_t *place = place_of(reading, text, length);
    if (*place != CLIP_NO_TOKEN)
        return false;
    reading->tokens[reading->count] = (spelling){text, length};
    *place = reading->count++;
    reading->used += length;
    return true;
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------ */

/* Bytes that are visible in Latin-1 are written as themselves and come first in the order of tokens; each of the others
 * is written as the next character from U+0100 on. */
static bool is_visible(int byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

static void add_bytes(reader *reading)
{
    char written[CLIP_BYTE_TOKENS][UTF8_BYTES_MAX];
    size_t sizes[CLIP_BYTE_TOKENS];
    uint16_t next = 0;
    for (int visible = 1; visible >= 0; visible--)
        for (int byte = 0, hidden = 0; byte < CLIP_BYTE_TOKENS; byte++) {
            if (is_visible(byte) != (visible == 1))
                continue;
            sizes[next] = utf8_encode(visible == 1 ? byte : 0x100 + hidden++, written[next]);
            reading->table->bytes[byte] = next++;
        }
    for (size_t i = 0; i < CLIP_BYTE_TOKENS; i++)
        add_token(reading, written[i], sizes[i], "", 0);
    for (size_t i = 0; i < CLIP_BYTE_TOKENS; i++)
        add_token(reading, written[i], sizes[i], word_end, sizeof word_end - 1);
}

/* ---- Merges ----------------------------------------------------------------------------------------------------- */

static clip_slot *slot_of(const clip_table *table, uint32_t left, uint32_t right)
{
    uint64_t hash = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;
    for (uint32_t i = (uint32_t)(hash >> 32);; i++) {
        clip_slot *slot = &table->slots[i & table->mask];
        if (slot->token == CLIP_NO_TOKEN || (slot->left == left && slot->right == right))
            return slot;
    }
}

uint32_t clip_table_merge(const clip_table *table, uint32_t left, uint32_t right)
{
    return slot_of(table, left, right)->token;
}

static lumen_status read_merge(reader *reading, const char *line, size_t length, size_t number, lumen_error *error)
{
    const char *space = memchr(line, ' ', length);
    if (space == NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.200s:%zu: no two tokens with a space between; download it again", reading->name, number);
    const char *right_text = space + 1;
    size_t left_length = (size_t)(space - line), right_length = length - left_length - 1;
    uint32_t left = *place_of(reading, line, left_length);
    uint32_t right = *place_of(reading, right_text, right_length);
    if (left == CLIP_NO_TOKEN || right == CLIP_NO_TOKEN)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.200s:%zu: a token that no line before makes; download it again", reading->name, number);
    uint32_t token = reading->count;
    if (!add_token(reading, line, left_length, right_text, right_length))
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s:%zu: a token that a line before makes; download it again",
                          reading->name, number);
    *slot_of(reading->table, left, right) = (clip_slot){left, right, token};
    reading->table->merge_count++;
    return LUMEN_OK;
}

static lumen_status read_lines(reader *reading, const char *merges, size_t size, lumen_error *error)
{
    const char *end = merges + size;
    size_t number = 0;
    for (const char *line = merges; line < end && reading->table->merge_count < CLIP_MERGES_MAX;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((next == NULL ? end : next) - line);
        size_t content = length > 0 && line[length - 1] == '\r' ? length - 1 : length;
        number++;
        /* The first line is a title. A later one that begins with # merges it with something. */
        bool title = number == 1 && memmem(line, content, "#version", 8) != NULL;
        lumen_status status = title || content == 0 ? LUMEN_OK : read_merge(reading, line, content, number, error);
        if (status != LUMEN_OK)
            return status;
        line += length + (next != NULL);
    }
    if (reading->table->merge_count == 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s has no merges; download it again", reading->name);
    return LUMEN_OK;
}

/* How many tokens a table of `size` bytes has at most: a line is "a b" at least, and its end. */
static size_t count_tokens(size_t size)
{
    size_t lines = size / 4 + 1;
    return CLIP_MERGES_FROM + (lines < CLIP_MERGES_MAX ? lines : CLIP_MERGES_MAX);
}

lumen_status clip_table_read(const char *name, const char *merges, size_t size, clip_table *out, lumen_error *error)
{
    /* Each byte's spelling, twice, once with the mark of a word's end. */
    enum { BYTES_TEXT = CLIP_BYTE_TOKENS * (2 * UTF8_BYTES_MAX + sizeof word_end) };
    size_t tokens = count_tokens(size), slots = 1;
    while (slots < 2 * tokens)
        slots *= 2;
    *out = (clip_table){.mask = (uint32_t)slots - 1, .slots = malloc(slots * sizeof *out->slots)};
    reader reading = {.name = name,
                      .table = out,
                      .tokens = malloc(tokens * sizeof *reading.tokens),
                      .found = malloc(slots * sizeof *reading.found),
                      .text = malloc(size + BYTES_TEXT)};
    lumen_status status = LUMEN_OK;
    if (out->slots == NULL || reading.tokens == NULL || reading.found == NULL || reading.text == NULL) {
        status = lumen_fail_memory(error, "the table of merges");
    } else {
        for (size_t i = 0; i < slots; i++) {
            out->slots[i] = (clip_slot){0, 0, CLIP_NO_TOKEN};
            reading.found[i] = CLIP_NO_TOKEN;
        }
        add_bytes(&reading);
        status = read_lines(&reading, merges, size, error);
    }
    free(reading.tokens);
    free(reading.found);
    free(reading.text);
    if (status != LUMEN_OK)
        clip_table_close(out);
    return status;
}

void clip_table_close(clip_table *table)
{
    free(table->slots);
    *table = (clip_table){0};
}

#include "words/lexicon.h"

#include <string.h>

/* This file is also part of the lexicon compiler, which writes what is read here. */

const char *const words_motion_names[WORDS_MOTION_COUNT] = {
    "idle",   "gallop", "walk", "run",   "fly", "flap", "swim",    "slither", "crawl", "hop",  "jump", "dance", "spin",
    "bounce", "sway",   "grow", "shake", "nod", "wave", "explode", "melt",    "float", "fall", "roll", "drive"};

const char *const words_class_names[WORDS_CLASS_COUNT] = {
    "article",  "determiner", "number",  "pronoun",  "preposition", "conjunction", "auxiliary", "copula",
    "negation", "relative",   "request", "quantity", "adjunct",     "adjective",   "polite"};

static int sorted_byte(char byte)
{
    return byte == '-' ? ' ' : (unsigned char)byte;
}

int table_compare(const char *left, size_t left_length, const char *right, size_t right_length)
{
    size_t shorter = left_length < right_length ? left_length : right_length;
    for (size_t i = 0; i < shorter; i++) {
        int difference = sorted_byte(left[i]) - sorted_byte(right[i]);
        if (difference != 0)
            return difference < 0 ? -1 : 1;
    }
    return left_length == right_length ? 0 : left_length < right_length ? -1 : 1;
}

/* Walks through the words of a table. */
typedef struct word_reader {
    const uint8_t *next;
    size_t length;
    char word[TABLE_WORD_BYTES];
} word_reader;

/* Reads on to the word at `place`, the one after the last. */
static void read_word(word_reader *reader, const words_table *table, uint32_t place)
{
    size_t length = table->shared[place];
    uint8_t byte;
    do {
        byte = *reader->next++;
        reader->word[length++] = (char)(byte & 0x7f);
    } while ((byte & 0x80) == 0);
    reader->length = length;
}

static void read_block(word_reader *reader, const words_table *table, uint32_t block)
{
    reader->next = table->ends + table->blocks[block];
    read_word(reader, table, block * TABLE_BLOCK);
}

/* Whether the first word of a block is above `word`. */
static bool block_is_above(const words_table *table, uint32_t block, const char *word, size_t length)
{
    const uint8_t *head = table->ends + table->blocks[block];
    for (size_t i = 0; i < length; i++) {
        int difference = sorted_byte((char)(head[i] & 0x7f)) - sorted_byte(word[i]);
        if (difference != 0)
            return difference > 0;
        if ((head[i] & 0x80) != 0)
            return false;
    }
    return true;
}

/* The first place whose word is not below `word`, and that word in `reader`; table->count at the end. */
static uint32_t lower_bound(const words_table *table, const char *word, size_t length, word_reader *reader)
{
    if (table->count == 0)
        return 0;
    uint32_t low = 0, high = (table->count + TABLE_BLOCK - 1) / TABLE_BLOCK;
    /* The last block whose head is not above the word, or the first. */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (block_is_above(table, middle, word, length))
            high = middle;
        else
            low = middle;
    }
    uint32_t place = low * TABLE_BLOCK;
    read_block(reader, table, low);
    while (table_compare(reader->word, reader->length, word, length) < 0) {
        if (++place == table->count)
            break;
        read_word(reader, table, place);
    }
    return place;
}

uint32_t table_find(const words_table *table, const char *word, size_t length)
{
    word_reader reader;
    uint32_t place = lower_bound(table, word, length, &reader);
    return place < table->count && table_compare(reader.word, reader.length, word, length) == 0 ? place : TABLE_NONE;
}

bool table_has_prefix(const words_table *table, const char *prefix, size_t length)
{
    word_reader reader;
    uint32_t place = lower_bound(table, prefix, length, &reader);
    return place < table->count && reader.length >= length && table_compare(reader.word, length, prefix, length) == 0;
}

size_t table_word(const words_table *table, uint32_t place, char out[TABLE_WORD_BYTES])
{
    word_reader reader;
    read_block(&reader, table, place / TABLE_BLOCK);
    for (uint32_t next = place - place % TABLE_BLOCK + 1; next <= place; next++)
        read_word(&reader, table, next);
    memcpy(out, reader.word, reader.length);
    out[reader.length] = 0;
    return reader.length;
}

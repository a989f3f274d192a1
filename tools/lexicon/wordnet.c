#include "wordnet.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Files ---------------------------------------------------------------------------------- */

lumen_status wordnet_file(const char *path, arena *memory, char **out, size_t *length, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return lumen_fail(error, LUMEN_ERROR_IO,
                          "%s cannot be opened: %s; is wordnet-base installed, or the path right?", path,
                          strerror(errno));
    long size = -1;
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    char *text = NULL;
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0) {
        status = lumen_fail(error, LUMEN_ERROR_IO, "%s has no size: %s; name a plain file", path, strerror(errno));
    } else if ((text = arena_allocate(memory, (size_t)size + 1)) == NULL) {
        status = lumen_fail_memory(error, path);
    } else if (fread(text, 1, (size_t)size, file) != (size_t)size) {
        status = lumen_fail(error, LUMEN_ERROR_IO, "%s could not be read to its end; try again", path);
    } else {
        text[size] = 0;
        *out = text;
        *length = (size_t)size;
    }
    fclose(file);
    return status;
}

static lumen_status read_in(const char *folder, const char *name, arena *memory, char **out, lumen_error *error)
{
    char path[4096];
    size_t length;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the folder of WordNet has too long a name; move it");
    return wordnet_file(path, memory, out, &length, error);
}

/* The end of the line that starts at `line`: its newline or the final zero. */
static char *line_end(char *line)
{
    char *end = strchr(line, '\n');
    return end != NULL ? end : line + strlen(line);
}

/* Lines that carry data: the license text at the top of each file starts with spaces. */
static uint32_t count_lines(const char *text)
{
    uint32_t count = 0;
    for (const char *line = text; *line != 0;) {
        if (*line != ' ' && *line != '\n')
            count++;
        const char *end = strchr(line, '\n');
        if (end == NULL)
            break;
        line = end + 1;
    }
    return count;
}

/* The next field of a line, zero-terminated in place; "" at the end. Database lines separate by spaces. */
static char *next_field(char **cursor)
{
    char *field = *cursor;
    while (*field == ' ')
        field++;
    char *end = field;
    while (*end != 0 && *end != ' ')
        end++;
    *cursor = *end != 0 ? end + 1 : end;
    *end = 0;
    return field;
}

static uint32_t field_number(char **cursor, int base)
{
    return (uint32_t)strtoul(next_field(cursor), NULL, base);
}

/* ---- Synsets -------------------------------------------------------------------------------- */

static uint32_t find_synset(const wordnet_part *part, uint32_t offset)
{
    uint32_t low = 0, high = part->synset_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (part->synsets[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < part->synset_count && part->synsets[low].offset == offset ? low : WORDNET_NONE;
}

/* offset file type word-count(hex) word id ... pointer-count symbol offset type source/target ... | gloss */
static bool read_synset(char *line, wordnet_synset *synset, uint32_t *offsets, uint32_t capacity)
{
    char *cursor = line;
    synset->offset = field_number(&cursor, 10);
    synset->file = field_number(&cursor, 10);
    next_field(&cursor);
    uint32_t words = field_number(&cursor, 16);
    synset->words = cursor;
    for (uint32_t i = 0; i < words; i++) {
        next_field(&cursor);
        if (cursor[-1] == 0)
            cursor[-1] = ' '; /* the words stay one text, so that they can be searched later */
        next_field(&cursor);
        if (cursor[-1] == 0 && i + 1 < words)
            cursor[-1] = ' ';
    }
    uint32_t pointers = field_number(&cursor, 10);
    synset->hypernym_count = 0;
    for (uint32_t i = 0; i < pointers; i++) {
        const char *symbol = next_field(&cursor);
        uint32_t target = field_number(&cursor, 10);
        next_field(&cursor);
        next_field(&cursor);
        if (strcmp(symbol, "@") != 0 && strcmp(symbol, "@i") != 0)
            continue;
        if (synset->hypernym_count == capacity)
            return false;
        offsets[synset->hypernym_count++] = target;
    }
    return words > 0;
}

static lumen_status read_synsets(const char *folder, const char *name, arena *memory, wordnet_part *part,
                                 lumen_error *error)
{
    char *text = NULL;
    lumen_status status = read_in(folder, name, memory, &text, error);
    if (status != LUMEN_OK)
        return status;
    uint32_t count = count_lines(text);
    part->synsets = arena_array(memory, wordnet_synset, count);
    if (part->synsets == NULL)
        return lumen_fail_memory(error, name);
    for (char *line = text; *line != 0;) {
        char *end = line_end(line);
        char *next = *end != 0 ? end + 1 : end;
        *end = 0;
        if (*line != ' ' && *line != 0) {
            uint32_t offsets[64];
            wordnet_synset *synset = &part->synsets[part->synset_count];
            if (!read_synset(line, synset, offsets, 64))
                return lumen_fail(error, LUMEN_ERROR_INVALID, "%s: synset %u is not understood; is this WordNet 3.0?",
                                  name, synset->offset);
            uint32_t *hypernyms = arena_array(memory, uint32_t, synset->hypernym_count);
            if (hypernyms == NULL)
                return lumen_fail_memory(error, name);
            memcpy(hypernyms, offsets, synset->hypernym_count * sizeof *hypernyms);
            synset->hypernyms = hypernyms;
            part->synset_count++;
        }
        line = next;
    }
    /* Offsets become indices, once all synsets are known. */
    for (uint32_t i = 0; i < part->synset_count; i++) {
        uint32_t *hypernyms = (uint32_t *)(uintptr_t)part->synsets[i].hypernyms;
        for (uint32_t h = 0; h < part->synsets[i].hypernym_count; h++) {
            hypernyms[h] = find_synset(part, hypernyms[h]);
            if (hypernyms[h] == WORDNET_NONE)
                return lumen_fail(error, LUMEN_ERROR_INVALID, "%s: synset %u points nowhere; is this WordNet 3.0?",
                                  name, part->synsets[i].offset);
        }
    }
    return LUMEN_OK;
}

bool wordnet_is_capital(const wordnet_synset *synset, const char *lemma)
{
    size_t length = strlen(lemma);
    for (const char *word = synset->words; *word != 0;) {
        const char *end = strchr(word, ' ');
        size_t size = end != NULL ? (size_t)(end - word) : strlen(word);
        if (size == length && strncasecmp(word, lemma, length) == 0)
            return isupper((unsigned char)word[0]) != 0;
        if (end == NULL)
            break;
        word = end + 1;
    }
    return false;
}

/* ---- Lemmas --------------------------------------------------------------------------------- */

static int compare_lemmas(const void *left, const void *right)
{
    return strcmp(((const wordnet_lemma *)left)->text, ((const wordnet_lemma *)right)->text);
}

/* lemma pos synset-count pointer-count symbol ... sense-count tagged-count offset ... */
static lumen_status read_lemmas(const char *folder, const char *name, arena *memory, wordnet_part *part,
                                lumen_error *error)
{
    char *text = NULL;
    lumen_status status = read_in(folder, name, memory, &text, error);
    if (status != LUMEN_OK)
        return status;
    part->lemmas = arena_array(memory, wordnet_lemma, count_lines(text));
    if (part->lemmas == NULL)
        return lumen_fail_memory(error, name);
    for (char *line = text; *line != 0;) {
        char *end = line_end(line);
        char *next = *end != 0 ? end + 1 : end;
        *end = 0;
        if (*line != ' ' && *line != 0) {
            wordnet_lemma *lemma = &part->lemmas[part->lemma_count++];
            char *cursor = line;
            lemma->text = next_field(&cursor);
            next_field(&cursor);
            uint32_t senses = field_number(&cursor, 10);
            uint32_t pointers = field_number(&cursor, 10);
            for (uint32_t i = 0; i < pointers; i++)
                next_field(&cursor);
            next_field(&cursor);
            next_field(&cursor);
            uint32_t *indices = arena_array(memory, uint32_t, senses);
            lemma->tags = arena_array(memory, uint32_t, senses);
            if (indices == NULL || lemma->tags == NULL)
                return lumen_fail_memory(error, name);
            for (uint32_t i = 0; i < senses; i++) {
                uint32_t offset = field_number(&cursor, 10);
                indices[i] = part->synsets != NULL ? find_synset(part, offset) : 0;
                if (indices[i] == WORDNET_NONE)
                    return lumen_fail(error, LUMEN_ERROR_INVALID,
                                      "%s: \"%s\" has an unknown sense; is this WordNet 3.0?", name, lemma->text);
                lemma->tags[i] = 0;
            }
            lemma->senses = indices;
            lemma->sense_count = senses;
        }
        line = next;
    }
    qsort(part->lemmas, part->lemma_count, sizeof *part->lemmas, compare_lemmas);
    return LUMEN_OK;
}

const wordnet_lemma *wordnet_find(const wordnet_part *part, const char *text)
{
    const wordnet_lemma wanted = {.text = text};
    if (part->lemma_count == 0)
        return NULL;
    return bsearch(&wanted, part->lemmas, part->lemma_count, sizeof *part->lemmas, compare_lemmas);
}

uint32_t wordnet_tags(const wordnet_lemma *lemma)
{
    uint32_t total = 0;
    for (uint32_t i = 0; lemma != NULL && i < lemma->sense_count; i++)
        total += lemma->tags[i];
    return total;
}

/* ---- Counts and exceptions ------------------------------------------------------------------ */

/* sense-key sense-number count, where the key is lemma%type:file:id:head:id. */
static lumen_status read_counts(const char *folder, arena *memory, wordnet *net, lumen_error *error)
{
    char *text = NULL;
    lumen_status status = read_in(folder, "cntlist.rev", memory, &text, error);
    if (status != LUMEN_OK)
        return status;
    for (char *line = text; *line != 0;) {
        char *end = line_end(line);
        char *next = *end != 0 ? end + 1 : end;
        *end = 0;
        char *cursor = line;
        char *key = next_field(&cursor);
        uint32_t number = field_number(&cursor, 10);
        uint32_t count = field_number(&cursor, 10);
        char *percent = strchr(key, '%');
        if (percent != NULL) {
            *percent = 0;
            char type = percent[1];
            const wordnet_part *part = type == '1' ? &net->nouns : type == '2' ? &net->verbs : &net->adjectives;
            const wordnet_lemma *lemma = type == '4' ? NULL : wordnet_find(part, key);
            if (lemma != NULL && number >= 1 && number <= lemma->sense_count)
                lemma->tags[number - 1] += count;
        }
        line = next;
    }
    return LUMEN_OK;
}

static lumen_status read_exceptions(const char *folder, const char *name, arena *memory, wordnet_exceptions *list,
                                    lumen_error *error)
{
    char *text = NULL;
    lumen_status status = read_in(folder, name, memory, &text, error);
    if (status != LUMEN_OK)
        return status;
    list->entries = arena_array(memory, wordnet_exception, count_lines(text));
    if (list->entries == NULL)
        return lumen_fail_memory(error, name);
    for (char *line = text; *line != 0;) {
        char *end = line_end(line);
        char *next = *end != 0 ? end + 1 : end;
        *end = 0;
        char *cursor = line;
        const char *inflected = next_field(&cursor);
        const char *base = next_field(&cursor);
        if (*base != 0)
            list->entries[list->count++] = (wordnet_exception){inflected, base};
        line = next;
    }
    return LUMEN_OK;
}

lumen_status wordnet_read(const char *folder, arena *memory, wordnet **out, lumen_error *error)
{
    wordnet *net = arena_allocate(memory, sizeof *net);
    if (net == NULL)
        return lumen_fail_memory(error, "the WordNet tables");
    *net = (wordnet){0};
    lumen_status status = read_synsets(folder, "data.noun", memory, &net->nouns, error);
    if (status == LUMEN_OK)
        status = read_lemmas(folder, "index.noun", memory, &net->nouns, error);
    if (status == LUMEN_OK)
        status = read_synsets(folder, "data.verb", memory, &net->verbs, error);
    if (status == LUMEN_OK)
        status = read_lemmas(folder, "index.verb", memory, &net->verbs, error);
    if (status == LUMEN_OK)
        status = read_lemmas(folder, "index.adj", memory, &net->adjectives, error);
    if (status == LUMEN_OK)
        status = read_exceptions(folder, "noun.exc", memory, &net->noun_exceptions, error);
    if (status == LUMEN_OK)
        status = read_exceptions(folder, "verb.exc", memory, &net->verb_exceptions, error);
    if (status == LUMEN_OK)
        status = read_counts(folder, memory, net, error);
    if (status == LUMEN_OK)
        *out = net;
    return status;
}

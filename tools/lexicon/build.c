#include "build.h"

#include <stdlib.h>
#include <string.h>

lumen_status table_add(lexicon_build *build, build_table *table, const char *word, uint16_t value, uint8_t priority,
                       lumen_error *error)
{
    size_t length = strlen(word);
    if (length == 0 || length >= TABLE_WORD_BYTES)
        return LUMEN_OK;
    if (table->count == table->capacity) {
        uint32_t capacity = table->capacity == 0 ? 1024 : table->capacity * 2;
        build_entry *entries = arena_array(build->memory, build_entry, capacity);
        if (entries == NULL)
            return lumen_fail_memory(error, "a table of words");
        if (table->count > 0)
            memcpy(entries, table->entries, table->count * sizeof *entries);
        table->entries = entries;
        table->capacity = capacity;
    }
    char *copy = arena_copy_text(build->memory, word, length);
    if (copy == NULL)
        return lumen_fail_memory(error, "a table of words");
    for (size_t i = 0; i < length; i++)
        if (copy[i] == '_')
            copy[i] = ' ';
    table->entries[table->count++] = (build_entry){copy, value, priority};
    return LUMEN_OK;
}

/* Equal words stand with the strongest first; the spelling settles what is left, so that the order of
 * the sort never depends on the C library. */
static int compare_entries(const void *left, const void *right)
{
    const build_entry *a = left, *b = right;
    int order = table_compare(a->word, strlen(a->word), b->word, strlen(b->word));
    if (order == 0)
        order = (int)b->priority - (int)a->priority;
    if (order == 0)
        order = strcmp(a->word, b->word);
    return order != 0 ? order : (int)a->value - (int)b->value;
}

void table_finish(build_table *table)
{
    if (table->count == 0)
        return;
    qsort(table->entries, table->count, sizeof *table->entries, compare_entries);
    uint32_t kept = 0;
    const char *last = "";
    for (uint32_t i = 0; i < table->count; i++) {
        build_entry entry = table->entries[i];
        if (table_compare(last, strlen(last), entry.word, strlen(entry.word)) == 0)
            continue;
        last = entry.word;
        if (entry.value != TABLE_REMOVED)
            table->entries[kept++] = entry;
    }
    table->count = kept;
}

lumen_status names_index(lexicon_build *build, build_names *names, const char *name, uint32_t limit, uint32_t *out,
                         lumen_error *error)
{
    for (uint32_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0) {
            *out = i;
            return LUMEN_OK;
        }
    if (names->count >= limit)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "\"%s\" is one name too many: a table holds %u; remove some",
                          name, limit);
    if (names->count == names->capacity) {
        uint32_t capacity = names->capacity == 0 ? 64 : names->capacity * 2;
        const char **larger = arena_array(build->memory, const char *, capacity);
        if (larger == NULL)
            return lumen_fail_memory(error, "a list of names");
        if (names->count > 0)
            memcpy(larger, names->names, names->count * sizeof *larger);
        names->names = larger;
        names->capacity = capacity;
    }
    char *copy = arena_copy_text(build->memory, name, strlen(name));
    if (copy == NULL)
        return lumen_fail_memory(error, "a list of names");
    names->names[names->count] = copy;
    *out = names->count++;
    return LUMEN_OK;
}

lumen_status build_lexicon(const wordnet *net, const lexicon_sources *sources, arena *memory, lexicon_build *build,
                           lumen_error *error)
{
    *build = (lexicon_build){.net = net, .sources = sources, .memory = memory};
    lumen_status status = build_concepts(build, error);
    if (status == LUMEN_OK)
        status = build_nouns(build, error);
    if (status == LUMEN_OK)
        status = build_others(build, error);
    return status;
}

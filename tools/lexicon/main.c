/*
 * compile_lexicon: WordNet and the files of data/words and data/sculpt become one C source file.
 *
 *     compile_lexicon [--report] WORDNET_FOLDER WORDS_FOLDER OUTPUT.c FILE.sculpt ...
 *
 * Runs on the machine that builds, never on the one that uses Lumen.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "build.h"

enum { MEMORY_LIMIT = 1u << 30 };

static lumen_status read_source(source_kind kind, const char *folder, const char *name, arena *memory,
                                lexicon_sources *sources, lumen_error *error)
{
    char path[4096];
    char *text = NULL;
    size_t length = 0;
    int size =
        folder != NULL ? snprintf(path, sizeof path, "%s/%s", folder, name) : snprintf(path, sizeof path, "%s", name);
    if (size < 0 || size >= (int)sizeof path)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%s has too long a path; move the sources", name);
    lumen_status status = wordnet_file(path, memory, &text, &length, error);
    return status == LUMEN_OK ? sources_read(kind, path, text, length, memory, sources, error) : status;
}

static lumen_status read_sources(const char *folder, char **sculpt, int sculpt_count, arena *memory,
                                 lexicon_sources *sources, lumen_error *error)
{
    static const struct {
        source_kind kind;
        const char *name;
    } files[] = {
        {SOURCE_SENSES, "senses.txt"},       {SOURCE_VERBS, "verbs.txt"},   {SOURCE_MANNERS, "adverbs.txt"},
        {SOURCE_FUNCTIONS, "functions.txt"}, {SOURCE_TRAITS, "traits.txt"},
    };
    lumen_status status = LUMEN_OK;
    for (size_t i = 0; status == LUMEN_OK && i < sizeof files / sizeof files[0]; i++)
        status = read_source(files[i].kind, folder, files[i].name, memory, sources, error);
    for (int i = 0; status == LUMEN_OK && i < sculpt_count; i++)
        status = read_source(SOURCE_CONCEPTS, NULL, sculpt[i], memory, sources, error);
    return status;
}

static lumen_status write_output(const lexicon_build *build, const char *path, lumen_error *error)
{
    FILE *out = fopen(path, "wb");
    if (out == NULL)
        return lumen_fail(error, LUMEN_ERROR_IO, "%s cannot be written: %s; choose another place", path,
                          strerror(errno));
    lumen_status status = write_lexicon(build, out, error);
    if (fclose(out) != 0 && status == LUMEN_OK)
        status =
            lumen_fail(error, LUMEN_ERROR_IO, "%s could not be finished: %s; is the disk full?", path, strerror(errno));
    if (status != LUMEN_OK)
        remove(path);
    return status;
}

int main(int argument_count, char **arguments)
{
    int first = argument_count > 1 && strcmp(arguments[1], "--report") == 0 ? 2 : 1;
    if (argument_count - first < 3) {
        fputs("usage: compile_lexicon [--report] WORDNET_FOLDER WORDS_FOLDER OUTPUT.c FILE.sculpt ...\n", stderr);
        return 2;
    }
    lumen_error error = {0};
    lexicon_sources sources = {0};
    lexicon_build build;
    wordnet *net = NULL;
    arena *memory = arena_create(MEMORY_LIMIT);
    lumen_status status = memory == NULL ? lumen_fail_memory(&error, "the lexicon") : LUMEN_OK;
    if (status == LUMEN_OK)
        status = read_sources(arguments[first + 1], arguments + first + 3, argument_count - first - 3, memory, &sources,
                              &error);
    if (status == LUMEN_OK)
        status = wordnet_read(arguments[first], memory, &net, &error);
    if (status == LUMEN_OK)
        status = build_lexicon(net, &sources, memory, &build, &error);
    if (status == LUMEN_OK)
        status = write_output(&build, arguments[first + 2], &error);
    if (status == LUMEN_OK && first == 2)
        write_report(&build, stdout);
    if (status != LUMEN_OK)
        fprintf(stderr, "compile_lexicon: %s\n", error.message);
    arena_destroy(memory);
    return status == LUMEN_OK ? 0 : 1;
}

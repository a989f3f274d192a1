#include "build.h"

#include <string.h>

static size_t shared_bytes(const build_table *table, uint32_t place)
{
    size_t shared = 0;
    if (place % TABLE_BLOCK == 0)
        return 0;
    const char *left = table->entries[place - 1].word, *right = table->entries[place].word;
    while (left[shared] != 0 && left[shared] == right[shared])
        shared++;
    return shared;
}

static void write_number(FILE *out, size_t number, uint32_t index)
{
    fprintf(out, "%zu,%s", number, index % 24 == 23 ? "\n" : "");
}

/* The front-coded form of lexicon.h: four arrays of one table. Numbers rather than string literals: a
 * compiler need not accept literals of this length. */
static void write_table(FILE *out, const char *name, const build_table *table)
{
    fprintf(out, "static const uint8_t %s_ends[] = {\n", name);
    uint32_t column = 0;
    for (uint32_t i = 0; i < table->count; i++)
        for (const char *byte = table->entries[i].word + shared_bytes(table, i); *byte != 0; byte++)
            write_number(out, (size_t)(unsigned char)*byte | (byte[1] == 0 ? 0x80u : 0u), column++);
    fprintf(out, "0};\nstatic const uint8_t %s_shared[] = {\n", name);
    for (uint32_t i = 0; i < table->count; i++)
        write_number(out, shared_bytes(table, i), i);
    fprintf(out, "0};\nstatic const uint32_t %s_blocks[] = {\n", name);
    size_t offset = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        if (i % TABLE_BLOCK == 0)
            write_number(out, offset, i / TABLE_BLOCK);
        offset += strlen(table->entries[i].word) - shared_bytes(table, i);
    }
    fprintf(out, "0};\nstatic const uint16_t %s_values[] = {\n", name);
    for (uint32_t i = 0; i < table->count; i++)
        write_number(out, table->entries[i].value, i);
    fprintf(out, "0};\n\n");
}

/* Names hold only printable ASCII without quotes that need care, except these two. */
static void write_literal(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void write_names(FILE *out, const char *name, const build_names *names)
{
    fprintf(out, "static const char *const %s[] = {\n", name);
    for (uint32_t i = 0; i < names->count; i++) {
        fputs("    ", out);
        write_literal(out, names->names[i]);
        fputs(",\n", out);
    }
    fputs("    \"\"};\n\n", out);
}

static void write_spaced(FILE *out, const char *word)
{
    putc('"', out);
    for (; word != NULL && *word != 0; word++)
        putc(*word == '_' ? ' ' : *word, out);
    putc('"', out);
}

static void write_use(FILE *out, const char *field, const char *name, const build_table *table)
{
    fprintf(out, "    .%s = {%u, %s_ends, %s_shared, %s_blocks, %s_values},\n", field, table->count, name, name, name,
            name);
}

lumen_status write_lexicon(const lexicon_build *build, FILE *out, lumen_error *error)
{
    const lexicon_sources *sources = build->sources;
    fputs("/* Written by compile_lexicon; edit data/words and data/sculpt instead. */\n\n"
          "#include \"words/lexicon.h\"\n\n",
          out);
    write_table(out, "nouns", &build->nouns);
    write_table(out, "verbs", &build->verbs);
    write_table(out, "noun_exceptions", &build->noun_exceptions);
    write_table(out, "verb_exceptions", &build->verb_exceptions);
    write_table(out, "functions", &build->functions);
    write_table(out, "manners", &build->manners);
    write_table(out, "traits", &build->traits);
    write_names(out, "concepts", &build->concepts);
    write_names(out, "noun_bases", &build->noun_bases);
    write_names(out, "verb_bases", &build->verb_bases);
    write_names(out, "trait_forms", &build->trait_forms);

    fputs("static const words_motion motions[] = {\n    {0, 1.0f, 1.0f, \"\"},\n", out);
    for (uint32_t i = 0; i < sources->verb_count; i++) {
        const source_verbs *line = &sources->verbs[i];
        fprintf(out, "    {%u, %.6ff, %.6ff, ", line->motion, (double)line->tempo, (double)line->size);
        write_spaced(out, line->by);
        fputs("},\n", out);
    }
    fputs("};\n\nstatic const words_manner manner_list[] = {\n", out);
    for (uint32_t i = 0; i < sources->manner_count; i++) {
        const source_manner *line = &sources->manners[i];
        fprintf(out, "    {%.6ff, %.6ff, %.6ff},\n", (double)line->tempo, (double)line->size, (double)line->strengthen);
    }
    fputs("    {1.0f, 1.0f, 0.0f}};\n\nconst words_lexicon words_the_lexicon = {\n", out);
    write_use(out, "nouns", "nouns", &build->nouns);
    write_use(out, "verbs", "verbs", &build->verbs);
    write_use(out, "noun_exceptions", "noun_exceptions", &build->noun_exceptions);
    write_use(out, "verb_exceptions", "verb_exceptions", &build->verb_exceptions);
    write_use(out, "functions", "functions", &build->functions);
    write_use(out, "manners", "manners", &build->manners);
    write_use(out, "traits", "traits", &build->traits);
    fprintf(out,
            "    .concept_count = %u,\n    .concepts = concepts,\n    .noun_bases = noun_bases,\n"
            "    .verb_bases = verb_bases,\n    .trait_form_count = %u,\n    .trait_forms = trait_forms,\n"
            "    .motions = motions,\n    .manner_list = manner_list,\n};\n",
            build->concepts.count, build->trait_forms.count);
    if (fflush(out) != 0 || ferror(out))
        return lumen_fail(error, LUMEN_ERROR_IO, "the lexicon could not be written; is the disk full?");
    return LUMEN_OK;
}

/* ---- Report --------------------------------------------------------------------------------- */

static size_t table_bytes(const build_table *table)
{
    size_t bytes = table->count * (1 + sizeof(uint16_t)) + table->count / TABLE_BLOCK * sizeof(uint32_t);
    for (uint32_t i = 0; i < table->count; i++)
        bytes += strlen(table->entries[i].word) - shared_bytes(table, i);
    return bytes;
}

static void report_table(FILE *out, const char *name, const build_table *table)
{
    fprintf(out, "%-16s %7u words %8zu bytes\n", name, table->count, table_bytes(table));
}

void write_report(const lexicon_build *build, FILE *out)
{
    report_table(out, "nouns", &build->nouns);
    report_table(out, "verbs", &build->verbs);
    report_table(out, "noun exceptions", &build->noun_exceptions);
    report_table(out, "verb exceptions", &build->verb_exceptions);
    report_table(out, "function words", &build->functions);
    report_table(out, "adverbs", &build->manners);
    report_table(out, "traits", &build->traits);

    uint32_t *users = arena_array(build->memory, uint32_t, build->concepts.count);
    if (users == NULL)
        return;
    memset(users, 0, build->concepts.count * sizeof *users);
    for (uint32_t i = 0; i < build->nouns.count; i++)
        users[noun_concept(build->nouns.entries[i].value)]++;
    fprintf(out, "\nnouns with a concept: %u; known without: %u\n", build->nouns.count - users[0], users[0]);
    fputs("\nnouns per concept:\n", out);
    for (uint32_t i = 1; i < build->concepts.count; i++)
        fprintf(out, "%7u %s\n", users[i], build->concepts.names[i]);

    fputs("\nsenses.txt names concepts that are not there:\n", out);
    for (uint32_t i = 0; i < build->sources->sense_count; i++) {
        const source_sense *told = &build->sources->senses[i];
        if (told->meaning[0] == '@' && find_concept(build, told->meaning + 1) == 0)
            fprintf(out, "    %s:%u %s\n", told->place.file, told->place.line, told->meaning);
    }

    fputs("\nconcrete nouns without a concept (first sense, how often met):\n", out);
    for (uint32_t i = 0; i < build->net->nouns.lemma_count; i++) {
        const wordnet_lemma *lemma = &build->net->nouns.lemmas[i];
        uint32_t number = 0;
        uint32_t synset = best_sense(build, lemma, false, NULL, &number);
        uint32_t file = synset != WORDNET_NONE ? build->net->nouns.synsets[synset].file : 0;
        bool concrete = file == WORDNET_ANIMAL || file == WORDNET_ARTIFACT || file == WORDNET_BODY ||
                        file == WORDNET_FOOD || file == WORDNET_OBJECT || file == WORDNET_PERSON ||
                        file == WORDNET_PLANT;
        if (concrete && lemma->tags[number - 1] > 0 && best_sense(build, lemma, true, NULL, NULL) == WORDNET_NONE)
            fprintf(out, "    %s.n.%02u %u\n", lemma->text, number, lemma->tags[number - 1]);
    }
}

#include "build.h"

#include <string.h>

enum { VERB_STEPS_MAX = 3, NAMES_MAX = 65535 };

/* ---- Verbs ---------------------------------------------------------------------------------- */

/* The motion of the nearest listed verb above `synset`; 0 when none is near. */
static uint16_t inherited_motion(const wordnet_part *verbs, const uint16_t *motions, uint32_t synset, uint32_t steps)
{
    if (motions[synset] != 0)
        return motions[synset];
    const wordnet_synset *here = &verbs->synsets[synset];
    for (uint32_t i = 0; steps > 0 && i < here->hypernym_count; i++) {
        uint16_t found = inherited_motion(verbs, motions, here->hypernyms[i], steps - 1);
        if (found != 0)
            return found;
    }
    return 0;
}

static lumen_status build_verbs(lexicon_build *build, lumen_error *error)
{
    const wordnet_part *verbs = &build->net->verbs;
    uint16_t *motions = arena_array(build->memory, uint16_t, verbs->synset_count);
    if (motions == NULL)
        return lumen_fail_memory(error, "the motions of verbs");
    memset(motions, 0, verbs->synset_count * sizeof *motions);
    for (uint32_t i = 0; i < build->sources->verb_count; i++) {
        const source_verbs *listed = &build->sources->verbs[i];
        for (uint32_t w = 0; w < listed->words.count; w++) {
            for (uint32_t e = 0; e < i; e++)
                for (uint32_t k = 0; k < build->sources->verbs[e].words.count; k++)
                    if (strcmp(build->sources->verbs[e].words.words[k], listed->words.words[w]) == 0)
                        return lumen_fail(error, LUMEN_ERROR_INVALID,
                                          "%s:%u: \"%s\" already stands in line %u; leave one of them",
                                          listed->place.file, listed->place.line, listed->words.words[w],
                                          build->sources->verbs[e].place.line);
            lumen_status status = table_add(build, &build->verbs, listed->words.words[w], (uint16_t)(i + 1), 1, error);
            if (status != LUMEN_OK)
                return status;
            const wordnet_lemma *lemma = wordnet_find(verbs, listed->words.words[w]);
            if (lemma != NULL && motions[lemma->senses[0]] == 0)
                motions[lemma->senses[0]] = (uint16_t)(i + 1);
        }
    }
    /* The second senses, and further ones that are movements: WordNet's "foxtrot" hangs below the second sense of
     * "dance". */
    for (uint32_t i = 0; i < build->sources->verb_count; i++)
        for (uint32_t w = 0; w < build->sources->verbs[i].words.count; w++) {
            const wordnet_lemma *lemma = wordnet_find(verbs, build->sources->verbs[i].words.words[w]);
            for (uint32_t k = 1; lemma != NULL && k < lemma->sense_count; k++)
                if (motions[lemma->senses[k]] == 0 &&
                    (k == 1 || verbs->synsets[lemma->senses[k]].file == WORDNET_VERB_MOTION))
                    motions[lemma->senses[k]] = (uint16_t)(i + 1);
        }
    lumen_status status = LUMEN_OK;
    for (uint32_t i = 0; status == LUMEN_OK && i < verbs->lemma_count; i++) {
        const wordnet_lemma *lemma = &verbs->lemmas[i];
        if (strpbrk(lemma->text, "_./") == NULL)
            status = table_add(build, &build->verbs, lemma->text,
                               inherited_motion(verbs, motions, lemma->senses[0], VERB_STEPS_MAX), 0, error);
    }
    table_finish(&build->verbs);
    return status;
}

/* ---- Exceptions ----------------------------------------------------------------------------- */

static bool table_has(const build_table *table, const char *word)
{
    uint32_t low = 0, high = table->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const char *other = table->entries[middle].word;
        int order = table_compare(other, strlen(other), word, strlen(word));
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static lumen_status build_exceptions(lexicon_build *build, const wordnet_exceptions *from, const build_table *known,
                                     build_table *table, build_names *bases, lumen_error *error)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const wordnet_exception *entry = &from->entries[i];
        char base[TABLE_WORD_BYTES];
        size_t length = strlen(entry->base);
        if (length >= sizeof base)
            continue;
        for (size_t k = 0; k <= length; k++)
            base[k] = (char)(entry->base[k] == '_' ? ' ' : entry->base[k]);
        if (!table_has(known, base) || strcmp(entry->base, entry->inflected) == 0)
            continue;
        uint32_t index;
        lumen_status status = names_index(build, bases, base, NAMES_MAX, &index, error);
        if (status == LUMEN_OK)
            status = table_add(build, table, entry->inflected, (uint16_t)index, 0, error);
        if (status != LUMEN_OK)
            return status;
    }
    table_finish(table);
    return LUMEN_OK;
}

/* ---- Lists of people ------------------------------------------------------------------------ */

/* A word may stand in several classes; its entry then has all their bits. */
static lumen_status build_functions(lexicon_build *build, lumen_error *error)
{
    for (uint32_t i = 0; i < build->sources->function_count; i++) {
        const source_function *line = &build->sources->functions[i];
        for (uint32_t w = 0; w < line->words.count; w++) {
            build_entry *there = NULL;
            for (uint32_t k = 0; there == NULL && k < build->functions.count; k++)
                if (strcmp(build->functions.entries[k].word, line->words.words[w]) == 0)
                    there = &build->functions.entries[k];
            lumen_status status = LUMEN_OK;
            if (there != NULL)
                there->value = (uint16_t)(there->value | line->class_bit);
            else
                status = table_add(build, &build->functions, line->words.words[w], (uint16_t)line->class_bit, 0, error);
            if (status != LUMEN_OK)
                return status;
        }
    }
    table_finish(&build->functions);
    return LUMEN_OK;
}

static lumen_status build_manners(lexicon_build *build, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    for (uint32_t i = 0; i < build->sources->manner_count; i++) {
        const source_manner *line = &build->sources->manners[i];
        for (uint32_t w = 0; status == LUMEN_OK && w < line->words.count; w++)
            status = table_add(build, &build->manners, line->words.words[w], (uint16_t)i, 0, error);
    }
    table_finish(&build->manners);
    return status;
}

static lumen_status build_traits(lexicon_build *build, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    for (uint32_t i = 0; status == LUMEN_OK && i < build->sources->trait_count; i++) {
        const source_trait *line = &build->sources->traits[i];
        uint32_t index;
        status = names_index(build, &build->trait_forms, line->form, NAMES_MAX, &index, error);
        for (uint32_t w = 0; status == LUMEN_OK && w < line->words.count; w++)
            status = table_add(build, &build->traits, line->words.words[w], (uint16_t)index, 0, error);
    }
    table_finish(&build->traits);
    return status;
}

lumen_status build_others(lexicon_build *build, lumen_error *error)
{
    lumen_status status = build_verbs(build, error);
    if (status == LUMEN_OK)
        status = build_exceptions(build, &build->net->noun_exceptions, &build->nouns, &build->noun_exceptions,
                                  &build->noun_bases, error);
    if (status == LUMEN_OK)
        status = build_exceptions(build, &build->net->verb_exceptions, &build->verbs, &build->verb_exceptions,
                                  &build->verb_bases, error);
    if (status == LUMEN_OK)
        status = build_functions(build, error);
    if (status == LUMEN_OK)
        status = build_manners(build, error);
    if (status == LUMEN_OK)
        status = build_traits(build, error);
    return status;
}

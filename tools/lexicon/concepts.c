#include "build.h"

#include <stdlib.h>
#include <string.h>

enum {
    CONCEPTS_MAX = NOUN_CONCEPT_MASK,
    SEARCH_MAX = 512 /* synsets looked at on the way up; WordNet's widest is far below */
};

/* ---- Which sense ---------------------------------------------------------------------------- */

/* Whether a synset is a kind of substance, as the wood of an oak is among the plants. */
static bool is_substance(const lexicon_build *build, uint32_t synset, uint32_t steps)
{
    const wordnet_synset *here = &build->net->nouns.synsets[synset];
    for (uint32_t i = 0; i < here->hypernym_count && steps > 0; i++)
        if (build->net->nouns.synsets[here->hypernyms[i]].file == WORDNET_SUBSTANCE ||
            is_substance(build, here->hypernyms[i], steps - 1))
            return true;
    return false;
}

static bool is_below(const lexicon_build *build, uint32_t synset, uint32_t above)
{
    const wordnet_synset *here = &build->net->nouns.synsets[synset];
    for (uint32_t i = 0; i < here->hypernym_count; i++)
        if (here->hypernyms[i] == above || is_below(build, here->hypernyms[i], above))
            return true;
    return false;
}

/* How much a sense counts as something that has a shape, by its lexicographer file. */
static double concreteness(const lexicon_build *build, uint32_t synset)
{
    uint32_t file = build->net->nouns.synsets[synset].file;
    if (file == WORDNET_PLANT && is_substance(build, synset, 4))
        file = WORDNET_SUBSTANCE;
    if (file == WORDNET_FOOD && is_below(build, synset, build->produce))
        return 1.8; /* the fruit rather than its tree */
    switch (file) {
    case WORDNET_ANIMAL: return 1.6; /* the finch rather than the informant, the eel rather than its meat */
    case WORDNET_ARTIFACT: return 1.0;
    case WORDNET_PLANT: return 0.9;
    case WORDNET_BODY:
    case WORDNET_OBJECT: return 0.8;
    case WORDNET_FOOD: return 0.6;
    case WORDNET_PERSON:
    case WORDNET_TOPS: return 0.5;
    case WORDNET_SUBSTANCE: return 0.2;
    case WORDNET_PHENOMENON:
    case WORDNET_SHAPE:
    case WORDNET_POSSESSION: return 0.25;
    case WORDNET_GROUP:
    case WORDNET_LOCATION: return 0.12;
    case WORDNET_COMMUNICATION: return 0.06;
    default: return 0.02;
    }
}

/* Looks upwards, breadth first, for the first synset anchored at `wanted`, or at any concept where that is 0. */
static uint16_t search_up(const lexicon_build *build, uint32_t synset, uint16_t wanted, uint32_t *steps)
{
    uint32_t queue[SEARCH_MAX], depth[SEARCH_MAX];
    uint32_t head = 0, tail = 0;
    queue[tail] = synset;
    depth[tail++] = 0;
    while (head < tail) {
        uint32_t current = queue[head];
        uint16_t found = build->anchors[current];
        if (found != 0 && (wanted == 0 || found == wanted)) {
            *steps = depth[head];
            return found;
        }
        const wordnet_synset *above = &build->net->nouns.synsets[current];
        for (uint32_t i = 0; i < above->hypernym_count && tail < SEARCH_MAX; i++) {
            queue[tail] = above->hypernyms[i];
            depth[tail++] = depth[head] + 1;
        }
        head++;
    }
    return 0;
}

uint16_t nearest_concept(const lexicon_build *build, uint32_t synset, uint32_t *steps)
{
    uint32_t ignored;
    return search_up(build, synset, 0, steps != NULL ? steps : &ignored);
}

bool reaches_concept(const lexicon_build *build, uint32_t synset, uint16_t concept)
{
    uint32_t ignored;
    return search_up(build, synset, concept, &ignored) != 0;
}

uint32_t best_sense(const lexicon_build *build, const wordnet_lemma *lemma, bool anchored, uint16_t *out_concept,
                    uint32_t *out_number)
{
    double best = 0.0;
    uint32_t best_index = WORDNET_NONE;
    uint32_t total = wordnet_tags(lemma);
    for (uint32_t i = 0; i < lemma->sense_count; i++) {
        const wordnet_synset *synset = &build->net->nouns.synsets[lemma->senses[i]];
        uint32_t steps = 0;
        uint16_t concept = anchored ? nearest_concept(build, lemma->senses[i], &steps) : 0;
        if (anchored && concept == 0)
            continue;
        double weight = concreteness(build, lemma->senses[i]);
        /* A rare sense of a word that usually means something without a shape: rather none. */
        if (anchored && 20.0 * weight * ((double)lemma->tags[i] + 1.0) < (double)total)
            continue;
        if (wordnet_is_capital(synset, lemma->text))
            weight *= 0.15; /* "crane" is rather the bird than the poet */
        double score = weight * ((double)lemma->tags[i] + 3.0 / (3.0 + (double)i)) / (1.0 + 0.06 * (double)steps);
        if (score > best) {
            best = score;
            best_index = i;
            if (out_concept != NULL)
            *out_concept = concept;
        }
    }
    if (best_index == WORDNET_NONE)
        return WORDNET_NONE;
    if (out_number != NULL)
        *out_number = best_index + 1;
    return lemma->senses[best_index];
}

/* ---- Concepts and anchors ------------------------------------------------------------------- */

uint16_t find_concept(const lexicon_build *build, const char *name)
{
    for (uint32_t i = 1; i < build->concepts.count; i++)
        if (strcmp(build->concepts.names[i], name) == 0)
            return (uint16_t)i;
    return 0;
}

static lumen_status fail_at(lumen_error *error, source_place place, const char *thing, const char *reason_and_mend)
{
    return lumen_fail(error, LUMEN_ERROR_INVALID, "%s:%u: \"%s\" %s", place.file, place.line, thing, reason_and_mend);
}

static lumen_status anchor_synset(const lexicon_build *build, source_place place, const char *sense, uint32_t *out,
                                  lumen_error *error)
{
    char lemma[TABLE_WORD_BYTES];
    uint32_t number = 0;
    if (!sources_split_sense(sense, lemma, sizeof lemma, &number))
        return fail_at(error, place, sense, "is no sense of a noun; write it as horse.n.01");
    const wordnet_lemma *found = wordnet_find(&build->net->nouns, lemma);
    if (found == NULL)
        return fail_at(error, place, sense, "names a noun that WordNet does not have; look it up with: wn NOUN -over");
    if (number > found->sense_count)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%s:%u: \"%s\" asks for sense %u of %u; use a lower number",
                          place.file, place.line, sense, number, found->sense_count);
    *out = found->senses[number - 1];
    return LUMEN_OK;
}

/* True when a concept claims a sense of its own name: heron.n.01 for "heron". */
static bool claims_own_name(const source_concept *concept, const char *sense)
{
    char lemma[TABLE_WORD_BYTES];
    uint32_t number;
    return sources_split_sense(sense, lemma, sizeof lemma, &number) && strcmp(lemma, concept->name) == 0;
}

/* The anchors that the files name. Where a broad concept (wading_bird) and one of that very name (heron) claim the
 * same synset, the one of that name has it; `claimed` remembers by which line. */
static lumen_status explicit_anchors(lexicon_build *build, const source_concept **claimed, bool *owned,
                                     lumen_error *error)
{
    for (uint32_t i = 0; i < build->sources->concept_count; i++) {
        const source_concept *concept = &build->sources->concepts[i];
        for (uint32_t a = 0; a < concept->anchors.count; a++) {
            uint32_t synset;
            lumen_status status = anchor_synset(build, concept->place, concept->anchors.words[a], &synset, error);
            if (status != LUMEN_OK)
                return status;
            bool own = claims_own_name(concept, concept->anchors.words[a]);
            if (claimed[synset] != NULL && claimed[synset] != concept && own == owned[synset])
                return lumen_fail(error, LUMEN_ERROR_INVALID,
                                  "%s:%u: \"%s\" already anchors concept %s (%s:%u); leave it to one of them",
                                  concept->place.file, concept->place.line, concept->anchors.words[a],
                                  claimed[synset]->name, claimed[synset]->place.file, claimed[synset]->place.line);
            if (claimed[synset] != NULL && claimed[synset] != concept && !own)
                continue;
            owned[synset] = owned[synset] || own;
            claimed[synset] = concept;
            build->anchors[synset] = (uint16_t)(i + 1);
        }
    }
    return LUMEN_OK;
}

/* A sense that senses.txt gives to this word; WORDNET_NONE for none. */
static uint32_t told_sense(const lexicon_build *build, const char *word)
{
    for (uint32_t i = 0; i < build->sources->sense_count; i++) {
        const source_sense *told = &build->sources->senses[i];
        uint32_t synset;
        if (told->meaning[0] == '@')
            continue;
        for (uint32_t w = 0; w < told->words.count; w++)
            if (strcmp(told->words.words[w], word) == 0 &&
                anchor_synset(build, told->place, told->meaning, &synset, NULL) == LUMEN_OK)
                return synset;
    }
    return WORDNET_NONE;
}

lumen_status build_concepts(lexicon_build *build, lumen_error *error)
{
    const lexicon_sources *sources = build->sources;
    uint32_t synsets = build->net->nouns.synset_count;
    const source_concept **claimed = arena_array(build->memory, const source_concept *, synsets);
    bool *owned = arena_array(build->memory, bool, synsets);
    build->anchors = arena_array(build->memory, uint16_t, synsets);
    if (build->anchors == NULL || claimed == NULL || owned == NULL)
        return lumen_fail_memory(error, "the anchors of concepts");
    memset(build->anchors, 0, synsets * sizeof *build->anchors);
    memset(claimed, 0, synsets * sizeof *claimed);
    memset(owned, 0, synsets * sizeof *owned);

    const wordnet_lemma *produce = wordnet_find(&build->net->nouns, "produce");
    build->produce = produce != NULL ? produce->senses[0] : WORDNET_NONE;
    uint32_t index;
    lumen_status status = names_index(build, &build->concepts, "", CONCEPTS_MAX, &index, error);
    for (uint32_t i = 0; status == LUMEN_OK && i < sources->concept_count; i++) {
        const source_concept *concept = &sources->concepts[i];
        uint16_t earlier = find_concept(build, concept->name);
        if (earlier != 0)
            return lumen_fail(error, LUMEN_ERROR_INVALID,
                              "%s:%u: concept \"%s\" is already there (%s:%u); rename or remove one",
                              concept->place.file, concept->place.line, concept->name,
                              sources->concepts[earlier - 1].place.file, sources->concepts[earlier - 1].place.line);
        status = names_index(build, &build->concepts, concept->name, CONCEPTS_MAX, &index, error);
    }
    if (status == LUMEN_OK)
        status = explicit_anchors(build, claimed, owned, error);
    if (status != LUMEN_OK)
        return status;
    /* What a file names outright is stronger than what a mere name suggests, so those come last. */
    for (uint32_t i = 0; i < sources->concept_count; i++) {
        const source_concept *concept = &sources->concepts[i];
        const wordnet_lemma *lemma = wordnet_find(&build->net->nouns, concept->name);
        if (concept->is_nothing || concept->anchors.count > 0 || lemma == NULL)
            continue;
        uint32_t synset = told_sense(build, concept->name);
        if (synset == WORDNET_NONE)
            synset = best_sense(build, lemma, false, NULL, NULL);
        if (synset != WORDNET_NONE && claimed[synset] == NULL) {
            claimed[synset] = concept;
            build->anchors[synset] = (uint16_t)(i + 1);
        }
    }
    return LUMEN_OK;
}

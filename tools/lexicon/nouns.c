#include "build.h"

#include <string.h>

/* Of two meanings of one word, the one nearer to what a person wrote down. */
enum { FROM_WORDNET, FROM_WORDNET_MEANING, FROM_SENSES, FROM_ALSO, FROM_NAME };

static bool is_digits(const char *word)
{
    return word[strspn(word, "0123456789_-.,/'")] == 0;
}

/* "st._bernard" is typed "st bernard"; words with other dots or with strokes are not typed at all. */
static bool typed_form(const char *lemma, char *out)
{
    size_t length = 0;
    for (const char *letter = lemma; *letter != 0; letter++) {
        if (*letter == '/' || (*letter == '.' && letter[1] != '_') || length + 1 >= TABLE_WORD_BYTES)
            return false;
        if (*letter != '.')
            out[length++] = *letter;
    }
    out[length] = 0;
    return length > 0 && !is_digits(out);
}

/* Letters and the symbols of elements: rather small words or names than things ("a", "be", "he"). */
static bool is_symbol(const lexicon_build *build, const wordnet_lemma *lemma, uint32_t synset)
{
    size_t length = strlen(lemma->text);
    return length < 2 ||
           (length == 2 && (synset == WORDNET_NONE || build->net->nouns.synsets[synset].file == WORDNET_SUBSTANCE));
}

/* The flags that tell how a noun behaves beside the same word as a verb or adjective. */
static uint16_t noun_flags(const lexicon_build *build, const wordnet_lemma *lemma, uint32_t synset, uint32_t number)
{
    uint16_t flags = 0;
    const wordnet_lemma *verb = wordnet_find(&build->net->verbs, lemma->text);
    const wordnet_lemma *adjective = wordnet_find(&build->net->adjectives, lemma->text);
    uint32_t met = synset != WORDNET_NONE ? lemma->tags[number - 1] : wordnet_tags(lemma);
    if (verb != NULL && wordnet_tags(verb) > met)
        flags |= NOUN_VERBAL;
    if (adjective != NULL && wordnet_tags(adjective) > wordnet_tags(lemma))
        flags |= NOUN_ADJECTIVAL;
    if (synset != WORDNET_NONE) {
        const wordnet_synset *meaning = &build->net->nouns.synsets[synset];
        if (meaning->file == WORDNET_ANIMAL)
            flags |= NOUN_STRONG | NOUN_ANIMATE;
        if (meaning->file == WORDNET_PERSON)
            flags |= NOUN_ANIMATE;
        if (wordnet_is_capital(meaning, lemma->text))
            flags |= NOUN_PROPER;
    }
    return flags;
}

/* Whether WordNet's entry is mostly met as the plural of another: "flies", "dogs", but not "trousers". */
static bool is_rather_plural(const lexicon_build *build, const wordnet_lemma *lemma)
{
    static const char *const rules[][2] = {{"ies", "y"}, {"es", ""}, {"s", ""}};
    char singular[TABLE_WORD_BYTES];
    size_t length = strlen(lemma->text);
    uint32_t own = wordnet_tags(lemma);
    if (length >= sizeof singular || length < 4)
        return false;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        size_t cut = strlen(rules[i][0]);
        if (strcmp(lemma->text + length - cut, rules[i][0]) != 0 || lemma->text[length - 2] == 's')
            continue;
        memcpy(singular, lemma->text, length - cut);
        strcpy(singular + length - cut, rules[i][1]);
        const wordnet_lemma *other = wordnet_find(&build->net->nouns, singular);
        if (other != NULL && wordnet_tags(other) > own)
            return true;
    }
    const wordnet_exceptions *exceptions = &build->net->noun_exceptions;
    for (uint32_t i = 0; i < exceptions->count; i++)
        if (strcmp(exceptions->entries[i].inflected, lemma->text) == 0) {
            const wordnet_lemma *other = wordnet_find(&build->net->nouns, exceptions->entries[i].base);
            return other != NULL && other != lemma && wordnet_tags(other) > own;
        }
    return false;
}

/* A multiword noun may have lost its way: WordNet's "baby bird" is a young animal, no bird. Where its last
 * word leads to a narrower concept below the one found, that one is meant. */
static uint16_t narrower_concept(const lexicon_build *build, const wordnet_lemma *lemma, uint16_t concept)
{
    const char *last = strrchr(lemma->text, '_');
    const wordnet_lemma *head = last != NULL ? wordnet_find(&build->net->nouns, last + 1) : NULL;
    uint16_t narrower = 0;
    if (concept == 0 || head == NULL)
    return concept;
    uint32_t synset = best_sense(build, head, true, &narrower, NULL);
    return synset != WORDNET_NONE && reaches_concept(build, synset, concept) ? narrower : concept;
}

static lumen_status add_wordnet(lexicon_build *build, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    for (uint32_t i = 0; status == LUMEN_OK && i < build->net->nouns.lemma_count; i++) {
        const wordnet_lemma *lemma = &build->net->nouns.lemmas[i];
        char word[TABLE_WORD_BYTES];
        if (!typed_form(lemma->text, word) || is_rather_plural(build, lemma))
            continue;
        uint16_t concept = 0;
        uint32_t number = 0;
        uint32_t synset = best_sense(build, lemma, true, &concept, &number);
        if (is_symbol(build, lemma, synset))
            continue;
        concept = narrower_concept(build, lemma, concept);
        uint16_t flags = noun_flags(build, lemma, synset, number);
        /* Everyday words without a shape are kept too: they help to understand a sentence. */
        bool everyday = strchr(lemma->text, '_') == NULL && wordnet_tags(lemma) > 0;
        if (synset != WORDNET_NONE || everyday)
            status = table_add(build, &build->nouns, word, (uint16_t)(concept | flags),
                               concept != 0 ? FROM_WORDNET_MEANING : FROM_WORDNET, error);
    }
    return status;
}

/* Lines of senses.txt. A sense or concept that is not there gives the word no meaning of its own. */
static lumen_status add_senses(lexicon_build *build, lumen_error *error)
{
    for (uint32_t i = 0; i < build->sources->sense_count; i++) {
        const source_sense *told = &build->sources->senses[i];
        char text[TABLE_WORD_BYTES];
        uint32_t number = 0, synset = WORDNET_NONE;
        uint16_t concept = 0;
        bool remove = strcmp(told->meaning, "nothing") == 0;
        if (told->meaning[0] == '@') {
            concept = find_concept(build, told->meaning + 1);
        } else if (!remove && sources_split_sense(told->meaning, text, sizeof text, &number)) {
            const wordnet_lemma *lemma = wordnet_find(&build->net->nouns, text);
            if (lemma == NULL || number > lemma->sense_count)
                return lumen_fail(error, LUMEN_ERROR_INVALID,
                                  "%s:%u: WordNet has no sense \"%s\"; look it up with: wn NOUN -over",
                                  told->place.file, told->place.line, told->meaning);
            synset = lemma->senses[number - 1];
            concept = nearest_concept(build, synset, NULL);
        }
        if (concept == 0 && !remove)
            continue;
        for (uint32_t w = 0; w < told->words.count; w++) {
            const char *word = told->words.words[w];
            const wordnet_lemma *lemma = wordnet_find(&build->net->nouns, word);
            uint32_t sense = 0;
            while (lemma != NULL && sense < lemma->sense_count && lemma->senses[sense] != synset)
                sense++;
            bool found = lemma != NULL && sense < lemma->sense_count;
            uint16_t flags = lemma == NULL ? 0 : noun_flags(build, lemma, found ? synset : WORDNET_NONE, sense + 1);
            lumen_status status =
                remove && strchr(word, '_') == NULL
                    ? table_add(build, &build->nouns, word, flags, FROM_SENSES, error)
                    : table_add(build, &build->nouns, word, remove ? TABLE_REMOVED : (uint16_t)(concept | flags),
                                FROM_SENSES, error);
            if (status != LUMEN_OK)
                return status;
        }
    }
    return LUMEN_OK;
}

static uint16_t known_flags(const lexicon_build *build, const char *word)
{
    const wordnet_lemma *lemma = wordnet_find(&build->net->nouns, word);
    uint16_t concept = 0;
    uint32_t number = 0;
    uint32_t synset = lemma != NULL ? best_sense(build, lemma, true, &concept, &number) : WORDNET_NONE;
    return lemma != NULL ? (uint16_t)(noun_flags(build, lemma, synset, number) & ~NOUN_PROPER) : 0;
}

/* The names of concepts and the words that files give them. */
static lumen_status add_names(lexicon_build *build, lumen_error *error)
{
    const lexicon_sources *sources = build->sources;
    for (uint32_t i = 0; i < sources->concept_count; i++) {
        const source_concept *concept = &sources->concepts[i];
        uint16_t value = (uint16_t)((i + 1) | NOUN_STRONG);
        lumen_status status =
            table_add(build, &build->nouns, concept->name, value | known_flags(build, concept->name), FROM_NAME, error);
        for (uint32_t w = 0; status == LUMEN_OK && w < concept->also.count; w++) {
            const char *word = concept->also.words[w];
            for (uint32_t other = 0; other < sources->concept_count; other++) {
                const source_concept *rival = &sources->concepts[other];
                bool claims = other != i && strcmp(rival->name, word) == 0;
                for (uint32_t k = 0; other > i && !claims && k < rival->also.count; k++)
                    claims = strcmp(rival->also.words[k], word) == 0;
                if (claims)
                    return lumen_fail(error, LUMEN_ERROR_INVALID,
                                      "%s:%u: \"%s\" also belongs to concept %s (%s:%u); leave it to one of them",
                                      concept->place.file, concept->place.line, word, rival->name, rival->place.file,
                                      rival->place.line);
            }
            status = table_add(build, &build->nouns, word, value | known_flags(build, word), FROM_ALSO, error);
        }
        if (status != LUMEN_OK)
            return status;
    }
    return LUMEN_OK;
}

lumen_status build_nouns(lexicon_build *build, lumen_error *error)
{
    lumen_status status = add_wordnet(build, error);
    if (status == LUMEN_OK)
        status = add_senses(build, error);
    if (status == LUMEN_OK)
        status = add_names(build, error);
    table_finish(&build->nouns);
    return status;
}

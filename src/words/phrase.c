#include "words/phrase.h"

#include <string.h>

/* ---- Questions about one item --------------------------------------------------------------- */

bool item_has(const sentence_reader *in, int at, int classes)
{
    return at >= 0 && at < in->count && (in->items[at].classes & classes) != 0;
}

bool item_is_text(const sentence_reader *in, int at, const char *text)
{
    return at >= 0 && at < in->count && in->items[at].length == strlen(text) &&
           memcmp(in->items[at].text, text, in->items[at].length) == 0;
}

static bool item_moves(const word_item *item)
{
    return item->is_verb && words_the_lexicon.motions[item->verb.value].name != WORDS_MOTION_IDLE;
}

bool item_has_concept(const word_item *item)
{
    return item->is_noun && noun_concept(item->noun.value) != 0;
}

bool item_is_flagged(const word_item *item, uint16_t flag)
{
    return item->is_noun && (item->noun.value & flag) != 0;
}

bool item_strengthens(const word_item *item)
{
    return item->manner >= 0 && words_the_lexicon.manner_list[item->manner].strengthen != 0.0f;
}

/* Whether the item is an adverb where it stands. "slow" before a noun is none, nor is what looks like an
 * adverb there but is in no list ("a stately horse"). */
bool item_is_adverb(const sentence_reader *in, int at)
{
    const word_item *item = &in->items[at];
    if (item->manner == ITEM_NO_MANNER || item_has(in, at, WORD_ADJECTIVE) || item_has_concept(item))
        return false;
    bool in_full = item->manner >= 0 && item->length > 2 && memcmp(item->text + item->length - 2, "ly", 2) == 0;
    bool several_words = memchr(item->text, ' ', item->length) != NULL;
    return in_full || several_words || item_strengthens(item) || !item_could_be_noun(in, at + 1) ||
           (in->items[at + 1].is_verb && in->items[at + 1].verb.ending == VERB_ING);
}

bool item_describes(const sentence_reader *in, int at)
{
    return at < in->count && !in->items[at].follows_break && !in->items[at].is_glued &&
           !item_has(in, at, ENDS_PHRASE) && !item_is_adverb(in, at);
}

bool item_could_be_noun(const sentence_reader *in, int at)
{
    if (at >= in->count || in->items[at].follows_break || in->items[at].is_glued || item_has(in, at, ENDS_PHRASE))
        return false;
    const word_item *item = &in->items[at];
    if (item->manner != ITEM_NO_MANNER && !item_has_concept(item))
        return item_could_be_noun(in, at + 1); /* "fast" alone ends a sentence, in "fast car" it describes */
    if (item_has(in, at, WORD_ADJECTIVE))
        return item_could_be_noun(in, at + 1) || item->is_noun;
    return item->is_noun || !item->is_verb || item->verb.ending == VERB_ING || item->verb.ending == VERB_PAST;
}

/* ---- Noun or verb --------------------------------------------------------------------------- */

/* Whether the items of a phrase before `at` end in what could be its noun. */
static bool follows_noun(const sentence_reader *in, int start, int at)
{
    int last = at - 1;
    while (last >= start && in->items[last].manner != ITEM_NO_MANNER)
        last--;
    if (last < start || item_has(in, last, WORD_NUMBER))
        return false;
    const word_item *before = &in->items[last], *item = &in->items[at];
    if (item_has(in, last, WORD_ADJECTIVE)) /* "the friendly giant walks" */
        return item_is_flagged(before, NOUN_ANIMATE) && item->verb.ending == VERB_S &&
               !item_is_flagged(item, NOUN_STRONG);
    if (!before->is_noun)
        return !before->is_verb;
    if (before->is_verb && before->verb.ending == VERB_ING && !item_has_concept(before))
        return false; /* "dancing bear" */
    if (item_is_flagged(before, NOUN_ADJECTIVAL) && !before->noun.plural)
        return item_has_concept(before) && !item_is_flagged(item, NOUN_STRONG); /* "brown bears" */
    return true;
}

/* Whether a word that could be noun or verb, in plain form or with -s, is a verb after a noun. */
static bool is_verb_after_noun(const sentence_reader *in, int at, bool object_follows, bool noun_follows)
{
    const word_item *item = &in->items[at];
    if (object_follows || !item->is_noun)
        return true;
    if (item->verb.ending == VERB_BASE && noun_follows && item_has_concept(item))
        return false;
    if (item_is_flagged(item, NOUN_STRONG)) {
        if (item_has(in, at - 1, WORD_ADJUNCT))
            return false; /* "baby bears" */
        return item_is_flagged(item, NOUN_VERBAL) && (item_moves(item) || item_has(in, at + 1, WORD_PREPOSITION));
    }
    if (item_is_flagged(&in->items[at - 1], NOUN_ANIMATE) && item->verb.ending == VERB_S && item_moves(item))
        return true; /* "the dog barks" */
    return item_is_flagged(item, NOUN_VERBAL) || (!item_has_concept(item) && item_moves(item));
}

bool item_is_verb(const sentence_reader *in, int start, int at, bool opened)
{
    const word_item *item = &in->items[at];
    if (!item->is_verb || item_has(in, at, WORD_ADJECTIVE))
        return false;
    bool after_noun = follows_noun(in, start, at);
    bool object_follows = item_has(in, at + 1, OPENS_PHRASE | WORD_PRONOUN) && !in->items[at + 1].follows_break;
    bool noun_follows = item_could_be_noun(in, at + 1);
    switch (item->verb.ending) {
    case VERB_ING:
        if (noun_follows)
            return after_noun; /* "dog chasing cats"; else "galloping horse" */
        if (!after_noun && (opened || item_has(in, at, WORD_QUANTITY)))
            return false; /* "a drawing" */
        return !item_has_concept(item) || object_follows ||
               (!item_is_flagged(item, NOUN_STRONG) && item_moves(item)); /* "brick building" */
    case VERB_PAST:
        if (!after_noun)
            return !noun_follows && !opened && !item_has_concept(item);
        return !item_has_concept(item) || object_follows; /* "red rose" */
    case VERB_S:
    case VERB_BASE:
        /* No plural comes after "a": "a person waves". */
        if (after_noun && item->verb.ending == VERB_S && !noun_follows &&
            (item_is_text(in, start - 1, "a") || item_is_text(in, start - 1, "an")))
            return true;
        if (after_noun)
            return is_verb_after_noun(in, at, object_follows, noun_follows);
        if (opened || at > start || (noun_follows && item->verb.ending == VERB_BASE))
            return false;
        /* Alone: "run" is rather a verb, "fly" and "bear" are animals. */
        if (!item->is_noun)
            return true;
        return item_moves(item) && (!item_has_concept(item) || item_is_flagged(item, NOUN_VERBAL)) &&
               !item_is_flagged(item, NOUN_STRONG);
    }
    return false;
}

/* ---- Noun phrases --------------------------------------------------------------------------- */

/* The head is the last noun with a shape; a word for a color only where there is no other. */
static int choose_head(const sentence_reader *in, const noun_phrase *phrase)
{
    int best = NO_ITEM, best_rank = 0;
    bool has_unknown = false;
    for (int i = phrase->start; i < phrase->end; i++) {
        const word_item *item = &in->items[i];
        has_unknown =
            has_unknown || (!item->is_noun && !item->is_verb && item->classes == 0 && item->manner == ITEM_NO_MANNER);
        if (!item->is_noun || i == phrase->participle)
            continue;
        int rank = !item_has_concept(item) ? 1 : item_has(in, i, WORD_ADJECTIVE) ? 2 : 3;
        if (rank >= best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    /* "a red blorb" is no red. */
    return has_unknown && best_rank < 3 ? NO_ITEM : best;
}

/* Adverbs inside a noun phrase belong to a participle ("quickly running dog") or an adjective. */
static bool adverb_goes_on(const sentence_reader *in, int at)
{
    const word_item *item = &in->items[at];
    if (!item_is_adverb(in, at) || at + 1 >= in->count || in->items[at + 1].follows_break)
        return false;
    const word_item *next = &in->items[at + 1];
    if (next->is_verb && (next->verb.ending == VERB_ING || next->verb.ending == VERB_PAST))
        return item_could_be_noun(in, at + 2);
    return item_strengthens(item) && (item_describes(in, at + 1) || adverb_goes_on(in, at + 1));
}

noun_phrase phrase_read(const sentence_reader *in, int at)
{
    noun_phrase phrase = {.head = NO_ITEM, .participle = NO_ITEM, .number = NO_ITEM};
    while (at < in->count && item_has(in, at, OPENS_PHRASE | WORD_NUMBER | WORD_POLITE)) {
        if (item_has(in, at, OPENS_PHRASE))
            phrase.opened = true;
        if (item_has(in, at, WORD_NUMBER))
            phrase.number = at;
        at++;
    }
    phrase.start = at;
    while (at < in->count) {
        const word_item *item = &in->items[at];
        if (item->follows_break && at > phrase.start)
            break;
        if (adverb_goes_on(in, at)) {
            at++;
            continue;
        }
        /* "a can of beer": after an article even a small word may be a noun. */
        bool small_noun =
            at == phrase.start && phrase.opened && item_has(in, at, WORD_AUXILIARY) && item_has_concept(item);
        if (!small_noun && (item_has(in, at, ENDS_PHRASE) || item->is_glued || item_is_adverb(in, at)))
            break;
        if (item_is_verb(in, phrase.start, at, phrase.opened))
            break;
        if (item->is_verb && item->verb.ending == VERB_ING && item_could_be_noun(in, at + 1) && !item_has_concept(item))
            phrase.participle = at;
        at++;
    }
    phrase.end = at;
    phrase.head = choose_head(in, &phrase);
    return phrase;
}

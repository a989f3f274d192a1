#include "words/sentence.h"

#include <string.h>

#include "words/describe.h"

/* ---- The rules, in order -------------------------------------------------------------------- */

/* Rule 1: how many items of the start only ask for something. */
static int skip_request(const sentence_reader *in)
{
    int at = 0;
    while (at < in->count && item_has(in, at, WORD_REQUEST | WORD_POLITE) &&
           !(in->items[at].is_noun && memchr(in->items[at].text, ' ', in->items[at].length) != NULL))
        at++;
    if (at == 0 || at >= in->count)
        return 0;
    /* "watch on a table", "show running": no request after all. */
    bool opens = item_has(in, at, OPENS_PHRASE | WORD_NUMBER);
    if (!opens && (item_has(in, at, WORD_PREPOSITION | WORD_COPULA | WORD_CONJUNCTION | WORD_AUXILIARY)))
        return 0;
    return at;
}

/* Whether only adjectives were read, which go on after "and" or a comma: "black and white cat". */
static bool goes_on(const sentence_reader *in, const noun_phrase *phrase)
{
    if (phrase->end >= in->count || phrase->end == phrase->start)
        return false;
    for (int i = phrase->start; i < phrase->end; i++)
        if (!item_has(in, i, WORD_ADJECTIVE) && !item_is_flagged(&in->items[i], NOUN_ADJECTIVAL) &&
            in->items[i].is_noun)
            return false;
    return item_has(in, phrase->end, WORD_CONJUNCTION) || in->items[phrase->end].follows_break;
}

/* Rule 2. Reads the subject from `at` on; returns where the rest starts. */
static int read_subject(const sentence_reader *in, int at, noun_phrase *out, sentence_parts *parts)
{
    *out = (noun_phrase){.start = at, .end = at, .head = NO_ITEM, .participle = NO_ITEM, .number = NO_ITEM};
    noun_phrase phrase = phrase_read(in, at);
    while (goes_on(in, &phrase)) {
        int next = phrase.end + (item_has(in, phrase.end, WORD_CONJUNCTION) ? 1 : 0);
        noun_phrase more = phrase_read(in, next);
        if (more.end == more.start || more.opened || more.head == NO_ITEM)
            break;
        /* What was read so far describes the later head. */
        noun_phrase earlier = phrase;
        earlier.head = NO_ITEM;
        add_adjectives(in, &earlier, parts);
        phrase = more;
    }
    /* "bunch of grapes", "drawing of a cat"; but "cup of coffee" */
    while (phrase.end < in->count && item_is_text(in, phrase.end, "of") && phrase.end > phrase.start) {
        bool gives_way = phrase.head == NO_ITEM || item_has(in, phrase.head, WORD_QUANTITY) ||
                         !item_has_concept(&in->items[phrase.head]);
        noun_phrase of = phrase_read(in, phrase.end + 1);
        if (!gives_way || of.head == NO_ITEM || !item_has_concept(&in->items[of.head]))
            break;
        if (phrase.head == NO_ITEM)
            add_adjectives(in, &phrase, parts);
        phrase = of;
    }
    /* "the king's crown"; but "the dog's running" */
    while (phrase.end < in->count && item_is_text(in, phrase.end, "'s")) {
        noun_phrase owned = phrase_read(in, phrase.end + 1);
        if (owned.opened || owned.head == NO_ITEM ||
            (!item_has_concept(&in->items[owned.head]) && phrase.head != NO_ITEM))
            break;
        phrase = owned;
    }
    *out = phrase;
    return phrase.end;
}

/* ---- Rule 4, one function per kind of word --------------------------------------------------- */

/* What follows the subject, or stands there without one, while it is read. The functions below return
 * whether they took something and moved on. */
typedef struct rest_reader {
    const sentence_reader *in;
    sentence_parts *out;
    int at;
    bool with_subject;
    bool after_copula; /* an adjective may follow: "is red" */
    bool after_to;     /* a verb in plain form may follow: "can fly" */
    bool in_place;     /* a place may follow: "in the forest" */
    bool negated;      /* the next verb is not meant */
    float strength;
    noun_phrase object; /* the first that was no place */
} rest_reader;

static void take_verb(rest_reader *rest, int at)
{
    if (rest->out->verb == NULL && !rest->negated)
        rest->out->verb = &rest->in->items[at];
    rest->negated = false;
    rest->at = at + 1;
}

/* The verb that ended a phrase, with the adverbs before it: "the cat on the mat quietly sleeps". */
static void take_verb_after(rest_reader *rest, const noun_phrase *phrase)
{
    const sentence_reader *in = rest->in;
    int at = phrase->end;
    rest->at = at;
    while (at < in->count && item_is_adverb(in, at) && !in->items[at].follows_break)
        at++;
    if (at >= in->count || phrase->end == phrase->start || item_has(in, at, ENDS_PHRASE) ||
        in->items[at].follows_break || !item_is_verb(in, phrase->start, at, phrase->opened))
        return;
    add_adverbs(in, phrase->end, at, rest->out);
    take_verb(rest, at);
}

static bool take_negation(rest_reader *rest)
{
    if (!item_is_text(rest->in, rest->at, "n't") && !item_has(rest->in, rest->at, WORD_NEGATION))
        return false;
    rest->negated = true;
    rest->at++;
    return true;
}

static bool take_adverb(rest_reader *rest)
{
    const sentence_reader *in = rest->in;
    const word_item *item = &in->items[rest->at];
    bool at_end = item->manner >= 0 && !item_could_be_noun(in, rest->at + 1) && !item_has_concept(item);
    if (!item_is_adverb(in, rest->at) && (!at_end || rest->after_copula))
        return false;
    /* "very" counts before another adverb, not before an adjective. */
    bool adverb_follows =
        !rest->after_copula && rest->at + 1 < in->count && in->items[rest->at + 1].manner != ITEM_NO_MANNER;
    if (!item_strengthens(item) || adverb_follows)
        add_adverb(rest->out, item, &rest->strength);
    rest->at++;
    return true;
}

/* "is", "'s", "has", "to", "that" */
static bool take_small_verb(rest_reader *rest)
{
    const sentence_reader *in = rest->in;
    int at = rest->at;
    if (in->items[at].is_glued || item_has(in, at, WORD_COPULA)) {
        rest->after_copula = true;
    } else if (item_has(in, at, WORD_AUXILIARY | WORD_RELATIVE) &&
               (rest->with_subject || !item_has(in, at, OPENS_PHRASE) || at + 1 == in->count)) {
        rest->after_to = item_has(in, at, WORD_AUXILIARY);
    } else if (item_is_text(in, at, "to") && at + 1 < in->count && in->items[at + 1].is_verb &&
               in->items[at + 1].verb.ending == VERB_BASE) {
        rest->after_to = true;
    } else {
        return false;
    }
    rest->in_place = false;
    rest->at++;
    return true;
}

/* "with a long neck and a short tail" */
static bool take_with(rest_reader *rest)
{
    const sentence_reader *in = rest->in;
    if (!item_is_text(in, rest->at, "with"))
        return false;
    noun_phrase with = phrase_read(in, rest->at + 1);
    rest->at = with.end > rest->at ? with.end : rest->at + 1;
    rest->after_copula = false;
    if (!rest->with_subject)
        return true;
    add_traits(in, &with, rest->out);
    while (item_has(in, rest->at, WORD_CONJUNCTION)) {
        noun_phrase more = phrase_read(in, rest->at + 1);
        if (more.head == NO_ITEM || trait_form(&in->items[more.head]) == NULL)
            break;
        add_traits(in, &more, rest->out);
        rest->at = more.end;
    }
    return true;
}

static bool take_small_word(rest_reader *rest)
{
    if (!item_has(rest->in, rest->at, WORD_PREPOSITION | WORD_CONJUNCTION | WORD_PRONOUN | WORD_POLITE))
        return false;
    rest->after_copula = rest->after_copula && item_has(rest->in, rest->at, WORD_CONJUNCTION);
    rest->in_place = rest->in_place || item_has(rest->in, rest->at, WORD_PREPOSITION);
    rest->after_to = false;
    rest->at++;
    return true;
}

static bool take_main_verb(rest_reader *rest)
{
    const word_item *item = &rest->in->items[rest->at];
    if (!item->is_verb || item_has(rest->in, rest->at, OPENS_PHRASE))
        return false;
    bool wanted;
    if (rest->after_to)
        wanted = item->verb.ending == VERB_BASE;
    else if (rest->after_copula)
        wanted = item->verb.ending == VERB_ING;
    else
        wanted = item_is_verb(rest->in, rest->at, rest->at, false) &&
                 !(rest->with_subject && rest->in_place && item->verb.ending == VERB_BASE);
    if (!wanted)
        return false;
    take_verb(rest, rest->at);
    rest->after_to = rest->after_copula = false;
    return true;
}

/* "is big and red"; "a dragon, red and big" */
static bool take_adjective(rest_reader *rest)
{
    const sentence_reader *in = rest->in;
    const word_item *item = &in->items[rest->at];
    bool after_comma =
        item->follows_break && item_has(in, rest->at, WORD_ADJECTIVE) && !item_could_be_noun(in, rest->at + 1);
    bool after_copula = rest->after_copula && !item_has(in, rest->at, OPENS_PHRASE | WORD_NUMBER);
    if (!rest->with_subject || (!after_copula && !after_comma))
        return false;
    add_adjective(rest->out, item->text, item->length);
    rest->at++;
    rest->after_copula = item_has(in, rest->at, WORD_CONJUNCTION) || item_describes(in, rest->at) ||
                         (rest->at < in->count && in->items[rest->at].follows_break);
    return true;
}

/* Whatever else: an object or a place, and the verb after it. */
static void pass_phrase(rest_reader *rest)
{
    noun_phrase phrase = phrase_read(rest->in, rest->at);
    if (phrase.head != NO_ITEM && rest->object.head == NO_ITEM && !rest->in_place)
        rest->object = phrase;
    rest->after_copula = rest->after_to = rest->in_place = false;
    if (phrase.end == rest->at)
        rest->at++;
    else
        take_verb_after(rest, &phrase);
}

static void read_rest(rest_reader *rest)
{
    while (rest->at < rest->in->count)
        if (!take_negation(rest) && !take_adverb(rest) && !take_small_verb(rest) && !take_with(rest) &&
            !take_small_word(rest) && !take_main_verb(rest) && !take_adjective(rest))
            pass_phrase(rest);
}

/* ---- All together --------------------------------------------------------------------------- */

/* A small word that is the whole text and also a thing: "can". */
static const word_item *only_noun(const sentence_reader *in)
{
    return in->count == 1 && item_has_concept(in->items) && !item_has(in, 0, OPENS_PHRASE) ? in->items : NULL;
}

static void clear_parts(sentence_parts *out)
{
    memset(out, 0, sizeof *out);
    out->tempo = out->size = 1.0f;
}

/* The words of a phrase as they stand, for what no table knows. */
static void take_unknown(const sentence_reader *in, const noun_phrase *phrase, sentence_parts *out)
{
    if (phrase->end <= phrase->start)
        return;
    const word_item *first = &in->items[phrase->start], *last = &in->items[phrase->end - 1];
    out->unknown = first->text;
    out->unknown_length = (size_t)(last->text + last->length - first->text);
}

/* Finds the first phrase with a noun: "it is a dog", "there's a cat on the roof", "like a horse". Without
 * one, `unknown` is the first phrase at all. */
static void find_subject(const sentence_reader *in, int at, noun_phrase *subject, noun_phrase *unknown,
                         sentence_parts *out)
{
    const int passed =
        WORD_PRONOUN | WORD_COPULA | WORD_PREPOSITION | WORD_CONJUNCTION | WORD_RELATIVE | WORD_AUXILIARY | WORD_POLITE;
    *unknown = (noun_phrase){.head = NO_ITEM};
    for (;;) {
        int rest = read_subject(in, at, subject, out);
        if (subject->head != NO_ITEM)
            return;
        if (unknown->end == unknown->start)
            *unknown = *subject;
        bool goes_past = rest < in->count && (in->items[rest].is_glued || item_has(in, rest, passed));
        if (subject->end > subject->start || !goes_past || item_is_text(in, rest, "to"))
            return;
        at = rest + 1;
    }
}

void sentence_read(const word_items *items, sentence_parts *out)
{
    clear_parts(out);
    sentence_reader in = {items->items, (int)items->count};
    noun_phrase subject, unknown;
    int start = skip_request(&in);
    find_subject(&in, start, &subject, &unknown, out);

    bool with_subject = subject.head != NO_ITEM, with_unknown = !with_subject && unknown.end > unknown.start;
    rest_reader rest = {.in = &in, .out = out, .at = start, .with_subject = with_subject, .object = {.head = NO_ITEM}};
    if (with_subject) {
        add_adjectives(&in, &subject, out);
        take_verb_after(&rest, &subject);
    } else {
        out->adjective_count = 0;
        if (with_unknown)
            take_verb_after(&rest, &unknown);
    }
    read_rest(&rest);

    if (with_subject && subject.participle != NO_ITEM) {
        const word_item *participle = &in.items[subject.participle];
        if (out->verb == NULL) { /* "galloping horse" */
            out->verb = participle;
            add_adverbs(&in, subject.start, subject.participle, out);
        } else { /* "the galloping horse falls" */
            add_adjective(out, participle->text, participle->length);
        }
    }
    if (!with_subject && !with_unknown && rest.object.head != NO_ITEM) { /* "riding a horse" */
        subject = rest.object;
        add_adjectives(&in, &subject, out);
    }
    if (subject.head != NO_ITEM)
        out->subject = &in.items[subject.head];
    else if (!with_unknown && out->verb == NULL)
        out->subject = only_noun(&in);
    else
        take_unknown(&in, &unknown, out);
}

void sentence_read_verb(const word_items *items, sentence_parts *out)
{
    clear_parts(out);
    float strength = 0.0f;
    for (uint32_t i = 0; i < items->count; i++) {
        const word_item *item = &items->items[i];
        bool small =
            (item->classes & (WORD_COPULA | WORD_AUXILIARY | WORD_PREPOSITION | WORD_PRONOUN | OPENS_PHRASE)) != 0;
        if (item->manner != ITEM_NO_MANNER)
            add_adverb(out, item, &strength);
        else if (out->verb == NULL && item->is_verb && (!small || items->count == 1))
            out->verb = item;
    }
}

#include "words/sentence.h"

#include <string.h>

#include "words/unicode.h"

enum { NO_ITEM = -1 };

/* A noun phrase: items [start, end), the head among them. */
typedef struct noun_phrase {
    int start, end;
    int head;       /* the noun, or NO_ITEM */
    int participle; /* a verb in -ing that describes the head, or NO_ITEM */
    int number;     /* a number word, or NO_ITEM */
    bool opened;    /* an article or determiner stood before it */
} noun_phrase;

typedef struct reader {
    const word_item *items;
    int count;
    sentence_parts *out;
} reader;

/* ---- Questions about one item --------------------------------------------------------------- */

static bool has(const reader *in, int at, int classes)
{
    return at >= 0 && at < in->count && (in->items[at].classes & classes) != 0;
}

static bool text_is(const reader *in, int at, const char *text)
{
    return at >= 0 && at < in->count && in->items[at].length == strlen(text) &&
           memcmp(in->items[at].text, text, in->items[at].length) == 0;
}

static bool moves(const word_item *item)
{
    return item->is_verb && words_the_lexicon.motions[item->verb.value].name != WORDS_MOTION_IDLE;
}

static bool has_concept(const word_item *item)
{
    return item->is_noun && noun_concept(item->noun.value) != 0;
}

static bool is_flagged(const word_item *item, uint16_t flag)
{
    return item->is_noun && (item->noun.value & flag) != 0;
}

static bool is_intensifier(const word_item *item)
{
    return item->manner >= 0 && words_the_lexicon.manner_list[item->manner].strengthen != 0.0f;
}

enum {
    ENDS_PHRASE = WORD_PREPOSITION | WORD_CONJUNCTION | WORD_COPULA | WORD_NEGATION | WORD_RELATIVE | WORD_ARTICLE |
                  WORD_DETERMINER | WORD_PRONOUN | WORD_POLITE | WORD_AUXILIARY,
    OPENS_PHRASE = WORD_ARTICLE | WORD_DETERMINER
};

static bool could_be_noun(const reader *in, int at);

/* Whether the item is an adverb where it stands. "slow" before a noun is none, nor is what looks like an
 * adverb there but is in no list ("a stately horse"). */
static bool is_adverb(const reader *in, int at)
{
    const word_item *item = &in->items[at];
    if (item->manner == ITEM_NO_MANNER || has(in, at, WORD_ADJECTIVE) || has_concept(item))
        return false;
    bool in_full = item->manner >= 0 && item->length > 2 && memcmp(item->text + item->length - 2, "ly", 2) == 0;
    bool several_words = memchr(item->text, ' ', item->length) != NULL;
    return in_full || several_words || is_intensifier(item) || !could_be_noun(in, at + 1) ||
           (in->items[at + 1].is_verb && in->items[at + 1].verb.ending == VERB_ING);
}

/* Whether the item could go on a noun phrase that has begun: a noun, an adjective, a word not known. */
static bool describes(const reader *in, int at)
{
    return at < in->count && !in->items[at].follows_break && !in->items[at].is_glued && !has(in, at, ENDS_PHRASE) &&
           !is_adverb(in, at);
}

/* Whether the item could be a noun that a word before it describes, or lead to one. */
static bool could_be_noun(const reader *in, int at)
{
    if (at >= in->count || in->items[at].follows_break || in->items[at].is_glued || has(in, at, ENDS_PHRASE))
        return false;
    const word_item *item = &in->items[at];
    if (item->manner != ITEM_NO_MANNER && !has_concept(item))
        return could_be_noun(in, at + 1); /* "fast" alone ends a sentence, in "fast car" it describes */
    if (has(in, at, WORD_ADJECTIVE))
        return could_be_noun(in, at + 1) || item->is_noun;
    return item->is_noun || !item->is_verb || item->verb.ending == VERB_ING || item->verb.ending == VERB_PAST;
}

/* ---- Noun or verb --------------------------------------------------------------------------- */

/* Whether the items of a phrase before `at` end in what could be its noun. */
static bool follows_noun(const reader *in, int start, int at)
{
    int last = at - 1;
    while (last >= start && in->items[last].manner != ITEM_NO_MANNER)
        last--;
    if (last < start || has(in, last, WORD_NUMBER))
        return false;
    const word_item *before = &in->items[last], *item = &in->items[at];
    if (has(in, last, WORD_ADJECTIVE)) /* "the friendly giant walks" */
        return is_flagged(before, NOUN_ANIMATE) && item->verb.ending == VERB_S && !is_flagged(item, NOUN_STRONG);
    if (!before->is_noun)
        return !before->is_verb;
    if (before->is_verb && before->verb.ending == VERB_ING && !has_concept(before))
        return false; /* "dancing bear" */
    if (is_flagged(before, NOUN_ADJECTIVAL) && !before->noun.plural)
        return has_concept(before) && !is_flagged(item, NOUN_STRONG); /* "brown bears" */
    return true;
}

/* Whether a word that could be noun or verb, in plain form or with -s, is a verb after a noun. */
static bool is_verb_after_noun(const reader *in, int at, bool object_follows, bool noun_follows)
{
    const word_item *item = &in->items[at];
    if (object_follows || !item->is_noun)
        return true;
    if (item->verb.ending == VERB_BASE && noun_follows && has_concept(item))
        return false;
    if (is_flagged(item, NOUN_STRONG)) {
        if (has(in, at - 1, WORD_ADJUNCT))
            return false; /* "baby bears" */
        return is_flagged(item, NOUN_VERBAL) && (moves(item) || has(in, at + 1, WORD_PREPOSITION));
    }
    if (is_flagged(&in->items[at - 1], NOUN_ANIMATE) && item->verb.ending == VERB_S && moves(item))
        return true; /* "the dog barks" */
    return is_flagged(item, NOUN_VERBAL) || (!has_concept(item) && moves(item));
}

/* Whether the item, after the items from `start` on, is the verb of the sentence and so ends its phrase. */
static bool is_verb_here(const reader *in, int start, int at, bool opened)
{
    const word_item *item = &in->items[at];
    if (!item->is_verb || has(in, at, WORD_ADJECTIVE))
        return false;
    bool after_noun = follows_noun(in, start, at);
    bool object_follows = has(in, at + 1, OPENS_PHRASE | WORD_PRONOUN) && !in->items[at + 1].follows_break;
    bool noun_follows = could_be_noun(in, at + 1);
    switch (item->verb.ending) {
    case VERB_ING:
        if (noun_follows)
            return after_noun; /* "dog chasing cats"; else "galloping horse" */
        if (!after_noun && (opened || has(in, at, WORD_QUANTITY)))
            return false; /* "a drawing" */
        return !has_concept(item) || object_follows ||
               (!is_flagged(item, NOUN_STRONG) && moves(item)); /* "brick building" */
    case VERB_PAST:
        if (!after_noun)
            return !noun_follows && !opened && !has_concept(item);
        return !has_concept(item) || object_follows; /* "red rose" */
    case VERB_S:
    case VERB_BASE:
        if (after_noun)
            return is_verb_after_noun(in, at, object_follows, noun_follows);
        if (opened || at > start || (noun_follows && item->verb.ending == VERB_BASE))
            return false;
        /* Alone: "run" is rather a verb, "fly" and "bear" are animals. */
        if (!item->is_noun)
            return true;
        return moves(item) && (!has_concept(item) || is_flagged(item, NOUN_VERBAL)) && !is_flagged(item, NOUN_STRONG);
    }
    return false;
}

/* ---- Noun phrases --------------------------------------------------------------------------- */

/* The head is the last noun with a shape; a word for a colour only where there is no other. */
static int choose_head(const reader *in, const noun_phrase *phrase)
{
    int best = NO_ITEM, best_rank = 0;
    bool has_unknown = false;
    for (int i = phrase->start; i < phrase->end; i++) {
        const word_item *item = &in->items[i];
        has_unknown =
            has_unknown || (!item->is_noun && !item->is_verb && item->classes == 0 && item->manner == ITEM_NO_MANNER);
        if (!item->is_noun || i == phrase->participle)
            continue;
        int rank = !has_concept(item) ? 1 : has(in, i, WORD_ADJECTIVE) ? 2 : 3;
        if (rank >= best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    /* "a red blorb" is no red. */
    return has_unknown && best_rank < 3 ? NO_ITEM : best;
}

/* Adverbs inside a noun phrase belong to a participle ("quickly running dog") or an adjective. */
static bool adverb_goes_on(const reader *in, int at)
{
    const word_item *item = &in->items[at];
    if (!is_adverb(in, at) || at + 1 >= in->count || in->items[at + 1].follows_break)
        return false;
    const word_item *next = &in->items[at + 1];
    if (next->is_verb && (next->verb.ending == VERB_ING || next->verb.ending == VERB_PAST))
        return could_be_noun(in, at + 2);
    return is_intensifier(item) && (describes(in, at + 1) || adverb_goes_on(in, at + 1));
}

/* Reads the noun phrase that starts at `at`; an empty one where none does. Adverbs within it are skipped. */
static noun_phrase read_phrase(const reader *in, int at)
{
    noun_phrase phrase = {.head = NO_ITEM, .participle = NO_ITEM, .number = NO_ITEM};
    while (at < in->count && has(in, at, OPENS_PHRASE | WORD_NUMBER | WORD_POLITE)) {
        if (has(in, at, OPENS_PHRASE))
            phrase.opened = true;
        if (has(in, at, WORD_NUMBER))
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
        bool small_noun = at == phrase.start && phrase.opened && has(in, at, WORD_AUXILIARY) && has_concept(item);
        if (!small_noun && (has(in, at, ENDS_PHRASE) || item->is_glued || is_adverb(in, at)))
            break;
        if (is_verb_here(in, phrase.start, at, phrase.opened))
            break;
        if (item->is_verb && item->verb.ending == VERB_ING && could_be_noun(in, at + 1) && !has_concept(item))
            phrase.participle = at;
        at++;
    }
    phrase.end = at;
    phrase.head = choose_head(in, &phrase);
    return phrase;
}

/* ---- Writing down --------------------------------------------------------------------------- */

static void add_adjective_text(sentence_parts *out, const char *text, size_t length)
{
    if (out->adjective_count == WORDS_ADJECTIVES_MAX)
        return;
    char *slot = out->adjectives[out->adjective_count++];
    size_t size = unicode_cut(text, length, WORDS_WORD_BYTES - 1);
    memcpy(slot, text, size);
    slot[size] = 0;
}

/* The form of a part of the body: "necked" for "neck", NULL for other nouns. */
static const char *trait_form(const word_item *item)
{
    char noun[TABLE_WORD_BYTES];
    if (!item->is_noun)
        return NULL;
    size_t length = table_word(&words_the_lexicon.nouns, item->noun.place, noun);
    uint32_t place = table_find(&words_the_lexicon.traits, noun, length);
    return place == TABLE_NONE ? NULL : words_the_lexicon.trait_forms[table_value(&words_the_lexicon.traits, place)];
}

static bool is_trait_form(const word_item *item)
{
    for (uint32_t i = 0; i < words_the_lexicon.trait_form_count; i++)
        if (strlen(words_the_lexicon.trait_forms[i]) == item->length &&
            memcmp(words_the_lexicon.trait_forms[i], item->text, item->length) == 0)
            return true;
    return false;
}

/* Adds "long-necked", or "necked" where nothing says how. */
static void add_trait(sentence_parts *out, const word_item *how, const char *form, size_t form_length)
{
    char joined[2 * WORDS_WORD_BYTES];
    size_t length = 0;
    if (how != NULL) {
        length = unicode_cut(how->text, how->length, 40);
        memcpy(joined, how->text, length);
        joined[length++] = '-';
    }
    if (form_length > 50)
        form_length = 50;
    memcpy(joined + length, form, form_length);
    add_adjective_text(out, joined, length + form_length);
}

/* Adds what stands around the head of a phrase, in the order of the text. */
static void add_adjectives(const reader *in, const noun_phrase *phrase)
{
    for (int i = phrase->start; i < phrase->end; i++) {
        const word_item *item = &in->items[i];
        const word_item *next = i + 1 < phrase->end ? &in->items[i + 1] : NULL;
        if (i == phrase->head || i == phrase->participle || is_adverb(in, i))
            continue;
        bool is_last = next == NULL || i + 1 == phrase->head || i + 1 == phrase->participle;
        if (!is_last && is_trait_form(next)) {
            add_trait(in->out, item, next->text, next->length);
            i++;
        } else if (!is_last && i + 2 <= phrase->head && has(in, i, WORD_ADJECTIVE) && trait_form(next) != NULL) {
            const char *form = trait_form(next);
            add_trait(in->out, item, form, strlen(form));
            i++;
        } else {
            add_adjective_text(in->out, item->text, item->length);
        }
    }
}

/* "with a long neck", "with two heads", "with wings" */
static void add_traits(const reader *in, const noun_phrase *phrase)
{
    const char *form = phrase->head == NO_ITEM ? NULL : trait_form(&in->items[phrase->head]);
    if (form == NULL)
        return;
    bool said = false;
    for (int i = phrase->start; i < phrase->head; i++) {
        if (is_adverb(in, i))
            continue;
        add_trait(in->out, &in->items[i], form, strlen(form));
        said = true;
    }
    if (!said)
        add_trait(in->out, phrase->number == NO_ITEM ? NULL : &in->items[phrase->number], form, strlen(form));
}

static void add_adverb(sentence_parts *out, const word_item *item, float *strength)
{
    size_t length = strlen(out->adverb), room = WORDS_WORD_BYTES - 1 - length - (length > 0 ? 1 : 0);
    if (item->length <= room) {
        if (length > 0)
            out->adverb[length++] = ' ';
        memcpy(out->adverb + length, item->text, item->length);
        out->adverb[length + item->length] = 0;
    }
    if (item->manner < 0)
        return;
    const words_manner *manner = &words_the_lexicon.manner_list[item->manner];
    if (manner->strengthen != 0.0f) {
        *strength += manner->strengthen;
        return;
    }
    float tempo = manner->tempo + (manner->tempo - 1.0f) * *strength;
    float size = manner->size + (manner->size - 1.0f) * *strength;
    out->tempo *= tempo < 0.1f ? 0.1f : tempo;
    out->size *= size < 0.1f ? 0.1f : size;
    *strength = 0.0f;
}

/* Adverbs in [start, end) that stand before a participle there: "very quickly running dog". */
static void add_inner_adverbs(const reader *in, const noun_phrase *phrase)
{
    float strength = 0.0f;
    for (int i = phrase->start; i < phrase->participle; i++)
        if (is_adverb(in, i))
            add_adverb(in->out, &in->items[i], &strength);
}

/* ---- The rules, in order -------------------------------------------------------------------- */

/* Rule 1: how many items of the start only ask for something. */
static int skip_request(const reader *in)
{
    int at = 0;
    while (at < in->count && has(in, at, WORD_REQUEST | WORD_POLITE) &&
           !(in->items[at].is_noun && memchr(in->items[at].text, ' ', in->items[at].length) != NULL))
        at++;
    if (at == 0 || at >= in->count)
        return 0;
    /* "watch on a table", "show running": no request after all. */
    bool opens = has(in, at, OPENS_PHRASE | WORD_NUMBER);
    if (!opens && (has(in, at, WORD_PREPOSITION | WORD_COPULA | WORD_CONJUNCTION | WORD_AUXILIARY)))
        return 0;
    return at;
}

/* Whether only adjectives were read, which go on after "and" or a comma: "black and white cat". */
static bool goes_on(const reader *in, const noun_phrase *phrase)
{
    if (phrase->end >= in->count || phrase->end == phrase->start)
        return false;
    for (int i = phrase->start; i < phrase->end; i++)
        if (!has(in, i, WORD_ADJECTIVE) && !is_flagged(&in->items[i], NOUN_ADJECTIVAL) && in->items[i].is_noun)
            return false;
    return has(in, phrase->end, WORD_CONJUNCTION) || in->items[phrase->end].follows_break;
}

/* Rule 2. Reads the subject from `at` on; returns where the rest starts. */
static int read_subject(const reader *in, int at, noun_phrase *out)
{
    *out = (noun_phrase){.start = at, .end = at, .head = NO_ITEM, .participle = NO_ITEM, .number = NO_ITEM};
    noun_phrase phrase = read_phrase(in, at);
    while (goes_on(in, &phrase)) {
        int next = phrase.end + (has(in, phrase.end, WORD_CONJUNCTION) ? 1 : 0);
        noun_phrase more = read_phrase(in, next);
        if (more.end == more.start || more.opened || more.head == NO_ITEM)
            break;
        /* What was read so far describes the later head. */
        noun_phrase earlier = phrase;
        earlier.head = NO_ITEM;
        add_adjectives(in, &earlier);
        phrase = more;
    }
    /* "bunch of grapes", "drawing of a cat"; but "cup of coffee" */
    while (phrase.end < in->count && text_is(in, phrase.end, "of") && phrase.end > phrase.start) {
        bool gives_way =
            phrase.head == NO_ITEM || has(in, phrase.head, WORD_QUANTITY) || !has_concept(&in->items[phrase.head]);
        noun_phrase of = read_phrase(in, phrase.end + 1);
        if (!gives_way || of.head == NO_ITEM || !has_concept(&in->items[of.head]))
            break;
        if (phrase.head == NO_ITEM)
            add_adjectives(in, &phrase);
        phrase = of;
    }
    /* "the king's crown"; but "the dog's running" */
    while (phrase.end < in->count && text_is(in, phrase.end, "'s")) {
        noun_phrase owned = read_phrase(in, phrase.end + 1);
        if (owned.opened || owned.head == NO_ITEM || (!has_concept(&in->items[owned.head]) && phrase.head != NO_ITEM))
            break;
        phrase = owned;
    }
    *out = phrase;
    return phrase.end;
}

/* Takes the verb that ended a phrase, with the adverbs before it: "the cat on the mat quietly sleeps".
 * Returns where to go on. */
static int take_verb_after(const reader *in, const noun_phrase *phrase, bool negated)
{
    int at = phrase->end;
    while (at < in->count && is_adverb(in, at) && !in->items[at].follows_break)
        at++;
    if (at >= in->count || phrase->end == phrase->start || has(in, at, ENDS_PHRASE) || in->items[at].follows_break ||
        !is_verb_here(in, phrase->start, at, phrase->opened))
        return phrase->end;
    float strength = 0.0f;
    for (int i = phrase->end; i < at; i++)
        add_adverb(in->out, &in->items[i], &strength);
    if (in->out->verb == NULL && !negated)
        in->out->verb = &in->items[at];
    return at + 1;
}

/* Rule 4. Reads what follows the subject, or stands there without one. */
static void read_rest(const reader *in, int at, bool with_subject, noun_phrase *object)
{
    sentence_parts *out = in->out;
    float strength = 0.0f;
    bool after_copula = false, negated = false, after_to = false, in_place = false;
    while (at < in->count) {
        const word_item *item = &in->items[at];
        bool verb_wanted = after_to || after_copula || !has(in, at, ENDS_PHRASE);
        if (text_is(in, at, "n't") || has(in, at, WORD_NEGATION)) {
            negated = true;
            at++;
        } else if (is_adverb(in, at) ||
                   (item->manner >= 0 && !could_be_noun(in, at + 1) && !has_concept(item) && !after_copula)) {
            if (!is_intensifier(item) ||
                (at + 1 < in->count && in->items[at + 1].manner != ITEM_NO_MANNER && !after_copula))
                add_adverb(out, item, &strength);
            at++;
        } else if (item->is_glued || has(in, at, WORD_COPULA)) {
            after_copula = true;
            in_place = false;
            at++;
        } else if (has(in, at, WORD_AUXILIARY | WORD_RELATIVE) &&
                   !(has(in, at, OPENS_PHRASE) && at + 1 < in->count && !with_subject)) {
            after_to = has(in, at, WORD_AUXILIARY);
            in_place = false;
            at++;
        } else if (text_is(in, at, "to") && at + 1 < in->count && in->items[at + 1].is_verb &&
                   in->items[at + 1].verb.ending == VERB_BASE) {
            after_to = true;
            at++;
        } else if (text_is(in, at, "with")) {
            noun_phrase with = read_phrase(in, at + 1);
            if (with_subject)
                add_traits(in, &with);
            at = with.end > at ? with.end : at + 1;
            while (with_subject && has(in, at, WORD_CONJUNCTION)) { /* "with a long neck and a short tail" */
                noun_phrase more = read_phrase(in, at + 1);
                if (more.head == NO_ITEM || trait_form(&in->items[more.head]) == NULL)
                    break;
                add_traits(in, &more);
                at = more.end;
            }
            after_copula = false;
        } else if (has(in, at, WORD_PREPOSITION | WORD_CONJUNCTION | WORD_PRONOUN | WORD_POLITE)) {
            after_copula = after_copula && has(in, at, WORD_CONJUNCTION);
            in_place = has(in, at, WORD_PREPOSITION) || in_place;
            after_to = false;
            at++;
        } else if (verb_wanted && item->is_verb && !has(in, at, OPENS_PHRASE) &&
                   (after_to       ? item->verb.ending == VERB_BASE
                    : after_copula ? item->verb.ending == VERB_ING
                                   : is_verb_here(in, at, at, false) &&
                                         (!with_subject || !in_place || item->verb.ending != VERB_BASE))) {
            if (out->verb == NULL && !negated)
                out->verb = item;
            after_to = after_copula = negated = false;
            at++;
        } else if (after_copula && with_subject && !has(in, at, OPENS_PHRASE | WORD_NUMBER)) {
            add_adjective_text(out, item->text, item->length);
            at++;
            after_copula =
                has(in, at, WORD_CONJUNCTION) || (at < in->count && (in->items[at].follows_break || describes(in, at)));
        } else if (with_subject && item->follows_break && has(in, at, WORD_ADJECTIVE) && !could_be_noun(in, at + 1)) {
            add_adjective_text(out, item->text, item->length);
            at++;
        } else {
            noun_phrase phrase = read_phrase(in, at);
            if (phrase.head != NO_ITEM && object->head == NO_ITEM && !in_place)
                *object = phrase;
            after_copula = after_to = false;
            at = phrase.end == at ? at + 1 : take_verb_after(in, &phrase, negated);
            in_place = false;
        }
    }
}

/* A small word that is the whole text and also a thing: "can". */
static const word_item *only_noun(const reader *in)
{
    return in->count == 1 && has_concept(in->items) && !has(in, 0, OPENS_PHRASE) ? in->items : NULL;
}

static void clear_parts(sentence_parts *out)
{
    memset(out, 0, sizeof *out);
    out->tempo = out->size = 1.0f;
}

/* The words of [start, end) as they stand, for what no table knows. */
static void take_unknown(const reader *in, int start, int end)
{
    if (end <= start)
        return;
    in->out->unknown = in->items[start].text;
    in->out->unknown_length = (size_t)(in->items[end - 1].text + in->items[end - 1].length - in->items[start].text);
}

void sentence_read(const word_items *items, sentence_parts *out)
{
    clear_parts(out);
    reader in = {items->items, (int)items->count, out};
    noun_phrase subject = {.head = NO_ITEM}, object = {.head = NO_ITEM};
    noun_phrase unknown = {.head = NO_ITEM}; /* the first words that no table knows */
    int at = skip_request(&in);
    /* "it is a dog", "there's a cat on the roof", "like a horse": the first phrase with a noun. */
    for (;;) {
        int rest = read_subject(&in, at, &subject);
        if (subject.head != NO_ITEM) {
            at = rest;
            break;
        }
        if (unknown.end == unknown.start)
            unknown = subject;
        if (subject.end > subject.start || rest >= in.count ||
            !(in.items[rest].is_glued || has(&in, rest,
                                             WORD_PRONOUN | WORD_COPULA | WORD_PREPOSITION | WORD_CONJUNCTION |
                                                 WORD_RELATIVE | WORD_AUXILIARY | WORD_POLITE)) ||
            (text_is(&in, rest, "to")))
            break;
        at = rest + 1;
    }
    if (subject.head == NO_ITEM) {
        out->adjective_count = 0;
        at = skip_request(&in);
        if (unknown.end > unknown.start)
            at = take_verb_after(&in, &unknown, false);
    } else {
        add_adjectives(&in, &subject);
        at = take_verb_after(&in, &subject, false);
    }
    read_rest(&in, at, subject.head != NO_ITEM, &object);
    if (subject.head != NO_ITEM && subject.participle != NO_ITEM) {
        if (out->verb == NULL) {
            out->verb = &in.items[subject.participle];
            add_inner_adverbs(&in, &subject);
        } else {
            const word_item *item = &in.items[subject.participle];
            add_adjective_text(out, item->text, item->length);
        }
    }
    if (subject.head == NO_ITEM && unknown.end == unknown.start && object.head != NO_ITEM) {
        subject = object; /* "riding a horse" */
        add_adjectives(&in, &subject);
    }
    if (subject.head != NO_ITEM)
        out->subject = &in.items[subject.head];
    else if (unknown.end == unknown.start && out->verb == NULL)
        out->subject = only_noun(&in); /* "can" */
    else
        take_unknown(&in, unknown.start, unknown.end);
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

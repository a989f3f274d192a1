#include "words/words.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "words/sentence.h"
#include "words/unicode.h"

enum { PROMPT_WHO_BYTES = 512 /* the part of a prompt that comes from the text */ };

static const char prompt_scene[] =
    ", full body, single object, three-quarter view, centered, plain white background, studio lighting";

/* ---- Bounded text --------------------------------------------------------------------------- */

/* Copies what fits, cut at a character. */
static void copy_text(char *out, size_t capacity, const char *text, size_t length)
{
    size_t size = unicode_cut(text, length, capacity - 1);
    memcpy(out, text, size);
    out[size] = 0;
}

static void copy_string(char *out, size_t capacity, const char *text)
{
    copy_text(out, capacity, text, strlen(text));
}

/* Appends what fits below `limit` bytes; false where something was left out. */
static bool append(char *out, size_t limit, const char *text)
{
    size_t used = strlen(out), length = strlen(text);
    size_t size = used < limit ? unicode_cut(text, length, limit - used) : 0;
    memcpy(out + used, text, size);
    out[used + size] = 0;
    return size == length;
}

/* ---- Subject, verb, motion ------------------------------------------------------------------ */

static void set_subject(words_phrase *phrase, uint32_t place)
{
    const words_table *nouns = &words_the_lexicon.nouns;
    table_word(nouns, place, phrase->subject);
    copy_string(phrase->concept_name, sizeof phrase->concept_name,
                words_the_lexicon.concepts[noun_concept(table_value(nouns, place))]);
}

static void set_verb(words_phrase *phrase, const word_item *verb)
{
    const words_motion *motion = &words_the_lexicon.motions[verb->verb.value];
    table_word(&words_the_lexicon.verbs, verb->verb.place, phrase->verb);
    copy_string(phrase->motion, sizeof phrase->motion, words_motion_names[motion->name]);
    phrase->tempo = motion->tempo;
    phrase->size = motion->size;
}

/* Who does it when a text holds only a verb. */
static void set_doer(words_phrase *phrase, const word_item *verb)
{
    noun_form noun;
    const char *doer = words_the_lexicon.motions[verb->verb.value].by;
    if (*doer == 0)
        doer = "person";
    if (morphology_noun(doer, strlen(doer), &noun))
        set_subject(phrase, noun.place);
    else
        copy_string(phrase->subject, sizeof phrase->subject, doer);
}

/* An adverb takes part in the motion even where the verb has none. */
static void set_manner(words_phrase *phrase, const sentence_parts *parts)
{
    copy_string(phrase->adverb, sizeof phrase->adverb, parts->adverb);
    phrase->tempo = phrase->tempo * parts->tempo;
    phrase->size = phrase->size * parts->size;
}

/* ---- Canonical form and prompt -------------------------------------------------------------- */

/* A folded text without its first article and final marks. */
static void strip_text(const char *folded, char *out, size_t capacity)
{
    static const char *const articles[] = {"a ", "an ", "the "};
    const char *start = folded;
    for (size_t i = 0; i < sizeof articles / sizeof articles[0]; i++)
        if (strncmp(start, articles[i], strlen(articles[i])) == 0) {
            start += strlen(articles[i]);
            break;
        }
    size_t length = strlen(start);
    while (length > 1 && strchr(".!?", start[length - 1]) != NULL)
        length--;
    copy_text(out, capacity, start, length);
}

/* "old owl|fly|slowly". `folded` is what the text says in full, for texts that no table knows. */
static void write_canonical(words_phrase *phrase, bool known, bool whole, const char *text, const char *folded)
{
    size_t limit = WORDS_TEXT_BYTES - 24;
    bool complete = whole;
    if (known) {
        for (uint32_t i = 0; i < phrase->adjective_count; i++)
            complete = append(phrase->canonical, limit, phrase->adjectives[i]) &&
                       append(phrase->canonical, limit, " ") && complete;
        complete = append(phrase->canonical, limit, phrase->subject) && complete;
    } else {
        complete = append(phrase->canonical, limit, folded) && complete;
    }
    complete = append(phrase->canonical, limit, "|") && append(phrase->canonical, limit, phrase->verb) &&
               append(phrase->canonical, limit, "|") && append(phrase->canonical, limit, phrase->adverb) && complete;
    /* What had to be cut must still differ from what was cut elsewhere. */
    if (!complete) {
        size_t length = strlen(phrase->canonical);
        snprintf(phrase->canonical + length, sizeof phrase->canonical - length, "#%016llx",
                 (unsigned long long)fnv1a(FNV_START, text, strlen(text)));
    }
}

static const char *article_for(const char *word)
{
    static const char *const an[] = {"hour", "honest", "heir", "honor"};
    static const char *const a[] = {"uni", "eu", "one", "use", "ufo", "ute", "ukulele"};
    for (size_t i = 0; i < sizeof an / sizeof an[0]; i++)
        if (strncmp(word, an[i], strlen(an[i])) == 0)
            return "an ";
    for (size_t i = 0; i < sizeof a / sizeof a[0]; i++)
        if (strncmp(word, a[i], strlen(a[i])) == 0)
            return "a ";
    return *word != 0 && strchr("aeiou", *word) != NULL ? "an " : "a ";
}

/* "a red dragon flying, full body, ..." */
static void write_prompt(words_phrase *phrase, bool known, const char *folded)
{
    char *out = phrase->prompt;
    if (known) {
        append(out, PROMPT_WHO_BYTES,
               article_for(phrase->adjective_count > 0 ? phrase->adjectives[0] : phrase->subject));
        for (uint32_t i = 0; i < phrase->adjective_count; i++) {
            append(out, PROMPT_WHO_BYTES, phrase->adjectives[i]);
            append(out, PROMPT_WHO_BYTES, " ");
        }
        append(out, PROMPT_WHO_BYTES, phrase->subject);
        if (phrase->verb[0] != 0) {
            char doing[TABLE_WORD_BYTES + 8];
            morphology_ing(phrase->verb, doing);
            append(out, PROMPT_WHO_BYTES, " ");
            append(out, PROMPT_WHO_BYTES, doing);
        }
    } else {
        append(out, PROMPT_WHO_BYTES, folded);
    }
    append(out, WORDS_TEXT_BYTES - 1, prompt_scene);
}

/* ---- All together --------------------------------------------------------------------------- */

/* The verb that was asked for beside the text. It may come with adverbs, which then replace the text's. */
static lumen_status read_verb_argument(const char *text, word_items *items, char *folded, sentence_parts *parts,
                                       bool *given, lumen_error *error)
{
    char clean[WORDS_TEXT_BYTES];
    bool whole;
    *given = false;
    if (text == NULL || unicode_is_blank(text))
        return LUMEN_OK;
    lumen_status status = unicode_clean("verb", text, clean, sizeof clean, &whole, error);
    if (status != LUMEN_OK)
        return status;
    unicode_fold(clean, true, folded, UNICODE_FOLDED_BYTES);
    items_read(folded, items);
    sentence_read_verb(items, parts);
    *given = true;
    return LUMEN_OK;
}

/* Who: the noun, else who does such a thing, else the words as they stand. Returns whether a table knows it. */
static bool read_who(words_phrase *phrase, const sentence_parts *parts, const char *stripped)
{
    if (parts->subject != NULL) {
        set_subject(phrase, parts->subject->noun.place);
        return true;
    }
    if (parts->unknown == NULL && parts->verb != NULL) {
        set_doer(phrase, parts->verb);
        return true;
    }
    if (parts->unknown != NULL)
        copy_text(phrase->subject, sizeof phrase->subject, parts->unknown, parts->unknown_length);
    else
        copy_string(phrase->subject, sizeof phrase->subject, stripped);
    return false;
}

static void read_what(words_phrase *phrase, const sentence_parts *parts, const sentence_parts *asked,
                      const char *asked_text)
{
    const sentence_parts *verb_from = asked != NULL ? asked : parts;
    if (verb_from->verb != NULL) {
        set_verb(phrase, verb_from->verb);
    } else if (asked != NULL) {
        copy_string(phrase->verb, sizeof phrase->verb, asked_text);
        for (char *byte = phrase->verb; *byte != 0; byte++)
            if (*byte == '|')
                *byte = '/'; /* the bar parts the canonical form */
    }
    set_manner(phrase, asked != NULL && asked->adverb[0] != 0 ? asked : parts);
}

lumen_status words_parse(const char *text, const char *verb, words_phrase *phrase, lumen_error *error)
{
    char folded[UNICODE_FOLDED_BYTES], verb_folded[UNICODE_FOLDED_BYTES];
    char accented[UNICODE_FOLDED_BYTES], stripped[UNICODE_FOLDED_BYTES];
    word_items items, verb_items;
    sentence_parts parts, verb_parts;
    bool whole, verb_given;
    memset(phrase, 0, sizeof *phrase);
    phrase->tempo = phrase->size = 1.0f;
    copy_string(phrase->motion, sizeof phrase->motion, words_motion_names[WORDS_MOTION_IDLE]);
    lumen_status status = unicode_clean("text", text, phrase->text, sizeof phrase->text, &whole, error);
    if (status == LUMEN_OK)
        status = read_verb_argument(verb, &verb_items, verb_folded, &verb_parts, &verb_given, error);
    if (status != LUMEN_OK)
        return status;

    unicode_fold(phrase->text, true, folded, sizeof folded);
    items_read(folded, &items);
    sentence_read(&items, &parts);
    unicode_fold(phrase->text, false, accented, sizeof accented);
    strip_text(accented, stripped, sizeof stripped);

    bool known = read_who(phrase, &parts, stripped);
    if (known) {
        phrase->adjective_count = parts.adjective_count;
        memcpy(phrase->adjectives, parts.adjectives, sizeof phrase->adjectives);
    }
    read_what(phrase, &parts, verb_given ? &verb_parts : NULL, verb_folded);
    write_canonical(phrase, known, whole, text, stripped);
    write_prompt(phrase, known, stripped);
    return LUMEN_OK;
}

const char *words_concept_of(const char *noun)
{
    char folded[UNICODE_FOLDED_BYTES];
    noun_form found;
    if (strnlen(noun, WORDS_TEXT_BYTES) == WORDS_TEXT_BYTES)
        return "";
    unicode_fold(noun, true, folded, sizeof folded);
    for (char *byte = folded; *byte != 0; byte++)
        if (*byte == '_')
            *byte = ' ';
    if (!items_noun(folded, &found))
        return "";
    return words_the_lexicon.concepts[noun_concept(found.value)];
}

uint32_t words_concept_count(void)
{
    return words_the_lexicon.concept_count - 1;
}

const char *words_concept_name(uint32_t index)
{
    return index < words_concept_count() ? words_the_lexicon.concepts[index + 1] : NULL;
}

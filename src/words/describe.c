#include "words/describe.h"

#include <string.h>

#include "words/unicode.h"

void add_adjective(sentence_parts *out, const char *text, size_t length)
{
    if (out->adjective_count == WORDS_ADJECTIVES_MAX)
        return;
    char *slot = out->adjectives[out->adjective_count++];
    size_t size = unicode_cut(text, length, WORDS_WORD_BYTES - 1);
    memcpy(slot, text, size);
    slot[size] = 0;
}

const char *trait_form(const word_item *item)
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
    add_adjective(out, joined, length + form_length);
}

void add_adjectives(const sentence_reader *in, const noun_phrase *phrase, sentence_parts *out)
{
    for (int i = phrase->start; i < phrase->end; i++) {
        const word_item *item = &in->items[i];
        const word_item *next = i + 1 < phrase->end ? &in->items[i + 1] : NULL;
        if (i == phrase->head || i == phrase->participle || item_is_adverb(in, i))
            continue;
        bool is_last = next == NULL || i + 1 == phrase->head || i + 1 == phrase->participle;
        if (!is_last && is_trait_form(next)) {
            add_trait(out, item, next->text, next->length);
            i++;
        } else if (!is_last && i + 2 <= phrase->head && item_has(in, i, WORD_ADJECTIVE) && trait_form(next) != NULL) {
            const char *form = trait_form(next);
            add_trait(out, item, form, strlen(form));
            i++;
        } else {
            add_adjective(out, item->text, item->length);
        }
    }
}

void add_traits(const sentence_reader *in, const noun_phrase *phrase, sentence_parts *out)
{
    const char *form = phrase->head == NO_ITEM ? NULL : trait_form(&in->items[phrase->head]);
    if (form == NULL)
        return;
    bool said = false;
    for (int i = phrase->start; i < phrase->head; i++) {
        if (item_is_adverb(in, i))
            continue;
        add_trait(out, &in->items[i], form, strlen(form));
        said = true;
    }
    if (!said)
        add_trait(out, phrase->number == NO_ITEM ? NULL : &in->items[phrase->number], form, strlen(form));
}

static float clamp_factor(float factor)
{
    return factor < 0.1f ? 0.1f : factor > 8.0f ? 8.0f : factor;
}

void add_adverb(sentence_parts *out, const word_item *item, float *strength)
{
    size_t length = strlen(out->adverb), space = length > 0 ? 1 : 0;
    if (length + space + item->length < sizeof out->adverb) {
        if (space > 0)
            out->adverb[length++] = ' ';
        memcpy(out->adverb + length, item->text, item->length);
        out->adverb[length + item->length] = 0;
    }
    if (item->manner < 0)
        return;
    const words_manner *manner = &words_the_lexicon.manner_list[item->manner];
    if (manner->strengthen != 0.0f) {
        *strength = *strength + manner->strengthen > 3.0f ? 3.0f : *strength + manner->strengthen;
        return;
    }
    /* A text may pile up any number of adverbs; the motion stays one that can be shown. */
    float tempo = manner->tempo + (manner->tempo - 1.0f) * *strength;
    float size = manner->size + (manner->size - 1.0f) * *strength;
    out->tempo = clamp_factor(out->tempo * clamp_factor(tempo));
    out->size = clamp_factor(out->size * clamp_factor(size));
    *strength = 0.0f;
}

void add_adverbs(const sentence_reader *in, int start, int end, sentence_parts *out)
{
    float strength = 0.0f;
    for (int i = start; i < end; i++)
        if (item_is_adverb(in, i))
            add_adverb(out, &in->items[i], &strength);
}

/*
 * Any bytes as a text and, after the first newline, as a verb. What comes out must be sound: terminated,
 * valid UTF-8, the same again for the same input, and understood again from its own cleaned text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "words/unicode.h"
#include "words/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A strict reading of UTF-8 that shares nothing with the library's. */
static bool is_utf8(const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    while (*byte != 0) {
        unsigned length = *byte < 0x80                    ? 1
                          : *byte >= 0xc2 && *byte < 0xe0 ? 2
                          : *byte >= 0xe0 && *byte < 0xf0 ? 3
                          : *byte >= 0xf0 && *byte < 0xf5 ? 4
                                                          : 0;
        if (length == 0)
            return false;
        unsigned value = length == 1 ? *byte : *byte & (0xffu >> (length + 1));
        for (unsigned i = 1; i < length; i++) {
            if ((byte[i] & 0xc0) != 0x80)
                return false;
            value = value << 6 | (byte[i] & 0x3f);
        }
        static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
            return false;
        byte += length;
    }
    return true;
}

static void require_text(const char *text, size_t capacity)
{
    require(memchr(text, 0, capacity) != NULL);
    require(is_utf8(text));
}

static void require_sound(const words_phrase *phrase)
{
    require_text(phrase->text, sizeof phrase->text);
    require_text(phrase->subject, sizeof phrase->subject);
    require_text(phrase->concept_name, sizeof phrase->concept_name);
    require_text(phrase->verb, sizeof phrase->verb);
    require_text(phrase->adverb, sizeof phrase->adverb);
    require_text(phrase->motion, sizeof phrase->motion);
    require_text(phrase->canonical, sizeof phrase->canonical);
    require_text(phrase->prompt, sizeof phrase->prompt);
    require(phrase->adjective_count <= WORDS_ADJECTIVES_MAX);
    for (uint32_t i = 0; i < phrase->adjective_count; i++) {
        require_text(phrase->adjectives[i], sizeof phrase->adjectives[i]);
        require(phrase->adjectives[i][0] != 0);
    }
    require(phrase->text[0] != 0 && phrase->subject[0] != 0 && phrase->motion[0] != 0);
    require(phrase->tempo > 0.0f && phrase->tempo < 1e6f && phrase->size > 0.0f && phrase->size < 1e6f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static words_phrase first, again, cleaned;
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    char *verb = strchr(text, '\n');
    if (verb != NULL)
        *verb++ = 0;
    lumen_error error = {0};
    lumen_status status = words_parse(text, verb, &first, &error);
    require(status == LUMEN_OK || status == LUMEN_ERROR_INVALID);
    if (status == LUMEN_OK) {
        require_sound(&first);
        require(words_parse(text, verb, &again, &error) == LUMEN_OK);
        require(memcmp(&first, &again, sizeof first) == 0);
        /* A cleaned text means what the text meant, unless it grew too long to be given again. */
        lumen_status cleaned_status = words_parse(first.text, verb, &cleaned, &error);
        if (strlen(first.text) < LUMEN_TEXT_MAX_CHARACTERS) {
            require(cleaned_status == LUMEN_OK);
            require(strcmp(cleaned.text, first.text) == 0);
            require(strcmp(cleaned.canonical, first.canonical) == 0);
        }
        words_concept_of(text);
    } else {
        require(error.status == LUMEN_ERROR_INVALID && error.message[0] != 0);
        require_text(error.message, sizeof error.message);
        words_concept_of(text);
    }
    free(text);
    return 0;
}

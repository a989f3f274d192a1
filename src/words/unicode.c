#include "words/unicode.h"

#include <string.h>

#include "base/utf8.h"
#include "words/unicode_tables.h"

enum {
    /* No character has a longer compatibility decomposition than U+FDFA, and folding triples at most. */
    LONGEST_DECOMPOSITION = 18,
    CODE_POINTS_MAX = LUMEN_TEXT_MAX_CHARACTERS * LONGEST_DECOMPOSITION
};

typedef enum place_kind { KEEP, DROP, SPACE } place_kind;

/* What becomes of a character when a text is cleaned. */
static place_kind cleaned(int32_t character)
{
    switch (unicode_class_of(character)) {
    case UNICODE_CLASS_SEPARATOR: return SPACE;
    case UNICODE_CLASS_CONTROL: return (character >= '\t' && character <= '\r') || character == 0x85 ? SPACE : DROP;
    case UNICODE_CLASS_FORMAT: return DROP;
    default: return KEEP;
    }
}

/* Appends a character; false, and nothing is written, where it and a zero do not fit. */
static bool append(char *out, size_t capacity, size_t *length, int32_t character)
{
    char bytes[UTF8_BYTES_MAX];
    size_t size = utf8_encode(character, bytes);
    if (size >= capacity - *length)
        return false;
    memcpy(out + *length, bytes, size);
    *length += size;
    return true;
}

/* Decodes a whole text. Returns the number of characters, -1 for bad UTF-8, -2 for too many of them. */
static int decode(const char *text, int32_t *characters, int limit)
{
    int count = 0;
    size_t left = strlen(text);
    while (left > 0) {
        int32_t character;
        size_t size = utf8_decode(text, left, &character);
        if (size == 0)
            return -1;
        if (count == limit)
            return -2;
        characters[count++] = character;
        text += size;
        left -= size;
    }
    return count;
}

lumen_status unicode_clean(const char *name, const char *text, char *out, size_t capacity, bool *whole,
                           lumen_error *error)
{
    int32_t given[LUMEN_TEXT_MAX_CHARACTERS], normal[CODE_POINTS_MAX];
    int count = decode(text, given, LUMEN_TEXT_MAX_CHARACTERS);
    if (count == -1)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the %s is not valid UTF-8; send it as UTF-8", name);
    if (count == -2)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the %s has more than %d characters; shorten it to a sentence",
                          name, LUMEN_TEXT_MAX_CHARACTERS);
    /* What is dropped must not keep marks apart, so it goes first. */
    int kept = 0;
    for (int i = 0; i < count; i++) {
        place_kind kind = cleaned(given[i]);
        if (kind != DROP)
            given[kept++] = kind == SPACE ? ' ' : given[i];
    }
    int normal_count = unicode_decompose(given, kept, false, normal, CODE_POINTS_MAX);
    normal_count = unicode_compose(normal, normal_count);

    size_t length = 0;
    bool waiting_space = false, only_digits = true;
    *whole = true;
    for (int i = 0; i < normal_count && *whole; i++) {
        if (cleaned(normal[i]) != KEEP) {
            waiting_space = length > 0;
            continue;
        }
        if (waiting_space)
            *whole = append(out, capacity, &length, ' ');
        waiting_space = false;
        *whole = *whole && append(out, capacity, &length, normal[i]);
        only_digits = only_digits && unicode_class_of(normal[i]) == UNICODE_CLASS_DIGIT;
    }
    out[length] = 0;
    if (length == 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the %s is empty; name something, such as \"horse\"", name);
    if (only_digits)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the %s holds only digits; name something, such as \"horse\"",
                          name);
    return LUMEN_OK;
}

bool unicode_is_blank(const char *text)
{
    int32_t given[LUMEN_TEXT_MAX_CHARACTERS];
    int count = decode(text, given, LUMEN_TEXT_MAX_CHARACTERS);
    for (int i = 0; i < count; i++)
        if (cleaned(given[i]) == KEEP)
            return false;
    return count >= 0;
}

/* Typographic forms of what the tables write plainly. */
static int32_t plain_mark(int32_t character)
{
    if (character == 0x2019 || character == 0x2018 || character == 0x02bc || character == 0x00b4 || character == '`')
        return '\'';
    if (character >= 0x2010 && character <= 0x2015)
        return '-';
    return character;
}

void unicode_fold(const char *text, bool plain, char *out, size_t capacity)
{
    int32_t given[UNICODE_FOLDED_BYTES / 4], folded[UNICODE_FOLDED_BYTES];
    int count = decode(text, given, UNICODE_FOLDED_BYTES / 4);
    int length = unicode_decompose(given, count < 0 ? 0 : count, true, folded, UNICODE_FOLDED_BYTES);
    int kept = 0;
    for (int i = 0; i < length; i++) {
        bool accent =
            folded[i] >= 0x300 && folded[i] <= 0x36f && kept > 0 && folded[kept - 1] >= 'a' && folded[kept - 1] <= 'z';
        if (!plain || !accent)
            folded[kept++] = plain_mark(folded[i]);
    }
    kept = unicode_compose(folded, kept);
    size_t size = 0;
    for (int i = 0; i < kept; i++)
        if (!append(out, capacity, &size, folded[i]))
            break;
    out[size] = 0;
}

unicode_kind unicode_next(const char **cursor)
{
    int32_t character = (unsigned char)**cursor;
    if (character == 0)
        return UNICODE_END;
    if (character < 0x80) {
        (*cursor)++;
        if (character == ' ')
            return UNICODE_SPACE;
        bool symbol = strchr("$+<=>^`|~&", character) != NULL;
        bool letter =
            (character >= '0' && character <= '9') || ((character | 0x20) >= 'a' && (character | 0x20) <= 'z');
        return symbol || letter ? UNICODE_LETTER : UNICODE_PUNCTUATION;
    }
    size_t size = utf8_decode(*cursor, strnlen(*cursor, UTF8_BYTES_MAX), &character);
    *cursor += size > 0 ? size : 1;
    return unicode_class_of(character) == UNICODE_CLASS_PUNCTUATION ? UNICODE_PUNCTUATION : UNICODE_LETTER;
}

size_t unicode_cut(const char *text, size_t length, size_t limit)
{
    if (length <= limit)
        return length;
    while (limit > 0 && ((unsigned char)text[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

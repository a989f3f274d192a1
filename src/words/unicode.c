#include "words/unicode.h"

#include <string.h>

#include <utf8proc.h>

enum {
    /* No character has a longer compatibility decomposition than U+FDFA, and folding triples at most. */
    LONGEST_DECOMPOSITION = 18,
    CODE_POINTS_MAX = LUMEN_TEXT_MAX_CHARACTERS * LONGEST_DECOMPOSITION
};

typedef enum place_kind { KEEP, DROP, SPACE } place_kind;

/* What becomes of a character when a text is cleaned. */
static place_kind cleaned(utf8proc_int32_t character)
{
    switch (utf8proc_category(character)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return SPACE;
    case UTF8PROC_CATEGORY_CC: return (character >= '\t' && character <= '\r') || character == 0x85 ? SPACE : DROP;
    case UTF8PROC_CATEGORY_CF: return DROP;
    default: return KEEP;
    }
}

/* Appends a character; false, and nothing is written, where it and a zero do not fit. */
static bool append(char *out, size_t capacity, size_t *length, utf8proc_int32_t character)
{
    utf8proc_uint8_t bytes[4];
    size_t size = (size_t)utf8proc_encode_char(character, bytes);
    if (size >= capacity - *length)
        return false;
    memcpy(out + *length, bytes, size);
    *length += size;
    return true;
}

/* Decodes a whole text. Returns the number of characters, -1 for bad UTF-8, -2 for too many of them. */
static int decode(const char *text, utf8proc_int32_t *characters, int limit)
{
    int count = 0;
    for (const char *cursor = text; *cursor != 0;) {
        utf8proc_int32_t character;
        /* Four bytes may reach past the zero, so the length left is found byte by byte. */
        utf8proc_ssize_t left = 1;
        while (left < 4 && cursor[left] != 0)
            left++;
        utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)cursor, left, &character);
        if (size <= 0)
            return -1;
        if (count == limit)
            return -2;
        characters[count++] = character;
        cursor += size;
    }
    return count;
}

/* Decomposes characters one by one, orders and composes them. Returns how many there are then. */
static utf8proc_ssize_t normalize(const utf8proc_int32_t *characters, int count, utf8proc_int32_t *out, int limit,
                                  utf8proc_option_t options)
{
    utf8proc_ssize_t length = 0;
    for (int i = 0; i < count; i++) {
        utf8proc_ssize_t size = utf8proc_decompose_char(characters[i], out + length, limit - length, options, NULL);
        if (size < 0 || size > limit - length)
            break;
        length += size;
    }
    /* utf8proc_normalize_utf32 expects the marks in canonical order. */
    for (utf8proc_ssize_t i = 1; i < length; i++) {
        utf8proc_int32_t moving = out[i];
        int class = utf8proc_get_property(moving)->combining_class;
        utf8proc_ssize_t k = i;
        while (class > 0 && k > 0 && utf8proc_get_property(out[k - 1])->combining_class > class) {
            out[k] = out[k - 1];
            k--;
        }
        out[k] = moving;
    }
    return length;
}

lumen_status unicode_clean(const char *name, const char *text, char *out, size_t capacity, bool *whole,
                           lumen_error *error)
{
    utf8proc_int32_t given[LUMEN_TEXT_MAX_CHARACTERS], normal[CODE_POINTS_MAX];
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
    utf8proc_option_t options = UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_STABLE;
    utf8proc_ssize_t normal_count = normalize(given, kept, normal, CODE_POINTS_MAX, options);
    normal_count = utf8proc_normalize_utf32(normal, normal_count, options);

    size_t length = 0;
    bool waiting_space = false, only_digits = true;
    *whole = true;
    for (utf8proc_ssize_t i = 0; i < normal_count && *whole; i++) {
        if (cleaned(normal[i]) != KEEP) {
            waiting_space = length > 0;
            continue;
        }
        if (waiting_space)
            *whole = append(out, capacity, &length, ' ');
        waiting_space = false;
        *whole = *whole && append(out, capacity, &length, normal[i]);
        only_digits = only_digits && utf8proc_category(normal[i]) == UTF8PROC_CATEGORY_ND;
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
    utf8proc_int32_t given[LUMEN_TEXT_MAX_CHARACTERS];
    int count = decode(text, given, LUMEN_TEXT_MAX_CHARACTERS);
    for (int i = 0; i < count; i++)
        if (cleaned(given[i]) == KEEP)
            return false;
    return count >= 0;
}

/* Typographic forms of what the tables write plainly. */
static utf8proc_int32_t plain_mark(utf8proc_int32_t character)
{
    if (character == 0x2019 || character == 0x2018 || character == 0x02bc || character == 0x00b4 || character == '`')
        return '\'';
    if (character >= 0x2010 && character <= 0x2015)
        return '-';
    return character;
}

void unicode_fold(const char *text, bool plain, char *out, size_t capacity)
{
    utf8proc_int32_t given[UNICODE_FOLDED_BYTES / 4], folded[UNICODE_FOLDED_BYTES];
    int count = decode(text, given, UNICODE_FOLDED_BYTES / 4);
    utf8proc_option_t options = UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_STABLE | UTF8PROC_CASEFOLD;
    utf8proc_ssize_t length = normalize(given, count < 0 ? 0 : count, folded, UNICODE_FOLDED_BYTES, options);
    utf8proc_ssize_t kept = 0;
    for (utf8proc_ssize_t i = 0; i < length; i++) {
        bool accent =
            folded[i] >= 0x300 && folded[i] <= 0x36f && kept > 0 && folded[kept - 1] >= 'a' && folded[kept - 1] <= 'z';
        if (!plain || !accent)
            folded[kept++] = plain_mark(folded[i]);
    }
    kept = utf8proc_normalize_utf32(folded, kept, options);
    size_t size = 0;
    for (utf8proc_ssize_t i = 0; i < kept; i++)
        if (!append(out, capacity, &size, folded[i]))
            break;
    out[size] = 0;
}

unicode_kind unicode_next(const char **cursor)
{
    utf8proc_int32_t character = (unsigned char)**cursor;
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
    utf8proc_ssize_t left = 1;
    while (left < 4 && (*cursor)[left] != 0)
        left++;
    utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)*cursor, left, &character);
    *cursor += size > 0 ? size : 1;
    switch (utf8proc_category(character)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return UNICODE_PUNCTUATION;
    default: return UNICODE_LETTER;
    }
}

size_t unicode_cut(const char *text, size_t length, size_t limit)
{
    if (length <= limit)
        return length;
    while (limit > 0 && ((unsigned char)text[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

/*
 * unicode.h: what the words room needs to know about Unicode, and nothing else.
 *
 *     char text[WORDS_TEXT_BYTES], folded[UNICODE_FOLDED_BYTES];
 *     bool whole;
 *     status = unicode_clean("text", request, text, sizeof text, &whole, &error);
 *     unicode_fold(text, true, folded, sizeof folded);
 *
 * What it needs of a Unicode library stands in unicode_tables.h. No memory is allocated.
 */
#ifndef LUMEN_WORDS_UNICODE_H
#define LUMEN_WORDS_UNICODE_H

#include "base/error.h"

/* Room for the folded form of a text of WORDS_TEXT_BYTES: folding may triple it. */
enum { UNICODE_FOLDED_BYTES = 4096 };

typedef enum unicode_kind {
    UNICODE_END, /* the zero */
    UNICODE_SPACE,
    UNICODE_PUNCTUATION, /* separates words */
    UNICODE_LETTER       /* letters, marks, digits, symbols: whatever a word may be made of */
} unicode_kind;

/* Writes `text` in normal form NFKC without control and format characters, white space collapsed to
 * single spaces and trimmed. A result longer than `capacity` is cut at a character; *whole tells.
 * Errors: LUMEN_ERROR_INVALID for bad UTF-8, a blank text, more than LUMEN_TEXT_MAX_CHARACTERS characters,
 * or digits only. `name` stands in the messages. */
lumen_status unicode_clean(const char *name, const char *text, char *out, size_t capacity, bool *whole,
                           lumen_error *error);

/* Whether a text is blank: nothing but white space, control and format characters. */
bool unicode_is_blank(const char *text);

/* Writes the case-folded form of a clean text, with one kind of apostrophe and hyphen. With `plain`,
 * accents on Latin letters fall away: "Café" becomes "cafe". Cut at a character where it does not fit. */
void unicode_fold(const char *text, bool plain, char *out, size_t capacity);

/* The kind of the character at *cursor, which moves behind it. The text is valid UTF-8. */
unicode_kind unicode_next(const char **cursor);

/* The largest length up to `limit` to which `length` bytes of text may be cut without breaking a character. */
size_t unicode_cut(const char *text, size_t length, size_t limit);

#endif

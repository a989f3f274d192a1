/*
 * unicode_tables.h: what unicode.c asks of a Unicode library, so that there can be two of them: utf8proc
 * (unicode_utf8proc.c) and the one that every browser has in its JavaScript (unicode_browser.c).
 *
 * Both give the same for every character that the older of their two versions of Unicode knows. A character that is
 * younger may be a letter here and punctuation there. Characters are code points, never surrogates.
 */
#ifndef LUMEN_WORDS_UNICODE_TABLES_H
#define LUMEN_WORDS_UNICODE_TABLES_H

#include <stdbool.h>
#include <stdint.h>

/* Unicode's general categories, as far as they matter here. */
typedef enum unicode_class {
    UNICODE_CLASS_OTHER,
    UNICODE_CLASS_SEPARATOR,   /* Zs, Zl, Zp */
    UNICODE_CLASS_CONTROL,     /* Cc */
    UNICODE_CLASS_FORMAT,      /* Cf */
    UNICODE_CLASS_DIGIT,       /* Nd */
    UNICODE_CLASS_PUNCTUATION, /* Pc, Pd, Ps, Pe, Pi, Pf, Po */
} unicode_class;

unicode_class unicode_class_of(int32_t character);

/* Writes the compatibility decomposition (NFKD) of `count` characters and returns how many there are then; with
 * `fold`, of their full case folding. Those that find no room within `limit` are left out. */
int unicode_decompose(const int32_t *characters, int count, bool fold, int32_t *out, int limit);

/* Composes characters in place (NFC) and returns how many are left. */
int unicode_compose(int32_t *characters, int count);

#endif

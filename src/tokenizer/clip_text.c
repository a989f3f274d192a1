/* Normal form C, lower case, pieces: what happens to a prompt before the table of merges sees it. */

#include "tokenizer/clip_text.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"
#include "tokenizer/clip_tokenizer.h"

/* ---- Normal form ------------------------------------------------------------------------------------------------ */

/* The longest canonical decomposition of one character. */
enum { DECOMPOSED_MAX = 4, COMBINING_CLASSES = 256, DOTTED_CAPITAL_I = 0x130, DOT_ABOVE = 0x307 };

static int combining_class(int32_t character)
{
    return utf8proc_get_property(character)->combining_class & (COMBINING_CLASSES - 1);
}

/* Sorts marks by their class, equal ones in their order: by counting, since a text may be nothing but marks. */
static void order_marks(int32_t *marks, size_t count, int32_t *scratch)
{
    size_t places[COMBINING_CLASSES + 1] = {0};
    for (size_t i = 0; i < count; i++)
        places[combining_class(marks[i]) + 1]++;
    for (size_t i = 1; i <= COMBINING_CLASSES; i++)
        places[i] += places[i - 1];
    for (size_t i = 0; i < count; i++)
        scratch[places[combining_class(marks[i])]++] = marks[i];
    memcpy(marks, scratch, count * sizeof *marks);
}

static void order_all_marks(int32_t *characters, size_t count, int32_t *scratch)
{
    for (size_t i = 0; i < count; i++) {
        size_t end = i;
        while (end < count && combining_class(characters[end]) != 0)
            end++;
        if (end - i > 1)
            order_marks(characters + i, end - i, scratch);
        i = end;
    }
}

static lumen_status decompose(const char *text, size_t length, int32_t *out, size_t *count, lumen_error *error)
{
    *count = 0;
    for (size_t at = 0; at < length;) {
        int32_t character;
        size_t size = utf8_decode(text + at, length - at, &character);
        if (size == 0)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "the prompt is not UTF-8 from byte %zu on; convert it", at);
        utf8proc_ssize_t room = DECOMPOSED_MAX;
        utf8proc_ssize_t made =
            utf8proc_decompose_char(character, out + *count, room, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, NULL);
        if (made < 0 || made > room)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "the prompt has no normal form from byte %zu on", at);
        *count += (size_t)made;
        at += size;
    }
    return LUMEN_OK;
}

/* In lower case a capital I with a dot is an i and a dot; everything else stays one character. */
static size_t lower(const int32_t *characters, size_t count, int32_t *out)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        bool dotted = characters[i] == DOTTED_CAPITAL_I;
        out[length++] = dotted ? 'i' : utf8proc_tolower(characters[i]);
        if (dotted)
            out[length++] = DOT_ABOVE;
    }
    return length;
}

lumen_status clip_text_clean(const char *text, clip_text *out, lumen_error *error)
{
    *out = (clip_text){0};
    size_t length = strnlen(text, CLIP_TEXT_BYTES_MAX + 1), count;
    if (length > CLIP_TEXT_BYTES_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the prompt is longer than %d bytes; shorten it",
                          CLIP_TEXT_BYTES_MAX);
    size_t room = length * DECOMPOSED_MAX + 1;
    out->characters = malloc(room * sizeof *out->characters);
    out->scratch = malloc(room * sizeof *out->scratch);
    if (out->characters == NULL || out->scratch == NULL) {
        clip_text_close(out);
        return lumen_fail_memory(error, "the characters of a prompt");
    }
    lumen_status status = decompose(text, length, out->scratch, &count, error);
    if (status != LUMEN_OK) {
        clip_text_close(out);
        return status;
    }
    order_all_marks(out->scratch, count, out->characters);
    utf8proc_ssize_t composed =
        utf8proc_normalize_utf32(out->scratch, (utf8proc_ssize_t)count, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    if (composed < 0) {
        clip_text_close(out);
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the prompt has no normal form; write it in plain characters");
    }
    count = (size_t)composed;
    /* What takes two characters in lower case had been taken apart into two before: there is room. */
    out->count = lower(out->scratch, count, out->characters);
    return LUMEN_OK;
}

void clip_text_close(clip_text *clean)
{
    free(clean->characters);
    free(clean->scratch);
    *clean = (clip_text){0};
}

/* ---- Pieces ----------------------------------------------------------------------------------------------------- */

typedef enum character_kind { KIND_SPACE, KIND_LETTER, KIND_NUMBER, KIND_OTHER } character_kind;

/* Unicode's property White_Space, which is what \s means to the reference. */
static bool is_space(int32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static character_kind kind_of(int32_t character)
{
    if (is_space(character))
        return KIND_SPACE;
    switch (utf8proc_category(character)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return KIND_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return KIND_NUMBER;
    default: return KIND_OTHER;
    }
}

/* The length of `word` when it stands at `at`, else 0. */
static size_t match(const clip_text *clean, size_t at, const char *word)
{
    size_t length = 0;
    for (; word[length] != '\0'; length++)
        if (at + length >= clean->count || clean->characters[at + length] != word[length])
            return 0;
    return length;
}

/* Marks and "!" are taken out before anything else, so they end every other piece. */
static size_t match_mark(const clip_text *clean, bool exclamation, size_t at, clip_piece *kind)
{
    int32_t first = clean->characters[at];
    size_t length = 0;
    if (first == '!' && exclamation) {
        *kind = CLIP_PIECE_EXCLAMATION;
        length = 1;
    } else if (first == '<') {
        *kind = CLIP_PIECE_START;
        length = match(clean, at, "<|startoftext|>");
        if (length == 0) {
            *kind = CLIP_PIECE_END;
            length = match(clean, at, "<|endoftext|>");
        }
    }
    return length;
}

/* What English hangs onto words is a piece of its own, however it goes on. */
static size_t match_contraction(const clip_text *clean, size_t at)
{
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof contractions / sizeof *contractions; i++) {
        size_t length = match(clean, at, contractions[i]);
        if (length > 0)
            return length;
    }
    return 0;
}

clip_piece clip_text_next(const clip_text *clean, bool exclamation, size_t *at, size_t *begin)
{
    while (*at < clean->count && kind_of(clean->characters[*at]) == KIND_SPACE)
        ++*at;
    *begin = *at;
    if (*at == clean->count)
        return CLIP_PIECE_NONE;
    clip_piece piece = CLIP_PIECE_WORD;
    size_t length = match_mark(clean, exclamation, *at, &piece);
    if (length == 0) {
        piece = CLIP_PIECE_WORD;
        length = match_contraction(clean, *at);
    }
    if (length == 0) {
        clip_piece next;
        character_kind kind = kind_of(clean->characters[*at]);
        /* Numbers come one by one, letters and all others in runs. */
        for (length = 1; kind != KIND_NUMBER && *at + length < clean->count; length++)
            if (kind_of(clean->characters[*at + length]) != kind ||
                match_mark(clean, exclamation, *at + length, &next) > 0)
                break;
    }
    *at += length;
    return piece;
}

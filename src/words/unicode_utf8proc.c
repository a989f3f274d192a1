#include "words/unicode_tables.h"

#include <utf8proc.h>

unicode_class unicode_class_of(int32_t character)
{
    switch (utf8proc_category(character)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return UNICODE_CLASS_SEPARATOR;
    case UTF8PROC_CATEGORY_CC: return UNICODE_CLASS_CONTROL;
    case UTF8PROC_CATEGORY_CF: return UNICODE_CLASS_FORMAT;
    case UTF8PROC_CATEGORY_ND: return UNICODE_CLASS_DIGIT;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return UNICODE_CLASS_PUNCTUATION;
    default: return UNICODE_CLASS_OTHER;
    }
}

static const utf8proc_option_t plain = UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_STABLE;

int unicode_decompose(const int32_t *characters, int count, bool fold, int32_t *out, int limit)
{
    utf8proc_option_t options = fold ? plain | UTF8PROC_CASEFOLD : plain;
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
    return (int)length;
}

int unicode_compose(int32_t *characters, int count)
{
    return (int)utf8proc_normalize_utf32(characters, count, plain);
}

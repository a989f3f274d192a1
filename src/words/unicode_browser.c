/* The browser's own Unicode, through unicode_browser.js. tests/page/check_engine.py compares every character there is
 * with utf8proc. */
#include "words/unicode_tables.h"

int script_class(int32_t character);
int script_decompose(const int32_t *characters, int count, bool fold, int32_t *out, int limit);
int script_compose(int32_t *characters, int count);

unicode_class unicode_class_of(int32_t character)
{
    /* Most are letters of English, and the way to JavaScript is long. */
    if ((character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') || character < 0)
        return UNICODE_CLASS_OTHER;
    if (character == ' ')
        return UNICODE_CLASS_SEPARATOR;
    return (unicode_class)script_class(character);
}

int unicode_decompose(const int32_t *characters, int count, bool fold, int32_t *out, int limit)
{
    return script_decompose(characters, count, fold, out, limit);
}

int unicode_compose(int32_t *characters, int count)
{
    return script_compose(characters, count);
}

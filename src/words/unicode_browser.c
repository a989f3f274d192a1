/*
 * The browser's own Unicode: String.prototype.normalize, upper and lower case, and the classes of regular expressions.
 *
 * JavaScript has no case folding, only cases: the lower case of the upper case of a character is its folding, but for
 * what folds to capitals (Cherokee) and for letters whose capitals are shared with others. Those exceptions are
 * written below; tests/page/check_engine.py compares every character there is with utf8proc.
 */
#include "words/unicode_tables.h"

#include <emscripten.h>

/* A backslash written here would reach JavaScript doubled or not at all, depending on the version of emscripten. */
EM_JS(int, class_in_browser, (int32_t character), {
    const classes = Module["classes"] || (Module["classes"] = ["Z", "Cc", "Cf", "Nd", "P"].map(
        (name) => new RegExp(String.fromCharCode(92) + "p{" + name + "}", "u")));
    const text = String.fromCodePoint(character);
    return classes.findIndex((one) => one.test(text)) + 1;
})

unicode_class unicode_class_of(int32_t character)
{
    if ((character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') || character < 0)
        return UNICODE_CLASS_OTHER;
    if (character == ' ')
        return UNICODE_CLASS_SEPARATOR;
    return (unicode_class)class_in_browser(character);
}

EM_JS(int, decompose_in_browser, (const int32_t *characters, int count, bool fold, int32_t *out, int limit), {
    const foldOne = (one) => {
        const code = one.codePointAt(0);
        if (code === 0x131) return one;
        return one.toUpperCase().toLowerCase();
    };
    let text = "";
    for (let i = 0; i < count; i++) text += String.fromCodePoint(HEAP32[(characters >> 2) + i]);
    text = text.normalize("NFKD");
    if (fold) text = Array.from(text, foldOne).join("").normalize("NFKD");
    let length = 0;
    for (const one of text) {
        if (length === limit) break;
        HEAP32[(out >> 2) + length++] = one.codePointAt(0);
    }
    return length;
});

int unicode_decompose(const int32_t *characters, int count, bool fold, int32_t *out, int limit)
{
    return decompose_in_browser(characters, count, fold, out, limit);
}

EM_JS(int, compose_in_browser, (int32_t *characters, int count), {
    let text = "";
    for (let i = 0; i < count; i++) text += String.fromCodePoint(HEAP32[(characters >> 2) + i]);
    let length = 0;
    for (const one of text.normalize("NFC")) HEAP32[(characters >> 2) + length++] = one.codePointAt(0);
    return length;
});

int unicode_compose(int32_t *characters, int count)
{
    return compose_in_browser(characters, count);
}

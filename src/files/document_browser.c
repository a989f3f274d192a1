/* The browser's own JSON. The values lie in a table on the side of JavaScript; a document_value is the number of its
 * place there, and 0 is none. */
#include "files/document.h"

#include <emscripten.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/internal.h"

/* ---- JavaScript ------------------------------------------------------------------------------------------------ */

/* Puts what a JSON text means into the table: "{}", "[]", "true", or a text in quotes. */
EM_JS(int, table_keep_json, (const char *json), {
    const table = Module["documents"] || (Module["documents"] = {values : new Map(), last : 0});
    let end = json;
    while (HEAPU8[end]) end++;
    table.values.set(++table.last, JSON.parse(String.fromCharCode(...HEAPU8.subarray(json, end))));
    return table.last;
})

EM_JS(int, table_keep_number, (double number), {
    const table = Module["documents"] || (Module["documents"] = {values : new Map(), last : 0});
    table.values.set(++table.last, number);
    return table.last;
})

/* 0 when the bytes are not UTF-8. */
EM_JS(int, table_keep_text, (const char *text, int size), {
    const table = Module["documents"] || (Module["documents"] = {values : new Map(), last : 0});
    try {
        const decoder = new TextDecoder("utf-8", {fatal : true, ignoreBOM : true});
        table.values.set(++table.last, decoder.decode(HEAPU8.subarray(text, text + size)));
        return table.last;
    } catch (fault) {
        return 0;
    }
})

/* Moves a value out of the table into an object (with a name) or an array (without). */
EM_JS(bool, table_move, (int container, const char *name, int size, int value), {
    const values = Module["documents"].values;
    const inside = values.get(container);
    if (inside === undefined || !values.has(value)) return false;
    if (size < 0) inside.push(values.get(value));
    else inside[new TextDecoder().decode(HEAPU8.subarray(name, name + size))] = values.get(value);
    values.delete(value);
    return true;
})

EM_JS(int, table_count, (int array), { return Module["documents"].values.get(array).length; })

EM_JS(void, table_forget, (int value), { Module["documents"].values.delete(value); })

/* Writes the text of a value into memory that belongs to the caller; 0 when there is none. */
EM_JS(char *, table_write, (int value, int digits, int *size), {
    const round = (key, one) =>
        typeof one === "number" && !Number.isInteger(one) ? Number(one.toPrecision(digits)) : one;
    const text = JSON.stringify(Module["documents"].values.get(value), round);
    const bytes = new TextEncoder().encode(text);
    const place = Module["_malloc"](bytes.length + 1);
    if (place) {
        HEAPU8.set(bytes, place);
        HEAP32[size >> 2] = bytes.length;
    }
    return place;
})

/* ---- document.h -------------------------------------------------------------------------------------------------- */

static int inside(const document_value *value)
{
    return (int)(intptr_t)value;
}

static document_value *outside(int place)
{
    return (document_value *)(intptr_t)place;
}

document_value *document_object(void)
{
    return outside(table_keep_json("{}"));
}

document_value *document_array(void)
{
    return outside(table_keep_json("[]"));
}

document_value *document_boolean(bool truth)
{
    return outside(table_keep_json(truth ? "true" : "false"));
}

document_value *document_real(double number)
{
    return outside(table_keep_number(number));
}

document_value *document_integer(uint64_t number)
{
    static const uint64_t largest = (uint64_t)1 << 53;
    if (number <= largest)
        return outside(table_keep_number((double)number));
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return document_text(text);
}

document_value *document_text(const char *text)
{
    int place = table_keep_text(files_text(text), (int)strlen(files_text(text)));
    if (place != 0)
        return outside(place);
    buffer escaped;
    size_t limit = strlen(text) * 4;
    buffer_open(&escaped, limit);
    files_escape(&escaped, text, limit);
    if (!buffer_failed(&escaped))
        place = table_keep_text((const char *)escaped.data, (int)escaped.size);
    buffer_close(&escaped);
    return outside(place);
}

bool document_set(document_value *object, const char *name, document_value *value)
{
    bool moved = object != NULL && value != NULL && table_move(inside(object), name, (int)strlen(name), inside(value));
    if (!moved)
        document_free(value);
    return moved;
}

bool document_add(document_value *array, document_value *value)
{
    bool moved = array != NULL && value != NULL && table_move(inside(array), NULL, -1, inside(value));
    if (!moved)
        document_free(value);
    return moved;
}

size_t document_count(const document_value *array)
{
    return array == NULL ? 0 : (size_t)table_count(inside(array));
}

bool document_write(const document_value *value, int digits, buffer *out)
{
    if (value == NULL)
        return false;
    int size = 0;
    char *text = table_write(inside(value), digits, &size);
    if (text == NULL)
        return false;
    buffer_append(out, text, (size_t)size);
    free(text);
    return !buffer_failed(out);
}

void document_free(document_value *value)
{
    if (value != NULL)
        table_forget(inside(value));
}

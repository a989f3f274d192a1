/* The browser's own JSON, through document_browser.js. A document_value is the number of its place in a table there. */
#include "files/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/internal.h"

int script_object(void);
int script_array(void);
int script_boolean(bool truth);
int script_number(double number);
int script_text(const char *text, int size);
void script_move(int container, const char *name, int size, int value);
int script_count(int array);
void script_forget(int value);
char *script_write(int value, int digits, int *size);

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
    return outside(script_object());
}

document_value *document_array(void)
{
    return outside(script_array());
}

document_value *document_boolean(bool truth)
{
    return outside(script_boolean(truth));
}

document_value *document_real(double number)
{
    return outside(script_number(number));
}

document_value *document_integer(uint64_t number)
{
    static const uint64_t largest = (uint64_t)1 << 53;
    if (number <= largest)
        return outside(script_number((double)number));
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return document_text(text);
}

document_value *document_text(const char *text)
{
    int place = script_text(files_text(text), (int)strlen(files_text(text)));
    if (place != 0)
        return outside(place);
    buffer escaped;
    size_t limit = strlen(text) * 4;
    buffer_open(&escaped, limit);
    files_escape(&escaped, text, limit);
    if (!buffer_failed(&escaped))
        place = script_text((const char *)escaped.data, (int)escaped.size);
    buffer_close(&escaped);
    return outside(place);
}

/* `name` is "" for an array. */
static bool move(document_value *container, const char *name, document_value *value)
{
    if (container == NULL || value == NULL) {
        document_free(value);
        return false;
    }
    script_move(inside(container), name, (int)strlen(name), inside(value));
    return true;
}

bool document_set(document_value *object, const char *name, document_value *value)
{
    return move(object, name, value);
}

bool document_add(document_value *array, document_value *value)
{
    return move(array, "", value);
}

size_t document_count(const document_value *array)
{
    return array == NULL ? 0 : (size_t)script_count(inside(array));
}

bool document_write(const document_value *value, int digits, buffer *out)
{
    if (value == NULL)
        return false;
    int size = 0;
    char *text = script_write(inside(value), digits, &size);
    if (text == NULL)
        return false;
    buffer_append(out, text, (size_t)size);
    free(text);
    return !buffer_failed(out);
}

void document_free(document_value *value)
{
    if (value != NULL)
        script_forget(inside(value));
}

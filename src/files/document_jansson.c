#include "files/document.h"

#include "files/json.h"

/* A document_value is a json_t under a name that promises less. */

static json_t *inside(document_value *value)
{
    return (json_t *)value;
}

static document_value *outside(json_t *value)
{
    return (document_value *)value;
}

document_value *document_object(void)
{
    return outside(json_object());
}

document_value *document_array(void)
{
    return outside(json_array());
}

document_value *document_text(const char *text)
{
    return outside(files_json_text(text));
}

document_value *document_boolean(bool truth)
{
    return outside(json_boolean(truth));
}

document_value *document_real(double number)
{
    return outside(json_real(number));
}

document_value *document_integer(uint64_t number)
{
    return outside(number <= INT64_MAX ? json_integer((json_int_t)number)
                                       : json_sprintf("%llu", (unsigned long long)number));
}

bool document_set(document_value *object, const char *name, document_value *value)
{
    return json_object_set_new(inside(object), name, inside(value)) == 0;
}

bool document_add(document_value *array, document_value *value)
{
    return json_array_append_new(inside(array), inside(value)) == 0;
}

size_t document_count(const document_value *array)
{
    return json_array_size((const json_t *)array);
}

bool document_write(const document_value *value, int digits, buffer *out)
{
    return files_json_dump((const json_t *)value, digits, out);
}

void document_free(document_value *value)
{
    json_decref(inside(value));
}

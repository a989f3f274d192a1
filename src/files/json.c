#include "files/json.h"

#include <string.h>

#include "files/internal.h"

json_t *files_json_text(const char *text)
{
    json_t *value = json_string(files_text(text));
    if (value != NULL)
        return value;
    /* Not UTF-8 (or no memory, and then this fails too): the escaped text says what is there. */
    buffer escaped;
    size_t limit = strlen(files_text(text)) * 4;
    buffer_open(&escaped, limit);
    files_escape(&escaped, files_text(text), limit);
    if (!buffer_failed(&escaped))
        value = json_stringn((const char *)escaped.data, escaped.size);
    buffer_close(&escaped);
    return value;
}

static int append_to_buffer(const char *text, size_t size, void *user)
{
    buffer *out = user;
    buffer_append(out, text, size);
    return buffer_failed(out) ? -1 : 0;
}

bool files_json_dump(const json_t *value, int digits, buffer *out)
{
    return value != NULL &&
           json_dump_callback(value, append_to_buffer, out, JSON_COMPACT | JSON_REAL_PRECISION((size_t)digits)) == 0;
}

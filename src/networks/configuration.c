#include "networks/configuration.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum { CONFIGURATION_BYTES_MAX = 1 << 20 };

struct configuration {
    json_t *root;
    lumen_status status;
    lumen_error fault;
    char path[];
};

/* ---- The file -------------------------------------------------------------------------------------------- */

/* Jansson tells so of some of its allocations; others look like broken text to it. */
static bool json_ran_out_of_memory(const json_error_t *why)
{
    return json_error_code(why) == json_error_out_of_memory || why->text[0] == '\0';
}

lumen_status configuration_from_bytes(const char *name, const void *bytes, size_t size, configuration **out,
                                      lumen_error *error)
{
    json_error_t why;
    *out = NULL;
    configuration *from = calloc(1, sizeof *from + strlen(name) + 1);
    if (from == NULL)
        return lumen_fail_memory(error, name);
    memcpy(from->path, name, strlen(name) + 1);
    from->root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(from->root)) {
        *out = from;
        return LUMEN_OK;
    }
    const bool no_memory = from->root == NULL && json_ran_out_of_memory(&why);
    json_decref(from->root);
    free(from);
    if (no_memory)
        return lumen_fail_memory(error, name);
    return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s is no JSON object (line %d: %.80s); pull the model again",
                      name, why.line, why.text);
}

static lumen_status read_file(const char *path, FILE *file, configuration **out, lumen_error *error)
{
    char *bytes = malloc(CONFIGURATION_BYTES_MAX);
    if (bytes == NULL)
        return lumen_fail_memory(error, path);
    size_t size = fread(bytes, 1, CONFIGURATION_BYTES_MAX, file);
    lumen_status status;
    if (ferror(file))
        status =
            lumen_fail(error, LUMEN_ERROR_IO, "%.200s could not be read (%s); check the disk", path, strerror(errno));
    else if (size == CONFIGURATION_BYTES_MAX)
        status = lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s is larger than any configuration; pull the model again",
                            path);
    else
        status = configuration_from_bytes(path, bytes, size, out, error);
    free(bytes);
    return status;
}

lumen_status configuration_open(const char *path, configuration **out, lumen_error *error)
{
    *out = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return errno == ENOENT || errno == ENOTDIR
                   ? LUMEN_OK
                   : lumen_fail(error, errno == ENOMEM ? LUMEN_ERROR_MEMORY : LUMEN_ERROR_IO,
                                "%.200s could not be opened (%s); make it readable", path, strerror(errno));
    lumen_status status = read_file(path, file, out, error);
    fclose(file);
    return status;
}

lumen_status configuration_close(configuration *from, lumen_error *error)
{
    if (from == NULL)
        return LUMEN_OK;
    lumen_status status = from->status;
    if (status != LUMEN_OK && error != NULL)
        *error = from->fault;
    json_decref(from->root);
    free(from);
    return status;
}

/* ---- Faults ---------------------------------------------------------------------------------------------- */

static void note(configuration *from, const char *key, const char *reason)
{
    if (from->status == LUMEN_OK)
        from->status = lumen_fail(&from->fault, LUMEN_ERROR_INVALID,
                                  "%.200s: \"%s\" %s; this version cannot run such a model", from->path, key, reason);
}

void configuration_fault(configuration *from, const char *reason)
{
    if (from != NULL && from->status == LUMEN_OK)
        from->status = lumen_fail(&from->fault, LUMEN_ERROR_INVALID, "%.200s: %s; this version cannot run such a model",
                                  from->path, reason);
}

static json_t *value_of(const configuration *from, const char *key)
{
    json_t *value = from == NULL ? NULL : json_object_get(from->root, key);
    return json_is_null(value) ? NULL : value;
}

bool configuration_has(const configuration *from, const char *key)
{
    return value_of(from, key) != NULL;
}

/* ---- Values ---------------------------------------------------------------------------------------------- */

static bool whole_number(configuration *from, const char *key, const json_t *value, size_t low, size_t high,
                         size_t *out)
{
    char reason[96];
    json_int_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= 0 && (uint64_t)number >= low && (uint64_t)number <= high) {
        *out = (size_t)number;
        return true;
    }
    snprintf(reason, sizeof reason, "is no whole number from %zu to %zu", low, high);
    note(from, key, reason);
    return false;
}

size_t configuration_number(configuration *from, const char *key, size_t low, size_t high, size_t otherwise)
{
    const json_t *value = value_of(from, key);
    size_t number = otherwise;
    if (value != NULL)
        whole_number(from, key, value, low, high, &number);
    return number;
}

double configuration_real(configuration *from, const char *key, double low, double high, double otherwise)
{
    const json_t *value = value_of(from, key);
    if (value == NULL)
        return otherwise;
    double number = json_number_value(value);
    if (json_is_number(value) && number >= low && number <= high)
        return number;
    char reason[96];
    snprintf(reason, sizeof reason, "is no number from %g to %g", low, high);
    note(from, key, reason);
    return otherwise;
}

void configuration_numbers(configuration *from, const char *key, size_t low, size_t high, size_t capacity, size_t *out,
                           size_t *count)
{
    const json_t *value = value_of(from, key);
    if (value == NULL)
        return;
    if (json_is_integer(value)) {
        size_t number = 0;
        if (whole_number(from, key, value, low, high, &number))
            for (size_t i = 0; i < *count; i++)
                out[i] = number;
        return;
    }
    size_t length = json_array_size(value);
    if (length == 0 || length > capacity) {
        char reason[96];
        snprintf(reason, sizeof reason, "is no list of 1 to %zu numbers", capacity);
        note(from, key, reason);
        return;
    }
    for (size_t i = 0; i < length; i++)
        whole_number(from, key, json_array_get(value, i), low, high, &out[i]);
    *count = length;
}

void configuration_choices(configuration *from, const char *key, const char *no, const char *yes, size_t count,
                           bool *out)
{
    const json_t *value = value_of(from, key);
    if (value == NULL)
        return;
    bool good = json_array_size(value) == count;
    for (size_t i = 0; good && i < count; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        good = text != NULL && (strcmp(text, no) == 0 || strcmp(text, yes) == 0);
        out[i] = good && strcmp(text, yes) == 0;
    }
    if (!good) {
        char reason[160];
        snprintf(reason, sizeof reason, "is no list of %zu texts, each %s or %s", count, no, yes);
        note(from, key, reason);
    }
}

size_t configuration_choice(configuration *from, const char *key, const char *const *texts, size_t count,
                            size_t otherwise)
{
    const json_t *value = value_of(from, key);
    if (value == NULL)
        return otherwise;
    for (size_t i = 0; i < count; i++)
        if (json_is_string(value) && strcmp(json_string_value(value), texts[i]) == 0)
            return i;
    note(from, key, "has a value that is not known");
    return otherwise;
}

void configuration_demand(configuration *from, const char *key, const char *text)
{
    const json_t *value = value_of(from, key);
    char reason[96];
    if (value == NULL || (json_is_string(value) && strcmp(json_string_value(value), text) == 0))
        return;
    snprintf(reason, sizeof reason, "is not \"%s\"", text);
    note(from, key, reason);
}

void configuration_demand_boolean(configuration *from, const char *key, bool value)
{
    const json_t *given = value_of(from, key);
    if (given != NULL && !(value ? json_is_true(given) : json_is_false(given)))
        note(from, key, value ? "is not true" : "is not false");
}

/* Models of an operator's own, from a file. Its names become folders and addresses, so each is looked at letter by
 * letter. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "weights/weights.h"

enum { CATALOG_BYTES_MAX = 4 << 20, NAME_MAX_BYTES = 200, PATH_MAX_BYTES = 1000, SHA256_DIGITS = 64 };

struct weights_catalog {
    json_t *root; /* keeps the texts alive */
    size_t count;
    weights_model models[WEIGHTS_MODELS_MAX];
};

/* ---- Names ------------------------------------------------------------------------------------------------------ */

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Folders and a name that stay where they are put: letters, digits and -_.+ between slashes; no part is empty or begins
 * with a dot. */
static bool is_plain_path(const char *path, size_t longest)
{
    size_t length = strlen(path);
    if (length == 0 || length > longest)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool first = i == 0 || path[i - 1] == '/';
        if (!is_letter_or_digit(path[i]) && (first || strchr("-_.+/", path[i]) == NULL))
            return false;
    }
    return path[length - 1] != '/';
}

static bool is_plain_name(const char *name)
{
    return is_plain_path(name, NAME_MAX_BYTES) && strchr(name, '/') == NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool is_sha256(const char *text)
{
    return strlen(text) == SHA256_DIGITS && strspn(text, "0123456789abcdef") == SHA256_DIGITS;
}

/* Text for people: no control characters, which could do things to a terminal. */
static bool is_text(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            return false;
    return true;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

static lumen_status read_file(const char *name, const json_t *from, weights_file *out, lumen_error *error)
{
    const json_t *bytes = json_object_get(from, "bytes");
    const json_t *sha256 = json_object_get(from, "sha256");
    const char *path = json_string_value(json_object_get(from, "path"));
    if (path == NULL || !is_plain_path(path, PATH_MAX_BYTES) || ends_with(path, ".part") || ends_with(path, ".tag"))
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.150s: model file %.100s has no plain path; write letters, digits and -_.+ between slashes",
                          name, path == NULL ? "(unnamed)" : path);
    if (bytes != NULL && (!json_is_integer(bytes) || json_integer_value(bytes) < 1))
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s: the bytes of %.100s are no whole number from 1 on", name,
                          path);
    if (sha256 != NULL && (!json_is_string(sha256) || !is_sha256(json_string_value(sha256))))
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.150s: the sha256 of %.100s is not 64 hexadecimal digits in lower case", name, path);
    *out = (weights_file){.path = path,
                          .bytes = bytes == NULL ? 0 : (uint64_t)json_integer_value(bytes),
                          .sha256 = json_string_value(sha256)};
    return LUMEN_OK;
}

/* A file within another's name ("a" and "a/b") could never be written. */
static bool collides(const weights_file *files, size_t count)
{
    const char *last = files[count].path;
    for (size_t i = 0; i < count; i++) {
        const char *other = files[i].path;
        size_t shorter = strlen(last) < strlen(other) ? strlen(last) : strlen(other);
        if (strncmp(last, other, shorter) == 0 && (last[shorter] == '\0' || last[shorter] == '/') &&
            (other[shorter] == '\0' || other[shorter] == '/'))
            return true;
    }
    return false;
}

static lumen_status read_files(const char *name, const json_t *list, weights_model *out, lumen_error *error)
{
    size_t count = json_array_size(list);
    if (count == 0 || count > WEIGHTS_FILES_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s: model %.100s needs 1 to %d files", name, out->name,
                          WEIGHTS_FILES_MAX);
    weights_file *files = calloc(count, sizeof *files);
    if (files == NULL)
        return lumen_fail_memory(error, "the list of models");
    out->files = files;
    out->file_count = count;
    for (size_t i = 0; i < count; i++) {
        lumen_status status = read_file(name, json_array_get(list, i), &files[i], error);
        if (status != LUMEN_OK)
            return status;
        if (collides(files, i))
            return lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s: file %.100s is there twice", name, files[i].path);
    }
    return LUMEN_OK;
}

/* A text that may be left out; NULL when it is none that people or folders may see. */
static const char *read_text(const json_t *from, const char *key, const char *usual)
{
    const json_t *value = json_object_get(from, key);
    if (value == NULL)
        return usual;
    const char *text = json_string_value(value);
    return text != NULL && is_text(text) ? text : NULL;
}

static lumen_status read_model(const char *name, const json_t *from, weights_model *out, lumen_error *error)
{
    out->name = read_text(from, "name", NULL);
    out->purpose = read_text(from, "purpose", "");
    out->repository = read_text(from, "repository", NULL);
    out->revision = read_text(from, "revision", "main");
    out->licence = read_text(from, "licence", NULL);
    out->terms = read_text(from, "terms", "");
    out->accept = json_is_true(json_object_get(from, "accept"));
    if (out->name == NULL || !is_plain_name(out->name))
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.200s: a model has no plain name; write letters, digits and -_.+", name);
    if (out->repository == NULL || !is_plain_path(out->repository, NAME_MAX_BYTES) || out->revision == NULL ||
        !is_plain_name(out->revision))
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.150s: model %.100s has no plain repository and revision; write letters, digits and -_.+",
                          name, out->name);
    if (out->licence == NULL || out->terms == NULL || out->purpose == NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s: model %.100s needs a licence, in plain words", name,
                          out->name);
    return read_files(name, json_object_get(from, "files"), out, error);
}

/* The place of a model: that of the one with its name, or a new one. NULL: there are too many. */
static weights_model *place_of(weights_catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->count; i++)
        if (strcmp(catalog->models[i].name, name) == 0)
            return &catalog->models[i];
    return catalog->count < WEIGHTS_MODELS_MAX ? &catalog->models[catalog->count++] : NULL;
}

/* Our own files are constants, those of the file are not. */
static void free_files(const weights_model *model)
{
    const weights_model *ours = weights_model_of(model->name);
    if (ours == NULL || ours->files != model->files)
        free((weights_file *)(uintptr_t)model->files);
}

static lumen_status read_models(const char *name, weights_catalog *catalog, lumen_error *error)
{
    const json_t *list = json_object_get(catalog->root, "models");
    if (!json_is_array(list))
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s has no list \"models\"", name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        weights_model model = {0};
        lumen_status status = read_model(name, json_array_get(list, i), &model, error);
        weights_model *place = status == LUMEN_OK ? place_of(catalog, model.name) : NULL;
        if (place == NULL) {
            free((weights_file *)(uintptr_t)model.files);
            return status != LUMEN_OK ? status
                                      : lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s names more than %d models", name,
                                                   WEIGHTS_MODELS_MAX);
        }
        if (place->name != NULL)
            free_files(place);
        *place = model;
    }
    return LUMEN_OK;
}

lumen_status weights_catalog_from_bytes(const char *name, const void *bytes, size_t size, weights_catalog **out,
                                        lumen_error *error)
{
    *out = NULL;
    weights_catalog *catalog = calloc(1, sizeof *catalog);
    if (catalog == NULL)
        return lumen_fail_memory(error, "the list of models");
    for (size_t i = 0; i < weights_model_count(); i++)
        catalog->models[catalog->count++] = *weights_model_at(i);
    json_error_t reason;
    lumen_status status = LUMEN_OK;
    catalog->root = size > CATALOG_BYTES_MAX ? NULL : json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &reason);
    if (size > CATALOG_BYTES_MAX)
        status = lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s is too large for a list of models", name);
    else if (catalog->root == NULL)
        status = lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s:%d: %.100s", name, reason.line, reason.text);
    else
        status = read_models(name, catalog, error);
    if (status != LUMEN_OK) {
        weights_catalog_close(catalog);
        return status;
    }
    *out = catalog;
    return LUMEN_OK;
}

lumen_status weights_catalog_open(const char *path, weights_catalog **out, lumen_error *error)
{
    static const char none[] = "{\"models\":[]}";
    *out = NULL;
    if (path == NULL)
        return weights_catalog_from_bytes("the list of models", none, sizeof none - 1, out, error);
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return lumen_fail(error, LUMEN_ERROR_IO, "the list of models %.200s cannot be opened: %s", path,
                          strerror(errno));
    char *bytes = malloc(CATALOG_BYTES_MAX + 1);
    size_t size = bytes == NULL ? 0 : fread(bytes, 1, CATALOG_BYTES_MAX + 1, file);
    lumen_status status;
    if (bytes == NULL)
        status = lumen_fail_memory(error, "the list of models");
    else if (ferror(file))
        status =
            lumen_fail(error, LUMEN_ERROR_IO, "the list of models %.200s cannot be read: %s", path, strerror(errno));
    else
        status = weights_catalog_from_bytes(path, bytes, size, out, error);
    free(bytes);
    fclose(file);
    return status;
}

void weights_catalog_close(weights_catalog *catalog)
{
    if (catalog == NULL)
        return;
    for (size_t i = 0; i < catalog->count; i++)
        free_files(&catalog->models[i]);
    json_decref(catalog->root);
    free(catalog);
}

size_t weights_catalog_count(const weights_catalog *catalog)
{
    return catalog->count;
}

const weights_model *weights_catalog_at(const weights_catalog *catalog, size_t index)
{
    return index < catalog->count ? &catalog->models[index] : NULL;
}

const weights_model *weights_catalog_of(const weights_catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->count; i++)
        if (strcmp(catalog->models[i].name, name) == 0)
            return &catalog->models[i];
    return NULL;
}

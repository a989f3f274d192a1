/* The header of a weight file: every field is from outside, so nothing is used before it has been compared. */

#include "tensor/safetensors_header.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, BITS_PER_BYTE = 8 };

/* All types of the format. Those in which nothing here computes are read too, so that a file is not refused for one
 * tensor that nobody asks for. */
typedef struct safetensors_type {
    const char *name;
    size_t bits;
    tensor_type type;
} safetensors_type;

static const safetensors_type types[] = {
    {"F32", 32, TENSOR_F32},         {"F16", 16, TENSOR_F16},     {"BF16", 16, TENSOR_BF16},
    {"I64", 64, TENSOR_I64},         {"I32", 32, TENSOR_I32},     {"U8", 8, TENSOR_U8},
    {"BOOL", 8, TENSOR_NONE},        {"I8", 8, TENSOR_NONE},      {"I16", 16, TENSOR_NONE},
    {"U16", 16, TENSOR_NONE},        {"U32", 32, TENSOR_NONE},    {"U64", 64, TENSOR_NONE},
    {"F64", 64, TENSOR_NONE},        {"C64", 64, TENSOR_NONE},    {"F8_E4M3", 8, TENSOR_NONE},
    {"F8_E5M2", 8, TENSOR_NONE},     {"F8_E8M0", 8, TENSOR_NONE}, {"F8_E4M3FNUZ", 8, TENSOR_NONE},
    {"F8_E5M2FNUZ", 8, TENSOR_NONE}, {"F4", 4, TENSOR_NONE},      {"F6_E2M3", 6, TENSOR_NONE},
    {"F6_E3M2", 6, TENSOR_NONE}};

static const safetensors_type *type_of(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

tensor_type safetensors_entry_type(const safetensors_entry *entry)
{
    return entry->type->type;
}

const char *safetensors_entry_type_name(const safetensors_entry *entry)
{
    return entry->type->name;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

lumen_status safetensors_json(const char *name, const void *bytes, size_t size, json_t **out, lumen_error *error)
{
    *out = NULL;
    /* An upper bound of the values before any is made: the parser takes about a hundred bytes for "[],". */
    const char *text = bytes;
    size_t values = 0;
    for (size_t i = 0; i < size; i++)
        values += text[i] == ',' || text[i] == '[' || text[i] == '{';
    if (values > SAFETENSORS_VALUES_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.200s describes more than %d values; this is no file of weights", name,
                          SAFETENSORS_VALUES_MAX);
    json_error_t reason;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &reason);
    /* Jansson tells so of some of its allocations; others look like broken text to it. */
    if (root == NULL && (json_error_code(&reason) == json_error_out_of_memory || reason.text[0] == '\0'))
        return lumen_fail_memory(error, name);
    if (!json_is_object(root)) {
        json_decref(root);
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s has a broken header: %.100s; download it again", name,
                          root == NULL ? reason.text : "it is no object");
    }
    *out = root;
    return LUMEN_OK;
}

/* A whole number from 0 on. */
static bool read_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > (uint64_t)SIZE_MAX)
        return false;
    *out = (size_t)json_integer_value(value);
    return true;
}

/* ---- One tensor ------------------------------------------------------------------------------------------------- */

/* Bytes of a tensor; false when a product overflows or the tensor ends amid a byte. */
static bool count_bytes(const safetensors_entry *entry, size_t *bytes)
{
    size_t bits, count = 1;
    for (uint32_t i = 0; i < entry->rank; i++)
        if (__builtin_mul_overflow(count, entry->sizes[i], &count))
            return false;
    if (__builtin_mul_overflow(count, entry->type->bits, &bits))
        return false;
    *bytes = bits / BITS_PER_BYTE;
    return bits % BITS_PER_BYTE == 0;
}

static lumen_status read_entry(const char *name, const char *tensor_name, const json_t *facts, unsigned char *data,
                               size_t data_size, safetensors_entry *entry, lumen_error *error)
{
    const char *type_name = json_string_value(json_object_get(facts, "dtype"));
    const json_t *shape = json_object_get(facts, "shape");
    const json_t *offsets = json_object_get(facts, "data_offsets");
    size_t begin, end, bytes;

    entry->type = type_of(type_name);
    if (entry->type == NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s: tensor %.100s has no known type (%.20s)", name,
                          tensor_name, type_name == NULL ? "none is given" : type_name);
    if (!json_is_array(shape) || json_array_size(shape) > TENSOR_RANK_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s: tensor %.100s has no shape of at most %d sizes", name,
                          tensor_name, TENSOR_RANK_MAX);
    entry->rank = (uint32_t)json_array_size(shape);
    for (uint32_t i = 0; i < TENSOR_RANK_MAX; i++)
        entry->sizes[i] = 1;
    for (uint32_t i = 0; i < entry->rank; i++)
        if (!read_size(json_array_get(shape, i), &entry->sizes[i]))
            return lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s: tensor %.100s has a size that is no whole number",
                              name, tensor_name);
    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &begin) ||
        !read_size(json_array_get(offsets, 1), &end) || begin > end || end > data_size)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.150s: tensor %.100s does not lie inside the file; it may be cut off, download it again",
                          name, tensor_name);
    if (!count_bytes(entry, &bytes) || bytes != end - begin)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s: tensor %.100s takes %zu bytes, which its shape does not",
                          name, tensor_name, end - begin);
    entry->data = data + begin;
    entry->bytes = bytes;
    return LUMEN_OK;
}

/* ---- All of them ------------------------------------------------------------------------------------------------ */

static bool make_room(safetensors_table *table, size_t more)
{
    if (table->entries != NULL && table->capacity - table->count >= more)
        return true;
    size_t capacity = table->count + more + 1; /* a table without tensors has entries, too */
    safetensors_entry *entries = reallocarray(table->entries, capacity, sizeof *entries);
    if (entries == NULL)
        return false;
    table->entries = entries;
    table->capacity = capacity;
    return true;
}

static int compare_places(const void *left, const void *right)
{
    const safetensors_entry *a = left;
    const safetensors_entry *b = right;
    if (a->data != b->data)
        return a->data < b->data ? -1 : 1;
    return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

/* One tensor after the other, without a gap and to the last byte: so that no byte has two meanings and none can hide.
 */
static lumen_status check_places(const char *name, safetensors_entry *entries, size_t count, const unsigned char *data,
                                 size_t data_size, lumen_error *error)
{
    if (count > 0)
        qsort(entries, count, sizeof *entries, compare_places);
    const unsigned char *expected = data;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].data != expected)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s: tensor %.100s %s; download the file again", name,
                              entries[i].name, entries[i].data < expected ? "overlaps another" : "follows a gap");
        expected += entries[i].bytes;
    }
    if ((size_t)(expected - data) != data_size)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s has %zu bytes behind its tensors; download it again",
                          name, data_size - (size_t)(expected - data));
    return LUMEN_OK;
}

static lumen_status read_entries(const char *name, const json_t *root, unsigned char *data, size_t data_size,
                                 size_t shard, safetensors_table *table, lumen_error *error)
{
    if (!make_room(table, json_object_size(root)))
        return lumen_fail_memory(error, "the table of tensors");
    size_t first = table->count;
    const char *key;
    json_t *facts;
    json_object_foreach((json_t *)root, key, facts)
    {
        if (strcmp(key, "__metadata__") == 0)
            continue;
        safetensors_entry *entry = &table->entries[table->count];
        *entry = (safetensors_entry){.shard = shard};
        lumen_status status = read_entry(name, key, facts, data, data_size, entry, error);
        if (status != LUMEN_OK)
            return status;
        entry->name = strdup(key);
        if (entry->name == NULL)
            return lumen_fail_memory(error, "the table of tensors");
        table->count++;
    }
    return check_places(name, &table->entries[first], table->count - first, data, data_size, error);
}

/* Free text of whoever wrote the file; nothing here reads it, but the format says what it may be. */
static lumen_status check_metadata(const char *name, const json_t *root, lumen_error *error)
{
    json_t *metadata = json_object_get(root, "__metadata__");
    const char *key;
    json_t *value;
    bool good = metadata == NULL || json_is_null(metadata) || json_is_object(metadata);
    json_object_foreach(metadata, key, value) good = good && json_is_string(value);
    if (!good)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s: __metadata__ is no table of texts; download it again",
                          name);
    return LUMEN_OK;
}

lumen_status safetensors_read_header(const char *name, unsigned char *bytes, size_t size, size_t shard,
                                     safetensors_table *table, lumen_error *error)
{
    if (size < LENGTH_BYTES)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s has %zu bytes, too few for a file of weights", name,
                          size);
    uint64_t length = 0;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)bytes[i] << (BITS_PER_BYTE * i);
    if (length > SAFETENSORS_HEADER_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.200s is no safetensors file: its header would have %llu bytes, more than %d", name,
                          (unsigned long long)length, SAFETENSORS_HEADER_MAX);
    if (length > size - LENGTH_BYTES)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s ends within its header; download it again", name);

    json_t *root;
    lumen_status status = safetensors_json(name, bytes + LENGTH_BYTES, (size_t)length, &root, error);
    if (status != LUMEN_OK)
        return status;
    size_t data_at = LENGTH_BYTES + (size_t)length;
    status = check_metadata(name, root, error);
    if (status == LUMEN_OK)
        status = read_entries(name, root, bytes + data_at, size - data_at, shard, table, error);
    json_decref(root);
    return status;
}

void safetensors_table_free(safetensors_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->entries[i].name);
    free(table->entries);
    *table = (safetensors_table){0};
}

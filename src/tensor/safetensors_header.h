/*
 * safetensors_header.h: inside the room: what the header of one weight file says, checked.
 */
#ifndef LUMEN_TENSOR_SAFETENSORS_HEADER_H
#define LUMEN_TENSOR_SAFETENSORS_HEADER_H

#include <jansson.h>

#include "base/error.h"
#include "tensor/tensor.h"

enum {
    SAFETENSORS_HEADER_MAX = 100000000, /* bytes, as in the reference implementation */
    SAFETENSORS_VALUES_MAX = 4000000,   /* JSON values; a tensor takes about ten. Bounds what parsing may take. */
    SAFETENSORS_PATH_BYTES = 4096
};

typedef struct safetensors_entry {
    char *name; /* own */
    const struct safetensors_type *type;
    uint32_t rank;
    size_t sizes[TENSOR_RANK_MAX];
    unsigned char *data;
    size_t bytes;
    size_t shard; /* filled in by the owner of the table */
} safetensors_entry;

typedef struct safetensors_table {
    safetensors_entry *entries;
    size_t count;
    size_t capacity;
} safetensors_table;

/* Adds the tensors of a file of `size` bytes to the table. `name` stands in messages. After a failure the table holds
 * what had been added before and is still to be freed. */
lumen_status safetensors_read_header(const char *name, unsigned char *bytes, size_t size, size_t shard,
                                     safetensors_table *table, lumen_error *error);
void safetensors_table_free(safetensors_table *table);

/* The type that an entry has; TENSOR_NONE for the types of the format in which nothing here computes. */
tensor_type safetensors_entry_type(const safetensors_entry *entry);
const char *safetensors_entry_type_name(const safetensors_entry *entry); /* "F64" */

/* Bytes from outside as a JSON object, with the bounds above. `name` stands in messages. */
lumen_status safetensors_json(const char *name, const void *bytes, size_t size, json_t **out, lumen_error *error);

#endif

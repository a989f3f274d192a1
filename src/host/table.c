#include "host/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"

/* More than all shipped shapes together, many times over. */
static const size_t CONCEPTS_BYTES_MAX = (size_t)16 << 20;

/* What opening liblumen takes, for the order of loading; measured on 64-bit Linux. */
static const uint64_t LIBRARY_BYTES = (uint64_t)4 << 20;

struct host_table {
    host_table_options options;
    lumen *library; /* while its model is loaded */
    model models[1];
    host_engine engines[1 + HOST_TABLE_MORE_MAX];
    host_engines offered;
};

static const char *const needs_the_library[] = {"procedural", NULL};

/* ---- The model: an open library --------------------------------------------------------------------------------- */

/* A whole file as a text that the caller frees. */
static lumen_status read_text(const char *path, char **text, lumen_error *error)
{
    *text = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s could not be read: %s", path, strerrordesc_np(errno));
    buffer bytes;
    buffer_open(&bytes, CONCEPTS_BYTES_MAX);
    unsigned char piece[4096];
    size_t size;
    while ((size = fread(piece, 1, sizeof piece, file)) > 0)
        buffer_append(&bytes, piece, size);
    bool unreadable = ferror(file) != 0;
    fclose(file);
    buffer_u8(&bytes, 0);
    lumen_status status = LUMEN_OK;
    if (unreadable)
        status = lumen_fail(error, LUMEN_ERROR_IO, "%.200s could not be read to its end", path);
    else if (buffer_failed(&bytes))
        status = lumen_fail(error, LUMEN_ERROR_MEMORY, "%.200s is longer than %zu bytes, or memory ran out", path,
                            CONCEPTS_BYTES_MAX);
    else if (strlen((const char *)bytes.data) + 1 != bytes.size)
        status = lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s holds zeros; it is no text", path);
    if (status == LUMEN_OK)
        *text = (char *)bytes.data;
    else
        buffer_close(&bytes);
    return status;
}

/* 0 when the system does not say. */
static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    bool known = fscanf(file, "%*u %llu", &pages) == 1;
    fclose(file);
    long page = sysconf(_SC_PAGESIZE);
    return known && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

lumen_status host_table_open_library(const host_table_options *options, lumen **out, lumen_error *error)
{
    *out = NULL;
    char *concepts = NULL;
    lumen_status status = LUMEN_OK;
    if (options->concepts_path != NULL)
        status = read_text(options->concepts_path, &concepts, error);
    if (status == LUMEN_OK)
        status =
            lumen_open(&(lumen_options){.concepts = concepts, .concepts_name = options->concepts_path}, out, error);
    free(concepts);
    if (status == LUMEN_OK && options->opened != NULL &&
        (status = options->opened(options->user, *out, error)) != LUMEN_OK) {
        lumen_close(*out);
        *out = NULL;
    }
    return status;
}

static lumen_status load_library(void *self, uint64_t *bytes, lumen_error *error)
{
    host_table *table = self;
    uint64_t before = resident_bytes();
    lumen_status status = host_table_open_library(&table->options, &table->library, error);
    uint64_t after = resident_bytes();
    if (status == LUMEN_OK && after > before)
        *bytes = after - before;
    return status;
}

static void unload_library(void *self)
{
    host_table *table = self;
    if (table->options.closing != NULL)
        table->options.closing(table->options.user);
    lumen_close(table->library);
    table->library = NULL;
}

/* ---- The engines ----------------------------------------------------------------------------------------------------
 */

/* Every engine that works through the library: the request names it. */
static void generate_in_library(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes,
                                lumen_status *statuses, lumen_error *errors)
{
    host_table *table = self;
    for (size_t i = 0; i < count; i++)
        statuses[i] = lumen_generate(table->library, &requests[i], &shapes[i], &errors[i]);
}

static void add_engine(host_table *table, const char *name)
{
    table->engines[table->offered.engine_count++] = (host_engine){
        .name = name, .batch_max = 1, .models = needs_the_library, .generate = generate_in_library, .self = table};
}

lumen_status host_table_open(const host_table_options *options, host_table **out, lumen_error *error)
{
    *out = NULL;
    size_t more = 0;
    while (options->more != NULL && options->more[more] != NULL)
        if (++more > HOST_TABLE_MORE_MAX)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "there are more than %d further engines; leave some out",
                              HOST_TABLE_MORE_MAX);
    host_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return lumen_fail_memory(error, "the table of engines");
    table->options = *options;
    table->models[0] = (model){.name = needs_the_library[0],
                               .bytes = LIBRARY_BYTES,
                               .load = load_library,
                               .unload = unload_library,
                               .self = table};
    table->offered = (host_engines){.models = table->models, .model_count = 1, .engines = table->engines};
    add_engine(table, "procedural");
    for (size_t i = 0; i < more; i++)
        add_engine(table, options->more[i]);
    *out = table;
    return LUMEN_OK;
}

const host_engines *host_table_offered(const host_table *table)
{
    return &table->offered;
}

void host_table_close(host_table *table)
{
    free(table);
}

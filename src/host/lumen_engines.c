#include "host/lumen_engines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "base/buffer.h"
#include "base/error.h"

/* More than all shipped shapes together, many times over. */
static const size_t CONCEPTS_BYTES_MAX = (size_t)16 << 20;

/* What opening liblumen takes, for the order of loading; measured on 64-bit Linux. */
static const uint64_t LIBRARY_BYTES = (uint64_t)17 << 20;

/* What a table of host_engines points into. */
typedef struct engine_table {
    const char *concepts;
    lumen_engines_more more;
    lumen *library; /* while its model is loaded */
    model models[1];
    host_engine engines[1 + LUMEN_ENGINES_MORE_MAX];
    size_t engine_count;
} engine_table;

static const char *const needs_the_library[] = {"procedural", NULL};

/* ---- The library ---------------------------------------------------------------------------------------------- */

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

lumen_status lumen_engines_open_library(const char *concepts, const char *folder, uint64_t memory_budget, lumen **out,
                                        lumen_error *error)
{
    char *text = NULL;
    *out = NULL;
    lumen_status status = concepts != NULL ? read_text(concepts, &text, error) : LUMEN_OK;
    const lumen_options options = {
        .concepts = text, .concepts_name = concepts, .models = folder, .memory_budget = memory_budget};
    if (status == LUMEN_OK)
        status = lumen_open(&options, out, error);
    free(text);
    return status;
}

/* ---- The model: an open library ------------------------------------------------------------------------------- */

static lumen_status load_library(void *self, uint64_t *bytes, lumen_error *error)
{
    engine_table *table = self;
    uint64_t before = process_resident_bytes();
    lumen_status status = lumen_engines_open_library(table->concepts, NULL, 0, &table->library, error);
    if (status == LUMEN_OK && table->more.add != NULL)
        status = table->more.add(table->library, error);
    if (status != LUMEN_OK) {
        lumen_close(table->library);
        table->library = NULL;
        return status;
    }
    uint64_t after = process_resident_bytes();
    if (after > before)
        *bytes = after - before;
    return LUMEN_OK;
}

static void unload_library(void *self)
{
    engine_table *table = self;
    lumen_close(table->library);
    table->library = NULL;
}

/* ---- The engines ---------------------------------------------------------------------------------------------- */

/* Every engine that works through the library: the request names it. */
static void generate_in_library(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes,
                                lumen_status *statuses, lumen_error *errors)
{
    engine_table *table = self;
    for (size_t i = 0; i < count; i++)
        statuses[i] = lumen_generate(table->library, &requests[i], &shapes[i], &errors[i]);
}

static void add_engine(engine_table *table, const char *name)
{
    table->engines[table->engine_count++] = (host_engine){
        .name = name, .batch_max = 1, .models = needs_the_library, .generate = generate_in_library, .self = table};
}

lumen_status lumen_engines_offer_more(const char *concepts, const lumen_engines_more *more, host_engines *out,
                                      lumen_error *error)
{
    *out = (host_engines){0};
    size_t count = 0;
    while (more != NULL && more->names[count] != NULL)
        if (++count > LUMEN_ENGINES_MORE_MAX)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "there are more than %d further engines; leave some out",
                              LUMEN_ENGINES_MORE_MAX);
    engine_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return lumen_fail_memory(error, "the table of engines");
    table->concepts = concepts;
    table->models[0] = (model){.name = needs_the_library[0],
                               .bytes = LIBRARY_BYTES,
                               .load = load_library,
                               .unload = unload_library,
                               .self = table};
    add_engine(table, "procedural");
    if (more != NULL)
        table->more = *more;
    for (size_t i = 0; i < count; i++)
        add_engine(table, more->names[i]);
    *out = (host_engines){.models = table->models,
                          .model_count = sizeof table->models / sizeof *table->models,
                          .engines = table->engines,
                          .engine_count = table->engine_count};
    return LUMEN_OK;
}

lumen_status lumen_engines_offer(const char *concepts, host_engines *out, lumen_error *error)
{
    return lumen_engines_offer_more(concepts, NULL, out, error);
}

void lumen_engines_withdraw(host_engines *offered)
{
    if (offered->engine_count > 0)
        free(offered->engines[0].self); /* the table */
    *offered = (host_engines){0};
}

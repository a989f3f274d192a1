/* Weight files in memory: one file or all shards of an index, and tensors by name. */

#include "tensor/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/safetensors_header.h"

enum { SHARDS_MAX = 512 };

typedef struct shard {
    char name[SAFETENSORS_PATH_BYTES]; /* for messages */
    unsigned char *bytes;
    size_t size;
    bool mapped;
} shard;

struct safetensors {
    shard *shards;
    size_t shard_count;
    safetensors_table table; /* by name */
};

/* ---- Mapping ---------------------------------------------------------------------------------------------------- */

/* The bytes of a whole file, read-only. An empty file is 0 bytes at NULL. */
static lumen_status map_file(const char *path, shard *out, lumen_error *error)
{
    struct stat facts;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s cannot be opened: %s", path, strerror(errno));
    lumen_status status = LUMEN_OK;
    if (fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        status = lumen_fail(error, LUMEN_ERROR_IO, "%.200s is no file", path);
    } else if ((uint64_t)facts.st_size > SIZE_MAX / 2) {
        status = lumen_fail(error, LUMEN_ERROR_MEMORY, "%.200s is too large for this machine", path);
    } else if (facts.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED) {
            status = lumen_fail(error, errno == ENOMEM ? LUMEN_ERROR_MEMORY : LUMEN_ERROR_IO,
                                "%.200s cannot be mapped: %s", path, strerror(errno));
        } else {
            out->bytes = bytes;
            out->size = (size_t)facts.st_size;
            out->mapped = true;
        }
    }
    close(file);
    return status;
}

static void unmap(shard *file)
{
    if (file->mapped)
        munmap(file->bytes, file->size);
    file->bytes = NULL;
    file->mapped = false;
}

/* ---- Names ------------------------------------------------------------------------------------------------------ */

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const safetensors_entry *)left)->name, ((const safetensors_entry *)right)->name);
}

static const safetensors_entry *entry_of(const safetensors *file, const char *name)
{
    size_t low = 0;
    for (size_t high = file->table.count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, file->table.entries[middle].name);
        if (order == 0)
            return &file->table.entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* When the tensors of all shards are there. */
static lumen_status sort_names(safetensors *file, lumen_error *error)
{
    safetensors_table *table = &file->table;
    if (table->count > 0)
        qsort(table->entries, table->count, sizeof *table->entries, compare_names);
    for (size_t i = 1; i < table->count; i++)
        if (compare_names(&table->entries[i - 1], &table->entries[i]) == 0)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s: tensor %.100s is in another shard as well",
                              file->shards[table->entries[i].shard].name, table->entries[i].name);
    return LUMEN_OK;
}

/* ---- Shards ----------------------------------------------------------------------------------------------------- */

/* A name beside the index: what it names lies in the same folder. */
static bool stays_in_folder(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static lumen_status name_shard(const char *index_path, const char *name, shard *out, lumen_error *error)
{
    const char *slash = strrchr(index_path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - index_path) + 1;
    int length = snprintf(out->name, sizeof out->name, "%.*s%s", folder, index_path, name);
    if (length < 0 || (size_t)length >= sizeof out->name)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s: the name of a shard is too long", index_path);
    return LUMEN_OK;
}

/* The number of the shard `name`, which is added when it is new. SHARDS_MAX: there are too many. */
static size_t shard_number(const char **names, size_t *count, const char *name)
{
    /* An index is mostly sorted by shard, so the last one is the likely one. */
    for (size_t i = *count; i-- > 0;)
        if (strcmp(names[i], name) == 0)
            return i;
    if (*count < SHARDS_MAX)
        names[(*count)++] = name;
    else
        return SHARDS_MAX;
    return *count - 1;
}

/* Which files the index names, each once, and that each is safe to open. The names are the JSON's. */
static lumen_status list_shards(const char *path, const json_t *weight_map, const char **names, size_t *count,
                                lumen_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)weight_map, key, value)
    {
        const char *name = json_string_value(value);
        if (name == NULL || !stays_in_folder(name))
            return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s: tensor %.100s is in no file of the same folder",
                              path, key);
        if (shard_number(names, count, name) == SHARDS_MAX)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s names more than %d files", path, SHARDS_MAX);
    }
    if (*count == 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s has no weight_map that names files", path);
    return LUMEN_OK;
}

/* Every tensor of the index must be there, in the file that the index names. */
static lumen_status check_index(const char *path, const json_t *weight_map, const char **names, size_t count,
                                const safetensors *file, lumen_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)weight_map, key, value)
    {
        const char *name = json_string_value(value);
        const safetensors_entry *entry = entry_of(file, key);
        if (entry == NULL || shard_number(names, &count, name) != entry->shard)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "%.150s: tensor %.100s is not in %.80s; download it again",
                              path, key, name);
    }
    return LUMEN_OK;
}

static lumen_status open_shards(const char *path, const json_t *weight_map, const char **names, safetensors *file,
                                lumen_error *error)
{
    size_t count = 0;
    lumen_status status = list_shards(path, weight_map, names, &count, error);
    if (status != LUMEN_OK)
        return status;
    file->shards = calloc(count, sizeof *file->shards);
    if (file->shards == NULL)
        return lumen_fail_memory(error, "the list of shards");
    file->shard_count = count;
    for (size_t i = 0; i < count && status == LUMEN_OK; i++) {
        shard *one = &file->shards[i];
        status = name_shard(path, names[i], one, error);
        if (status == LUMEN_OK)
            status = map_file(one->name, one, error);
        if (status == LUMEN_OK)
            status = safetensors_read_header(one->name, one->bytes, one->size, i, &file->table, error);
    }
    if (status == LUMEN_OK)
        status = sort_names(file, error);
    return status == LUMEN_OK ? check_index(path, weight_map, names, count, file, error) : status;
}

static lumen_status open_index(const char *path, safetensors *file, lumen_error *error)
{
    shard text = {0};
    json_t *root = NULL;
    const char **names = malloc(SHARDS_MAX * sizeof *names);
    lumen_status status = names == NULL ? lumen_fail_memory(error, "the list of shards") : map_file(path, &text, error);
    if (status == LUMEN_OK && text.size > SAFETENSORS_HEADER_MAX)
        status = lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s has %zu bytes, too many for an index", path, text.size);
    if (status == LUMEN_OK)
        status = safetensors_json(path, text.bytes != NULL ? (const char *)text.bytes : "", text.size, &root, error);
    if (status == LUMEN_OK)
        status = open_shards(path, json_object_get(root, "weight_map"), names, file, error);
    json_decref(root);
    unmap(&text);
    free(names);
    return status;
}

/* ---- Opening and closing ---------------------------------------------------------------------------------------- */

static lumen_status read_single(safetensors *file, lumen_error *error)
{
    const shard *only = &file->shards[0];
    lumen_status status = safetensors_read_header(only->name, only->bytes, only->size, 0, &file->table, error);
    return status == LUMEN_OK ? sort_names(file, error) : status;
}

static lumen_status make_single(const char *name, safetensors *file, lumen_error *error)
{
    file->shards = calloc(1, sizeof *file->shards);
    if (file->shards == NULL)
        return lumen_fail_memory(error, "the list of shards");
    file->shard_count = 1;
    snprintf(file->shards[0].name, sizeof file->shards[0].name, "%s", name);
    return LUMEN_OK;
}

static lumen_status open_single(const char *path, safetensors *file, lumen_error *error)
{
    lumen_status status = make_single(path, file, error);
    if (status == LUMEN_OK)
        status = map_file(path, &file->shards[0], error);
    return status == LUMEN_OK ? read_single(file, error) : status;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

lumen_status safetensors_open(const char *path, safetensors **out, lumen_error *error)
{
    *out = NULL;
    safetensors *file = calloc(1, sizeof *file);
    if (file == NULL)
        return lumen_fail_memory(error, path);
    lumen_status status = ends_with(path, ".json") ? open_index(path, file, error) : open_single(path, file, error);
    if (status != LUMEN_OK) {
        safetensors_close(file);
        return status;
    }
    *out = file;
    return LUMEN_OK;
}

lumen_status safetensors_from_bytes(const char *name, const void *bytes, size_t size, safetensors **out,
                                    lumen_error *error)
{
    *out = NULL;
    safetensors *file = calloc(1, sizeof *file);
    if (file == NULL)
        return lumen_fail_memory(error, name);
    lumen_status status = make_single(name, file, error);
    if (status == LUMEN_OK) {
        /* Nothing here writes through it; a tensor's bytes have no const. */
        file->shards[0].bytes = (unsigned char *)(uintptr_t)bytes;
        file->shards[0].size = size;
        status = read_single(file, error);
    }
    if (status != LUMEN_OK) {
        safetensors_close(file);
        return status;
    }
    *out = file;
    return LUMEN_OK;
}

void safetensors_close(safetensors *file)
{
    if (file == NULL)
        return;
    safetensors_table_free(&file->table);
    for (size_t i = 0; i < file->shard_count; i++)
        unmap(&file->shards[i]);
    free(file->shards);
    free(file);
}

/* ---- Use -------------------------------------------------------------------------------------------------------- */

size_t safetensors_count(const safetensors *file)
{
    return file->table.count;
}

const char *safetensors_name(const safetensors *file, size_t index)
{
    return index < file->table.count ? file->table.entries[index].name : NULL;
}

const char *safetensors_path(const safetensors *file)
{
    return file->shards[0].name;
}

bool safetensors_has(const safetensors *file, const char *name)
{
    return entry_of(file, name) != NULL;
}

lumen_status safetensors_find(const safetensors *file, const char *name, tensor *out, lumen_error *error)
{
    const safetensors_entry *entry = entry_of(file, name);
    if (entry == NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s has no tensor %.100s; is it the file of another network?",
                          file->shards[0].name, name);
    tensor_type type = safetensors_entry_type(entry);
    if (type == TENSOR_NONE)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s: tensor %.100s is of type %s, in which nothing computes",
                          file->shards[entry->shard].name, name, safetensors_entry_type_name(entry));
    *out = tensor_make(type, entry->rank, entry->sizes, entry->data);
    return LUMEN_OK;
}

void safetensors_forget(const safetensors *file, const tensor *view)
{
    uintptr_t begin = (uintptr_t)view->data;
    uintptr_t end = begin + tensor_bytes(view);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < file->shard_count; i++) {
        const shard *one = &file->shards[i];
        uintptr_t low = (uintptr_t)one->bytes;
        if (!one->mapped || begin < low || end > low + one->size || begin == end)
            continue;
        /* The pages at the ends go too, although a neighbor has a share in them: a file's page comes back when it is
         * read again. */
        unsigned char *from = one->bytes + ((begin - low) / page) * page;
        madvise(from, (size_t)(end - (uintptr_t)from), MADV_DONTNEED);
    }
}

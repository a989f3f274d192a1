/* GET /shapes/{key}.{json,ply,glb,stl,png}: a shape that was made, as a file. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "files/files.h"
#include "service/accept.h"
#include "service/answer.h"
#include "service/shape_answer.h"
#include "shape/pack.h"

enum { PICTURE_DEFAULT = 512, PICTURE_LEAST = 64, PICTURE_MOST = 1024, KEY_DIGITS = 16, ETAG_BYTES = 64 };

/* A file that is not begun after so long is given up. */
static const uint64_t FILE_SECONDS = 20;

static const struct {
    const char *ending;
    const char *type;
    files_format format;
} formats[] = {
    {"json", "application/json", FILES_JSON}, {"ply", "application/octet-stream", FILES_PLY},
    {"glb", "model/gltf-binary", FILES_GLB},  {"stl", "model/stl", FILES_STL},
    {"png", "image/png", FILES_PNG},
};

/* What was asked for: travels to the pool's thread. */
typedef struct shape_task {
    visit *one;
    size_t format; /* index of formats */
    uint64_t key;
    uint32_t picture_size;
    char etag[ETAG_BYTES]; /* strong, for comparing */
    uint64_t due_ns;       /* later nobody waits any more */
    bool known;            /* the client has it already */
} shape_task;

/* "0123456789abcdef.ply". Hexadecimal digits in lower case, as keys are written. */
static bool read_name(const char *name, shape_task *task)
{
    if (strlen(name) < KEY_DIGITS + 2 || name[KEY_DIGITS] != '.')
        return false;
    uint64_t key = 0;
    for (int i = 0; i < KEY_DIGITS; i++) {
        char c = name[i];
        bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
        if (!digit && !letter)
            return false;
        key = key << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    task->key = key;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(name + KEY_DIGITS + 1, formats[i].ending) == 0) {
            task->format = i;
            return true;
        }
    }
    return false;
}

static bool read_size(visit *one, shape_task *task)
{
    const char *text = http_query(one->exchange, "size");
    task->picture_size = PICTURE_DEFAULT;
    if (text == NULL || formats[task->format].format != FILES_PNG)
        return true;
    uint32_t size = 0;
    size_t length = strlen(text);
    for (size_t i = 0; i < length && i < 5; i++)
        size = text[i] >= '0' && text[i] <= '9' ? size * 10 + (uint32_t)(text[i] - '0') : PICTURE_MOST + 1;
    if (length >= 1 && length <= 4 && size >= PICTURE_LEAST && size <= PICTURE_MOST) {
        task->picture_size = size;
        return true;
    }
    answer_json(one, 422,
                json_pack("{s:[{s:[s,s], s:s, s:s}]}", "detail", "loc", "query", "size", "msg",
                          "the size of a picture is a whole number from 64 to 1024", "type", "out_of_range"));
    return false;
}

static lumen_status encode(const shape_task *task, const cache_entry *entry, buffer *out, lumen_error *error)
{
    blob *packed = cache_packed(task->one->service->shapes, entry);
    if (packed == NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the shape is not stored any more; ask for its text again");
    lumen_shape *shape = NULL;
    lumen_status status = shape_unpack(packed->data, packed->size, &shape, error);
    blob_release(packed);
    if (status != LUMEN_OK)
        return status;
    files_format format = formats[task->format].format;
    status = format == FILES_PNG ? files_picture(shape, task->picture_size, out, error)
                                 : files_encode(shape, format, out, error);
    lumen_shape_free(shape);
    return status;
}

static void answer_file(const shape_task *task, cache_entry *entry)
{
    visit *one = task->one;
    /* The JSON says how long the making took, which another making of the same shape does not repeat. */
    char weak[ETAG_BYTES + 2];
    snprintf(weak, sizeof weak, "%s%s", formats[task->format].format == FILES_JSON ? "W/" : "", task->etag);
    const http_header headers[] = {{"ETag", weak}, {"Cache-Control", "private, max-age=86400"}};
    if (task->known) {
        answer_empty(one, 304, headers, 2);
        return;
    }
    if (formats[task->format].format == FILES_JSON) {
        const shape_answer *answer = cache_answer(entry);
        answer_content(one, 200, answer->json, headers, 2);
        return;
    }
    buffer file;
    lumen_error error;
    buffer_open(&file, FILES_BYTES_MAX);
    lumen_status status = encode(task, entry, &file, &error);
    if (status == LUMEN_OK)
        answer_buffer(one, 200, formats[task->format].type, &file, headers, 2);
    else if (status == LUMEN_ERROR_INVALID)
        answer_error(one, 404, "NotFoundError", 0.0, "%s", error.message);
    else
        answer_error(one, 500, "GenerationFailedError", 0.0, "%s", error.message);
    buffer_close(&file);
}

static void answer_not_stored(visit *one)
{
    answer_error(one, 404, "NotFoundError", 0.0, "no such shape is stored; POST its text to /generate first");
}

static void run(void *user)
{
    shape_task *task = user;
    visit *one = task->one;
    bool wanted = !atomic_load(&one->abandoned) && clock_now_ns() < task->due_ns;
    cache_entry *entry = wanted ? cache_load(one->service->shapes, task->key, NULL) : NULL;
    if (entry != NULL)
        answer_file(task, entry);
    else if (wanted)
        answer_not_stored(one);
    else
        answer_error(one, 503, "DeadlineExceededError", 2.0, "too many files are being written; try again in a moment");
    cache_release(entry);
    free(task);
}

void handle_shape(visit *one)
{
    char name[40];
    visit_segment(one, "/shapes/", name, sizeof name);
    shape_task *task = calloc(1, sizeof *task);
    if (task == NULL) {
        answer_error(one, 500, "GenerationFailedError", 0.0, "memory ran out; try again later");
        return;
    }
    task->one = one;
    if (!read_name(name, task)) {
        answer_not_stored(one);
        free(task);
        return;
    }
    if (!read_size(one, task)) {
        free(task);
        return;
    }
    one->key = task->key;
    one->has_key = true;
    /* A key names one shape for good as long as the version stays: equal key, equal bytes. */
    snprintf(task->etag, sizeof task->etag, "\"%.16s-%u-%s\"", name, task->picture_size, lumen_version());
    const char *known = http_request_header(one->exchange, "If-None-Match");
    task->known = known != NULL && etag_is_listed(known, task->etag);
    cache_entry *entry = cache_find(one->service->shapes, task->key, NULL);
    if (entry != NULL && (task->known || formats[task->format].format == FILES_JSON)) {
        answer_file(task, entry);
        free(task);
    } else {
        tasks *pool = formats[task->format].format == FILES_PNG ? one->service->painters : one->service->pool;
        task->due_ns = clock_now_ns() + FILE_SECONDS * 1000000000u;
        http_wait(one->exchange);
        if (!tasks_add(pool, run, task)) {
            free(task);
            answer_error(one, 503, "QueueFullError", 1.0, "too many files are being written; try again in a moment");
        }
    }
    cache_release(entry);
}

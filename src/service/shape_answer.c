#include "service/shape_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "files/files.h"
#include "service/answer.h"
#include "shape/pack.h"

static const char flag_name[] = "\"cached\":";
static const char flag_false[] = "false";
enum { FLAG_TRUE_BYTES = 4 }; /* "true" */

/* ---- The binary message ------------------------------------------------------------------------------------ */

enum { BINARY_HEAD_BYTES = 16 };

lumen_status shape_answer_binary(const lumen_shape *shape, buffer *out, lumen_error *error)
{
    buffer head;
    buffer_open(&head, FILES_BYTES_MAX);
    lumen_status status = files_json_facts(shape, &head, error);
    /* One blank at least, so that "true" can become "false" in the same room. */
    do
        buffer_u8(&head, ' ');
    while (head.size % 4 != 0 && !buffer_failed(&head));
    size_t points = shape->point_count;
    if (status == LUMEN_OK && !buffer_failed(&head)) {
        buffer_append(out, "LUM1", 4);
        buffer_u32(out, (uint32_t)head.size);
        buffer_u32(out, shape->point_count);
        buffer_u32(out, (uint32_t)(BINARY_HEAD_BYTES + head.size + 14 * points));
        buffer_append(out, head.data, head.size);
        for (size_t i = 0; i < 3 * points; i++)
            buffer_f32(out, shape->positions[i]);
        if (shape->part_ids != NULL)
            buffer_append(out, shape->part_ids, points);
        else
            buffer_fill(out, 0, points);
        files_attachments(shape, out);
    }
    if (status == LUMEN_OK && (buffer_failed(&head) || buffer_failed(out)))
        status = lumen_fail_memory(error, "the binary message of a shape");
    buffer_close(&head);
    return status;
}

/* ---- Preparing ------------------------------------------------------------------------------------------------ */

/* Where "true" stands behind "cached": ; names come before any text from outside, and no text can hold a bare quote. */
static size_t find_flag(const blob *body)
{
    const unsigned char *at = memmem(body->data, body->size, flag_name, sizeof flag_name - 1);
    return at == NULL ? 0 : (size_t)(at - body->data) + sizeof flag_name - 1;
}

static const char *type_of(bool binary)
{
    return binary ? "application/octet-stream" : "application/json";
}

static http_content *make_content(blob *body, bool binary)
{
    static const http_header own[] = {{"Vary", "Origin, Accept"}, {"Cache-Control", NULL}};
    return answer_make_content(body, type_of(binary), own, sizeof own / sizeof *own);
}

static lumen_status make_body(const lumen_shape *shape, bool binary, http_content **content, size_t *flag,
                              lumen_error *error)
{
    buffer bytes;
    buffer_open(&bytes, FILES_BYTES_MAX);
    lumen_status status = binary ? shape_answer_binary(shape, &bytes, error) : files_json(shape, &bytes, error);
    if (status == LUMEN_OK) {
        blob *body = blob_from_buffer(&bytes);
        *content = body == NULL ? NULL : make_content(body, binary);
        *flag = *content == NULL ? 0 : find_flag(body);
        blob_release(body);
        if (*content == NULL)
            status = lumen_fail_memory(error, "the answer of a shape");
        else if (*flag == 0)
            status = lumen_fail(error, LUMEN_ERROR_FAILED, "the answer of a shape does not say whether it is cached");
    }
    buffer_close(&bytes);
    return status;
}

lumen_status shape_answer_make(uint64_t key, const blob *packed, shape_answer **out, lumen_error *error)
{
    *out = NULL;
    lumen_shape *shape = NULL;
    lumen_status status = shape_unpack(packed->data, packed->size, &shape, error);
    if (status != LUMEN_OK)
        return status;
    char expected[17];
    snprintf(expected, sizeof expected, "%016llx", (unsigned long long)key);
    shape_answer *answer = NULL;
    if (strcmp(shape->key, expected) != 0)
        status = lumen_fail(error, LUMEN_ERROR_INVALID, "a stored shape says its key is %.32s, but it lay under %s",
                            shape->key, expected);
    else if ((answer = calloc(1, sizeof *answer)) == NULL)
        status = lumen_fail_memory(error, "the answer of a shape");
    if (status == LUMEN_OK) {
        shape->cached = true;
        status = make_body(shape, false, &answer->json, &answer->json_flag, error);
    }
    if (status == LUMEN_OK)
        status = make_body(shape, true, &answer->binary, &answer->binary_flag, error);
    lumen_shape_free(shape);
    if (status != LUMEN_OK) {
        shape_answer_free(answer);
        return status;
    }
    /* Headers and bookkeeping of two responses, by estimate. */
    answer->bytes =
        sizeof *answer + http_content_body(answer->json)->size + http_content_body(answer->binary)->size + 2048;
    *out = answer;
    return LUMEN_OK;
}

http_content *shape_answer_fresh(const shape_answer *answer, bool binary)
{
    const blob *kept = http_content_body(binary ? answer->binary : answer->json);
    size_t flag = binary ? answer->binary_flag : answer->json_flag;
    size_t behind = flag + FLAG_TRUE_BYTES;
    blob *body = blob_create(kept->size + (binary ? 0 : 1));
    if (body == NULL)
        return NULL;
    memcpy(body->data, kept->data, flag);
    memcpy(body->data + flag, flag_false, sizeof flag_false - 1);
    if (binary) {
        /* The JSON part moves by one into its padding; what lies behind it stays. */
        size_t json_end = BINARY_HEAD_BYTES + ((size_t)kept->data[4] | (size_t)kept->data[5] << 8 |
                                               (size_t)kept->data[6] << 16 | (size_t)kept->data[7] << 24);
        memcpy(body->data + behind + 1, kept->data + behind, json_end - behind - 1);
        memcpy(body->data + json_end, kept->data + json_end, kept->size - json_end);
    } else {
        memcpy(body->data + behind + 1, kept->data + behind, kept->size - behind);
    }
    http_content *content = make_content(body, binary);
    blob_release(body);
    return content;
}

void shape_answer_free(shape_answer *answer)
{
    if (answer == NULL)
        return;
    http_content_release(answer->json);
    http_content_release(answer->binary);
    free(answer);
}

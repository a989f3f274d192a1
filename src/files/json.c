#include "base/error.h"
#include "files/internal.h"
#include "files/json.h"

#include <math.h>
#include <string.h>

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

json_t *files_json_seed(uint64_t seed)
{
    return seed <= INT64_MAX ? json_integer((json_int_t)seed) : json_sprintf("%llu", (unsigned long long)seed);
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

/* The bytes gathered in `raw` as a base64 string; empties `raw`. */
static json_t *base64_text(buffer *raw)
{
    buffer text;
    buffer_open(&text, (raw->size + 2) / 3 * 4);
    files_base64(&text, raw->data, raw->size);
    json_t *value = buffer_failed(raw) || buffer_failed(&text)
                        ? NULL
                        : json_stringn_nocheck(text.size == 0 ? "" : (const char *)text.data, text.size);
    buffer_close(&text);
    buffer_close(raw);
    return value;
}

static json_t *positions(const lumen_shape *shape)
{
    buffer raw;
    buffer_open(&raw, (size_t)shape->point_count * 12);
    for (size_t i = 0; i < 3 * (size_t)shape->point_count; i++)
        buffer_f32(&raw, shape->positions[i]);
    return base64_text(&raw);
}

static json_t *part_ids(const lumen_shape *shape)
{
    buffer raw;
    buffer_open(&raw, shape->point_count);
    if (shape->part_ids != NULL)
        buffer_append(&raw, shape->part_ids, shape->point_count);
    else
        buffer_fill(&raw, 0, shape->point_count);
    return base64_text(&raw);
}

void files_attachments(const lumen_shape *shape, buffer *out)
{
    for (size_t i = 0; i < shape->point_count; i++) {
        float value = shape->attachments == NULL ? 0.0f : shape->attachments[i];
        value = value > 0.0f ? (value < 1.0f ? value : 1.0f) : 0.0f; /* and 0 for a NaN */
        buffer_u8(out, (uint8_t)(value * 255.0f + 0.5f));
    }
}

static json_t *attachments(const lumen_shape *shape)
{
    buffer raw;
    buffer_open(&raw, shape->point_count);
    files_attachments(shape, &raw);
    return base64_text(&raw);
}

/* An array of what `make` gives for each part; NULL when memory ran out. */
static json_t *for_each_part(const lumen_shape *shape, json_t *(*make)(const lumen_shape *shape, uint32_t index))
{
    json_t *array = json_array();
    for (uint32_t i = 0; array != NULL && i < shape->part_count; i++) {
        if (json_array_append_new(array, make(shape, i)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static json_t *part_name(const lumen_shape *shape, uint32_t index)
{
    return files_json_text(files_part_name(shape, index));
}

static json_t *part_color(const lumen_shape *shape, uint32_t index)
{
    static const uint8_t white[3] = {255, 255, 255};
    const uint8_t *color = shape->part_colors == NULL ? white : shape->part_colors + 3 * (size_t)index;
    return json_sprintf("#%02x%02x%02x", color[0], color[1], color[2]);
}

static json_t *corner(const float at[3])
{
    return json_pack("[f,f,f]", (double)at[0], (double)at[1], (double)at[2]);
}

/* JSON has no way to write an infinity. */
static bool numbers_are_finite(const lumen_shape *shape)
{
    bool finite = isfinite(shape->generation_time_ms) && isfinite(shape->motion.tempo) && isfinite(shape->motion.size);
    for (int axis = 0; axis < 3; axis++)
        finite = finite && isfinite(shape->bounding_box_min[axis]) && isfinite(shape->bounding_box_max[axis]);
    return finite;
}

lumen_status files_json_check(const lumen_shape *shape, lumen_error *error)
{
    if (numbers_are_finite(shape))
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_FAILED, "the shape \"%s\" has a number that is not finite; try another seed",
                      files_text(shape->text));
}

json_t *files_json_object(const lumen_shape *shape, bool arrays)
{
    /* "o" takes over the reference, also when packing fails; a value that could not be made fails it. "o*" leaves out
     * what is NULL: here that is what was not asked for, so the arrays that were are made before. */
    json_t *bytes[3] = {NULL, NULL, NULL};
    if (arrays) {
        bytes[0] = positions(shape);
        bytes[1] = part_ids(shape);
        bytes[2] = attachments(shape);
        if (bytes[0] == NULL || bytes[1] == NULL || bytes[2] == NULL) {
            for (int i = 0; i < 3; i++)
                json_decref(bytes[i]);
            return NULL;
        }
    }
    return json_pack(
        "{s:o*, s:o*, s:o, s:o, s:{s:o, s:o}, s:o, s:b, s:f, s:o, s:o, s:o, s:{s:o, s:f, s:f},"
        " s:o, s:o, s:o, s:o, s:o*}",
        "positions", bytes[0], "part_ids", bytes[1], "part_names", for_each_part(shape, part_name), "template_type",
        files_json_text(shape->template_type), "bounding_box", "min", corner(shape->bounding_box_min), "max",
        corner(shape->bounding_box_max), "pipeline", files_json_text(shape->pipeline), "cached", (int)shape->cached,
        "generation_time_ms", shape->generation_time_ms, "key", files_json_text(shape->key), "seed",
        files_json_seed(shape->seed), "subject", files_json_text(shape->subject), "motion", "template",
        files_json_text(shape->motion.motion), "tempo", (double)shape->motion.tempo, "size", (double)shape->motion.size,
        "part_colors", for_each_part(shape, part_color), "concept", files_json_text(shape->concept_name), "verb",
        files_json_text(shape->verb), "text", files_json_text(shape->text), "attachments", bytes[2]);
}

lumen_status files_json(const lumen_shape *shape, buffer *out, lumen_error *error)
{
    lumen_status status = files_json_check(shape, error);
    if (status != LUMEN_OK)
        return status;
    json_t *answer = files_json_object(shape, true);
    bool written = files_json_dump(answer, 6, out);
    json_decref(answer);
    return written ? LUMEN_OK : lumen_fail_memory(error, "a JSON file");
}

#include "base/error.h"
#include "files/document.h"
#include "files/internal.h"

#include <math.h>
#include <stdio.h>

/* Sets a member and remembers whether every one before it could be set. */
static void set(bool *whole, document_value *object, const char *name, document_value *value)
{
    *whole = document_set(object, name, value) && *whole;
}

/* The bytes gathered in `raw` as a base64 string; empties `raw`. */
static document_value *base64_text(buffer *raw)
{
    buffer text;
    buffer_open(&text, (raw->size + 2) / 3 * 4 + 1);
    files_base64(&text, raw->data, raw->size);
    buffer_append(&text, "", 1);
    document_value *value = buffer_failed(raw) || buffer_failed(&text) ? NULL : document_text((const char *)text.data);
    buffer_close(&text);
    buffer_close(raw);
    return value;
}

static document_value *positions(const lumen_shape *shape)
{
    buffer raw;
    buffer_open(&raw, (size_t)shape->point_count * 12);
    for (size_t i = 0; i < 3 * (size_t)shape->point_count; i++)
        buffer_f32(&raw, shape->positions[i]);
    return base64_text(&raw);
}

static document_value *part_ids(const lumen_shape *shape)
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

static document_value *attachments(const lumen_shape *shape)
{
    buffer raw;
    buffer_open(&raw, shape->point_count);
    files_attachments(shape, &raw);
    return base64_text(&raw);
}

/* An array of what `make` gives for each part; NULL when memory ran out. */
static document_value *for_each_part(const lumen_shape *shape,
                                     document_value *(*make)(const lumen_shape *shape, uint32_t index))
{
    document_value *array = document_array();
    for (uint32_t i = 0; i < shape->part_count; i++) {
        if (!document_add(array, make(shape, i))) {
            document_free(array);
            return NULL;
        }
    }
    return array;
}

static document_value *part_name(const lumen_shape *shape, uint32_t index)
{
    return document_text(files_part_name(shape, index));
}

static document_value *part_color(const lumen_shape *shape, uint32_t index)
{
    static const uint8_t white[3] = {255, 255, 255};
    const uint8_t *color = shape->part_colors == NULL ? white : shape->part_colors + 3 * (size_t)index;
    char text[8];
    snprintf(text, sizeof text, "#%02x%02x%02x", color[0], color[1], color[2]);
    return document_text(text);
}

static document_value *part_confidence(const lumen_shape *shape, uint32_t index)
{
    return document_real((double)shape->part_confidence[index]);
}

static document_value *corner(const float at[3])
{
    document_value *array = document_array();
    bool whole = true;
    for (int axis = 0; axis < 3; axis++)
        whole = document_add(array, document_real((double)at[axis])) && whole;
    if (whole)
        return array;
    document_free(array);
    return NULL;
}

/* JSON has no way to write an infinity. */
static bool numbers_are_finite(const lumen_shape *shape)
{
    bool finite = isfinite(shape->generation_time_ms) && isfinite(shape->motion.tempo) && isfinite(shape->motion.size);
    for (int axis = 0; axis < 3; axis++)
        finite = finite && isfinite(shape->bounding_box_min[axis]) && isfinite(shape->bounding_box_max[axis]);
    for (uint32_t k = 0; shape->part_confidence != NULL && k < shape->part_count; k++)
        finite = finite && isfinite(shape->part_confidence[k]);
    return finite;
}

static lumen_status check_numbers(const lumen_shape *shape, lumen_error *error)
{
    if (numbers_are_finite(shape))
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_FAILED, "the shape \"%s\" has a number that is not finite; try another seed",
                      files_text(shape->text));
}

static document_value *bounding_box(const lumen_shape *shape, bool *whole)
{
    document_value *box = document_object();
    set(whole, box, "min", corner(shape->bounding_box_min));
    set(whole, box, "max", corner(shape->bounding_box_max));
    return box;
}

static document_value *motion(const lumen_shape *shape, bool *whole)
{
    document_value *motion = document_object();
    set(whole, motion, "template", document_text(shape->motion.motion));
    set(whole, motion, "tempo", document_real((double)shape->motion.tempo));
    set(whole, motion, "size", document_real((double)shape->motion.size));
    return motion;
}

static lumen_status write_json(const lumen_shape *shape, bool arrays, buffer *out, lumen_error *error)
{
    lumen_status status = check_numbers(shape, error);
    if (status != LUMEN_OK)
        return status;
    bool whole = true;
    document_value *answer = document_object();
    if (arrays) {
        set(&whole, answer, "positions", positions(shape));
        set(&whole, answer, "part_ids", part_ids(shape));
    }
    set(&whole, answer, "part_names", for_each_part(shape, part_name));
    set(&whole, answer, "template_type", document_text(shape->template_type));
    set(&whole, answer, "bounding_box", bounding_box(shape, &whole));
    set(&whole, answer, "pipeline", document_text(shape->pipeline));
    set(&whole, answer, "cached", document_boolean(shape->cached));
    set(&whole, answer, "generation_time_ms", document_real(shape->generation_time_ms));
    set(&whole, answer, "key", document_text(shape->key));
    set(&whole, answer, "seed", document_integer(shape->seed));
    set(&whole, answer, "subject", document_text(shape->subject));
    set(&whole, answer, "motion", motion(shape, &whole));
    set(&whole, answer, "part_colors", for_each_part(shape, part_color));
    if (shape->part_confidence != NULL)
        set(&whole, answer, "part_confidence", for_each_part(shape, part_confidence));
    set(&whole, answer, "concept", document_text(shape->concept_name));
    set(&whole, answer, "verb", document_text(shape->verb));
    set(&whole, answer, "text", document_text(shape->text));
    if (arrays)
        set(&whole, answer, "attachments", attachments(shape));
    whole = whole && document_write(answer, 6, out);
    document_free(answer);
    return whole ? LUMEN_OK : lumen_fail_memory(error, "the JSON of a shape");
}

lumen_status files_json(const lumen_shape *shape, buffer *out, lumen_error *error)
{
    return write_json(shape, true, out, error);
}

lumen_status files_json_facts(const lumen_shape *shape, buffer *out, lumen_error *error)
{
    return write_json(shape, false, out, error);
}

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "files/read.h"

static const char MEND[] = "use a file that lumen generate or the service wrote";

/* ---- Arrays ------------------------------------------------------------------------------------------ */

/* The bytes of member `name`, which must be `size`; NULL where it is not there or is anything else. */
static unsigned char *take_bytes(shape_draft *draft, const json_t *object, const char *name, size_t size, bool *failed)
{
    const json_t *value = json_object_get(object, name);
    if (value == NULL || json_is_null(value))
        return NULL;
    unsigned char *bytes = arena_allocate(draft->memory, size);
    if (bytes == NULL || !json_is_string(value) ||
        files_base64_size(json_string_value(value), json_string_length(value)) != size ||
        !files_base64_read(json_string_value(value), json_string_length(value), bytes)) {
        *failed = true;
        return NULL;
    }
    return bytes;
}

/* ---- Points -------------------------------------------------------------------------------------------- */

static lumen_status take_positions(shape_draft *draft, const json_t *object, lumen_error *error)
{
    const json_t *value = json_object_get(object, "positions");
    const char *text = json_string_value(value);
    size_t length = json_string_length(value), size = length / 4 * 3;
    if (text == NULL || length == 0)
        return draft_fail(draft, error, MEND, "it has no text \"positions\"");
    size -= length > 1 && text[length - 1] == '=' ? (text[length - 2] == '=' ? 2u : 1u) : 0u;
    if (size % 12 != 0 || size / 12 > LUMEN_POINTS_MAX)
        return draft_fail(draft, error, MEND, "its positions are not those of 1 to %d points", LUMEN_POINTS_MAX);
    draft->point_count = (uint32_t)(size / 12);
    bool failed = false;
    unsigned char *bytes = take_bytes(draft, object, "positions", size, &failed);
    draft->positions = arena_array(draft->memory, float, 3 * (size_t)draft->point_count);
    if (bytes == NULL || failed || draft->positions == NULL)
        return draft_fail(draft, error, MEND, "its positions are no base64");
    for (size_t i = 0; i < 3 * (size_t)draft->point_count; i++) {
        const unsigned char *at = bytes + 4 * i;
        uint32_t bits = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        if ((bits & 0x7f800000u) == 0x7f800000u)
            return draft_fail(draft, error, MEND, "point %zu has a coordinate that is not finite", i / 3);
        memcpy(draft->positions + i, &bits, sizeof bits);
    }
    return LUMEN_OK;
}

static lumen_status take_arrays(shape_draft *draft, const json_t *object, lumen_error *error)
{
    bool failed = false;
    draft->part_ids = take_bytes(draft, object, "part_ids", draft->point_count, &failed);
    unsigned char *attachments = take_bytes(draft, object, "attachments", draft->point_count, &failed);
    if (failed)
        return draft_fail(draft, error, MEND, "part_ids or attachments are not base64 of a byte for each point");
    for (size_t i = 0; draft->part_ids != NULL && i < draft->point_count; i++)
        if (draft->part_ids[i] > draft->part_count)
            return draft_fail(draft, error, MEND, "point %zu belongs to part %d of %u", i, draft->part_ids[i],
                              draft->part_count);
    if (attachments == NULL)
        return LUMEN_OK;
    draft->attachments = arena_array(draft->memory, float, draft->point_count);
    if (draft->attachments == NULL)
        return lumen_fail_memory(error, "a shape from a file");
    for (size_t i = 0; i < draft->point_count; i++)
        draft->attachments[i] = (float)attachments[i] / 255.0f;
    return LUMEN_OK;
}

/* ---- Parts ---------------------------------------------------------------------------------------------- */

/* "#rrggbb". */
static bool read_color(const char *text, uint8_t color[3])
{
    if (text == NULL || strlen(text) != 7 || text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6)
        return false;
    unsigned long value = strtoul(text + 1, NULL, 16);
    for (int channel = 0; channel < 3; channel++)
        color[channel] = (uint8_t)(value >> (16 - 8 * channel) & 0xff);
    return true;
}

static lumen_status take_parts(shape_draft *draft, const json_t *object, lumen_error *error)
{
    const json_t *names = json_object_get(object, "part_names"), *colors = json_object_get(object, "part_colors");
    const json_t *sure = json_object_get(object, "part_confidence");
    if (json_array_size(names) > LUMEN_PARTS_MAX)
        return draft_fail(draft, error, MEND, "it has %zu parts, more than %d", json_array_size(names),
                          LUMEN_PARTS_MAX);
    draft->part_count = (uint32_t)json_array_size(names);
    draft->has_part_colors = draft->part_count > 0 && json_array_size(colors) == draft->part_count;
    for (uint32_t k = 0; k < draft->part_count; k++) {
        const json_t *name = json_array_get(names, k);
        if (!json_is_string(name))
            return draft_fail(draft, error, MEND, "the name of part %u is no text", k + 1);
        draft->part_names[k] = draft_text(draft, json_string_value(name), json_string_length(name), READ_NAME_BYTES);
        if (draft->part_names[k] == NULL)
            return lumen_fail_memory(error, "a shape from a file");
        if (draft->has_part_colors && !read_color(json_string_value(json_array_get(colors, k)), draft->part_colors[k]))
            return draft_fail(draft, error, MEND, "the color of part %u is not of the form #rrggbb", k + 1);
        const json_t *one = json_array_get(sure, k);
        if (one != NULL && !(json_is_number(one) && draft_sure(draft, k, json_number_value(one))))
            return draft_fail(draft, error, MEND, "the confidence of part %u is no number from 0 to 1", k + 1);
    }
    return LUMEN_OK;
}

/* ---- The rest --------------------------------------------------------------------------------------------- */

/* Sets a text that is there. */
static void take_text(shape_draft *draft, const json_t *object, const char *name, size_t room, const char **text)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_string(value))
        *text = draft_text(draft, json_string_value(value), json_string_length(value), room);
}

static void take_facts(shape_draft *draft, const json_t *object)
{
    take_text(draft, object, "text", READ_TEXT_BYTES, &draft->text);
    take_text(draft, object, "template_type", READ_NAME_BYTES, &draft->template_type);
    take_text(draft, object, "concept", READ_NAME_BYTES, &draft->concept_name);
    take_text(draft, object, "subject", READ_TEXT_BYTES, &draft->subject);
    take_text(draft, object, "verb", READ_NAME_BYTES, &draft->verb);
    take_text(draft, object, "pipeline", READ_NAME_BYTES, &draft->pipeline);
    take_text(draft, object, "key", READ_NAME_BYTES, &draft->key);
    const json_t *motion = json_object_get(object, "motion"), *seed = json_object_get(object, "seed");
    take_text(draft, motion, "template", READ_NAME_BYTES, &draft->motion);
    draft->tempo = (float)json_number_value(json_object_get(motion, "tempo"));
    draft->size = (float)json_number_value(json_object_get(motion, "size"));
    /* What no JSON integer holds is written as a text. */
    draft->seed =
        json_is_string(seed) ? strtoull(json_string_value(seed), NULL, 10) : (uint64_t)json_integer_value(seed);
    draft->generation_time_ms = json_number_value(json_object_get(object, "generation_time_ms"));
    draft->cached = json_is_true(json_object_get(object, "cached"));
}

lumen_status read_json(shape_draft *draft, const void *bytes, size_t size, lumen_error *error)
{
    json_error_t fault;
    json_t *object = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &fault);
    /* The library's own words quote the file, and a message is no place for any bytes. */
    if (object == NULL)
        return draft_fail(draft, error, MEND, "it is no JSON object, as line %d shows", fault.line);
    lumen_status status = take_positions(draft, object, error);
    if (status == LUMEN_OK)
        status = take_parts(draft, object, error);
    if (status == LUMEN_OK)
        status = take_arrays(draft, object, error);
    if (status == LUMEN_OK)
        take_facts(draft, object);
    json_decref(object);
    return status;
}

#include "files/read.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/random.h"
#include "base/vector.h"
#include "geometry/sample.h"
#include "shape/shape.h"
#include "words/words.h"

/* ---- Texts and failures ---------------------------------------------------------------------------- */

const char *draft_text(shape_draft *draft, const char *bytes, size_t length, size_t room)
{
    /* A character of four bytes more than fits is enough to cut. */
    size_t seen = length < room + 4 ? length : room + 4;
    char *text = arena_allocate(draft->memory, room);
    if (text == NULL)
        return NULL;
    size_t used = 0;
    for (size_t at = 0; at < seen;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t taken =
            utf8proc_iterate((const utf8proc_uint8_t *)bytes + at, (utf8proc_ssize_t)(seen - at), &code);
        bool plain = taken > 0 && code >= 0x20 && !(code >= 0x7f && code < 0xa0);
        size_t width = plain ? (size_t)taken : 1;
        if (used + width >= room)
            break;
        memcpy(text + used, plain ? bytes + at : "?", width);
        used += width;
        at += taken > 0 ? (size_t)taken : 1;
    }
    text[used] = '\0';
    return text;
}

bool draft_sure(shape_draft *draft, uint32_t part, double confidence)
{
    if (!(confidence >= 0.0 && confidence <= 1.0))
        return false;
    draft->part_confidence[part] = (float)confidence;
    draft->has_part_confidence |= (uint32_t)1 << part;
    return true;
}

lumen_status draft_fail(const shape_draft *draft, lumen_error *error, const char *mend, const char *format, ...)
{
    char fault[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault, sizeof fault, format, arguments);
    va_end(arguments);
    /* A message has room for the end of a long path, which is the part that tells it from others. */
    size_t length = strlen(draft->name), shown = 120;
    return lumen_fail(error, LUMEN_ERROR_INVALID, "%s%s cannot be read: %s; %s", length > shown ? "..." : "",
                      length > shown ? draft->name + length - shown : draft->name, fault, mend);
}

/* The name of the file without its folder and ending. */
static const char *stem(shape_draft *draft)
{
    const char *slash = strrchr(draft->name, '/'), *start = slash == NULL ? draft->name : slash + 1;
    const char *dot = strrchr(start, '.');
    return draft_text(draft, start, dot == NULL || dot == start ? strlen(start) : (size_t)(dot - start),
                      READ_TEXT_BYTES);
}

/* ---- Into [-1, 1] ----------------------------------------------------------------------------------- */

/* What brings a box to [-1, 1]: (p - center) * scale. In double: a float's range squared fits. */
typedef struct fitting {
    double center[3], scale;
} fitting;

static void move(float *positions, size_t count, const fitting *by)
{
    for (size_t i = 0; i < count; i++)
        for (size_t axis = 0; axis < 3; axis++)
            positions[3 * i + axis] = (float)(((double)positions[3 * i + axis] - by->center[axis]) * by->scale);
}

static void box_open(float low[3], float high[3])
{
    for (int axis = 0; axis < 3; axis++)
        low[axis] = INFINITY, high[axis] = -INFINITY;
}

static void box_add(float low[3], float high[3], const float *positions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t axis = 0; axis < 3; axis++) {
            low[axis] = fminf(low[axis], positions[3 * i + axis]);
            high[axis] = fmaxf(high[axis], positions[3 * i + axis]);
        }
}

static fitting fit(const float low[3], const float high[3])
{
    fitting by = {.scale = 1.0};
    double longest = 0.0;
    for (int axis = 0; axis < 3; axis++) {
        by.center[axis] = 0.5 * ((double)low[axis] + (double)high[axis]);
        longest = fmax(longest, (double)high[axis] - (double)low[axis]);
    }
    if (longest > 1e-30)
        by.scale = 2.0 / longest;
    return by;
}

/* Shapes of ours come as they are: already fitting, and then not a bit of them is changed. */
static bool fits(const fitting *by)
{
    bool centered = true;
    for (int axis = 0; axis < 3; axis++)
        centered = centered && fabs(by->center[axis]) < 1e-4;
    return centered && fabs(by->scale - 1.0) < 1e-4;
}

static void move_meshes(shape_draft *draft, const fitting *by)
{
    for (uint32_t k = 0; draft->part_meshes != NULL && k < draft->part_count; k++)
        move(draft->part_meshes[k].positions, draft->part_meshes[k].vertex_count, by);
}

/* Takes the points from the meshes, brought to a size first with which floats can compute areas. */
static lumen_status sample_meshes(shape_draft *draft, lumen_error *error)
{
    float low[3], high[3];
    box_open(low, high);
    for (uint32_t k = 0; k < draft->part_count; k++)
        box_add(low, high, draft->part_meshes[k].positions, draft->part_meshes[k].vertex_count);
    fitting by = fit(low, high);
    move_meshes(draft, &by);

    point_cloud points;
    lumen_status status = sample_surfaces(draft->part_meshes, draft->part_count, LUMEN_POINTS_DEFAULT, draft->seed,
                                          draft->scratch, draft->memory, &points, error);
    if (status == LUMEN_ERROR_FAILED)
        return draft_fail(draft, error, "choose a file with triangles or points", "its triangles have no area");
    if (status != LUMEN_OK)
        return status;
    draft->point_count = points.count;
    draft->positions = points.positions;
    draft->normals = points.normals;
    draft->part_ids = points.part_ids;
    draft->colors = points.colors;
    return LUMEN_OK;
}

/* ---- What a file did not say -------------------------------------------------------------------------- */

static bool fill_parts(shape_draft *draft)
{
    if (draft->part_ids == NULL) {
        draft->part_ids = arena_array(draft->memory, uint8_t, draft->point_count);
        if (draft->part_ids == NULL)
            return false;
        memset(draft->part_ids, draft->part_count > 0 ? 1 : 0, draft->point_count);
    }
    for (uint32_t k = 0; k < draft->part_count; k++) {
        char name[16];
        int length = snprintf(name, sizeof name, "part %u", k + 1);
        if (draft->part_names[k] == NULL)
            draft->part_names[k] = draft_text(draft, name, (size_t)length, sizeof name);
        if (draft->part_names[k] == NULL)
            return false;
    }
    return true;
}

/* `confidence` becomes an array, or NULL where names are certain. False when memory runs out. */
static bool copy_confidence(const shape_draft *draft, const float **confidence)
{
    *confidence = NULL;
    if (draft->part_count == 0 || draft->has_part_confidence != UINT32_MAX >> (32 - draft->part_count))
        return true;
    float *copy = arena_array(draft->memory, float, draft->part_count);
    if (copy == NULL)
        return false;
    memcpy(copy, draft->part_confidence, draft->part_count * sizeof *copy);
    *confidence = copy;
    return true;
}

static bool fill_colors(shape_draft *draft)
{
    if (draft->colors == NULL) {
        draft->colors = arena_array(draft->memory, uint8_t, 3 * (size_t)draft->point_count);
        if (draft->colors == NULL)
            return false;
        memset(draft->colors, 255, 3 * (size_t)draft->point_count);
        for (size_t i = 0; draft->has_part_colors && i < draft->point_count; i++)
            if (draft->part_ids[i] > 0)
                memcpy(draft->colors + 3 * i, draft->part_colors[draft->part_ids[i] - 1], 3);
    }
    if (draft->has_part_colors)
        return true;
    uint64_t sums[LUMEN_PARTS_MAX + 1][3] = {{0}}, counts[LUMEN_PARTS_MAX + 1] = {0};
    for (size_t i = 0; i < draft->point_count; i++) {
        counts[draft->part_ids[i]]++;
        for (size_t channel = 0; channel < 3; channel++)
            sums[draft->part_ids[i]][channel] += draft->colors[3 * i + channel];
    }
    for (uint32_t k = 0; k < draft->part_count; k++)
        for (int channel = 0; channel < 3; channel++)
            draft->part_colors[k][channel] =
                (uint8_t)(counts[k + 1] == 0 ? 255 : (sums[k + 1][channel] + counts[k + 1] / 2) / counts[k + 1]);
    return true;
}

/* Unit normals; outward from the middle where there are none. */
static bool fill_normals(shape_draft *draft)
{
    bool given = draft->normals != NULL;
    if (!given)
        draft->normals = arena_array(draft->memory, float, 3 * (size_t)draft->point_count);
    if (draft->normals == NULL)
        return false;
    for (size_t i = 0; i < draft->point_count; i++) {
        const float *at = draft->positions + 3 * i;
        float *normal = draft->normals + 3 * i;
        vec3 outward = vec3_normalize(vec3_make(at[0], at[1], at[2]), vec3_make(0.0f, 1.0f, 0.0f));
        vec3 said = given ? vec3_make(normal[0], normal[1], normal[2]) : outward;
        float length = vec3_length(said);
        if (given && length > 0.999f && length < 1.001f)
            continue; /* not a bit of ours is changed */
        said = isfinite(length) ? vec3_normalize(said, outward) : outward;
        normal[0] = said.x, normal[1] = said.y, normal[2] = said.z;
    }
    return true;
}

/* A file that says the text from which it was made says by it how the shape moves. */
static bool fill_texts(shape_draft *draft)
{
    words_phrase phrase;
    bool understood = draft->text != NULL && draft->motion == NULL &&
                      words_parse(draft->text, draft->verb, &phrase, NULL) == LUMEN_OK;
    const struct {
        const char **text;
        const char *understood, *usual;
    } texts[] = {
        {&draft->motion, phrase.motion, "idle"},   {&draft->subject, phrase.subject, NULL},
        {&draft->verb, phrase.verb, ""},           {&draft->concept_name, phrase.concept_name, ""},
        {&draft->template_type, NULL, "abstract"}, {&draft->pipeline, NULL, "file"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = understood && texts[i].understood != NULL ? texts[i].understood : texts[i].usual;
        if (*texts[i].text == NULL && text != NULL)
            *texts[i].text = draft_text(draft, text, strlen(text), READ_TEXT_BYTES);
        if (*texts[i].text == NULL && text != NULL)
            return false;
    }
    if (understood && draft->tempo == 0.0f)
        draft->tempo = phrase.tempo, draft->size = phrase.size;
    if (draft->text == NULL)
        draft->text = stem(draft);
    if (draft->subject == NULL)
        draft->subject = draft->text;
    return draft->text != NULL;
}

static bool is_key(const char *key)
{
    return key != NULL && strlen(key) == 16 && strspn(key, "0123456789abcdef") == 16;
}

/* A number that a file may say, within bounds in which a motion is still one. */
static float usual_one(float value)
{
    return value > 0.0f && isfinite(value) ? float_clamp(value, 0.05f, 10.0f) : 1.0f;
}

lumen_status draft_finish(shape_draft *draft, const void *bytes, size_t size, lumen_shape **out, lumen_error *error)
{
    *out = NULL;
    if (draft->part_meshes != NULL) {
        lumen_status status = sample_meshes(draft, error);
        if (status != LUMEN_OK)
            return status;
    }
    if (draft->point_count == 0)
        return draft_fail(draft, error, "choose a file with triangles or points", "it has no points");

    lumen_shape *shape = shape_allocate(draft->memory);
    const char **names = arena_array(draft->memory, const char *, LUMEN_PARTS_MAX);
    lumen_mesh *meshes =
        draft->part_meshes != NULL ? draft->part_meshes : arena_array(draft->memory, lumen_mesh, draft->part_count);
    uint8_t *part_colors = arena_array(draft->memory, uint8_t, 3 * LUMEN_PARTS_MAX);
    char key[17];
    snprintf(key, sizeof key, "%016llx", (unsigned long long)fnv1a(FNV_START, bytes, size));
    if (!is_key(draft->key))
        draft->key = draft_text(draft, key, sizeof key - 1, sizeof key);
    if (shape == NULL || names == NULL || meshes == NULL || part_colors == NULL || draft->key == NULL ||
        !fill_texts(draft) || !fill_parts(draft) || !fill_colors(draft) ||
        !copy_confidence(draft, &shape->part_confidence))
        return lumen_fail_memory(error, "a shape from a file");
    if (draft->part_meshes == NULL)
        for (uint32_t k = 0; k < draft->part_count; k++)
            meshes[k] = (lumen_mesh){0};

    box_open(shape->bounding_box_min, shape->bounding_box_max);
    box_add(shape->bounding_box_min, shape->bounding_box_max, draft->positions, draft->point_count);
    fitting by = fit(shape->bounding_box_min, shape->bounding_box_max);
    if (!fits(&by)) {
        move(draft->positions, draft->point_count, &by);
        move(shape->bounding_box_min, 1, &by);
        move(shape->bounding_box_max, 1, &by);
        move_meshes(draft, &by);
    }
    if (!fill_normals(draft))
        return lumen_fail_memory(error, "a shape from a file");
    if (draft->attachments == NULL) {
        draft->attachments = arena_array(draft->memory, float, draft->point_count);
        if (draft->attachments == NULL)
            return lumen_fail_memory(error, "a shape from a file");
        lumen_status status = draft_attach(draft, draft->attachments, error);
        if (status != LUMEN_OK)
            return status;
    }

    memcpy(names, draft->part_names, sizeof draft->part_names);
    memcpy(part_colors, draft->part_colors, sizeof draft->part_colors);
    shape->point_count = draft->point_count;
    shape->positions = draft->positions;
    shape->normals = draft->normals;
    shape->attachments = draft->attachments;
    shape->part_ids = draft->part_ids;
    shape->colors = draft->colors;
    shape->part_count = draft->part_count;
    shape->part_names = names;
    shape->part_colors = part_colors;
    shape->part_meshes = meshes;
    shape->template_type = draft->template_type;
    shape->concept_name = draft->concept_name;
    shape->subject = draft->subject;
    shape->verb = draft->verb;
    shape->text = draft->text;
    shape->prompt = "";
    shape->pipeline = draft->pipeline;
    shape->key = draft->key;
    shape->seed = draft->seed;
    shape->cached = draft->cached;
    shape->generation_time_ms = isfinite(draft->generation_time_ms) ? draft->generation_time_ms : 0.0;
    shape->motion = (lumen_motion){draft->motion, usual_one(draft->tempo), usual_one(draft->size)};
    *out = shape;
    return LUMEN_OK;
}

#include "browser/internal.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "files/files.h"
#include "shape/shape.h"

/* Arrays of the largest shape and its texts stay far below. */
static const size_t DRAFT_BYTES_MAX = (size_t)8 << 20;

/* ---- Life ------------------------------------------------------------------------------------------------ */

browser *browser_open(void)
{
    browser *one = calloc(1, sizeof *one);
    if (one == NULL)
        return NULL;
    buffer_open(&one->bytes, FILES_BYTES_MAX);
    if (lumen_open(NULL, &one->library, &one->error) == LUMEN_OK)
        motion_library_open(NULL, NULL, &one->motions, &one->error);
    return one;
}

void browser_close(browser *one)
{
    if (one == NULL)
        return;
    browser_look_away(one);
    browser_deaf(one);
    motion_library_close(one->motions);
    lumen_shape_free(one->draft);
    buffer_close(&one->bytes);
    lumen_close(one->library);
    free(one);
}

const char *browser_message(const browser *one)
{
    return one->error.status == LUMEN_OK ? "" : one->error.message;
}

const char *browser_version(void)
{
    return lumen_version();
}

size_t browser_memory(void)
{
    return (size_t)mallinfo().uordblks;
}

/* ---- Shapes ---------------------------------------------------------------------------------------------- */

lumen_shape *browser_make(browser *one, const char *text, const char *verb, uint32_t points, double seed, int quality)
{
    lumen_shape *shape = NULL;
    lumen_request request = {
        .text = text, .verb = verb, .points = points, .seed = (uint64_t)seed, .quality = (lumen_quality)quality};
    one->error.status = LUMEN_OK;
    lumen_generate(one->library, &request, &shape, &one->error);
    return shape;
}

void browser_free(lumen_shape *shape)
{
    lumen_shape_free(shape);
}

const browser_arrays *browser_arrays_of(browser *one, const lumen_shape *shape)
{
    one->arrays = (browser_arrays){
        .point_count = shape->point_count,
        .part_count = shape->part_count,
        .positions = shape->positions,
        .part_ids = shape->part_ids,
        .attachments = shape->attachments,
        .colors = shape->colors,
        .normals = shape->normals,
        .part_colors = shape->part_colors,
    };
    return &one->arrays;
}

static bool draft_arrays(lumen_shape *draft, arena *memory, int arrays)
{
    uint32_t points = draft->point_count, parts = draft->part_count;
    const char **names = arena_array(memory, const char *, parts);
    for (uint32_t i = 0; names != NULL && i < parts; i++)
        names[i] = "";
    draft->part_names = names;
    draft->positions = arena_array(memory, float, 3 * points);
    draft->part_ids = arena_array(memory, uint8_t, points);
    bool whole = names != NULL && draft->positions != NULL && draft->part_ids != NULL;
    if ((arrays & BROWSER_ATTACHMENTS) != 0)
        whole = (draft->attachments = arena_array(memory, float, points)) != NULL && whole;
    if ((arrays & BROWSER_COLORS) != 0)
        whole = (draft->colors = arena_array(memory, uint8_t, 3 * points)) != NULL && whole;
    if ((arrays & BROWSER_NORMALS) != 0)
        whole = (draft->normals = arena_array(memory, float, 3 * points)) != NULL && whole;
    if ((arrays & BROWSER_PART_COLORS) != 0)
        whole = (draft->part_colors = arena_array(memory, uint8_t, 3 * parts)) != NULL && whole;
    return whole;
}

lumen_shape *browser_draft(browser *one, uint32_t points, uint32_t parts, int arrays)
{
    one->error.status = LUMEN_OK;
    lumen_shape_free(one->draft);
    one->draft = NULL;
    if (points == 0 || points > LUMEN_POINTS_MAX || parts > LUMEN_PARTS_MAX) {
        lumen_fail(&one->error, LUMEN_ERROR_INVALID, "a shape has 1 to %d points and at most %d parts",
                   LUMEN_POINTS_MAX, LUMEN_PARTS_MAX);
        return NULL;
    }
    arena *memory = arena_create(DRAFT_BYTES_MAX);
    lumen_shape *draft = memory == NULL ? NULL : shape_allocate(memory);
    if (draft != NULL) {
        draft->point_count = points;
        draft->part_count = parts;
        draft->text = draft->subject = draft->concept_name = draft->verb = draft->template_type = draft->pipeline =
            draft->key = draft->prompt = "";
        draft->motion = (lumen_motion){.motion = "idle", .tempo = 1.0f, .size = 1.0f};
    }
    if (draft == NULL || !draft_arrays(draft, memory, arrays)) {
        lumen_fail_memory(&one->error, "a shape");
        arena_destroy(memory);
        return NULL;
    }
    one->draft_memory = memory;
    one->draft = draft;
    return draft;
}

bool browser_draft_text(browser *one, int which, const char *text)
{
    lumen_shape *draft = one->draft;
    if (draft == NULL || which < 0 || which >= BROWSER_PART_NAME + (int)draft->part_count)
        return false;
    const char *copy = arena_copy_text(one->draft_memory, text, strlen(text));
    if (copy == NULL)
        return false;
    switch (which) {
    case BROWSER_TEXT: draft->text = copy; break;
    case BROWSER_SUBJECT: draft->subject = copy; break;
    case BROWSER_CONCEPT: draft->concept_name = copy; break;
    case BROWSER_VERB: draft->verb = copy; break;
    case BROWSER_TEMPLATE: draft->template_type = copy; break;
    case BROWSER_MOTION: draft->motion.motion = copy; break;
    case BROWSER_PIPELINE: draft->pipeline = copy; break;
    case BROWSER_KEY: draft->key = copy; break;
    default: ((const char **)draft->part_names)[which - BROWSER_PART_NAME] = copy; break;
    }
    return true;
}

void browser_draft_numbers(browser *one, double seed, float tempo, float size)
{
    if (one->draft == NULL)
        return;
    one->draft->seed = (uint64_t)seed;
    one->draft->motion.tempo = tempo;
    one->draft->motion.size = size;
}

/* ---- Texts and files ------------------------------------------------------------------------------------- */

static void empty_bytes(browser *one)
{
    buffer_close(&one->bytes);
    buffer_open(&one->bytes, FILES_BYTES_MAX);
    one->error.status = LUMEN_OK;
}

bool browser_write_document(browser *one, document_value *value, bool whole)
{
    empty_bytes(one);
    whole = whole && document_write(value, 9, &one->bytes);
    document_free(value);
    if (!whole)
        lumen_fail_memory(&one->error, "an answer");
    return whole;
}

bool browser_facts(browser *one, const lumen_shape *shape)
{
    empty_bytes(one);
    return files_json_facts(shape, &one->bytes, &one->error) == LUMEN_OK;
}

bool browser_file(browser *one, const lumen_shape *shape, int format)
{
    empty_bytes(one);
    switch (format) {
    case FILES_PLY: return files_ply(shape, &one->bytes, &one->error) == LUMEN_OK;
    case FILES_GLB: return files_glb(shape, &one->bytes, &one->error) == LUMEN_OK;
    case FILES_STL: return files_stl(shape, &one->bytes, &one->error) == LUMEN_OK;
    default:
        lumen_fail(&one->error, LUMEN_ERROR_INVALID, "format %d is not written here; use ply, glb or stl", format);
        return false;
    }
}

const unsigned char *browser_bytes(const browser *one)
{
    return one->bytes.data;
}

size_t browser_bytes_size(const browser *one)
{
    return one->bytes.size;
}

/*
 * PLY 1.0 (Greg Turk, "The PLY Polygon File Format", 1994), text and both binary forms.
 *
 * A header names elements and their properties; the rows of the elements follow in that order. Of the element "vertex"
 * the properties listed in read_ply_header.c are taken, of the element "face" the list of its vertices; everything else
 * is passed over. A file with faces is a mesh of one part; one without is a cloud of points.
 */
#include "files/read_ply.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

enum { CORNERS_MAX = 1 << 16 };

/* ---- Numbers --------------------------------------------------------------------------------------------- */

/* A number in text, whatever the locale; false when there is none. "nan" and "inf" are none. */
static bool take_text_number(ply_reader *from, double *value)
{
    const unsigned char *at = from->at, *end = from->end;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    double mantissa = 0.0;
    int exponent = 0, digits = 0;
    bool behind_point = false;
    for (; at < end && ((*at >= '0' && *at <= '9') || (*at == '.' && !behind_point)); at++) {
        if (*at == '.') {
            behind_point = true;
            continue;
        }
        /* Digits beyond what a double holds only move the point. */
        if (digits < 18)
            mantissa = mantissa * 10.0 + (*at - '0'), digits += mantissa > 0.0, exponent -= behind_point;
        else
            exponent += !behind_point;
    }
    if (at == from->at || !((at[-1] >= '0' && at[-1] <= '9') || at[-1] == '.'))
        return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        bool down = at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+'))
            at++;
        int said = 0;
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            said = said < 10000 ? said * 10 + (*at - '0') : said;
        exponent += down ? -said : said;
    }
    if (at < end && *at != ' ' && *at != '\t' && *at != '\n' && *at != '\r')
        return false;
    from->at = at;
    /* Dividing by a power of ten that a double holds exactly rounds once: 0.1 is 0.1. */
    double scaled = mantissa == 0.0 ? 0.0
                    : exponent < 0  ? mantissa / pow(10.0, -exponent)
                                    : mantissa * pow(10.0, exponent);
    *value = negative ? -scaled : scaled;
    return true;
}

static bool take_binary_number(ply_reader *from, ply_type type, double *value)
{
    size_t size = ply_types[type].size;
    if ((size_t)(from->end - from->at) < size)
        return false;
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)from->at[from->format == PLY_BIG_ENDIAN ? size - 1 - i : i] << 8 * i;
    from->at += size;
    uint32_t half = (uint32_t)(bits & 0xffffffffu);
    float single;
    switch (type) {
    case INT8: *value = (double)(int8_t)(half & 0xff); break;
    case INT16: *value = (double)(int16_t)(half & 0xffff); break;
    case INT32: *value = (double)(int32_t)half; break;
    case FLOAT32:
        memcpy(&single, &half, sizeof single);
        *value = (double)single;
        break;
    case FLOAT64: memcpy(value, &bits, sizeof *value); break;
    default: *value = (double)bits; break;
    }
    return true;
}

static bool take_number(ply_reader *from, ply_type type, double *value)
{
    return from->format == PLY_TEXT ? take_text_number(from, value) : take_binary_number(from, type, value);
}

/* ---- Rows -------------------------------------------------------------------------------------------------- */

/* Every row of an element takes at least so many bytes; 0 for an element without properties. */
static uint64_t least_bytes(const ply_reader *from, const ply_element *element)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < element->property_count; i++) {
        const ply_property *one = &from->properties[element->first + i];
        bytes += from->format == PLY_TEXT ? 1 : ply_types[one->is_list ? one->count_type : one->type].size;
    }
    return bytes;
}

static float *take_floats(arena *memory, bool wanted, size_t count)
{
    return wanted ? arena_array(memory, float, count) : NULL;
}

/* Room for the vertices that the header promises: in the shape's memory where they are a mesh. */
static lumen_status prepare_vertices(ply_reader *from, const ply_element *element, bool is_mesh)
{
    if (element->count > READ_VERTICES_MAX)
        return draft_fail(from->draft, from->error, "thin it out", "it has more than %d vertices", READ_VERTICES_MAX);
    arena *memory = is_mesh ? from->draft->memory : from->draft->scratch;
    size_t count = from->vertex_count = (uint32_t)element->count;
    bool normals = from->has[NORMAL_X] && from->has[NORMAL_Y] && from->has[NORMAL_Z];
    bool colors = from->has[RED] && from->has[GREEN] && from->has[BLUE];
    from->positions = take_floats(memory, true, 3 * count);
    from->normals = take_floats(memory, normals, 3 * count);
    from->attachments = take_floats(memory, from->has[ATTACHMENT], count);
    from->colors = colors ? arena_array(memory, uint8_t, 3 * count) : NULL;
    from->part_ids = from->has[PART] ? arena_array(memory, uint8_t, count) : NULL;
    if (from->positions == NULL || (normals && from->normals == NULL) || (colors && from->colors == NULL) ||
        (from->has[ATTACHMENT] && from->attachments == NULL) || (from->has[PART] && from->part_ids == NULL))
        return lumen_fail_memory(from->error, "the points of a file");
    return LUMEN_OK;
}

static uint8_t byte_of(double value)
{
    return value > 0.0 ? (value < 255.0 ? (uint8_t)(value + 0.5) : 255) : 0;
}

/* False when a coordinate is none. */
static bool set_vertex(ply_reader *from, size_t i, const double values[ROLES])
{
    for (int axis = 0; axis < 3; axis++) {
        if (!(fabs(values[X + axis]) <= 3e38))
            return false;
        from->positions[3 * i + (size_t)axis] = (float)values[X + axis];
        if (from->normals != NULL)
            from->normals[3 * i + (size_t)axis] =
                fabs(values[NORMAL_X + axis]) <= 1e15 ? (float)values[NORMAL_X + axis] : 0.0f;
        if (from->colors != NULL)
            from->colors[3 * i + (size_t)axis] = byte_of(values[RED + axis] / from->color_full * 255.0);
    }
    if (from->attachments != NULL)
        from->attachments[i] = values[ATTACHMENT] >= 0.0 ? (float)fmin(1.0, values[ATTACHMENT]) : 0.0f;
    if (from->part_ids != NULL)
        from->part_ids[i] =
            values[PART] >= 1.0 && values[PART] <= (double)LUMEN_PARTS_MAX ? (uint8_t)values[PART] : (uint8_t)0;
    return true;
}

/* The rest of a face's corners as a fan of triangles. */
static bool take_corners(ply_reader *from, ply_type type, uint64_t count)
{
    uint32_t triangle[3] = {0, 0, 0};
    for (uint64_t i = 0; i < count; i++) {
        double corner;
        if (!take_number(from, type, &corner) || !(corner >= 0.0 && corner < (double)UINT32_MAX))
            return false;
        triangle[i < 2 ? i : 2] = (uint32_t)corner;
        if (i >= 2) {
            buffer_append(&from->triangles, triangle, sizeof triangle);
            triangle[1] = triangle[2];
        }
    }
    return true;
}

/* Reads one row; the values of a vertex into `values`. False when the file ends or holds what is no number. */
static bool take_row(ply_reader *from, const ply_element *element, double values[ROLES])
{
    for (uint32_t i = 0; i < element->property_count; i++) {
        const ply_property *property = &from->properties[element->first + i];
        double value;
        if (!take_number(from, property->is_list ? property->count_type : property->type, &value))
            return false;
        if (!property->is_list) {
            values[property->role] = value;
            continue;
        }
        if (!(value >= 0.0 && value <= (double)CORNERS_MAX))
            return false;
        if (property->is_corners) {
            if (!take_corners(from, property->type, (uint64_t)value))
                return false;
            continue;
        }
        for (uint64_t left = (uint64_t)value; left > 0; left--) {
            double passed_over;
            if (!take_number(from, property->type, &passed_over))
                return false;
        }
    }
    return true;
}

static lumen_status take_element(ply_reader *from, const ply_element *element, bool is_mesh)
{
    uint64_t least = least_bytes(from, element);
    if (least > 0 && element->count > (uint64_t)(from->end - from->at) / least)
        return draft_fail(from->draft, from->error, PLY_MEND, "it is shorter than its header says");
    if (element->is_vertex) {
        lumen_status status = prepare_vertices(from, element, is_mesh);
        if (status != LUMEN_OK)
            return status;
    }
    double values[ROLES] = {0};
    for (uint64_t row = 0; least > 0 && row < element->count; row++) {
        if (!take_row(from, element, values))
            return draft_fail(from->draft, from->error, PLY_MEND, "it ends too early or holds what is no number");
        if (element->is_vertex && !set_vertex(from, (size_t)row, values))
            return draft_fail(from->draft, from->error, PLY_MEND, "vertex %llu has a coordinate that is not finite",
                              (unsigned long long)row);
    }
    return LUMEN_OK;
}

/* ---- The shape --------------------------------------------------------------------------------------------- */

static lumen_status make_mesh(ply_reader *from)
{
    shape_draft *draft = from->draft;
    if (buffer_failed(&from->triangles))
        return draft_fail(draft, from->error, "thin it out", "it has more than %d triangles", READ_TRIANGLES_MAX);
    size_t indices = from->triangles.size / sizeof(uint32_t);
    lumen_mesh *mesh = arena_array(draft->memory, lumen_mesh, 1);
    uint32_t *triangles = arena_array(draft->memory, uint32_t, indices);
    if (mesh == NULL || triangles == NULL)
        return lumen_fail_memory(from->error, "the triangles of a file");
    if (indices > 0)
        memcpy(triangles, from->triangles.data, indices * sizeof *triangles);
    for (size_t i = 0; i < indices; i++)
        if (triangles[i] >= from->vertex_count)
            return draft_fail(draft, from->error, PLY_MEND, "a face names vertex %u of %u", triangles[i],
                              from->vertex_count);
    *mesh = (lumen_mesh){
        .vertex_count = from->vertex_count,
        .triangle_count = (uint32_t)(indices / 3),
        .positions = from->positions,
        .normals = from->normals,
        .colors = from->colors,
        .triangles = triangles,
    };
    draft->part_meshes = mesh;
    draft->part_count = 1;
    draft->part_names[0] = draft_text(draft, "whole", 5, READ_NAME_BYTES);
    return draft->part_names[0] == NULL ? lumen_fail_memory(from->error, "a shape from a file") : LUMEN_OK;
}

/* A step through `count` points, prime to it, of nearly the golden section: any first few are spread over all. */
static uint64_t step_through(uint64_t count)
{
    uint64_t step = (uint64_t)((double)count * 0.6180339887498949);
    for (step = step < 1 ? 1 : step;; step++) {
        uint64_t a = count, b = step;
        while (b != 0) {
            uint64_t rest = a % b;
            a = b, b = rest;
        }
        if (a == 1)
            return step;
    }
}

/* Points of our own files stay in their order. Those of others may come row by row, and the first ones must be spread
 * over the whole; of too many only so many are taken. */
static lumen_status make_points(ply_reader *from)
{
    shape_draft *draft = from->draft;
    uint64_t count = from->vertex_count;
    if (count == 0)
        return LUMEN_OK; /* draft_finish says so */
    draft->point_count = (uint32_t)(count < LUMEN_POINTS_MAX ? count : LUMEN_POINTS_MAX);
    uint64_t step = from->is_ours && count <= LUMEN_POINTS_MAX ? 1 : step_through(count);
    size_t points = draft->point_count;
    draft->positions = arena_array(draft->memory, float, 3 * points);
    draft->normals = take_floats(draft->memory, from->normals != NULL, 3 * points);
    draft->attachments = take_floats(draft->memory, from->attachments != NULL, points);
    draft->colors = from->colors == NULL ? NULL : arena_array(draft->memory, uint8_t, 3 * points);
    draft->part_ids = from->part_ids == NULL ? NULL : arena_array(draft->memory, uint8_t, points);
    if (draft->positions == NULL || (from->normals != NULL && draft->normals == NULL) ||
        (from->attachments != NULL && draft->attachments == NULL) || (from->colors != NULL && draft->colors == NULL) ||
        (from->part_ids != NULL && draft->part_ids == NULL))
        return lumen_fail_memory(from->error, "a shape from a file");

    draft->part_count = from->named_parts;
    for (size_t i = 0; i < points; i++) {
        size_t source = (size_t)(i * step % count);
        memcpy(draft->positions + 3 * i, from->positions + 3 * source, 3 * sizeof(float));
        if (from->normals != NULL)
            memcpy(draft->normals + 3 * i, from->normals + 3 * source, 3 * sizeof(float));
        if (from->attachments != NULL)
            draft->attachments[i] = from->attachments[source];
        if (from->colors != NULL)
            memcpy(draft->colors + 3 * i, from->colors + 3 * source, 3);
        if (from->part_ids != NULL) {
            draft->part_ids[i] = from->part_ids[source];
            if (draft->part_ids[i] > draft->part_count)
                draft->part_count = draft->part_ids[i];
        }
    }
    return LUMEN_OK;
}

lumen_status read_ply(shape_draft *draft, const void *bytes, size_t size, lumen_error *error)
{
    ply_reader from = {.draft = draft, .error = error, .at = bytes, .end = (const unsigned char *)bytes + size};
    buffer_open(&from.triangles, (size_t)READ_TRIANGLES_MAX * 3 * sizeof(uint32_t));
    lumen_status status = read_ply_header(&from);
    bool is_mesh = false;
    for (uint32_t i = 0; status == LUMEN_OK && i < from.element_count; i++)
        is_mesh = is_mesh || (from.elements[i].is_face && from.elements[i].count > 0);
    for (uint32_t i = 0; status == LUMEN_OK && i < from.element_count; i++)
        status = take_element(&from, &from.elements[i], is_mesh);
    if (status == LUMEN_OK)
        status = is_mesh ? make_mesh(&from) : make_points(&from);
    buffer_close(&from.triangles);
    return status;
}

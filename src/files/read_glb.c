/*
 * glTF 2.0 binary (Khronos, "glTF 2.0 Specification", chapters 3 to 5), as far as shapes need it: nodes with their
 * transformations, meshes of triangles, positions, normals, vertex colors, and the base color of materials. Each node
 * with a mesh is a part. Textures, animations, skins and cameras are passed over; compressed meshes are refused.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "files/read.h"
#include "picture/color.h"

enum {
    HEADER_BYTES = 12,
    CHUNK_HEADER_BYTES = 8,
    CHUNK_JSON = 0x4e4f534a,
    CHUNK_BIN = 0x004e4942,
    TYPE_UNSIGNED_BYTE = 5121,
    TYPE_UNSIGNED_SHORT = 5123,
    TYPE_UNSIGNED_INT = 5125,
    TYPE_FLOAT = 5126,
    MODE_TRIANGLES = 4,
    NODES_MAX = 1 << 16
};
#define GLB_MAGIC 0x46546c67u

static const char MEND[] = "export it again as GLB, not compressed, with everything inside";

/* Where a node stands: three rows of a matrix, the last column moves. */
typedef struct placing {
    double rows[3][4];
} placing;

/* A node whose turn comes, or that stands where it says. */
typedef struct glb_node {
    uint32_t index;
    placing at;
} glb_node;

typedef struct glb_reader {
    shape_draft *draft;
    lumen_error *error;
    json_t *json;
    const unsigned char *numbers; /* the binary chunk */
    uint64_t numbers_size;
    color_encoder encoder;
} glb_reader;

/* Numbers of the binary chunk as an accessor describes them, checked to lie inside. */
typedef struct glb_accessor {
    const unsigned char *data;
    uint64_t stride;
    uint32_t count, width; /* elements, numbers of each */
    uint32_t component;
} glb_accessor;

static uint32_t u32_at(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* A member that counts something; `usual` where it is not there, UINT32_MAX where it is anything else. */
static uint32_t take_count(const json_t *object, const char *name, uint32_t usual)
{
    const json_t *value = json_object_get(object, name);
    json_int_t number = json_integer_value(value);
    return value == NULL                                                  ? usual
           : json_is_integer(value) && number >= 0 && number < UINT32_MAX ? (uint32_t)number
                                                                          : UINT32_MAX;
}

/* Element `index` of an array of the document; NULL where there is none. */
static json_t *find(const glb_reader *from, const char *array, uint32_t index)
{
    return index == UINT32_MAX ? NULL : json_array_get(json_object_get(from->json, array), index);
}

/* ---- Chunks ---------------------------------------------------------------------------------------------- */

static lumen_status take_chunks(glb_reader *from, const unsigned char *bytes, size_t size)
{
    shape_draft *draft = from->draft;
    if (size < HEADER_BYTES + CHUNK_HEADER_BYTES || u32_at(bytes) != GLB_MAGIC)
        return draft_fail(draft, from->error, MEND, "it is no GLB file");
    if (u32_at(bytes + 4) != 2)
        return draft_fail(draft, from->error, MEND, "it is of version %u, not 2", u32_at(bytes + 4));
    uint32_t whole = u32_at(bytes + 8), json_size = u32_at(bytes + 12);
    if (whole > size || whole < HEADER_BYTES + CHUNK_HEADER_BYTES ||
        json_size > whole - HEADER_BYTES - CHUNK_HEADER_BYTES || u32_at(bytes + 16) != CHUNK_JSON)
        return draft_fail(draft, from->error, MEND, "it is shorter than its header says");
    const unsigned char *at = bytes + HEADER_BYTES + CHUNK_HEADER_BYTES;
    json_error_t fault;
    from->json = json_loadb((const char *)at, json_size, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(from->json))
        return draft_fail(draft, from->error, MEND, "its JSON is broken, as line %d shows", fault.line);
    at += json_size;
    size_t left = (size_t)(bytes + whole - at);
    if (left >= CHUNK_HEADER_BYTES && u32_at(at + 4) == CHUNK_BIN && u32_at(at) <= left - CHUNK_HEADER_BYTES) {
        from->numbers = at + CHUNK_HEADER_BYTES;
        from->numbers_size = u32_at(at);
    }
    return LUMEN_OK;
}

/* Extensions that only change how a surface looks can be passed over. */
static lumen_status check_extensions(const glb_reader *from)
{
    const json_t *required = json_object_get(from->json, "extensionsRequired");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (name == NULL)
            return draft_fail(from->draft, from->error, MEND, "its list of extensions is broken");
        if (strncmp(name, "KHR_materials_", 14) != 0 && strncmp(name, "KHR_texture_", 12) != 0) {
            const char *shown = draft_text(from->draft, name, strlen(name), READ_NAME_BYTES);
            return draft_fail(from->draft, from->error, MEND, "it needs the extension %s", shown == NULL ? "" : shown);
        }
    }
    return LUMEN_OK;
}

/* ---- Accessors -------------------------------------------------------------------------------------------- */

static uint32_t size_of(uint32_t component)
{
    switch (component) {
    case TYPE_UNSIGNED_BYTE: return 1;
    case TYPE_UNSIGNED_SHORT: return 2;
    case TYPE_UNSIGNED_INT:
    case TYPE_FLOAT: return 4;
    default: return 0;
    }
}

static uint32_t width_of(const char *type)
{
    return type == NULL                  ? 0
           : strcmp(type, "SCALAR") == 0 ? 1
           : strcmp(type, "VEC2") == 0   ? 2
           : strcmp(type, "VEC3") == 0   ? 3
           : strcmp(type, "VEC4") == 0   ? 4
                                         : 0;
}

/* Fills `out`; false when the accessor is not there, not of a kind that is read here, or reaches out of the file. */
static bool open_accessor(const glb_reader *from, uint32_t index, glb_accessor *out)
{
    const json_t *accessor = find(from, "accessors", index);
    const json_t *view = find(from, "bufferViews", take_count(accessor, "bufferView", UINT32_MAX));
    const json_t *from_buffer = find(from, "buffers", take_count(view, "buffer", UINT32_MAX));
    if (from->numbers == NULL || view == NULL || from_buffer == NULL || take_count(view, "buffer", 1) != 0 ||
        json_object_get(from_buffer, "uri") != NULL || json_object_get(accessor, "sparse") != NULL)
        return false;
    out->component = take_count(accessor, "componentType", 0);
    out->width = width_of(json_string_value(json_object_get(accessor, "type")));
    out->count = take_count(accessor, "count", UINT32_MAX);
    uint64_t element = (uint64_t)size_of(out->component) * out->width;
    uint64_t view_start = take_count(view, "byteOffset", 0), view_size = take_count(view, "byteLength", UINT32_MAX);
    uint64_t start = take_count(accessor, "byteOffset", 0);
    out->stride = take_count(view, "byteStride", 0);
    if (out->stride == 0)
        out->stride = element;
    /* All of these are below 2^32, so that none of the sums and products overflows. */
    if (element == 0 || out->count == UINT32_MAX || out->stride < element || out->stride > 4096 ||
        view_start > from->numbers_size || view_size > from->numbers_size - view_start || start > view_size)
        return false;
    if (out->count > 0 && (out->count - 1) * out->stride + element > view_size - start)
        return false;
    out->data = from->numbers + view_start + start;
    return true;
}

/* Number `k` of element `i`; integers as parts of the largest. */
static float number_at(const glb_accessor *of, uint64_t i, uint32_t k)
{
    const unsigned char *at = of->data + i * of->stride + (uint64_t)k * size_of(of->component);
    uint32_t bits;
    float value;
    switch (of->component) {
    case TYPE_UNSIGNED_BYTE: return (float)at[0] / 255.0f;
    case TYPE_UNSIGNED_SHORT: return (float)(at[0] | at[1] << 8) / 65535.0f;
    case TYPE_FLOAT:
        bits = u32_at(at);
        memcpy(&value, &bits, sizeof value);
        return value;
    default: return 0.0f;
    }
}

static uint32_t index_at(const glb_accessor *of, uint64_t i)
{
    const unsigned char *at = of->data + i * of->stride;
    switch (of->component) {
    case TYPE_UNSIGNED_BYTE: return at[0];
    case TYPE_UNSIGNED_SHORT: return (uint32_t)(at[0] | at[1] << 8);
    default: return u32_at(at);
    }
}

/* ---- Placing ------------------------------------------------------------------------------------------------ */

static const placing at_home = {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}};

/* Reads `count` numbers of a member; false when it is there and is anything else. */
static bool take_numbers(const json_t *object, const char *name, size_t count, double *numbers)
{
    const json_t *array = json_object_get(object, name);
    if (array == NULL)
        return true;
    if (json_array_size(array) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(array, i);
        numbers[i] = json_number_value(value);
        if (!json_is_number(value) || !isfinite(numbers[i]))
            return false;
    }
    return true;
}

/* A point that the result moves is moved by `inner` first. */
static placing combine(const placing *outer, const placing *inner)
{
    placing result;
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 4; column++) {
            double sum = column == 3 ? outer->rows[row][3] : 0.0;
            for (int k = 0; k < 3; k++)
                sum += outer->rows[row][k] * inner->rows[k][column];
            result.rows[row][column] = sum;
        }
    return result;
}

/* The place of a node in its parent: a matrix by columns, or translation, rotation (a quaternion) and scale. */
static bool take_placing(const json_t *node, placing *out)
{
    double matrix[16] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    double t[3] = {0, 0, 0}, q[4] = {0, 0, 0, 1}, s[3] = {1, 1, 1};
    if (!take_numbers(node, "matrix", 16, matrix) || !take_numbers(node, "translation", 3, t) ||
        !take_numbers(node, "rotation", 4, q) || !take_numbers(node, "scale", 3, s))
        return false;
    if (json_object_get(node, "matrix") != NULL) {
        for (int row = 0; row < 3; row++)
            for (int column = 0; column < 4; column++)
                out->rows[row][column] = matrix[4 * column + row];
        return true;
    }
    double x = q[0], y = q[1], z = q[2], w = q[3];
    const double turn[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)},
                               {2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)},
                               {2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)}};
    for (int row = 0; row < 3; row++) {
        for (int column = 0; column < 3; column++)
            out->rows[row][column] = turn[row][column] * s[column];
        out->rows[row][3] = t[row];
    }
    return true;
}

/* ---- Nodes -------------------------------------------------------------------------------------------------- */

static bool push(glb_node *queue, uint32_t *count, uint8_t *seen, uint32_t node_count, const json_t *index,
                 const placing *parent)
{
    json_int_t number = json_integer_value(index);
    if (!json_is_integer(index) || number < 0 || number >= node_count || seen[number] != 0)
        return false;
    seen[number] = 1;
    queue[(*count)++] = (glb_node){(uint32_t)number, *parent};
    return true;
}

/* Every node of the scene with its place, parents before children. A node that is met twice (a loop, or two parents)
 * breaks the file. */
static lumen_status walk_nodes(const glb_reader *from, glb_node **out, uint32_t *out_count)
{
    const json_t *nodes = json_object_get(from->json, "nodes");
    size_t node_count = json_array_size(nodes);
    if (node_count > NODES_MAX)
        return draft_fail(from->draft, from->error, "simplify it", "it has more than %d nodes", NODES_MAX);
    glb_node *queue = arena_array(from->draft->scratch, glb_node, node_count);
    uint8_t *seen = arena_array(from->draft->scratch, uint8_t, node_count);
    if (queue == NULL || seen == NULL)
        return lumen_fail_memory(from->error, "the nodes of a file");
    memset(seen, 0, node_count);

    uint32_t count = 0;
    const json_t *scene = find(from, "scenes", take_count(from->json, "scene", 0));
    const json_t *roots = json_object_get(scene, "nodes");
    bool whole = scene != NULL;
    for (size_t i = 0; whole && i < json_array_size(roots); i++)
        whole = push(queue, &count, seen, (uint32_t)node_count, json_array_get(roots, i), &at_home);
    for (uint32_t done = 0; whole && done < count; done++) {
        const json_t *node = json_array_get(nodes, queue[done].index);
        const json_t *children = json_object_get(node, "children");
        placing own;
        whole = take_placing(node, &own);
        if (whole)
            queue[done].at = combine(&queue[done].at, &own);
        for (size_t i = 0; whole && i < json_array_size(children); i++)
            whole = push(queue, &count, seen, (uint32_t)node_count, json_array_get(children, i), &queue[done].at);
    }
    if (!whole)
        return draft_fail(from->draft, from->error, MEND, "its nodes are no trees");
    *out = queue;
    *out_count = count;
    return LUMEN_OK;
}

/* ---- Meshes ------------------------------------------------------------------------------------------------- */

/* The arrays of one run of triangles. `data` is NULL in what is not there. */
typedef struct glb_primitive {
    glb_accessor positions, normals, colors, indices;
    float color[3]; /* of the material, linear */
} glb_primitive;

static bool open_optional(const glb_reader *from, const json_t *object, const char *name, glb_accessor *out)
{
    return json_object_get(object, name) == NULL || open_accessor(from, take_count(object, name, UINT32_MAX), out);
}

/* Reads the description of a primitive. False when it is broken; `*is_there` says whether it has triangles. */
static bool open_primitive(const glb_reader *from, const json_t *json, glb_primitive *out, bool *is_there)
{
    *out = (glb_primitive){.color = {1.0f, 1.0f, 1.0f}};
    const json_t *attributes = json_object_get(json, "attributes");
    *is_there =
        take_count(json, "mode", MODE_TRIANGLES) == MODE_TRIANGLES && json_object_get(attributes, "POSITION") != NULL;
    if (!*is_there)
        return true;
    if (!open_optional(from, attributes, "POSITION", &out->positions) ||
        !open_optional(from, attributes, "NORMAL", &out->normals) ||
        !open_optional(from, attributes, "COLOR_0", &out->colors) ||
        !open_optional(from, json, "indices", &out->indices))
        return false;
    uint32_t count = out->positions.count;
    if (out->positions.component != TYPE_FLOAT || out->positions.width != 3 ||
        (out->normals.data != NULL &&
         (out->normals.component != TYPE_FLOAT || out->normals.width != 3 || out->normals.count != count)) ||
        (out->colors.data != NULL &&
         (out->colors.width < 3 || out->colors.component == TYPE_UNSIGNED_INT || out->colors.count != count)) ||
        (out->indices.data != NULL && (out->indices.component == TYPE_FLOAT || out->indices.width != 1)))
        return false;
    const json_t *material = find(from, "materials", take_count(json, "material", UINT32_MAX));
    double factor[4] = {1.0, 1.0, 1.0, 1.0};
    if (!take_numbers(json_object_get(material, "pbrMetallicRoughness"), "baseColorFactor", 4, factor))
        return false;
    for (int channel = 0; channel < 3; channel++)
        out->color[channel] = (float)fmin(1.0, fmax(0.0, factor[channel]));
    return true;
}

static uint32_t triangles_of(const glb_primitive *one)
{
    return (one->indices.data != NULL ? one->indices.count : one->positions.count) / 3;
}

/* The transposed inverse, but for a factor, turns normals as they are turned by what moves points. */
static void turn_normal(const placing *at, const float normal[3], float out[3])
{
    const double(*m)[4] = at->rows;
    double turned[3], length = 0.0;
    for (int row = 0; row < 3; row++) {
        int a = (row + 1) % 3, b = (row + 2) % 3;
        turned[row] = (m[a][1] * m[b][2] - m[a][2] * m[b][1]) * (double)normal[0] +
                      (m[a][2] * m[b][0] - m[a][0] * m[b][2]) * (double)normal[1] +
                      (m[a][0] * m[b][1] - m[a][1] * m[b][0]) * (double)normal[2];
        length += turned[row] * turned[row];
    }
    bool usable = isfinite(length) && length > 0.0;
    for (int axis = 0; axis < 3; axis++)
        out[axis] = usable ? (float)(turned[axis] / sqrt(length)) : axis == 1 ? 1.0f : 0.0f;
}

/* Whether a placing turns the outside in. */
static bool mirrors(const placing *at)
{
    const double(*m)[4] = at->rows;
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
               m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]) <
           0.0;
}

static uint8_t color_byte(const glb_reader *from, float linear)
{
    return (uint8_t)(color_encode(&from->encoder, linear >= 0.0f ? fminf(linear, 1.0f) : 0.0f) + 0.5f);
}

/* Appends the triangles of a primitive to a mesh that has room. */
static bool append(const glb_reader *from, const glb_primitive *one, const placing *at, lumen_mesh *mesh)
{
    uint32_t base = mesh->vertex_count, count = one->positions.count;
    for (uint32_t i = 0; i < count; i++) {
        size_t vertex = (size_t)base + i;
        float normal[3] = {0.0f, 1.0f, 0.0f};
        for (uint32_t row = 0; row < 3; row++) {
            const double *m = at->rows[row];
            double moved = m[3];
            for (uint32_t k = 0; k < 3; k++)
                moved += m[k] * (double)number_at(&one->positions, i, k);
            if (!(fabs(moved) <= 3e38))
                return false;
            mesh->positions[3 * vertex + row] = (float)moved;
            float tint = one->colors.data == NULL ? 1.0f : number_at(&one->colors, i, row);
            mesh->colors[3 * vertex + row] = color_byte(from, tint * one->color[row]);
            if (one->normals.data != NULL)
                normal[row] = number_at(&one->normals, i, row);
        }
        turn_normal(at, normal, mesh->normals + 3 * vertex);
    }
    bool mirrored = mirrors(at), indexed = one->indices.data != NULL;
    for (uint32_t t = 0; t < triangles_of(one); t++) {
        uint32_t *triangle = mesh->triangles + 3 * ((size_t)mesh->triangle_count + t);
        for (uint32_t corner = 0; corner < 3; corner++) {
            uint32_t index = indexed ? index_at(&one->indices, 3 * (uint64_t)t + corner) : 3 * t + corner;
            if (index >= count)
                return false;
            triangle[mirrored ? 2 - corner : corner] = base + index;
        }
    }
    mesh->vertex_count += count;
    mesh->triangle_count += triangles_of(one);
    return true;
}

/* Adds up what a mesh needs; false when it is broken. */
static bool measure(const glb_reader *from, const json_t *primitives, uint64_t *vertices, uint64_t *triangles,
                    bool *has_normals)
{
    for (size_t i = 0; i < json_array_size(primitives); i++) {
        glb_primitive one;
        bool is_there;
        if (!open_primitive(from, json_array_get(primitives, i), &one, &is_there))
            return false;
        if (is_there) {
            *vertices += one.positions.count;
            *triangles += triangles_of(&one);
            *has_normals = *has_normals && one.normals.data != NULL;
        }
    }
    return true;
}

/* ---- Parts -------------------------------------------------------------------------------------------------- */

static const char *take_name(glb_reader *from, const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    return json_string_length(value) == 0
               ? NULL
               : draft_text(from->draft, json_string_value(value), json_string_length(value), READ_NAME_BYTES);
}

static const char *name_of(glb_reader *from, const json_t *node, const json_t *mesh)
{
    const char *name = take_name(from, json_object_get(node, "extras"), "part");
    name = name != NULL ? name : take_name(from, node, "name");
    return name != NULL ? name : take_name(from, mesh, "name");
}

static lumen_status fail_broken(const glb_reader *from)
{
    return draft_fail(from->draft, from->error, MEND,
                      "a mesh is broken, lies outside the file, or holds numbers of a kind that is not read");
}

/* What a part will hold, counted before there is room for it. */
typedef struct part_size {
    uint64_t vertices, triangles;
    bool has_normals; /* all of its vertices */
} part_size;

/* Nodes with triangles become parts in the order in which they are met; those beyond the last one share it. */
static lumen_status measure_parts(glb_reader *from, const glb_node *nodes, uint32_t count, uint8_t *part_of,
                                  part_size sizes[LUMEN_PARTS_MAX])
{
    shape_draft *draft = from->draft;
    uint64_t vertices = 0, triangles = 0, primitives = 0;
    for (uint32_t i = 0; i < count; i++) {
        const json_t *node = find(from, "nodes", nodes[i].index);
        const json_t *mesh = find(from, "meshes", take_count(node, "mesh", UINT32_MAX));
        const json_t *list = json_object_get(mesh, "primitives");
        part_size own = {.has_normals = true};
        part_of[i] = LUMEN_PARTS_MAX; /* none */
        primitives += json_array_size(list);
        if (primitives > NODES_MAX || !measure(from, list, &own.vertices, &own.triangles, &own.has_normals))
            return fail_broken(from);
        if (own.triangles == 0)
            continue;
        vertices += own.vertices, triangles += own.triangles;
        if (vertices > READ_VERTICES_MAX || triangles > READ_TRIANGLES_MAX)
            return draft_fail(draft, from->error, "simplify it", "it has more than %d vertices or %d triangles",
                              READ_VERTICES_MAX, READ_TRIANGLES_MAX);
        bool last = draft->part_count == LUMEN_PARTS_MAX;
        uint32_t part = last ? LUMEN_PARTS_MAX - 1 : draft->part_count++;
        if (!last)
            sizes[part] = (part_size){.has_normals = true};
        draft->part_names[part] = last ? draft_text(draft, "rest", 4, READ_NAME_BYTES) : name_of(from, node, mesh);
        const json_t *sure = json_object_get(json_object_get(node, "extras"), "confidence");
        if (!last && json_is_number(sure))
            draft_sure(draft, part, json_number_value(sure));
        part_of[i] = (uint8_t)part;
        sizes[part].vertices += own.vertices;
        sizes[part].triangles += own.triangles;
        sizes[part].has_normals = sizes[part].has_normals && own.has_normals;
    }
    return draft->part_count > 0 ? LUMEN_OK : draft_fail(draft, from->error, MEND, "it has no triangles");
}

static bool prepare_mesh(arena *memory, const part_size *size, lumen_mesh *mesh)
{
    *mesh = (lumen_mesh){
        .positions = arena_array(memory, float, 3 * size->vertices),
        .normals = arena_array(memory, float, 3 * size->vertices),
        .colors = arena_array(memory, uint8_t, 3 * size->vertices),
        .triangles = arena_array(memory, uint32_t, 3 * size->triangles),
    };
    return mesh->positions != NULL && mesh->normals != NULL && mesh->colors != NULL && mesh->triangles != NULL;
}

static lumen_status take_parts(glb_reader *from, const glb_node *nodes, uint32_t count)
{
    shape_draft *draft = from->draft;
    part_size sizes[LUMEN_PARTS_MAX];
    uint8_t *part_of = arena_array(draft->scratch, uint8_t, count);
    if (part_of == NULL)
        return lumen_fail_memory(from->error, "the parts of a file");
    lumen_status status = measure_parts(from, nodes, count, part_of, sizes);
    if (status != LUMEN_OK)
        return status;

    draft->part_meshes = arena_array(draft->memory, lumen_mesh, draft->part_count);
    bool room = draft->part_meshes != NULL;
    for (uint32_t k = 0; room && k < draft->part_count; k++)
        room = prepare_mesh(draft->memory, &sizes[k], &draft->part_meshes[k]);
    if (!room)
        return lumen_fail_memory(from->error, "the meshes of a file");

    for (uint32_t i = 0; i < count; i++) {
        if (part_of[i] == LUMEN_PARTS_MAX)
            continue;
        const json_t *mesh = find(from, "meshes", take_count(find(from, "nodes", nodes[i].index), "mesh", UINT32_MAX));
        const json_t *list = json_object_get(mesh, "primitives");
        for (size_t k = 0; k < json_array_size(list); k++) {
            glb_primitive one;
            bool is_there;
            if (!open_primitive(from, json_array_get(list, k), &one, &is_there) ||
                (is_there && !append(from, &one, &nodes[i].at, &draft->part_meshes[part_of[i]])))
                return fail_broken(from);
        }
    }
    /* Where some have no normals, the triangles' own serve all. */
    for (uint32_t k = 0; k < draft->part_count; k++)
        if (!sizes[k].has_normals)
            draft->part_meshes[k].normals = NULL;
    return LUMEN_OK;
}

/* What files_glb writes of the shape's making. */
static void take_facts(glb_reader *from)
{
    shape_draft *draft = from->draft;
    const json_t *asset = json_object_get(from->json, "asset"), *extras = json_object_get(asset, "extras");
    const char *generator = json_string_value(json_object_get(asset, "generator"));
    if (generator == NULL || strncmp(generator, "lumen ", 6) != 0)
        return;
    const json_t *text = json_object_get(extras, "text"), *seed = json_object_get(extras, "seed");
    if (json_is_string(text))
        draft->text = draft_text(draft, json_string_value(text), json_string_length(text), READ_TEXT_BYTES);
    draft->template_type = take_name(from, extras, "template");
    draft->pipeline = take_name(from, extras, "pipeline");
    draft->key = take_name(from, extras, "key");
    draft->seed =
        json_is_string(seed) ? strtoull(json_string_value(seed), NULL, 10) : (uint64_t)json_integer_value(seed);
}

lumen_status read_glb(shape_draft *draft, const void *bytes, size_t size, lumen_error *error)
{
    glb_reader from = {.draft = draft, .error = error};
    glb_node *nodes = NULL;
    uint32_t node_count = 0;
    color_encoder_make(&from.encoder);
    lumen_status status = take_chunks(&from, bytes, size);
    if (status == LUMEN_OK)
        status = check_extensions(&from);
    if (status == LUMEN_OK)
        status = walk_nodes(&from, &nodes, &node_count);
    if (status == LUMEN_OK)
        status = take_parts(&from, nodes, node_count);
    if (status == LUMEN_OK)
        take_facts(&from);
    json_decref(from.json);
    return status;
}

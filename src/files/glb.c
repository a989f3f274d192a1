/*
 * glTF 2.0 binary (Khronos, "glTF 2.0 Specification", chapters 3 to 5).
 *
 * The file is a header, a chunk of JSON and a chunk of numbers. The numbers come first here: each part
 * appends its arrays to `numbers` and their description to the JSON arrays of `document`; at the end both
 * are put together.
 */
#include "base/error.h"
#include "base/vector.h"
#include "files/internal.h"
#include "files/json.h"
#include "picture/color.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Constants of the format. */
enum {
    GLB_VERSION = 2,
    CHUNK_JSON = 0x4e4f534a,
    CHUNK_BIN = 0x004e4942,
    TYPE_UNSIGNED_BYTE = 5121,
    TYPE_UNSIGNED_INT = 5125,
    TYPE_FLOAT = 5126,
    TARGET_VERTICES = 34962,
    TARGET_INDICES = 34963
};
#define GLB_MAGIC 0x46546c67u

typedef struct document {
    json_t *nodes, *meshes, *materials, *accessors, *views;
    json_t *children; /* of the root node */
    buffer numbers;
    color_decoder decoder;
    bool failed; /* memory ran out somewhere */
} document;

/* Appends to an array of the document and returns the index there. Takes over `value`; NULL fails the document. */
static int add(document *gltf, json_t *array, json_t *value)
{
    size_t index = json_array_size(array);
    if (json_array_append_new(array, value) != 0)
        gltf->failed = true;
    return (int)index;
}

/* Describes the numbers appended since `start` as a view and an accessor, and returns the accessor's index. */
static int add_accessor(document *gltf, size_t start, int target, int component, const char *type, size_t count,
                        bool normalized)
{
    json_t *view = json_pack("{s:i, s:I, s:I, s:i}", "buffer", 0, "byteOffset", (json_int_t)start, "byteLength",
                             (json_int_t)(gltf->numbers.size - start), "target", target);
    int view_index = add(gltf, gltf->views, view);
    json_t *accessor = json_pack("{s:i, s:i, s:I, s:s}", "bufferView", view_index, "componentType", component, "count",
                                 (json_int_t)count, "type", type);
    if (normalized && json_object_set_new(accessor, "normalized", json_true()) != 0)
        gltf->failed = true;
    return add(gltf, gltf->accessors, accessor);
}

/* ---- The arrays of a part ----------------------------------------------------------------------- */

static int add_positions(document *gltf, const lumen_mesh *mesh)
{
    size_t start = gltf->numbers.size;
    float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    for (size_t i = 0; i < mesh->vertex_count; i++) {
        for (int axis = 0; axis < 3; axis++) {
            float value = mesh->positions[3 * i + (size_t)axis];
            low[axis] = value < low[axis] ? value : low[axis];
            high[axis] = value > high[axis] ? value : high[axis];
            buffer_f32(&gltf->numbers, value);
        }
    }
    int index = add_accessor(gltf, start, TARGET_VERTICES, TYPE_FLOAT, "VEC3", mesh->vertex_count, false);
    json_t *bounds = json_pack("{s:[f,f,f], s:[f,f,f]}", "min", (double)low[0], (double)low[1], (double)low[2], "max",
                               (double)high[0], (double)high[1], (double)high[2]);
    if (json_object_update_new(json_array_get(gltf->accessors, (size_t)index), bounds) != 0)
        gltf->failed = true;
    return index;
}

/* Normals brought to length one again: the format asks for more than the sampler does. */
static int add_normals(document *gltf, const lumen_mesh *mesh)
{
    size_t start = gltf->numbers.size;
    for (size_t i = 0; i < mesh->vertex_count; i++) {
        const float *at = mesh->normals + 3 * i;
        vec3 normal = vec3_normalize(vec3_make(at[0], at[1], at[2]), vec3_make(0.0f, 1.0f, 0.0f));
        buffer_f32(&gltf->numbers, normal.x);
        buffer_f32(&gltf->numbers, normal.y);
        buffer_f32(&gltf->numbers, normal.z);
    }
    return add_accessor(gltf, start, TARGET_VERTICES, TYPE_FLOAT, "VEC3", mesh->vertex_count, false);
}

/* Vertex colors as what they are of `brightest`, so that the eight bits serve the range that is used. */
static int add_colors(document *gltf, const lumen_mesh *mesh, const float brightest[3])
{
    size_t start = gltf->numbers.size;
    for (size_t i = 0; i < mesh->vertex_count; i++) {
        uint8_t color[4] = {0, 0, 0, 255};
        for (int channel = 0; channel < 3; channel++) {
            float linear = gltf->decoder.linear[mesh->colors[3 * i + (size_t)channel]];
            if (brightest[channel] > 0.0f)
                color[channel] = (uint8_t)(linear / brightest[channel] * 255.0f + 0.5f);
        }
        buffer_append(&gltf->numbers, color, sizeof color);
    }
    return add_accessor(gltf, start, TARGET_VERTICES, TYPE_UNSIGNED_BYTE, "VEC4", mesh->vertex_count, true);
}

static int add_triangles(document *gltf, const lumen_mesh *mesh)
{
    size_t start = gltf->numbers.size;
    for (size_t i = 0; i < mesh->triangle_count; i++) {
        const uint32_t *triangle = mesh->triangles + 3 * i;
        if (!files_triangle_collapsed(triangle))
            for (int corner = 0; corner < 3; corner++)
                buffer_u32(&gltf->numbers, triangle[corner]);
    }
    return add_accessor(gltf, start, TARGET_INDICES, TYPE_UNSIGNED_INT, "SCALAR", (gltf->numbers.size - start) / 4,
                        false);
}

/* ---- Parts ---------------------------------------------------------------------------------------- */

/* The brightest linear value of each channel over the vertices, or the part's own color without any. */
static void base_color(const document *gltf, const lumen_shape *shape, uint32_t part, const lumen_mesh *mesh,
                       float color[3])
{
    static const uint8_t white[3] = {255, 255, 255};
    const uint8_t *own = shape->part_colors == NULL ? white : shape->part_colors + 3 * (size_t)part;
    uint8_t brightest[3] = {0, 0, 0};
    for (size_t i = 0; mesh->colors != NULL && i < mesh->vertex_count; i++)
        for (int channel = 0; channel < 3; channel++) {
            uint8_t value = mesh->colors[3 * i + (size_t)channel];
            if (value > brightest[channel])
                brightest[channel] = value;
        }
    for (int channel = 0; channel < 3; channel++)
        color[channel] = gltf->decoder.linear[mesh->colors == NULL ? own[channel] : brightest[channel]];
}

static bool has_surface(const lumen_mesh *mesh)
{
    for (size_t i = 0; i < mesh->triangle_count; i++)
        if (!files_triangle_collapsed(mesh->triangles + 3 * i))
            return true;
    return false;
}

/* A node, a mesh and a material for one part. */
static void add_part(document *gltf, const lumen_shape *shape, uint32_t part, const lumen_mesh *mesh)
{
    const char *name = files_part_name(shape, part);
    float color[3];
    base_color(gltf, shape, part, mesh, color);

    json_t *attributes = json_pack("{s:i}", "POSITION", add_positions(gltf, mesh));
    if (mesh->normals != NULL && json_object_set_new(attributes, "NORMAL", json_integer(add_normals(gltf, mesh))) != 0)
        gltf->failed = true;
    if (mesh->colors != NULL &&
        json_object_set_new(attributes, "COLOR_0", json_integer(add_colors(gltf, mesh, color))) != 0)
        gltf->failed = true;
    int indices = add_triangles(gltf, mesh);
    int material = add(gltf, gltf->materials,
                       json_pack("{s:o, s:{s:[f,f,f,f], s:f, s:f}}", "name", files_json_text(name),
                                 "pbrMetallicRoughness", "baseColorFactor", (double)color[0], (double)color[1],
                                 (double)color[2], 1.0, "metallicFactor", 0.0, "roughnessFactor", 0.6));
    int mesh_index = add(gltf, gltf->meshes,
                         json_pack("{s:o, s:[{s:o, s:i, s:i}]}", "name", files_json_text(name), "primitives",
                                   "attributes", attributes, "indices", indices, "material", material));
    int node = add(gltf, gltf->nodes,
                   json_pack("{s:o, s:i, s:{s:I, s:o}}", "name", files_json_text(name), "mesh", mesh_index, "extras",
                             "part_id", (json_int_t)part + 1, "part", files_json_text(name)));
    add(gltf, gltf->children, json_integer(node));
}

/* ---- The file ------------------------------------------------------------------------------------- */

/* Sets a member when the array has something in it: the format forbids empty arrays. Takes over `array`. */
static void set_array(document *gltf, json_t *object, const char *name, json_t *array)
{
    if (json_array_size(array) == 0)
        json_decref(array);
    else if (json_object_set_new(object, name, array) != 0)
        gltf->failed = true;
}

/* The JSON of the file. Takes the arrays out of the document. */
static json_t *make_json(document *gltf, const lumen_shape *shape)
{
    const char *subject = files_text(shape->subject)[0] == '\0' ? "shape" : shape->subject;
    json_t *root = json_array_get(gltf->nodes, 0);
    /* A star has a part "star": many readers want names to be different. */
    bool taken = false;
    for (uint32_t k = 0; k < shape->part_count; k++)
        taken = taken || strcmp(files_part_name(shape, k), subject) == 0;
    if (json_object_set_new(root, "name", taken ? json_sprintf("%s (whole)", subject) : files_json_text(subject)) != 0)
        gltf->failed = true;
    set_array(gltf, root, "children", gltf->children);

    json_t *json = json_pack(
        "{s:{s:s, s:s, s:{s:o, s:o, s:o, s:o, s:o}}, s:i, s:[{s:o, s:[i]}]}", "asset", "version", "2.0", "generator",
        "lumen " LUMEN_VERSION, "extras", "template", files_json_text(shape->template_type), "text",
        files_json_text(shape->text), "pipeline", files_json_text(shape->pipeline), "key", files_json_text(shape->key),
        "seed", files_json_seed(shape->seed), "scene", 0, "scenes", "name", files_json_text(subject), "nodes", 0);
    set_array(gltf, json, "nodes", gltf->nodes);
    set_array(gltf, json, "meshes", gltf->meshes);
    set_array(gltf, json, "materials", gltf->materials);
    set_array(gltf, json, "accessors", gltf->accessors);
    set_array(gltf, json, "bufferViews", gltf->views);
    if (gltf->numbers.size > 0 &&
        json_object_set_new(json, "buffers", json_pack("[{s:I}]", "byteLength", (json_int_t)gltf->numbers.size)) != 0)
        gltf->failed = true;
    gltf->nodes = gltf->meshes = gltf->materials = gltf->accessors = gltf->views = gltf->children = NULL;
    return json;
}

static size_t padding(size_t size)
{
    return (4 - size % 4) % 4;
}

static void write_chunks(const buffer *json, const buffer *numbers, buffer *out)
{
    size_t json_size = json->size + padding(json->size);
    size_t numbers_size = numbers->size + padding(numbers->size);
    size_t total = 12 + 8 + json_size + (numbers_size > 0 ? 8 + numbers_size : 0);
    buffer_u32(out, GLB_MAGIC);
    buffer_u32(out, GLB_VERSION);
    buffer_u32(out, (uint32_t)total);
    buffer_u32(out, (uint32_t)json_size);
    buffer_u32(out, CHUNK_JSON);
    buffer_append(out, json->data, json->size);
    buffer_fill(out, ' ', padding(json->size));
    if (numbers_size == 0)
        return;
    buffer_u32(out, (uint32_t)numbers_size);
    buffer_u32(out, CHUNK_BIN);
    buffer_append(out, numbers->data, numbers->size);
    buffer_fill(out, 0, padding(numbers->size));
}

lumen_status files_glb(const lumen_shape *shape, buffer *out, lumen_error *error)
{
    lumen_status status = files_check_meshes(shape, error);
    if (status != LUMEN_OK)
        return status;

    buffer text;
    buffer_open(&text, FILES_BYTES_MAX);
    document gltf = {
        .nodes = json_pack("[{}]"), /* the root comes first */
        .meshes = json_array(),
        .materials = json_array(),
        .accessors = json_array(),
        .views = json_array(),
        .children = json_array(),
    };
    buffer_open(&gltf.numbers, FILES_BYTES_MAX);
    color_decoder_make(&gltf.decoder);
    for (uint32_t i = 0; i < shape->part_count; i++) {
        lumen_mesh mesh = files_part_mesh(shape, i);
        if (has_surface(&mesh))
            add_part(&gltf, shape, i, &mesh);
    }
    json_t *json = make_json(&gltf, shape);
    if (gltf.failed || buffer_failed(&gltf.numbers) || !files_json_dump(json, 9, &text)) {
        status = lumen_fail_memory(error, "a GLB file");
    } else {
        write_chunks(&text, &gltf.numbers, out);
        status = files_finish(out, "a GLB file", error);
    }
    json_decref(json);
    buffer_close(&gltf.numbers);
    buffer_close(&text);
    return status;
}

/*
 * glTF 2.0 binary (Khronos, "glTF 2.0 Specification", chapters 3 to 5).
 *
 * The file is a header, a chunk of JSON and a chunk of numbers. The numbers come first here: each part
 * appends its arrays to `numbers` and their description to the JSON arrays of `document`; at the end both
 * are put together.
 */
#include "base/error.h"
#include "base/vector.h"
#include "files/document.h"
#include "files/internal.h"
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

typedef struct gltf_document {
    document_value *nodes, *meshes, *materials, *accessors, *views;
    buffer numbers;
    color_decoder decoder;
    bool failed; /* memory ran out somewhere */
} gltf_document;

/* Sets a member. Takes over `value`; NULL fails the document. */
static void set(gltf_document *gltf, document_value *object, const char *name, document_value *value)
{
    if (!document_set(object, name, value))
        gltf->failed = true;
}

static void set_integer(gltf_document *gltf, document_value *object, const char *name, size_t number)
{
    set(gltf, object, name, document_integer(number));
}

/* Appends to an array and returns the index there. Takes over `value`; NULL fails the document. */
static size_t add(gltf_document *gltf, document_value *array, document_value *value)
{
    size_t index = document_count(array);
    if (!document_add(array, value))
        gltf->failed = true;
    return index;
}

static document_value *reals(gltf_document *gltf, const float *numbers, size_t count)
{
    document_value *array = document_array();
    for (size_t i = 0; i < count; i++)
        add(gltf, array, document_real((double)numbers[i]));
    return array;
}

/* Describes the numbers appended since `start` as a view, and makes an accessor of it that may be added to. */
static document_value *make_accessor(gltf_document *gltf, size_t start, size_t target, size_t component,
                                     const char *type, size_t count)
{
    document_value *view = document_object();
    set_integer(gltf, view, "buffer", 0);
    set_integer(gltf, view, "byteOffset", start);
    set_integer(gltf, view, "byteLength", gltf->numbers.size - start);
    set_integer(gltf, view, "target", target);
    document_value *accessor = document_object();
    set_integer(gltf, accessor, "bufferView", add(gltf, gltf->views, view));
    set_integer(gltf, accessor, "componentType", component);
    set_integer(gltf, accessor, "count", count);
    set(gltf, accessor, "type", document_text(type));
    return accessor;
}

/* ---- The arrays of a part ----------------------------------------------------------------------- */

static size_t add_positions(gltf_document *gltf, const lumen_mesh *mesh)
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
    document_value *accessor = make_accessor(gltf, start, TARGET_VERTICES, TYPE_FLOAT, "VEC3", mesh->vertex_count);
    set(gltf, accessor, "min", reals(gltf, low, 3));
    set(gltf, accessor, "max", reals(gltf, high, 3));
    return add(gltf, gltf->accessors, accessor);
}

/* Normals brought to length one again: the format asks for more than the sampler does. */
static size_t add_normals(gltf_document *gltf, const lumen_mesh *mesh)
{
    size_t start = gltf->numbers.size;
    for (size_t i = 0; i < mesh->vertex_count; i++) {
        const float *at = mesh->normals + 3 * i;
        vec3 normal = vec3_normalize(vec3_make(at[0], at[1], at[2]), vec3_make(0.0f, 1.0f, 0.0f));
        buffer_f32(&gltf->numbers, normal.x);
        buffer_f32(&gltf->numbers, normal.y);
        buffer_f32(&gltf->numbers, normal.z);
    }
    return add(gltf, gltf->accessors,
               make_accessor(gltf, start, TARGET_VERTICES, TYPE_FLOAT, "VEC3", mesh->vertex_count));
}

/* Vertex colors as what they are of `brightest`, so that the eight bits serve the range that is used. */
static size_t add_colors(gltf_document *gltf, const lumen_mesh *mesh, const float brightest[3])
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
    document_value *accessor =
        make_accessor(gltf, start, TARGET_VERTICES, TYPE_UNSIGNED_BYTE, "VEC4", mesh->vertex_count);
    set(gltf, accessor, "normalized", document_boolean(true));
    return add(gltf, gltf->accessors, accessor);
}

static size_t add_triangles(gltf_document *gltf, const lumen_mesh *mesh)
{
    size_t start = gltf->numbers.size;
    for (size_t i = 0; i < mesh->triangle_count; i++) {
        const uint32_t *triangle = mesh->triangles + 3 * i;
        if (!files_triangle_collapsed(triangle))
            for (int corner = 0; corner < 3; corner++)
                buffer_u32(&gltf->numbers, triangle[corner]);
    }
    size_t count = (gltf->numbers.size - start) / 4;
    return add(gltf, gltf->accessors, make_accessor(gltf, start, TARGET_INDICES, TYPE_UNSIGNED_INT, "SCALAR", count));
}

/* ---- Parts ---------------------------------------------------------------------------------------- */

/* The brightest linear value of each channel over the vertices, or the part's own color without any. */
static void base_color(const gltf_document *gltf, const lumen_shape *shape, uint32_t part, const lumen_mesh *mesh,
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
static void add_part(gltf_document *gltf, const lumen_shape *shape, uint32_t part, const lumen_mesh *mesh)
{
    const char *name = files_part_name(shape, part);
    float color[3];
    base_color(gltf, shape, part, mesh, color);

    document_value *attributes = document_object();
    set_integer(gltf, attributes, "POSITION", add_positions(gltf, mesh));
    if (mesh->normals != NULL)
        set_integer(gltf, attributes, "NORMAL", add_normals(gltf, mesh));
    if (mesh->colors != NULL)
        set_integer(gltf, attributes, "COLOR_0", add_colors(gltf, mesh, color));
    size_t indices = add_triangles(gltf, mesh);

    document_value *surface = document_object();
    set(gltf, surface, "baseColorFactor", reals(gltf, (const float[]){color[0], color[1], color[2], 1.0f}, 4));
    set(gltf, surface, "metallicFactor", document_real(0.0));
    set(gltf, surface, "roughnessFactor", document_real(0.6));
    document_value *material = document_object();
    set(gltf, material, "name", document_text(name));
    set(gltf, material, "pbrMetallicRoughness", surface);

    document_value *primitive = document_object();
    set(gltf, primitive, "attributes", attributes);
    set_integer(gltf, primitive, "indices", indices);
    set_integer(gltf, primitive, "material", add(gltf, gltf->materials, material));
    document_value *primitives = document_array();
    add(gltf, primitives, primitive);
    document_value *whole = document_object();
    set(gltf, whole, "name", document_text(name));
    set(gltf, whole, "primitives", primitives);

    document_value *extras = document_object();
    set_integer(gltf, extras, "part_id", (size_t)part + 1);
    set(gltf, extras, "part", document_text(name));
    if (shape->part_confidence != NULL)
        set(gltf, extras, "confidence", document_real((double)files_part_confidence(shape, part)));
    document_value *node = document_object();
    set(gltf, node, "name", document_text(name));
    set_integer(gltf, node, "mesh", add(gltf, gltf->meshes, whole));
    set(gltf, node, "extras", extras);
    add(gltf, gltf->nodes, node);
}

/* ---- The file ------------------------------------------------------------------------------------- */

/* Sets a member when the array has something in it: the format forbids empty arrays. Takes over `array`. */
static void set_array(gltf_document *gltf, document_value *object, const char *name, document_value *array)
{
    if (document_count(array) == 0)
        document_free(array);
    else
        set(gltf, object, name, array);
}

static const char *subject_of(const lumen_shape *shape)
{
    return files_text(shape->subject)[0] == '\0' ? "shape" : shape->subject;
}

/* The node above those of the parts, which follow it. */
static void add_root(gltf_document *gltf, const lumen_shape *shape)
{
    /* A star has a part "star": many readers want names to be different. */
    const char *subject = subject_of(shape);
    document_value *children = document_array();
    bool taken = false;
    for (uint32_t part = 0; part < shape->part_count; part++) {
        lumen_mesh mesh = files_part_mesh(shape, part);
        if (has_surface(&mesh))
            add(gltf, children, document_integer(document_count(children) + 1));
        taken = taken || strcmp(files_part_name(shape, part), subject) == 0;
    }
    buffer name;
    buffer_open(&name, strlen(subject) + 16);
    buffer_print(&name, taken ? "%s (whole)" : "%s", subject);
    buffer_append(&name, "", 1);
    document_value *root = document_object();
    set(gltf, root, "name", buffer_failed(&name) ? NULL : document_text((const char *)name.data));
    set_array(gltf, root, "children", children);
    add(gltf, gltf->nodes, root);
    buffer_close(&name);
}

/* The JSON of the file. Takes the arrays out of the document. */
static document_value *make_json(gltf_document *gltf, const lumen_shape *shape)
{
    document_value *extras = document_object();
    set(gltf, extras, "template", document_text(shape->template_type));
    set(gltf, extras, "text", document_text(shape->text));
    set(gltf, extras, "pipeline", document_text(shape->pipeline));
    set(gltf, extras, "key", document_text(shape->key));
    set(gltf, extras, "seed", document_integer(shape->seed));
    document_value *asset = document_object();
    set(gltf, asset, "version", document_text("2.0"));
    set(gltf, asset, "generator", document_text("lumen " LUMEN_VERSION));
    set(gltf, asset, "extras", extras);

    document_value *scene_nodes = document_array(), *scene = document_object(), *scenes = document_array();
    add(gltf, scene_nodes, document_integer(0));
    set(gltf, scene, "name", document_text(subject_of(shape)));
    set(gltf, scene, "nodes", scene_nodes);
    add(gltf, scenes, scene);

    document_value *json = document_object();
    set(gltf, json, "asset", asset);
    set_integer(gltf, json, "scene", 0);
    set(gltf, json, "scenes", scenes);
    set_array(gltf, json, "nodes", gltf->nodes);
    set_array(gltf, json, "meshes", gltf->meshes);
    set_array(gltf, json, "materials", gltf->materials);
    set_array(gltf, json, "accessors", gltf->accessors);
    set_array(gltf, json, "bufferViews", gltf->views);
    if (gltf->numbers.size > 0) {
        document_value *bytes = document_object(), *buffers = document_array();
        set_integer(gltf, bytes, "byteLength", gltf->numbers.size);
        add(gltf, buffers, bytes);
        set(gltf, json, "buffers", buffers);
    }
    gltf->nodes = gltf->meshes = gltf->materials = gltf->accessors = gltf->views = NULL;
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
    gltf_document gltf = {
        .nodes = document_array(),
        .meshes = document_array(),
        .materials = document_array(),
        .accessors = document_array(),
        .views = document_array(),
    };
    buffer_open(&gltf.numbers, FILES_BYTES_MAX);
    color_decoder_make(&gltf.decoder);
    add_root(&gltf, shape);
    for (uint32_t i = 0; i < shape->part_count; i++) {
        lumen_mesh mesh = files_part_mesh(shape, i);
        if (has_surface(&mesh))
            add_part(&gltf, shape, i, &mesh);
    }
    document_value *json = make_json(&gltf, shape);
    if (gltf.failed || buffer_failed(&gltf.numbers) || !document_write(json, 9, &text)) {
        status = lumen_fail_memory(error, "a GLB file");
    } else {
        write_chunks(&text, &gltf.numbers, out);
        status = files_finish(out, "a GLB file", error);
    }
    document_free(json);
    buffer_close(&gltf.numbers);
    buffer_close(&text);
    return status;
}

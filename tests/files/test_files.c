#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files/files.h"
#include "sample_shape.h"

/* ---- Help ------------------------------------------------------------------------------------------ */

static uint32_t read_u32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static float read_f32(const unsigned char *at)
{
    uint32_t bits = read_u32(at);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static buffer encode(const lumen_shape *shape, files_format format)
{
    buffer bytes;
    lumen_error error = {0};
    buffer_open(&bytes, FILES_BYTES_MAX);
    assert_int_equal(files_encode(shape, format, &bytes, &error), LUMEN_OK);
    return bytes;
}

/* The line of a PLY header that starts with `start`, without its end; aborts the test without one. */
static const char *header_line(const buffer *ply, const char *start)
{
    static char line[512];
    size_t at = 0;
    while (at < ply->size) {
        const unsigned char *end = memchr(ply->data + at, '\n', ply->size - at);
        assert_non_null(end);
        size_t length = (size_t)(end - (ply->data + at));
        assert_true(length < sizeof line);
        memcpy(line, ply->data + at, length);
        line[length] = '\0';
        if (strncmp(line, start, strlen(start)) == 0)
            return line;
        assert_string_not_equal(line, "end_header");
        at += length + 1;
    }
    fail_msg("no line starts with %s", start);
    return NULL;
}

static const unsigned char *ply_body(const buffer *ply)
{
    static const char end[] = "end_header\n";
    const unsigned char *found = memmem(ply->data, ply->size, end, sizeof end - 1);
    assert_non_null(found);
    return found + sizeof end - 1;
}

/* The JSON chunk of a GLB, parsed; the binary chunk through `numbers`. */
static json_t *read_glb(const buffer *glb, const unsigned char **numbers, size_t *numbers_size)
{
    assert_true(glb->size >= 20);
    assert_memory_equal(glb->data, "glTF\2\0\0\0", 8);
    assert_int_equal(read_u32(glb->data + 8), glb->size);
    assert_int_equal(glb->size % 4, 0);
    size_t json_size = read_u32(glb->data + 12);
    assert_int_equal(json_size % 4, 0);
    assert_memory_equal(glb->data + 16, "JSON", 4);
    json_error_t fault;
    json_t *json = json_loadb((const char *)glb->data + 20, json_size, 0, &fault);
    assert_non_null(json);
    *numbers = NULL;
    *numbers_size = 0;
    if (20 + json_size < glb->size) {
        const unsigned char *chunk = glb->data + 20 + json_size;
        *numbers_size = read_u32(chunk);
        assert_memory_equal(chunk + 4, "BIN\0", 4);
        assert_int_equal(20 + json_size + 8 + *numbers_size, glb->size);
        *numbers = chunk + 8;
    }
    return json;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static json_int_t integer_of(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

/* ---- Encodings ------------------------------------------------------------------------------------- */

static void base64_matches_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        buffer out;
        buffer_open(&out, 64);
        files_base64(&out, vectors[i][0], strlen(vectors[i][0]));
        buffer_u8(&out, 0);
        assert_string_equal((const char *)out.data, vectors[i][1]);
        buffer_close(&out);
    }
    buffer out;
    buffer_open(&out, 64);
    files_base64(&out, "\xfb\xff\xbf", 3);
    assert_memory_equal(out.data, "+/+/", 4);
    buffer_close(&out);
}

static void assert_escaped(const char *text, size_t limit, const char *expected)
{
    buffer out;
    buffer_open(&out, 1024);
    files_escape(&out, text, limit);
    buffer_u8(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    buffer_close(&out);
}

static void escaped_text_is_printable_ascii(void **state)
{
    (void)state;
    assert_escaped("a horse", 100, "a horse");
    assert_escaped("one\ntwo\r\x7f", 100, "one\\x0atwo\\x0d\\x7f");
    assert_escaped("back\\slash", 100, "back\\\\slash");
    assert_escaped("\xc3\xa9\xf0\x9f\x90\x8e", 100, "\\u00e9\\U0001f40e");
    assert_escaped("\xff\xc3", 100, "\\xff\\xc3");
}

static void escaped_text_that_is_too_long_ends_in_dots(void **state)
{
    (void)state;
    assert_escaped("0123456789", 10, "0123456789");
    assert_escaped("0123456789a", 10, "0123456...");
    assert_escaped("01234\xc3\xa9xyz", 10, "01234...");
    assert_escaped("abcd", 2, "..");
}

/* ---- PLY ------------------------------------------------------------------------------------------- */

static void ply_declares_and_holds_every_point(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_HORSE);
    buffer ply = encode(shape, FILES_PLY);
    assert_memory_equal(ply.data, "ply\nformat binary_little_endian 1.0\n", 36);
    assert_string_equal(header_line(&ply, "comment text"), "comment text a horse galloping");
    assert_string_equal(header_line(&ply, "comment template"), "comment template quadruped");
    assert_string_equal(header_line(&ply, "comment part 1 "), "comment part 1 head");
    assert_string_equal(header_line(&ply, "comment part 6 "), "comment part 6 neck");
    assert_string_equal(header_line(&ply, "element"), "element vertex 2048");

    const unsigned char *body = ply_body(&ply);
    assert_int_equal((size_t)(ply.data + ply.size - body), 2048 * 32);
    const unsigned char *row = body + 1000 * 32;
    for (int axis = 0; axis < 3; axis++) {
        assert_true(read_f32(row + 4 * axis) == shape->positions[3000 + axis]);
        assert_true(read_f32(row + 12 + 4 * axis) == shape->normals[3000 + axis]);
    }
    assert_memory_equal(row + 24, shape->colors + 3000, 3);
    assert_int_equal(row[27], shape->part_ids[1000]);
    assert_true(read_f32(row + 28) == shape->attachments[1000]);
    buffer_close(&ply);
    sample_shape_free(shape);
}

static void hostile_names_stay_inside_their_line(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    const char *names[] = {"end_header\nend_header", "\"}],\xff\x80</script>"};
    char longest[4096];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    shape->part_names = names;
    shape->text = longest;
    shape->subject = "\n\xf0\x28";

    buffer ply = encode(shape, FILES_PLY);
    assert_string_equal(header_line(&ply, "comment part 1 "), "comment part 1 end-header\\x0aend-header");
    assert_string_equal(header_line(&ply, "comment part 2 "), "comment part 2 \"}],\\xff\\x80</script>");
    assert_true(strlen(header_line(&ply, "comment text")) < 256);
    assert_string_equal(header_line(&ply, "element"), "element vertex 2048");
    assert_int_equal((size_t)(ply.data + ply.size - ply_body(&ply)), 2048 * 32);
    buffer_close(&ply);

    buffer json = encode(shape, FILES_JSON);
    json_t *answer = json_loadb((const char *)json.data, json.size, 0, NULL);
    assert_non_null(answer);
    assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "part_names"), 0)), names[0]);
    assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "part_names"), 1)),
                        "\"}],\\xff\\x80</script>");
    assert_string_equal(text_of(answer, "text"), longest);
    json_decref(answer);
    buffer_close(&json);

    buffer glb = encode(shape, FILES_GLB);
    const unsigned char *numbers;
    size_t size;
    json_t *document = read_glb(&glb, &numbers, &size);
    assert_string_equal(text_of(json_array_get(json_object_get(document, "nodes"), 0), "name"), "\\x0a\\xf0(");
    assert_string_equal(text_of(json_array_get(json_object_get(document, "nodes"), 1), "name"), names[0]);
    json_decref(document);
    buffer_close(&glb);

    buffer stl = encode(shape, FILES_STL);
    assert_true(stl.size > 84 && memcmp(stl.data, "solid", 5) != 0);
    buffer_close(&stl);
    sample_shape_free(shape);
}

static void arrays_that_are_not_there_get_plain_values(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_CAR);
    lumen_mesh *meshes = calloc(shape->part_count, sizeof *meshes);
    assert_non_null(meshes);
    for (uint32_t i = 0; i < shape->part_count; i++) {
        meshes[i] = shape->part_meshes[i];
        meshes[i].normals = NULL;
        meshes[i].colors = NULL;
        meshes[i].attachments = NULL;
    }
    shape->part_meshes = meshes;
    shape->normals = NULL;
    shape->colors = NULL;
    shape->part_ids = NULL;
    shape->attachments = NULL;
    shape->part_colors = NULL;
    shape->part_names = NULL;
    shape->text = shape->subject = shape->verb = shape->key = shape->template_type = shape->concept_name = NULL;
    shape->pipeline = shape->motion.motion = NULL;

    buffer ply = encode(shape, FILES_PLY);
    const unsigned char *row = ply_body(&ply);
    assert_memory_equal(row + 24, "\xff\xff\xff\0\0\0\0\0", 8);
    buffer_close(&ply);

    buffer json = encode(shape, FILES_JSON);
    json_t *answer = json_loadb((const char *)json.data, json.size, 0, NULL);
    assert_string_equal(text_of(answer, "text"), "");
    assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "part_colors"), 0)), "#ffffff");
    json_decref(answer);
    buffer_close(&json);

    buffer glb = encode(shape, FILES_GLB);
    const unsigned char *numbers;
    size_t size;
    json_t *document = read_glb(&glb, &numbers, &size);
    json_t *primitive =
        json_array_get(json_object_get(json_array_get(json_object_get(document, "meshes"), 0), "primitives"), 0);
    assert_int_equal(json_object_size(json_object_get(primitive, "attributes")), 1);
    assert_string_equal(text_of(json_array_get(json_object_get(document, "nodes"), 0), "name"), "shape");
    json_decref(document);
    buffer_close(&glb);
    buffer stl = encode(shape, FILES_STL);
    buffer_close(&stl);

    shape->part_meshes = NULL;
    buffer empty = encode(shape, FILES_STL);
    assert_int_equal(empty.size, 84);
    buffer_close(&empty);
    free(meshes);
    sample_shape_free(shape);
}

/* ---- GLB ------------------------------------------------------------------------------------------- */

static void glb_has_a_named_node_for_every_part_with_a_surface(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_CAR);
    buffer glb = encode(shape, FILES_GLB);
    const unsigned char *numbers;
    size_t size;
    json_t *document = read_glb(&glb, &numbers, &size);
    json_t *nodes = json_object_get(document, "nodes");
    json_t *root = json_array_get(nodes, 0);
    assert_string_equal(text_of(root, "name"), "car");

    /* The windshield of the sample has no surface. */
    static const char *const parts[] = {"body", "wheels", "roof"};
    static const json_int_t ids[] = {1, 2, 4};
    json_t *children = json_object_get(root, "children");
    assert_int_equal(json_array_size(children), 3);
    for (size_t i = 0; i < 3; i++) {
        json_t *node = json_array_get(nodes, (size_t)json_integer_value(json_array_get(children, i)));
        assert_string_equal(text_of(node, "name"), parts[i]);
        assert_string_equal(text_of(json_object_get(node, "extras"), "part"), parts[i]);
        assert_int_equal(integer_of(json_object_get(node, "extras"), "part_id"), ids[i]);
    }
    json_t *asset = json_object_get(document, "asset");
    assert_string_equal(text_of(asset, "generator"), "lumen " LUMEN_VERSION);
    assert_string_equal(text_of(json_object_get(asset, "extras"), "text"), "a red car");
    assert_int_equal(integer_of(json_object_get(asset, "extras"), "seed"), 7);
    json_decref(document);
    buffer_close(&glb);
    sample_shape_free(shape);
}

/* The numbers of an accessor; checks that its view lies inside the chunk and is aligned. */
static const unsigned char *accessor_data(const json_t *document, size_t index, const unsigned char *numbers,
                                          size_t size)
{
    json_t *accessor = json_array_get(json_object_get(document, "accessors"), index);
    json_t *view = json_array_get(json_object_get(document, "bufferViews"), (size_t)integer_of(accessor, "bufferView"));
    size_t offset = (size_t)integer_of(view, "byteOffset"), length = (size_t)integer_of(view, "byteLength");
    assert_int_equal(offset % 4, 0);
    assert_true(offset + length <= size);
    return numbers + offset;
}

static void glb_holds_the_mesh_and_its_linear_colors(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_HORSE);
    lumen_mesh mesh = shape->part_meshes[0];
    /* The length of a normal is the writer's business. */
    mesh.normals[30] *= 2.0f, mesh.normals[31] *= 2.0f, mesh.normals[32] *= 2.0f;
    mesh.normals[33] = mesh.normals[34] = mesh.normals[35] = 0.0f;
    buffer glb = encode(shape, FILES_GLB);
    const unsigned char *numbers;
    size_t size;
    json_t *document = read_glb(&glb, &numbers, &size);
    json_t *primitive =
        json_array_get(json_object_get(json_array_get(json_object_get(document, "meshes"), 0), "primitives"), 0);
    json_t *attributes = json_object_get(primitive, "attributes");

    size_t positions_index = (size_t)integer_of(attributes, "POSITION");
    const unsigned char *positions = accessor_data(document, positions_index, numbers, size);
    json_t *accessor = json_array_get(json_object_get(document, "accessors"), positions_index);
    assert_int_equal(integer_of(accessor, "count"), mesh.vertex_count);
    float low[3] = {INFINITY, INFINITY, INFINITY};
    for (size_t i = 0; i < 3 * (size_t)mesh.vertex_count; i++) {
        assert_true(read_f32(positions + 4 * i) == mesh.positions[i]);
        low[i % 3] = fminf(low[i % 3], mesh.positions[i]);
    }
    for (size_t axis = 0; axis < 3; axis++)
        assert_true((float)json_real_value(json_array_get(json_object_get(accessor, "min"), axis)) == low[axis]);

    const unsigned char *normals = accessor_data(document, (size_t)integer_of(attributes, "NORMAL"), numbers, size);
    for (size_t i = 0; i < mesh.vertex_count; i++) {
        double x = (double)read_f32(normals + 12 * i), y = (double)read_f32(normals + 12 * i + 4),
               z = (double)read_f32(normals + 12 * i + 8);
        assert_true(fabs(sqrt(x * x + y * y + z * z) - 1.0) < 1e-6);
    }

    const unsigned char *triangles = accessor_data(document, (size_t)integer_of(primitive, "indices"), numbers, size);
    for (size_t i = 0; i < 3 * (size_t)mesh.triangle_count; i++)
        assert_int_equal(read_u32(triangles + 4 * i), mesh.triangles[i]);

    /* What a viewer shows is the factor times the vertex color: the sRGB byte again. */
    const unsigned char *colors = accessor_data(document, (size_t)integer_of(attributes, "COLOR_0"), numbers, size);
    json_t *factor = json_object_get(
        json_object_get(json_array_get(json_object_get(document, "materials"), 0), "pbrMetallicRoughness"),
        "baseColorFactor");
    for (size_t i = 0; i < mesh.vertex_count; i++) {
        for (size_t channel = 0; channel < 3; channel++) {
            double linear = colors[4 * i + channel] / 255.0 * json_real_value(json_array_get(factor, channel));
            double srgb = linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1.0 / 2.4) - 0.055;
            assert_true(fabs(255.0 * srgb - mesh.colors[3 * i + channel]) < 2.0);
        }
        assert_int_equal(colors[4 * i + 3], 255);
    }
    json_decref(document);
    buffer_close(&glb);
    sample_shape_free(shape);
}

static void glb_without_any_surface_is_still_whole(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    lumen_mesh nothing[2] = {{0}, {0}};
    shape->part_meshes = nothing;
    buffer glb = encode(shape, FILES_GLB);
    const unsigned char *numbers;
    size_t size;
    json_t *document = read_glb(&glb, &numbers, &size);
    assert_null(numbers);
    assert_int_equal(json_array_size(json_object_get(document, "nodes")), 1);
    assert_null(json_object_get(document, "meshes"));
    assert_null(json_object_get(document, "buffers"));
    json_decref(document);
    buffer_close(&glb);
    sample_shape_free(shape);
}

static void broken_meshes_are_refused_by_name(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_HORSE);
    lumen_mesh mesh = shape->part_meshes[4];
    lumen_error error = {0};
    buffer out;
    buffer_open(&out, FILES_BYTES_MAX);
    uint32_t index = mesh.triangles[5];
    mesh.triangles[5] = mesh.vertex_count;
    assert_int_equal(files_glb(shape, &out, &error), LUMEN_ERROR_FAILED);
    assert_non_null(strstr(error.message, "\"tail\""));
    assert_int_equal(files_stl(shape, &out, &error), LUMEN_ERROR_FAILED);
    mesh.triangles[5] = index;
    mesh.positions[7] = NAN;
    assert_int_equal(files_glb(shape, &out, &error), LUMEN_ERROR_FAILED);
    assert_non_null(strstr(error.message, "finite"));
    assert_int_equal(out.size, 0);
    shape->bounding_box_max[1] = INFINITY;
    assert_int_equal(files_json(shape, &out, &error), LUMEN_ERROR_FAILED);
    buffer_close(&out);
    sample_shape_free(shape);
}

static void collapsed_triangles_stay_out(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    buffer before = encode(shape, FILES_STL);
    uint32_t *triangle = shape->part_meshes[0].triangles;
    triangle[1] = triangle[0];
    buffer after = encode(shape, FILES_STL);
    assert_int_equal(read_u32(after.data + 80), read_u32(before.data + 80) - 1);
    assert_int_equal(after.size, before.size - 50);
    buffer glb = encode(shape, FILES_GLB);
    const unsigned char *numbers;
    size_t size;
    json_t *document = read_glb(&glb, &numbers, &size);
    json_t *indices = json_array_get(json_object_get(document, "accessors"), 3);
    assert_string_equal(text_of(indices, "type"), "SCALAR");
    assert_int_equal(integer_of(indices, "count"), 3 * (shape->part_meshes[0].triangle_count - 1));
    json_decref(document);
    buffer_close(&glb);
    buffer_close(&after);
    buffer_close(&before);
    sample_shape_free(shape);
}

/* ---- STL ------------------------------------------------------------------------------------------- */

static void stl_counts_its_facets_and_gives_each_a_normal(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_HORSE);
    buffer stl = encode(shape, FILES_STL);
    uint32_t total = 0;
    for (uint32_t i = 0; i < shape->part_count; i++)
        total += shape->part_meshes[i].triangle_count;
    assert_memory_equal(stl.data, "lumen ", 6);
    assert_non_null(memmem(stl.data, 80, "a horse galloping", 17));
    assert_int_equal(read_u32(stl.data + 80), total);
    assert_int_equal(stl.size, 84 + 50 * (size_t)total);

    const unsigned char *facet = stl.data + 84 + 50 * 100;
    const lumen_mesh *mesh = &shape->part_meshes[0];
    const float *corner = mesh->positions + 3 * (size_t)mesh->triangles[300];
    double length = 0.0, outward = 0.0;
    for (int axis = 0; axis < 3; axis++) {
        double normal = (double)read_f32(facet + 4 * axis);
        length += normal * normal;
        outward += normal * (double)mesh->normals[3 * (size_t)mesh->triangles[300] + (size_t)axis];
        assert_true(read_f32(facet + 12 + 4 * axis) == corner[axis]);
    }
    assert_true(fabs(length - 1.0) < 1e-5);
    assert_true(outward > 0.9);
    buffer_close(&stl);
    sample_shape_free(shape);
}

/* ---- JSON ------------------------------------------------------------------------------------------ */

static void json_is_the_answer_of_the_service(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_HORSE);
    buffer json = encode(shape, FILES_JSON);
    json_t *answer = json_loadb((const char *)json.data, json.size, 0, NULL);
    assert_non_null(answer);

    assert_int_equal(strlen(text_of(answer, "positions")), 24576 / 3 * 4);
    assert_int_equal(strlen(text_of(answer, "part_ids")), (2048 + 2) / 3 * 4);
    assert_int_equal(strlen(text_of(answer, "attachments")), (2048 + 2) / 3 * 4);
    assert_int_equal(json_array_size(json_object_get(answer, "part_names")), 6);
    assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "part_colors"), 0)), "#b08054");
    assert_string_equal(text_of(answer, "template_type"), "quadruped");
    assert_string_equal(text_of(answer, "pipeline"), "procedural");
    assert_string_equal(text_of(answer, "key"), "0123456789abcdef");
    assert_string_equal(text_of(answer, "subject"), "horse");
    assert_string_equal(text_of(answer, "concept"), "horse");
    assert_string_equal(text_of(answer, "verb"), "gallop");
    assert_string_equal(text_of(answer, "text"), "a horse galloping");
    assert_true(json_is_false(json_object_get(answer, "cached")));
    assert_int_equal(integer_of(answer, "seed"), 7);
    json_t *motion = json_object_get(answer, "motion");
    assert_string_equal(text_of(motion, "template"), "gallop");
    json_t *box = json_object_get(answer, "bounding_box");
    for (size_t axis = 0; axis < 3; axis++) {
        double low = json_real_value(json_array_get(json_object_get(box, "min"), axis));
        assert_true(fabs(low - (double)shape->bounding_box_min[axis]) < 1e-5);
    }
    /* Short numbers, on one line. */
    buffer_u8(&json, 0);
    assert_non_null(strstr((const char *)json.data, "\"motion\":{\"template\":\"gallop\",\"tempo\":0.6,\"size\":1.0}"));
    assert_null(strchr((const char *)json.data, '\n'));
    json_decref(answer);
    buffer_close(&json);
    sample_shape_free(shape);
}

static void json_positions_are_little_endian_floats(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    static const float positions[3] = {1.0f, -2.0f, 0.5f}, attachments[1] = {0.5f};
    shape->point_count = 1;
    shape->positions = positions;
    shape->attachments = attachments;
    buffer json = encode(shape, FILES_JSON);
    json_t *answer = json_loadb((const char *)json.data, json.size, 0, NULL);
    /* 00 00 80 3f 00 00 00 c0 00 00 00 3f */
    assert_string_equal(text_of(answer, "positions"), "AACAPwAAAMAAAAA/");
    assert_string_equal(text_of(answer, "attachments"), "gA==");
    json_decref(answer);
    buffer_close(&json);
    sample_shape_free(shape);
}

static void a_seed_beyond_json_integers_becomes_a_string(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    shape->seed = UINT64_MAX;
    buffer json = encode(shape, FILES_JSON);
    json_t *answer = json_loadb((const char *)json.data, json.size, 0, NULL);
    assert_string_equal(text_of(answer, "seed"), "18446744073709551615");
    json_decref(answer);
    buffer_close(&json);
    sample_shape_free(shape);
}

/* ---- Bounds ------------------------------------------------------------------------------------- */

static void every_format_stops_at_the_bound_of_its_buffer(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    for (int format = 0; format < FILES_FORMATS; format++) {
        for (size_t limit = 0; limit < 400; limit += 57) {
            lumen_error error = {0};
            buffer out;
            buffer_open(&out, limit);
            assert_int_equal(files_encode(shape, (files_format)format, &out, &error), LUMEN_ERROR_MEMORY);
            assert_true(out.size <= limit);
            buffer_close(&out);
        }
    }
    sample_shape_free(shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_matches_the_vectors_of_rfc_4648),
        cmocka_unit_test(escaped_text_is_printable_ascii),
        cmocka_unit_test(escaped_text_that_is_too_long_ends_in_dots),
        cmocka_unit_test(ply_declares_and_holds_every_point),
        cmocka_unit_test(hostile_names_stay_inside_their_line),
        cmocka_unit_test(arrays_that_are_not_there_get_plain_values),
        cmocka_unit_test(glb_has_a_named_node_for_every_part_with_a_surface),
        cmocka_unit_test(glb_holds_the_mesh_and_its_linear_colors),
        cmocka_unit_test(glb_without_any_surface_is_still_whole),
        cmocka_unit_test(broken_meshes_are_refused_by_name),
        cmocka_unit_test(collapsed_triangles_stay_out),
        cmocka_unit_test(stl_counts_its_facets_and_gives_each_a_normal),
        cmocka_unit_test(json_is_the_answer_of_the_service),
        cmocka_unit_test(json_positions_are_little_endian_floats),
        cmocka_unit_test(a_seed_beyond_json_integers_becomes_a_string),
        cmocka_unit_test(every_format_stops_at_the_bound_of_its_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Files that are read back: our own, those of other programs, and those of nobody who means well. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "files/files.h"
#include "sample_shape.h"

/* ---- Help ---------------------------------------------------------------------------------------------- */

static buffer encode(const lumen_shape *shape, files_format format)
{
    buffer bytes;
    lumen_error error = {0};
    buffer_open(&bytes, FILES_BYTES_MAX);
    assert_int_equal(files_encode(shape, format, &bytes, &error), LUMEN_OK);
    return bytes;
}

static lumen_shape *decode(const void *bytes, size_t size, files_format format)
{
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    if (files_decode(bytes, size, format, "some/thing.ply", &shape, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return shape;
}

static lumen_shape *write_and_read(const lumen_shape *shape, files_format format)
{
    buffer bytes = encode(shape, format);
    lumen_shape *read = decode(bytes.data, bytes.size, format);
    buffer_close(&bytes);
    return read;
}

static void assert_refused(const void *bytes, size_t size, files_format format, const char *reason)
{
    lumen_shape *shape = (lumen_shape *)&shape;
    lumen_error error = {0};
    assert_int_equal(files_decode(bytes, size, format, "thing", &shape, &error), LUMEN_ERROR_INVALID);
    assert_null(shape);
    if (strstr(error.message, reason) == NULL || strncmp(error.message, "thing cannot be read: ", 22) != 0)
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
}

/* What holds of every shape, wherever it comes from. */
static void assert_whole(const lumen_shape *shape)
{
    float longest = 0.0f;
    assert_in_range(shape->point_count, 1, LUMEN_POINTS_MAX);
    assert_in_range(shape->part_count, 0, LUMEN_PARTS_MAX);
    for (int axis = 0; axis < 3; axis++) {
        assert_true(shape->bounding_box_min[axis] >= -1.0001f && shape->bounding_box_max[axis] <= 1.0001f);
        longest = fmaxf(longest, shape->bounding_box_max[axis] - shape->bounding_box_min[axis]);
    }
    for (size_t i = 0; i < shape->point_count; i++) {
        const float *at = shape->positions + 3 * i, *normal = shape->normals + 3 * i;
        for (int axis = 0; axis < 3; axis++)
            assert_true(at[axis] >= shape->bounding_box_min[axis] - 1e-5f &&
                        at[axis] <= shape->bounding_box_max[axis] + 1e-5f);
        float length = sqrtf(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
        assert_true(fabsf(length - 1.0f) < 2e-3f);
        assert_true(shape->attachments[i] >= 0.0f && shape->attachments[i] <= 1.0f);
        assert_true(shape->part_ids[i] <= shape->part_count);
    }
    for (uint32_t k = 0; k < shape->part_count; k++)
        assert_true(strlen(shape->part_names[k]) < 64);
    assert_int_equal(strlen(shape->key), 16);
    assert_true(shape->motion.tempo > 0.0f && shape->motion.size > 0.0f);
    assert_true(shape->point_count == 1 || longest == 0.0f || fabsf(longest - 2.0f) < 1e-3f);
}

static void assert_same_making(const lumen_shape *read, const lumen_shape *written)
{
    assert_string_equal(read->text, written->text);
    assert_string_equal(read->subject, written->subject);
    assert_string_equal(read->verb, written->verb);
    assert_string_equal(read->template_type, written->template_type);
    assert_string_equal(read->pipeline, written->pipeline);
    assert_string_equal(read->key, written->key);
    assert_true(read->seed == written->seed);
    assert_string_equal(read->motion.motion, written->motion.motion);
}

/* A sample that already spans [-1, 1], as every shape of an engine does. */
static lumen_shape *fitting_sample(sample_kind kind)
{
    lumen_shape *first = sample_shape_make(kind), *second = write_and_read(first, FILES_PLY);
    memcpy((float *)(uintptr_t)first->positions, second->positions, 3 * sizeof(float) * first->point_count);
    memcpy(first->bounding_box_min, second->bounding_box_min, sizeof first->bounding_box_min);
    memcpy(first->bounding_box_max, second->bounding_box_max, sizeof first->bounding_box_max);
    lumen_shape_free(second);
    return first;
}

/* ---- Our own files ---------------------------------------------------------------------------------------- */

static void a_ply_of_ours_comes_back_to_the_bit(void **state)
{
    (void)state;
    for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
        lumen_shape *written = fitting_sample((sample_kind)kind), *read = write_and_read(written, FILES_PLY);
        size_t points = written->point_count;
        assert_whole(read);
        assert_int_equal(read->point_count, points);
        assert_memory_equal(read->positions, written->positions, 12 * points);
        assert_memory_equal(read->part_ids, written->part_ids, points);
        assert_memory_equal(read->colors, written->colors, 3 * points);
        assert_memory_equal(read->attachments, written->attachments, 4 * points);
        assert_memory_equal(read->bounding_box_min, written->bounding_box_min, sizeof read->bounding_box_min);
        assert_int_equal(read->part_count, written->part_count);
        for (uint32_t k = 0; k < read->part_count; k++)
            assert_string_equal(read->part_names[k], written->part_names[k]);
        assert_same_making(read, written);
        lumen_shape_free(read);
        sample_shape_free(written);
    }
}

static void the_object_of_the_service_comes_back(void **state)
{
    (void)state;
    for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
        lumen_shape *written = fitting_sample((sample_kind)kind), *read = write_and_read(written, FILES_JSON);
        size_t points = written->point_count;
        assert_whole(read);
        assert_int_equal(read->point_count, points);
        assert_memory_equal(read->positions, written->positions, 12 * points);
        assert_memory_equal(read->part_ids, written->part_ids, points);
        for (size_t i = 0; i < points; i++)
            assert_true(fabsf(read->attachments[i] - written->attachments[i]) <= 0.5f / 255.0f + 1e-6f);
        assert_int_equal(read->part_count, written->part_count);
        assert_memory_equal(read->part_colors, written->part_colors, 3 * (size_t)read->part_count);
        for (uint32_t k = 0; k < read->part_count; k++)
            assert_string_equal(read->part_names[k], written->part_names[k]);
        for (size_t i = 0; i < points; i++) /* a JSON has no more */
            assert_memory_equal(read->colors + 3 * i, written->part_colors + 3 * (size_t)(written->part_ids[i] - 1), 3);
        assert_same_making(read, written);
        assert_string_equal(read->concept_name, written->concept_name);
        assert_true(fabsf(read->motion.tempo - written->motion.tempo) < 1e-5f);
        lumen_shape_free(read);
        sample_shape_free(written);
    }
}

static void a_seed_that_json_holds_as_text_comes_back(void **state)
{
    (void)state;
    lumen_shape *written = fitting_sample(SAMPLE_TREE);
    written->seed = UINT64_MAX - 4;
    lumen_shape *read = write_and_read(written, FILES_JSON);
    assert_true(read->seed == written->seed);
    lumen_shape_free(read);
    sample_shape_free(written);
}

/* How sure the names of parts are, of whoever names what a network made. */
static const float sure[] = {0.93f, 0.0f, 1.0f, 0.412f, 0.5f, 0.25f};

static void how_sure_names_are_comes_back(void **state)
{
    (void)state;
    static const files_format formats[] = {FILES_JSON, FILES_PLY, FILES_GLB};
    lumen_shape *written = fitting_sample(SAMPLE_HORSE);
    assert_int_equal(written->part_count, sizeof sure / sizeof *sure);
    written->part_confidence = sure;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        lumen_shape *read = write_and_read(written, formats[i]);
        assert_int_equal(read->part_count, written->part_count);
        assert_non_null(read->part_confidence);
        for (uint32_t k = 0; k < read->part_count; k++)
            assert_true(fabsf(read->part_confidence[k] - sure[k]) < 1e-5f);
        lumen_shape_free(read);
    }
    sample_shape_free(written);
}

/* A part without a surface is in no GLB, and those after it keep what is theirs. */
static void how_sure_names_are_stays_with_the_parts_that_a_glb_has(void **state)
{
    (void)state;
    lumen_shape *written = sample_shape_make(SAMPLE_CAR);
    written->part_confidence = sure;
    lumen_shape *read = write_and_read(written, FILES_GLB);
    assert_int_equal(read->part_count, 3);
    assert_non_null(read->part_confidence);
    assert_true(fabsf(read->part_confidence[1] - sure[1]) < 1e-5f);
    assert_true(fabsf(read->part_confidence[2] - sure[3]) < 1e-5f);
    lumen_shape_free(read);
    sample_shape_free(written);
}

static void names_that_are_certain_stay_so(void **state)
{
    (void)state;
    static const files_format formats[] = {FILES_JSON, FILES_PLY, FILES_GLB};
    lumen_shape *written = fitting_sample(SAMPLE_HORSE);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        lumen_shape *read = write_and_read(written, formats[i]);
        assert_null(read->part_confidence);
        lumen_shape_free(read);
    }
    sample_shape_free(written);
}

static const char *const hostile[] = {"end_header\nend_header",
                                      "tail \"}],\\x41\xff\x80</script>",
                                      "\xc3\xa9l\xc3\xa9phant",
                                      "\xf0\x9f\x90\xb4",
                                      "",
                                      "a\\b"};

/* What was not UTF-8 was escaped when it was written; the rest is what it was, line feeds apart. */
static void hostile_names_come_back_as_texts(void **state)
{
    (void)state;
    static const char *const expected[] = {"end-header?end-header",
                                           "tail \"}],\\x41?\?</script>",
                                           "\xc3\xa9l\xc3\xa9phant",
                                           "\xf0\x9f\x90\xb4",
                                           "",
                                           "a\\b"};
    lumen_shape *written = fitting_sample(SAMPLE_HORSE);
    for (int k = 0; k < 6; k++)
        ((const char **)(uintptr_t)written->part_names)[k] = hostile[k];
    lumen_shape *read = write_and_read(written, FILES_PLY);
    for (int k = 0; k < 6; k++)
        assert_string_equal(read->part_names[k], expected[k]);
    lumen_shape_free(read);
    sample_shape_free(written);
}

/* The squared distance of a point from the nearest vertex of a mesh. */
static float distance_from(const lumen_mesh *mesh, const float *at)
{
    float nearest = INFINITY;
    for (size_t i = 0; i < mesh->vertex_count; i++) {
        const float *v = mesh->positions + 3 * i;
        float x = v[0] - at[0], y = v[1] - at[1], z = v[2] - at[2];
        nearest = fminf(nearest, x * x + y * y + z * z);
    }
    return nearest;
}

static void a_glb_of_ours_comes_back_part_by_part(void **state)
{
    (void)state;
    lumen_shape *written = sample_shape_make(SAMPLE_CAR), *read = write_and_read(written, FILES_GLB);
    static const char *const parts[] = {"body", "wheels", "roof"}; /* the windshield is empty */
    static const int from[] = {0, 1, 3};
    assert_whole(read);
    assert_int_equal(read->point_count, LUMEN_POINTS_DEFAULT);
    assert_int_equal(read->part_count, 3);
    assert_same_making(read, written);
    for (uint32_t k = 0; k < 3; k++) {
        assert_string_equal(read->part_names[k], parts[k]);
        assert_int_equal(read->part_meshes[k].vertex_count, written->part_meshes[from[k]].vertex_count);
        assert_int_equal(read->part_meshes[k].triangle_count, written->part_meshes[from[k]].triangle_count);
        for (size_t i = 0; i < 3 * (size_t)read->part_meshes[k].vertex_count; i++)
            assert_true(abs(read->part_meshes[k].colors[i] - written->part_meshes[from[k]].colors[i]) <= 2);
    }
    for (size_t i = 0; i < read->point_count; i++)
        assert_true(distance_from(&read->part_meshes[read->part_ids[i] - 1], read->positions + 3 * i) < 0.05f);
    lumen_shape_free(read);
    sample_shape_free(written);
}

static void attachments_that_are_not_there_grow_away_from_the_joint(void **state)
{
    (void)state;
    lumen_shape *written = sample_shape_make(SAMPLE_HORSE), *read = write_and_read(written, FILES_GLB);
    enum { BODY = 2, FRONT_LEGS = 3, BACK_LEGS = 4 };
    float feet = 0.0f, hips = 1.0f;
    for (size_t i = 0; i < read->point_count; i++) {
        float y = read->positions[3 * i + 1], weight = read->attachments[i];
        if (read->part_ids[i] == FRONT_LEGS || read->part_ids[i] == BACK_LEGS) {
            if (y < -0.8f)
                feet = fmaxf(feet, weight), assert_true(weight > 0.7f);
            if (y > -0.1f)
                hips = fminf(hips, weight), assert_true(weight < 0.35f);
        }
    }
    assert_true(feet > 0.95f && hips < 0.05f);
    lumen_shape_free(read);
    sample_shape_free(written);
}

/* ---- Files of others ------------------------------------------------------------------------------------------ */

static const char cube_ply[] =
    "ply\r\nformat ascii 1.0\r\ncomment made by hand\r\ncomment text not ours\r\n"
    "element vertex 8\r\nproperty double x\r\nproperty double y\r\nproperty double z\r\n"
    "element face 6\r\nproperty list uchar int vertex_indices\r\nproperty uchar quality\r\n"
    "end_header\r\n"
    "0 0 0\r\n4 0 0\r\n4 2.0e0 0\r\n0 +2 0\r\n0 0 .5E1\r\n4 0 5\r\n4 2 5\r\n0 2 500e-2\r\n"
    "4 0 3 2 1 9\r\n4 4 5 6 7 9\r\n4 0 1 5 4 9\r\n4 1 2 6 5 9\r\n4 2 3 7 6 9\r\n4 3 0 4 7 9\r\n";

static void a_mesh_in_text_becomes_points_on_its_faces(void **state)
{
    (void)state;
    lumen_shape *read = decode(cube_ply, sizeof cube_ply - 1, FILES_PLY);
    assert_whole(read);
    assert_int_equal(read->point_count, LUMEN_POINTS_DEFAULT);
    assert_int_equal(read->part_count, 1);
    assert_string_equal(read->part_names[0], "whole");
    assert_string_equal(read->text, "thing");
    assert_string_equal(read->template_type, "abstract");
    assert_string_equal(read->motion.motion, "idle");
    assert_string_equal(read->pipeline, "file");
    assert_int_equal(read->part_meshes[0].triangle_count, 12);
    static const float half[3] = {0.8f, 0.4f, 1.0f};
    for (size_t i = 0; i < read->point_count; i++) {
        int faces = 0;
        for (int axis = 0; axis < 3; axis++)
            faces += fabsf(fabsf(read->positions[3 * i + (size_t)axis]) - half[axis]) < 2e-3f;
        assert_true(faces >= 1);
        assert_true(read->attachments[i] == 0.0f);
    }
    lumen_shape_free(read);
}

/* Appends a number as big-endian bytes. */
static void put_big(buffer *out, uint64_t bits, int size)
{
    for (int i = size - 1; i >= 0; i--)
        buffer_u8(out, (uint8_t)(bits >> 8 * i & 0xff));
}

static void put_big_float(buffer *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_big(out, bits, 4);
}

/* A cloud of a scanner, row by row: far away, too many points, labels, colors of sixteen bits, elements around it. */
static void a_big_endian_cloud_is_thinned_out_evenly(void **state)
{
    (void)state;
    enum { POINTS = 150000 };
    buffer ply;
    buffer_open(&ply, FILES_BYTES_MAX);
    buffer_text(&ply,
                "ply\nformat binary_big_endian 1.0\nobj_info a scan\nelement camera 2\nproperty list ushort short k\n"
                "property char q\nelement vertex 150000\nproperty float x\nproperty float y\nproperty float z\n"
                "property ushort red\nproperty ushort green\nproperty ushort blue\nproperty int label\n"
                "property list uchar double more\nelement tail 1\nproperty int8 last\nend_header\n");
    for (int i = 0; i < 2; i++) {
        put_big(&ply, (uint64_t)i, 2);
        for (int k = 0; k < i; k++)
            put_big(&ply, 7, 2);
        put_big(&ply, 1, 1);
    }
    for (int i = 0; i < POINTS; i++) {
        put_big_float(&ply, 1000.0f + (float)i * 1e-3f);
        put_big_float(&ply, -50.0f);
        put_big_float(&ply, 3.0f);
        put_big(&ply, 65535, 2);
        put_big(&ply, 32768, 2);
        put_big(&ply, 0, 2);
        put_big(&ply, i < POINTS / 2 ? 2 : i % 2 == 0 ? 77 : 0xffffffff, 4);
        put_big(&ply, 0, 1);
    }
    put_big(&ply, 1, 1);
    lumen_shape *read = decode(ply.data, ply.size, FILES_PLY);
    assert_whole(read);
    assert_int_equal(read->point_count, LUMEN_POINTS_MAX);
    assert_int_equal(read->part_count, 2);
    assert_string_equal(read->part_names[1], "part 2");
    static const uint8_t orange[3] = {255, 128, 0};
    assert_memory_equal(read->colors, orange, 3);
    assert_memory_equal(read->part_colors + 3, orange, 3);
    /* The first few are spread over all of it: in each tenth of the length a tenth of them. */
    int counts[10] = {0};
    for (size_t i = 0; i < 1000; i++)
        counts[(int)fminf(9.0f, (read->positions[3 * i] + 1.0f) * 5.0f)]++;
    for (int i = 0; i < 10; i++)
        assert_in_range(counts[i], 90, 110);
    for (size_t i = 0; i < read->point_count; i++)
        if (fabsf(read->positions[3 * i]) > 1e-4f)
            assert_int_equal(read->part_ids[i], read->positions[3 * i] < 0.0f ? 2 : 0);
    lumen_shape_free(read);
    buffer_close(&ply);
}

/* ---- GLB by hand ------------------------------------------------------------------------------------------------ */

static buffer make_glb(const char *json, const void *numbers, size_t size)
{
    buffer glb;
    buffer_open(&glb, FILES_BYTES_MAX);
    size_t length = strlen(json), padding = (4 - length % 4) % 4;
    buffer_text(&glb, "glTF");
    buffer_u32(&glb, 2);
    buffer_u32(&glb, (uint32_t)(20 + length + padding + 8 + size));
    buffer_u32(&glb, (uint32_t)(length + padding));
    buffer_text(&glb, "JSON");
    buffer_text(&glb, json);
    buffer_fill(&glb, ' ', padding);
    buffer_u32(&glb, (uint32_t)size);
    buffer_append(&glb, "BIN\0", 4);
    buffer_append(&glb, numbers, size);
    return glb;
}

/* A right-angled triangle in the plane z = 0, its normal towards +Z, and short indices. */
static const struct triangle_numbers {
    float positions[9];
    uint16_t indices[4];
} triangle = {{0, 0, 0, 1, 0, 0, 0, 1, 0}, {0, 1, 2, 0}};

#define TRIANGLE_BUFFERS                                                                                               \
    "\"buffers\":[{\"byteLength\":44}],\"bufferViews\":[{\"buffer\":0,\"byteLength\":36},{\"buffer\":0,"               \
    "\"byteOffset\":"                                                                                                  \
    "36,\"byteLength\":8}],"
#define TRIANGLE_ACCESSORS                                                                                             \
    "\"accessors\":[{\"bufferView\":0,\"componentType\":5126,\"count\":3,\"type\":\"VEC3\"},"                          \
    "{\"bufferView\":1,\"componentType\":5123,\"count\":3,\"type\":\"SCALAR\"}],"
#define TRIANGLE_MESH                                                                                                  \
    "\"meshes\":[{\"name\":\"leaf\",\"primitives\":[{\"attributes\":{\"POSITION\":0},\"indices\":1}]}],"
#define TRIANGLE TRIANGLE_BUFFERS TRIANGLE_ACCESSORS TRIANGLE_MESH "\"asset\":{\"version\":\"2.0\"},"

static void nodes_move_turn_and_mirror_their_meshes(void **state)
{
    (void)state;
    /* The first node stands 10 to the right of its parent, which doubles everything; the second is mirrored. */
    buffer glb = make_glb("{" TRIANGLE "\"scenes\":[{\"nodes\":[2,1]}],\"nodes\":["
                          "{\"mesh\":0,\"translation\":[10,0,0]},"
                          "{\"mesh\":0,\"name\":\"mirrored\",\"matrix\":[-1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1]},"
                          "{\"children\":[0],\"scale\":[2,2,2]}]}",
                          &triangle, sizeof triangle);
    lumen_shape *read = decode(glb.data, glb.size, FILES_GLB);
    assert_whole(read);
    assert_int_equal(read->part_count, 2);
    assert_string_equal(read->part_names[0], "mirrored"); /* nearer to the root */
    assert_string_equal(read->part_names[1], "leaf");
    for (size_t i = 0; i < read->point_count; i++)
        assert_true(read->normals[3 * i + 2] > 0.99f); /* neither shows its back */
    /* From -1 to 22 along X: the far triangle begins at 20. */
    for (size_t i = 0; i < read->point_count; i++)
        assert_int_equal(read->part_ids[i], read->positions[3 * i] > 0.0f ? 2 : 1);
    lumen_shape_free(read);
    buffer_close(&glb);
}

static void more_nodes_than_parts_share_the_last_one(void **state)
{
    (void)state;
    buffer json;
    buffer_open(&json, 1u << 20);
    buffer_text(&json, "{" TRIANGLE "\"nodes\":[");
    for (int i = 0; i < 50; i++)
        buffer_print(&json, "%s{\"mesh\":0,\"name\":\"n%d\",\"translation\":[%d,0,0]}", i > 0 ? "," : "", i, 2 * i);
    buffer_text(&json, "],\"scenes\":[{\"nodes\":[");
    for (int i = 0; i < 50; i++)
        buffer_print(&json, "%s%d", i > 0 ? "," : "", i);
    buffer_append(&json, "]}]}", 5);
    buffer glb = make_glb((const char *)json.data, &triangle, sizeof triangle);
    lumen_shape *read = decode(glb.data, glb.size, FILES_GLB);
    assert_whole(read);
    assert_int_equal(read->part_count, LUMEN_PARTS_MAX);
    assert_string_equal(read->part_names[30], "n30");
    assert_string_equal(read->part_names[31], "rest");
    assert_int_equal(read->part_meshes[31].triangle_count, 19);
    lumen_shape_free(read);
    buffer_close(&glb);
    buffer_close(&json);
}

static void a_broken_glb_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *json, *reason;
    } broken[] = {
        {"{}", "its nodes are no trees"},
        {"[]", "JSON is broken"},
        {"{\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{}]}", "it has no triangles"},
        {"{\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"children\":[0]}]}", "no trees"},
        {"{\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"children\":[1,1]},{}]}", "no trees"},
        {"{\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"children\":[7]}]}", "no trees"},
        {"{\"scenes\":[{\"nodes\":[-1]}],\"nodes\":[{}]}", "no trees"},
        {"{\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"scale\":[1,1]}]}", "no trees"},
        {"{\"extensionsRequired\":[\"KHR_draco_mesh_compression\"]}", "KHR_draco_mesh_compression"},
        {"{" TRIANGLE_BUFFERS TRIANGLE_MESH "\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"mesh\":0}]}",
         "a mesh is broken"},
        {"{" TRIANGLE_BUFFERS TRIANGLE_MESH
         "\"accessors\":[{\"bufferView\":0,\"componentType\":5126,\"count\":4,\"type\":"
         "\"VEC3\"},{\"bufferView\":1,\"componentType\":5123,\"count\":3,\"type\":\"SCALAR\"}],"
         "\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"mesh\":0}]}",
         "a mesh is broken"}, /* four positions where there are three */
        {"{" TRIANGLE_BUFFERS TRIANGLE_MESH
         "\"accessors\":[{\"bufferView\":0,\"componentType\":5126,\"count\":2,\"type\":"
         "\"VEC3\"},{\"bufferView\":1,\"componentType\":5123,\"count\":3,\"type\":\"SCALAR\"}],"
         "\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"mesh\":0}]}",
         "a mesh is broken"}, /* an index beyond the positions */
        {"{" TRIANGLE_BUFFERS TRIANGLE_MESH
         "\"accessors\":[{\"bufferView\":0,\"byteOffset\":4294967294,\"componentType\":"
         "5126,\"count\":3,\"type\":\"VEC3\"},{\"bufferView\":1,\"componentType\":5123,\"count\":3,\"type\":\"SCALAR\"}"
         "],"
         "\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"mesh\":0}]}",
         "a mesh is broken"},
        {"{" TRIANGLE "\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"mesh\":0,\"scale\":[0,0,0]}]}", "no area"},
        {"{" TRIANGLE "\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"mesh\":0,\"scale\":[1e300,1,1]}]}",
         "a mesh is broken"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        buffer glb = make_glb(broken[i].json, &triangle, sizeof triangle);
        assert_refused(glb.data, glb.size, FILES_GLB, broken[i].reason);
        buffer_close(&glb);
    }
}

/* ---- Nobody's files ------------------------------------------------------------------------------------------- */

#define PLY_XYZ "property float x\nproperty float y\nproperty float z\n"

static void a_broken_ply_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } broken[] = {
        {"", "it is no PLY file"},
        {"PLY\n", "it is no PLY file"},
        {"ply\nformat ascii 1.0\n", "its header has no end"},
        {"ply\nformat ascii 2.0\nend_header\n", "line 2"},
        {"ply\nformat ascii 1.0\nelement vertex -1\nend_header\n", "line 3"},
        {"ply\nformat ascii 1.0\nproperty float x\nend_header\n", "line 3"},
        {"ply\nformat ascii 1.0\nelement vertex 1\nproperty half x\nend_header\n", "line 4"},
        {"ply\nformat ascii 1.0\nelement vertex 1\nproperty list float int x\nend_header\n", "line 4"},
        {"ply\nformat ascii 1.0\nelement vertex 1\nelement vertex 1\nend_header\n", "line 4"},
        {"ply\nformat ascii 1.0\nwhatever\nend_header\n", "line 3"},
        {"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n", "lack x, y or z"},
        {"ply\nformat ascii 1.0\nelement vertex 0\n" PLY_XYZ "end_header\n", "no points"},
        {"ply\nformat ascii 1.0\nelement vertex 2\n" PLY_XYZ "end_header\n1 2 3 4 5\n", "too early"},
        {"ply\nformat ascii 1.0\nelement vertex 1\n" PLY_XYZ "end_header\n1 2 nan\n", "no number"},
        {"ply\nformat ascii 1.0\nelement vertex 1\n" PLY_XYZ "end_header\n1 2 1e400\n", "not finite"},
        {"ply\nformat ascii 1.0\nelement vertex 1\n" PLY_XYZ "end_header\n1 2 3x\n", "no number"},
        {"ply\nformat ascii 1.0\nelement vertex 18446744073709551615\n" PLY_XYZ "end_header\n1 2 3\n", "shorter"},
        {"ply\nformat binary_little_endian 1.0\nelement vertex 4294967297\n" PLY_XYZ "end_header\n1234567890ab",
         "shorter"},
        {"ply\nformat ascii 1.0\nelement vertex 1\n" PLY_XYZ
         "element face 1\nproperty list uchar int vertex_index\nend_header\n1 2 3\n3 0 0 1\n",
         "names vertex 1 of 1"},
        {"ply\nformat ascii 1.0\nelement vertex 1\n" PLY_XYZ
         "element face 1\nproperty list uchar int vertex_index\nend_header\n1 2 3\n3 0 0 0\n",
         "no area"},
        {"ply\nformat ascii 1.0\nelement vertex 1\n" PLY_XYZ
         "element face 1\nproperty list int int vertex_index\nend_header\n1 2 3\n-3 0 0 0\n",
         "no number"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_refused(broken[i].text, strlen(broken[i].text), FILES_PLY, broken[i].reason);
}

static void a_broken_json_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } broken[] = {
        {"", "no JSON"},
        {"{\"positions\":", "no JSON"},
        {"[1]", "no text \"positions\""},
        {"{}", "no text \"positions\""},
        {"{\"positions\":\"\"}", "no text \"positions\""},
        {"{\"positions\":\"AAAA\"}", "not those of 1 to 65536 points"},
        {"{\"positions\":\"AAAAAAAAAAAAAA*A\"}", "no base64"},
        {"{\"positions\":\"AAAAAAAAAAAAAAAAA\"}", "no base64"},
        {"{\"positions\":\"AAAAAAAAAAAAAMB/\"}", "point 0 has a coordinate that is not finite"},
        {"{\"positions\":\"AAAAAAAAAAAAAAAA\",\"part_ids\":\"AQ==\"}", "point 0 belongs to part 1 of 0"},
        {"{\"positions\":\"AAAAAAAAAAAAAAAA\",\"part_ids\":\"AQA=\"}", "a byte for each point"},
        {"{\"positions\":\"AAAAAAAAAAAAAAAA\",\"part_ids\":7}", "a byte for each point"},
        {"{\"positions\":\"AAAAAAAAAAAAAAAA\",\"part_names\":[7]}", "the name of part 1"},
        {"{\"positions\":\"AAAAAAAAAAAAAAAA\",\"part_names\":[\"a\"],\"part_colors\":[\"red\"]}",
         "the color of part 1"},
        {"{\"positions\":\"AAAAAAAAAAAAAAAA\",\"part_names\":[\"a\"],\"part_confidence\":[1.5]}",
         "the confidence of part 1"},
        {"{\"positions\":\"AAAAAAAAAAAAAAAA\",\"part_names\":[\"a\"],\"part_confidence\":[\"sure\"]}",
         "the confidence of part 1"},
        {"{\"positions\":\"AAAAAAAAAAAAAAAA\",\"part_names\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
         "0,0,"
         "0,0,0]}",
         "33 parts"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_refused(broken[i].text, strlen(broken[i].text), FILES_JSON, broken[i].reason);
    lumen_shape *one = decode("{\"positions\":\"AAAAAAAAAAAAAAAA\"}", 32, FILES_JSON); /* a single point is a shape */
    assert_whole(one);
    lumen_shape_free(one);
}

/* A file that was cut, or of which a byte was changed, is refused or is a whole shape of something else. */
static void damaged_files_harm_nobody(void **state)
{
    (void)state;
    static const files_format formats[] = {FILES_PLY, FILES_GLB, FILES_JSON};
    random_state dice = random_seed(23);
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
        shape->point_count = 256;
        buffer bytes = encode(shape, formats[f]);
        for (int i = 0; i < 150; i++) {
            bool cut = i % 3 == 0;
            size_t at = i % 2 == 0 ? random_u32(&dice) % 600 : random_u32(&dice) % bytes.size;
            size_t size = cut ? at : bytes.size;
            unsigned char *copy = malloc(size + 1);
            assert_non_null(copy);
            memcpy(copy, bytes.data, size);
            if (!cut)
                copy[at] = (unsigned char)random_u32(&dice);
            lumen_shape *read = NULL;
            lumen_error error = {0};
            if (files_decode(copy, size, formats[f], "damaged", &read, &error) == LUMEN_OK) {
                assert_whole(read);
                lumen_shape_free(read);
            } else {
                assert_true(error.status == LUMEN_ERROR_INVALID && read == NULL);
            }
            free(copy);
        }
        buffer_close(&bytes);
        sample_shape_free(shape);
    }
}

/* ---- Paths ------------------------------------------------------------------------------------------------------ */

static void paths_are_read_by_their_endings(void **state)
{
    (void)state;
    char folder[] = "/tmp/lumen-read-XXXXXX", path[64];
    lumen_error error = {0};
    lumen_shape *written = sample_shape_make(SAMPLE_TREE), *read = NULL;
    assert_non_null(mkdtemp(folder));
    static const char *const endings[] = {"ply", "GLB", "json"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/oak.%s", folder, endings[i]);
        assert_int_equal(files_write(written, path, &error), LUMEN_OK);
        assert_int_equal(files_read_shape(path, &read, &error), LUMEN_OK);
        assert_string_equal(read->text, "an old oak");
        lumen_shape_free(read);
        unlink(path);
        assert_int_equal(files_read_shape(path, &read, &error), LUMEN_ERROR_IO);
        assert_non_null(strstr(error.message, "No such file"));
        assert_null(read);
    }
    snprintf(path, sizeof path, "%s/oak.ply", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(files_read_shape(path, &read, &error), LUMEN_ERROR_IO);
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(files_read_shape(path, &read, &error), LUMEN_ERROR_IO);
    assert_non_null(strstr(error.message, "a pipe"));
    unlink(path);
    rmdir(folder);
    assert_int_equal(files_read_shape("oak.png", &read, &error), LUMEN_ERROR_IO); /* not there */
    assert_int_equal(files_read_shape("oak.obj", &read, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(files_decode("x", 1, FILES_PNG, "oak.png", &read, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "use a .ply, .glb or .json"));
    sample_shape_free(written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ply_of_ours_comes_back_to_the_bit),
        cmocka_unit_test(the_object_of_the_service_comes_back),
        cmocka_unit_test(a_seed_that_json_holds_as_text_comes_back),
        cmocka_unit_test(how_sure_names_are_comes_back),
        cmocka_unit_test(how_sure_names_are_stays_with_the_parts_that_a_glb_has),
        cmocka_unit_test(names_that_are_certain_stay_so),
        cmocka_unit_test(hostile_names_come_back_as_texts),
        cmocka_unit_test(a_glb_of_ours_comes_back_part_by_part),
        cmocka_unit_test(attachments_that_are_not_there_grow_away_from_the_joint),
        cmocka_unit_test(a_mesh_in_text_becomes_points_on_its_faces),
        cmocka_unit_test(a_big_endian_cloud_is_thinned_out_evenly),
        cmocka_unit_test(nodes_move_turn_and_mirror_their_meshes),
        cmocka_unit_test(more_nodes_than_parts_share_the_last_one),
        cmocka_unit_test(a_broken_glb_says_what_is_wrong),
        cmocka_unit_test(a_broken_ply_says_what_is_wrong),
        cmocka_unit_test(a_broken_json_says_what_is_wrong),
        cmocka_unit_test(damaged_files_harm_nobody),
        cmocka_unit_test(paths_are_read_by_their_endings),
    };
    return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}

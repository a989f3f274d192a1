/* A shape as bytes and back: everything survives, and nothing that is broken comes through. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "lumen.h"
#include "sample_shape.h"
#include "shape/pack.h"

/* ---- Comparing ----------------------------------------------------------------------------------------- */

/* Arrays are compared as bytes: a bit that changes is a failure, also where numbers would be equal. */
static void assert_same_array(const void *one, const void *other, size_t bytes)
{
    if (one == NULL) {
        assert_null(other);
        return;
    }
    assert_non_null(other);
    assert_memory_equal(one, other, bytes);
}

static void assert_same_mesh(const lumen_mesh *one, const lumen_mesh *other)
{
    size_t vertices = one->vertex_count, triangles = one->triangle_count;
    assert_int_equal(one->vertex_count, other->vertex_count);
    assert_int_equal(one->triangle_count, other->triangle_count);
    assert_same_array(one->positions, other->positions, 12 * vertices);
    assert_same_array(one->normals, other->normals, 12 * vertices);
    assert_same_array(one->attachments, other->attachments, 4 * vertices);
    assert_same_array(one->colors, other->colors, 3 * vertices);
    assert_same_array(one->triangles, other->triangles, 12 * triangles);
    assert_same_array(one->hidden, other->hidden, triangles);
}

static void assert_same_shape(const lumen_shape *one, const lumen_shape *other)
{
    size_t points = one->point_count;
    assert_int_equal(one->point_count, other->point_count);
    assert_same_array(one->positions, other->positions, 12 * points);
    assert_same_array(one->normals, other->normals, 12 * points);
    assert_same_array(one->attachments, other->attachments, 4 * points);
    assert_same_array(one->part_ids, other->part_ids, points);
    assert_same_array(one->colors, other->colors, 3 * points);
    assert_int_equal(one->part_count, other->part_count);
    assert_same_array(one->part_colors, other->part_colors, 3 * (size_t)one->part_count);
    for (uint32_t k = 0; k < one->part_count; k++) {
        assert_string_equal(one->part_names[k], other->part_names[k]);
        assert_same_mesh(&one->part_meshes[k], &other->part_meshes[k]);
    }
    assert_same_array(one->part_confidence, other->part_confidence, 4 * (size_t)one->part_count);
    assert_memory_equal(one->bounding_box_min, other->bounding_box_min, sizeof one->bounding_box_min);
    assert_memory_equal(one->bounding_box_max, other->bounding_box_max, sizeof one->bounding_box_max);
    assert_string_equal(one->template_type, other->template_type);
    assert_string_equal(one->concept_name, other->concept_name);
    assert_string_equal(one->subject, other->subject);
    assert_string_equal(one->verb, other->verb);
    assert_string_equal(one->text, other->text);
    assert_string_equal(one->prompt, other->prompt);
    assert_string_equal(one->pipeline, other->pipeline);
    assert_string_equal(one->key, other->key);
    assert_true(one->seed == other->seed);
    assert_true(one->cached == other->cached);
    assert_memory_equal(&one->generation_time_ms, &other->generation_time_ms, sizeof(double));
    assert_string_equal(one->motion.motion, other->motion.motion);
    assert_memory_equal(&one->motion.tempo, &other->motion.tempo, sizeof(float));
    assert_memory_equal(&one->motion.size, &other->motion.size, sizeof(float));
}

static void pack(const lumen_shape *shape, buffer *bytes)
{
    lumen_error error;
    buffer_open(bytes, SHAPE_PACK_BYTES_MAX);
    assert_int_equal(shape_pack(shape, bytes, &error), LUMEN_OK);
}

static void assert_survives(const lumen_shape *shape)
{
    buffer bytes;
    lumen_shape *same;
    lumen_error error;
    pack(shape, &bytes);
    assert_int_equal(shape_unpack(bytes.data, bytes.size, &same, &error), LUMEN_OK);
    assert_same_shape(shape, same);
    /* What was unpacked packs to the same bytes. */
    buffer again;
    pack(same, &again);
    assert_int_equal(bytes.size, again.size);
    assert_memory_equal(bytes.data, again.data, bytes.size);
    lumen_shape_free(same);
    buffer_close(&bytes);
    buffer_close(&again);
}

static void assert_refused(const void *bytes, size_t size, const char *reason)
{
    lumen_shape *shape = (lumen_shape *)&shape; /* must become NULL */
    lumen_error error;
    assert_int_equal(shape_unpack(bytes, size, &shape, &error), LUMEN_ERROR_INVALID);
    assert_null(shape);
    if (strstr(error.message, reason) == NULL)
        fail_msg("the message is \"%s\", which does not say \"%s\"", error.message, reason);
}

/* ---- What survives --------------------------------------------------------------------------------------- */

static void a_shape_of_the_engine_survives_to_the_bit(void **state)
{
    (void)state;
    static const char *const texts[] = {"a horse galloping slowly", "red dragon", "blorf",
                                        "a dragon \xc3\xa9t\xc3\xa9"};
    lumen *library;
    lumen_error error;
    assert_int_equal(lumen_open(NULL, &library, &error), LUMEN_OK);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        lumen_request request = {.text = texts[i], .seed = UINT64_C(0x8000000000000001) >> 1, .points = 300};
        lumen_shape *shape;
        assert_int_equal(lumen_generate(library, &request, &shape, &error), LUMEN_OK);
        assert_survives(shape);
        lumen_shape_free(shape);
    }
    lumen_close(library);
}

static void a_shape_made_by_hand_survives_with_an_empty_part(void **state)
{
    (void)state;
    for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
        lumen_shape *shape = sample_shape_make((sample_kind)kind);
        shape->cached = kind == SAMPLE_CAR;
        shape->seed = UINT64_MAX - (uint64_t)kind;
        shape->generation_time_ms = 1e-300;
        shape->motion.tempo = -0.0f;
        assert_survives(shape);
        sample_shape_free(shape);
    }
}

static void every_optional_array_of_a_mesh_may_be_missing(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    float normals[3 * 3] = {0, 1, 0, 0, 1, 0, 0, 1, 0}, attachments[3] = {0, 0.5f, 1}, positions[9] = {1, 2, 3, 4, 5};
    uint8_t colors[9] = {1, 2, 3}, hidden[2] = {0, 1};
    uint32_t triangles[6] = {0, 1, 2, 2, 1, 0};
    for (unsigned missing = 0; missing < 16; missing++) {
        lumen_mesh meshes[2] = {
            {.vertex_count = 3,
             .triangle_count = 2,
             .positions = positions,
             .triangles = triangles,
             .normals = missing & 1 ? NULL : normals,
             .attachments = missing & 2 ? NULL : attachments,
             .colors = missing & 4 ? NULL : colors,
             .hidden = missing & 8 ? NULL : hidden},
            {.vertex_count = 0},
        };
        const lumen_mesh *own = shape->part_meshes;
        shape->part_meshes = meshes;
        assert_survives(shape);
        shape->part_meshes = own;
    }
    sample_shape_free(shape);
}

static void how_sure_the_names_are_survives(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    const float sure[LUMEN_PARTS_MAX] = {0.9f, 0.25f};
    shape->part_confidence = sure;
    assert_survives(shape);
    sample_shape_free(shape);
}

static void a_shape_without_points_and_parts_survives(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    shape->point_count = shape->part_count = 0;
    shape->text = "";
    assert_survives(shape);
    sample_shape_free(shape);
}

static void packing_appends_and_says_when_there_is_no_room(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_CAR), *same;
    lumen_error error;
    buffer bytes;
    buffer_open(&bytes, SHAPE_PACK_BYTES_MAX);
    buffer_text(&bytes, "before");
    assert_int_equal(shape_pack(shape, &bytes, &error), LUMEN_OK);
    assert_memory_equal(bytes.data, "before", 6);
    assert_int_equal(shape_unpack(bytes.data + 6, bytes.size - 6, &same, &error), LUMEN_OK);
    assert_same_shape(shape, same);
    lumen_shape_free(same);

    buffer small;
    buffer_open(&small, bytes.size - 7);
    assert_int_equal(shape_pack(shape, &small, &error), LUMEN_ERROR_MEMORY);
    buffer_close(&small);
    buffer_close(&bytes);
    sample_shape_free(shape);
}

/* ---- What is refused --------------------------------------------------------------------------------------- */

static void bytes_that_end_early_or_late_are_refused(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_CAR);
    buffer bytes;
    pack(shape, &bytes);
    /* Each prefix, with the size in the head made to fit, so that the reader itself has to notice. The last bytes one
     * by one, the long arrays in larger steps. */
    for (size_t size = 0; size < bytes.size; size += size < 600 ? 1 : 997) {
        unsigned char *prefix = malloc(size + 1); /* of its own, so that the sanitizer sees what reads beyond */
        assert_non_null(prefix);
        memcpy(prefix, bytes.data, size);
        assert_refused(prefix, size, "packed shape");
        if (size >= 16) {
            for (size_t i = 0; i < 8; i++)
                prefix[8 + i] = (unsigned char)(size >> 8 * i & 0xff);
            assert_refused(prefix, size, "ends too early");
        }
        free(prefix);
    }
    buffer_u8(&bytes, 0);
    assert_refused(bytes.data, bytes.size, "its size");
    uint64_t size = bytes.size;
    for (size_t i = 0; i < 8; i++)
        bytes.data[8 + i] = (unsigned char)(size >> 8 * i & 0xff);
    assert_refused(bytes.data, bytes.size, "left over");
    buffer_close(&bytes);
    sample_shape_free(shape);
}

static void other_bytes_and_other_versions_are_refused(void **state)
{
    (void)state;
    assert_refused("", 0, "no packed shape");
    assert_refused("hello, world", 12, "no packed shape");
    lumen_shape *shape = sample_shape_make(SAMPLE_CAR);
    buffer bytes;
    pack(shape, &bytes);
    bytes.data[4]++;
    assert_refused(bytes.data, bytes.size, "version");
    buffer_close(&bytes);
    sample_shape_free(shape);
}

/* A shape with one fault is packed, which trusts it, and must not come out again. */
static void assert_packs_but_does_not_unpack(const lumen_shape *shape, const char *reason)
{
    buffer bytes;
    pack(shape, &bytes);
    assert_refused(bytes.data, bytes.size, reason);
    buffer_close(&bytes);
}

static void numbers_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    const float bad[] = {INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < 3; i++) {
        lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
        float *arrays[] = {
            (float *)(uintptr_t)shape->positions + 3 * 2047 + 2,
            (float *)(uintptr_t)shape->normals,
            (float *)(uintptr_t)shape->attachments + 1000,
            shape->part_meshes[1].positions + 5,
            shape->part_meshes[0].normals + 7,
            shape->part_meshes[1].attachments,
            &shape->motion.tempo,
            &shape->motion.size,
            &shape->bounding_box_min[2],
            &shape->bounding_box_max[0],
        };
        for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) {
            float good = *arrays[k];
            *arrays[k] = bad[i];
            assert_packs_but_does_not_unpack(shape, "not finite");
            *arrays[k] = good;
        }
        shape->generation_time_ms = (double)bad[i];
        assert_packs_but_does_not_unpack(shape, "not finite");
        sample_shape_free(shape);
    }
}

static void indices_beyond_their_arrays_are_refused(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    uint8_t *part_id = (uint8_t *)(uintptr_t)shape->part_ids + 2047, own = *part_id;
    *part_id = 3;
    assert_packs_but_does_not_unpack(shape, "part that is not there");
    *part_id = own;
    const lumen_mesh *mesh = &shape->part_meshes[1];
    uint32_t *index = mesh->triangles + 3 * (size_t)mesh->triangle_count - 1;
    *index = mesh->vertex_count;
    assert_packs_but_does_not_unpack(shape, "vertex that is not there");
    sample_shape_free(shape);
}

static void texts_that_are_no_utf8_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xc3",
                                      "\xc0\xaf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe2\x82",
                                      "a\xff",
                                      "\xe2\x28\xa1",
                                      "\xf0\x9f\x98"};
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        shape->subject = bad[i];
        assert_packs_but_does_not_unpack(shape, "no UTF-8");
    }
    shape->subject = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80";
    assert_survives(shape);
    /* A zero inside a text: what came before it would be another text. */
    buffer bytes;
    shape->subject = "oak!tree";
    pack(shape, &bytes);
    unsigned char *inside = memmem(bytes.data, bytes.size, "oak!tree", 8);
    assert_non_null(inside);
    inside[3] = 0;
    assert_refused(bytes.data, bytes.size, "no UTF-8");
    buffer_close(&bytes);
    sample_shape_free(shape);
}

static void any_flipped_byte_gives_a_whole_shape_or_a_refusal(void **state)
{
    (void)state;
    lumen_shape *shape = sample_shape_make(SAMPLE_CAR);
    shape->point_count = 40;
    buffer bytes;
    pack(shape, &bytes);
    random_state generator = random_seed(5);
    for (int round = 0; round < 3000; round++) {
        /* The head and the texts hold the sizes: most flips go there. */
        size_t at = random_u32(&generator) % (round % 4 != 0 ? 1500 : bytes.size);
        unsigned char own = bytes.data[at];
        bytes.data[at] = (unsigned char)random_u32(&generator);
        lumen_shape *same;
        lumen_error error;
        if (shape_unpack(bytes.data, bytes.size, &same, &error) == LUMEN_OK) {
            buffer again;
            pack(same, &again);
            assert_int_equal(again.size, bytes.size);
            assert_memory_equal(again.data, bytes.data, bytes.size);
            buffer_close(&again);
            lumen_shape_free(same);
        }
        bytes.data[at] = own;
    }
    buffer_close(&bytes);
    sample_shape_free(shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shape_of_the_engine_survives_to_the_bit),
        cmocka_unit_test(a_shape_made_by_hand_survives_with_an_empty_part),
        cmocka_unit_test(every_optional_array_of_a_mesh_may_be_missing),
        cmocka_unit_test(how_sure_the_names_are_survives),
        cmocka_unit_test(a_shape_without_points_and_parts_survives),
        cmocka_unit_test(packing_appends_and_says_when_there_is_no_room),
        cmocka_unit_test(bytes_that_end_early_or_late_are_refused),
        cmocka_unit_test(other_bytes_and_other_versions_are_refused),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused),
        cmocka_unit_test(indices_beyond_their_arrays_are_refused),
        cmocka_unit_test(texts_that_are_no_utf8_are_refused),
        cmocka_unit_test(any_flipped_byte_gives_a_whole_shape_or_a_refusal),
    };
    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}

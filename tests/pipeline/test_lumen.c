/* The public header, used as a stranger would: open, generate, look, write, close. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "../sanitized.h"
#include "base/arena.h"
#include "geometry/mesh.h"
#include "lumen.h"
#include "pipeline/pipeline.h"

static lumen *library;

static int open_library(void **state)
{
    (void)state;
    lumen_error error;
    return lumen_open(NULL, &library, &error) == LUMEN_OK ? 0 : -1;
}

static int close_library(void **state)
{
    (void)state;
    lumen_close(library);
    return 0;
}

static lumen_shape *make(const char *text)
{
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    const lumen_request request = {.text = text};
    if (lumen_generate(library, &request, &shape, &error) != LUMEN_OK)
        fail_msg("%s: %s", text, error.message);
    return shape;
}

static void a_sentence_becomes_a_shape_with_named_parts(void **state)
{
    (void)state;
    lumen_shape *shape = make("a horse galloping slowly");
    assert_string_equal(shape->template_type, "quadruped");
    assert_string_equal(shape->subject, "horse");
    assert_string_equal(shape->verb, "gallop");
    assert_string_equal(shape->motion.motion, "gallop");
    assert_true(shape->motion.tempo < 1.0f);
    assert_string_equal(shape->pipeline, "procedural");
    assert_int_equal(strlen(shape->key), 16);
    assert_false(shape->cached);
    static const char *const names[] = {"head", "body", "front_legs", "back_legs", "tail", "neck"};
    assert_int_equal(shape->part_count, 6);
    for (uint32_t k = 0; k < 6; k++)
        assert_string_equal(shape->part_names[k], names[k]);
    uint32_t seen[7] = {0};
    for (uint32_t i = 0; i < shape->point_count; i++) {
        assert_in_range(shape->part_ids[i], 1, 6);
        seen[shape->part_ids[i]]++;
        assert_true(shape->attachments[i] >= 0.0f && shape->attachments[i] <= 1.0f);
        const float *n = shape->normals + 3 * i;
        assert_float_equal(n[0] * n[0] + n[1] * n[1] + n[2] * n[2], 1.0f, 1e-4f);
    }
    for (int k = 1; k <= 6; k++)
        assert_true(seen[k] > 0);
    lumen_shape_free(shape);
}

static void every_concept_becomes_closed_manifold_parts(void **state)
{
    (void)state;
    const sculpt_library *shapes = pipeline_shapes(library);
    arena *scratch = arena_create(512u << 20);
    size_t faults = 0;
    /* All in the release; sanitizers take fourteen times as long for the same code. */
    for (size_t i = 0; i < sculpt_concept_count(shapes); i += SANITIZED ? 5 : 1) {
        char text[64];
        snprintf(text, sizeof text, "%s", sculpt_concept_name(sculpt_concept_at(shapes, i)));
        for (char *at = text; *at != '\0'; at++)
            *at = *at == '_' ? ' ' : *at;
        lumen_shape *shape = make(text);
        if (strcmp(shape->concept_name, text) != 0) {
            print_error("%s is made as %s\n", text, shape->concept_name);
            faults++;
        }
        uint32_t filled = 0;
        for (uint32_t k = 0; k < shape->part_count; k++) {
            mesh_report report;
            lumen_error error;
            if (shape->part_meshes[k].triangle_count == 0)
                continue;
            filled++;
            assert_int_equal(mesh_check(&shape->part_meshes[k], scratch, &report, &error), LUMEN_OK);
            bool good = report.indices_valid && report.closed && report.oriented && report.vertices_manifold &&
                        report.finite && report.volume > 0.0;
            if (!good) {
                print_error("%s: part %s is not a closed manifold\n", text, shape->part_names[k]);
                faults++;
            }
        }
        if (filled == 0) {
            print_error("%s has no parts\n", text);
            faults++;
        }
        lumen_shape_free(shape);
    }
    assert_int_equal(faults, 0);
    arena_destroy(scratch);
}

static void counts_are_exact(void **state)
{
    (void)state;
    static const uint32_t counts[] = {256, 257, 2048, 65536};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        lumen_shape *shape;
        lumen_error error;
        const lumen_request request = {.text = "cat", .points = counts[i]};
        assert_int_equal(lumen_generate(library, &request, &shape, &error), LUMEN_OK);
        assert_int_equal(shape->point_count, counts[i]);
        lumen_shape_free(shape);
    }
}

static void fewer_parts_can_be_asked_for(void **state)
{
    (void)state;
    for (uint32_t parts = 1; parts <= 16; parts++) {
        lumen_shape *shape;
        lumen_error error;
        const lumen_request request = {.text = "cat", .num_parts = parts};
        assert_int_equal(lumen_generate(library, &request, &shape, &error), LUMEN_OK);
        assert_int_equal(shape->part_count, parts < 6 ? parts : 6);
        lumen_shape_free(shape);
    }
}

/* Points of the whole and of the merged shape lie in the same place: nothing is carved away by a neighbor's cuts. */
static void a_merged_shape_is_the_same_shape(void **state)
{
    (void)state;
    static const char *const texts[] = {"car", "church", "truck", "avocado", "cat", "bus"};
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        lumen_shape *whole = make(texts[t]);
        lumen_shape *merged;
        lumen_error error;
        const lumen_request request = {.text = texts[t], .num_parts = 1};
        assert_int_equal(lumen_generate(library, &request, &merged, &error), LUMEN_OK);
        for (int axis = 0; axis < 3; axis++)
            if (fabsf(whole->bounding_box_max[axis] - merged->bounding_box_max[axis]) > 0.06f)
                fail_msg("%s: axis %d reaches %g instead of %g", texts[t], axis, (double)merged->bounding_box_max[axis],
                         (double)whole->bounding_box_max[axis]);
        /* Every point of the whole has one of the merged shape near. */
        uint32_t far = 0;
        for (uint32_t i = 0; i < whole->point_count; i++) {
            float nearest = 9.0f;
            for (uint32_t k = 0; k < merged->point_count; k++) {
                float square = 0.0f;
                for (uint32_t axis = 0; axis < 3; axis++) {
                    float gap = whole->positions[3 * i + axis] - merged->positions[3 * k + axis];
                    square += gap * gap;
                }
                nearest = square < nearest ? square : nearest;
            }
            far += nearest > 0.15f * 0.15f;
        }
        if (far > whole->point_count / 50)
            fail_msg("%s: %u points are far from the merged shape", texts[t], far);
        lumen_shape_free(whole);
        lumen_shape_free(merged);
    }
}

static void what_means_the_same_has_the_same_key(void **state)
{
    (void)state;
    lumen_shape *one = make("horse");
    lumen_shape *many = make("the Horses!");
    lumen_shape *red = make("red horse");
    assert_string_equal(one->key, many->key);
    assert_string_not_equal(one->key, red->key);
    assert_memory_equal(one->positions, many->positions, one->point_count * 12);
    lumen_shape_free(one);
    lumen_shape_free(many);
    lumen_shape_free(red);
}

/* How wide a shape is for its height. */
static float breadth(const char *text)
{
    lumen_shape *shape = make(text);
    float wide = (shape->bounding_box_max[0] - shape->bounding_box_min[0]) /
                 (shape->bounding_box_max[1] - shape->bounding_box_min[1]);
    lumen_shape_free(shape);
    return wide;
}

static void who_flies_has_spread_wings(void **state)
{
    (void)state;
    assert_true(breadth("an owl flying") > 1.5f * breadth("an owl"));
    assert_true(breadth("an owl sleeping") < 1.1f * breadth("an owl"));
}

static void a_wrong_request_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        lumen_request request;
        lumen_status status;
        const char *naming;
    } cases[] = {
        {{.text = NULL}, LUMEN_ERROR_INVALID, "text"},
        {{.text = ""}, LUMEN_ERROR_INVALID, "text"},
        {{.text = " \t\n"}, LUMEN_ERROR_INVALID, "text"},
        {{.text = "12 34"}, LUMEN_ERROR_INVALID, "digits"},
        {{.text = "caf\xe9"}, LUMEN_ERROR_INVALID, "UTF-8"},
        {{.text = "cat", .points = 255}, LUMEN_ERROR_INVALID, "256"},
        {{.text = "cat", .points = 65537}, LUMEN_ERROR_INVALID, "65536"},
        {{.text = "cat", .num_parts = 17}, LUMEN_ERROR_INVALID, "16"},
        {{.text = "cat", .quality = (lumen_quality)9}, LUMEN_ERROR_INVALID, "quality"},
        {{.text = "cat", .engine = "steam"}, LUMEN_ERROR_INVALID, "steam"},
        {{.text = "cat", .engine = "partcrafter"}, LUMEN_ERROR_UNAVAILABLE, "partcrafter"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lumen_shape *shape = (lumen_shape *)&cases;
        lumen_error error = {0};
        assert_int_equal(lumen_generate(library, &cases[i].request, &shape, &error), cases[i].status);
        assert_null(shape);
        assert_int_equal(error.status, cases[i].status);
        if (strstr(error.message, cases[i].naming) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.message, cases[i].naming);
        assert_int_equal(lumen_generate(library, &cases[i].request, &shape, NULL), cases[i].status);
    }
}

static void own_concepts_come_beside_the_shipped_ones(void **state)
{
    (void)state;
    lumen *own = NULL;
    lumen_error error = {0};
    lumen_options options = {.concepts = "template blob\nparts lump\npart lump\nball (0,0,0), 1\n"
                                         "concept horse of blob\n"
                                         "concept glorp of horse\nconcept dragon_horse of blob\n"};
    assert_int_equal(lumen_open(&options, &own, &error), LUMEN_OK);
    lumen_shape *shape;
    const lumen_request request = {.text = "horse"};
    assert_int_equal(lumen_generate(own, &request, &shape, &error), LUMEN_OK);
    assert_string_equal(shape->template_type, "blob");
    lumen_shape_free(shape);
    /* Relatives that were shipped stay what they are; new names are known at once. */
    static const char *const texts[][2] = {
        {"pony", "quadruped"},          {"glorp", "blob"},        {"a red glorp", "blob"}, {"owl", "bird"},
        {"two glorps dancing", "blob"}, {"dragon horse", "blob"}, {"dragon", "dragon"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const lumen_request other = {.text = texts[i][0]};
        assert_int_equal(lumen_generate(own, &other, &shape, &error), LUMEN_OK);
        assert_string_equal(shape->template_type, texts[i][1]);
        lumen_shape_free(shape);
    }
    /* An own horse is no shipped horse to a cache. */
    lumen_shape *shipped = make("horse");
    assert_int_equal(lumen_generate(own, &request, &shape, &error), LUMEN_OK);
    assert_string_not_equal(shape->key, shipped->key);
    lumen_shape_free(shape);
    lumen_shape_free(shipped);
    lumen_close(own);
    options.concepts = "concept horse of nowhere\n";
    assert_int_equal(lumen_open(&options, &own, &error), LUMEN_ERROR_INVALID);
    assert_null(own);
    assert_non_null(strstr(error.message, "nowhere"));
}

static void the_ending_of_the_name_chooses_the_format(void **state)
{
    (void)state;
    lumen_shape *shape = make("teapot");
    char folder[] = "/tmp/lumen-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    static const char *const endings[] = {"ply", "glb", "stl", "json", "png"};
    for (size_t i = 0; i < 5; i++) {
        char path[64];
        lumen_error error;
        snprintf(path, sizeof path, "%s/shape.%s", folder, endings[i]);
        assert_int_equal(lumen_shape_write(shape, path, &error), LUMEN_OK);
        assert_int_equal(access(path, R_OK), 0);
        unlink(path);
    }
    const lumen_shape *both[] = {shape, shape};
    char sheet[64];
    lumen_error error;
    snprintf(sheet, sizeof sheet, "%s/sheet.png", folder);
    assert_int_equal(lumen_sheet_write(both, 2, 0, sheet, &error), LUMEN_OK);
    unlink(sheet);
    assert_int_equal(lumen_shape_write(shape, "shape.xyz", &error), LUMEN_ERROR_INVALID);
    rmdir(folder);
    lumen_shape_free(shape);
}

/* ---- Threads ------------------------------------------------------------------------------------------ */

enum { THREADS = 4, ROUNDS = 12 };

static const char *const shared_texts[] = {"horse", "a red car", "owl", "palm tree", "qwertyuiop"};

static void *generate_again_and_again(void *user)
{
    lumen_shape **expected = user;
    for (int round = 0; round < ROUNDS; round++) {
        size_t i = (size_t)round % 5;
        lumen_shape *shape = NULL;
        const lumen_request request = {.text = shared_texts[i]};
        if (lumen_generate(library, &request, &shape, NULL) != LUMEN_OK ||
            memcmp(shape->positions, expected[i]->positions, shape->point_count * 12) != 0 ||
            memcmp(shape->part_ids, expected[i]->part_ids, shape->point_count) != 0) {
            lumen_shape_free(shape);
            return user;
        }
        lumen_shape_free(shape);
    }
    return NULL;
}

static void threads_share_a_library_and_get_the_same_bytes(void **state)
{
    (void)state;
    lumen_shape *expected[5];
    for (size_t i = 0; i < 5; i++)
        expected[i] = make(shared_texts[i]);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, generate_again_and_again, expected), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    for (size_t i = 0; i < 5; i++)
        lumen_shape_free(expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_becomes_a_shape_with_named_parts),
        cmocka_unit_test(every_concept_becomes_closed_manifold_parts),
        cmocka_unit_test(counts_are_exact),
        cmocka_unit_test(fewer_parts_can_be_asked_for),
        cmocka_unit_test(a_merged_shape_is_the_same_shape),
        cmocka_unit_test(what_means_the_same_has_the_same_key),
        cmocka_unit_test(who_flies_has_spread_wings),
        cmocka_unit_test(a_wrong_request_is_refused_with_a_reason),
        cmocka_unit_test(own_concepts_come_beside_the_shipped_ones),
        cmocka_unit_test(the_ending_of_the_name_chooses_the_format),
        cmocka_unit_test(threads_share_a_library_and_get_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, open_library, close_library);
}

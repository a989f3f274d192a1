/* From solids to meshes: distances, fields, parts, and the engine as a whole. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "geometry/mesh.h"
#include "procedural/body.h"
#include "procedural/procedural.h"
#include "procedural/solid.h"
#include "shape/shape.h"

#include "everything.h"

static sculpt_library *open_everything(void)
{
    sculpt_library *library = NULL;
    lumen_error error = {0};
    sculpt_source source = {.name = "everything", .text = everything, .size = strlen(everything)};
    if (sculpt_library_open(&source, 1, &library, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return library;
}

static model *build_everything(const sculpt_library *library, uint32_t parts_max, arena *memory)
{
    lumen_error error = {0};
    model *individual = NULL;
    model_variation variation = {.parts_max = parts_max};
    if (model_build(library, sculpt_find_concept(library, "everything"), &variation, memory, &individual, &error) !=
        LUMEN_OK)
        fail_msg("%s", error.message);
    return individual;
}

/* ---- Distances ----------------------------------------------------------------------------------------- */

static float distance_at(const solid *one, vec3 p)
{
    float distance;
    solid_distances(one, solid_pieces(one), 1, &p.x, &p.y, &p.z, &distance);
    return distance;
}

static void no_distance_changes_faster_than_the_way(void **state)
{
    (void)state;
    sculpt_library *library = open_everything();
    arena *memory = arena_create(64u << 20);
    model *individual = build_everything(library, 0, memory);
    random_state generator = random_seed(1);
    for (uint32_t s = 0; s < individual->solid_count; s++) {
        const solid *one = &individual->solids[s];
        for (int i = 0; i < 2000; i++) {
            vec3 a = {random_float(&generator) * 3 - 1.5f, random_float(&generator) * 3,
                      random_float(&generator) * 3 - 1};
            vec3 step = {random_float(&generator) - 0.5f, random_float(&generator) - 0.5f,
                         random_float(&generator) - 0.5f};
            vec3 b = vec3_add(a, vec3_scale(step, 0.1f));
            float change = fabsf(distance_at(one, a) - distance_at(one, b));
            float way = vec3_length(vec3_subtract(a, b));
            float bound = one->kind == SOLID_ELLIPSOID ? 1.7f : 1.001f; /* an estimate only */
            assert_true(change <= bound * way + 1e-5f);
        }
        /* Beyond the sphere that holds it, every solid is outside. */
        for (int i = 0; i < 500; i++) {
            vec3 away = vec3_normalize(vec3_make(random_float(&generator) - 0.5f, random_float(&generator) - 0.5f,
                                                 random_float(&generator) - 0.5f),
                                       vec3_make(0, 1, 0));
            assert_true(distance_at(one, vec3_add(one->center, vec3_scale(away, one->reach * 1.01f))) > 0.0f);
        }
    }
    arena_destroy(memory);
    sculpt_library_close(library);
}

/* A limb's distance is the least distance to any of the spheres along it. */
static void a_limb_is_its_spheres(void **state)
{
    (void)state;
    float nodes[12] = {0, 0, 0, 0.3f, 1, 0.2f, 0, 0.1f, 1.5f, 1, 0.3f, 0.25f};
    const solid limb = {.kind = SOLID_LIMB, .nodes = nodes, .node_count = 3};
    random_state generator = random_seed(2);
    for (int i = 0; i < 500; i++) {
        vec3 p = {random_float(&generator) * 3 - 1, random_float(&generator) * 3 - 1, random_float(&generator) * 2 - 1};
        float nearest = 1e9f;
        for (int piece = 0; piece < 2; piece++)
            for (int k = 0; k <= 2000; k++) {
                float t = (float)k / 2000.0f;
                const float *a = nodes + 4 * piece;
                const float *b = a + 4;
                vec3 center = vec3_mix(vec3_make(a[0], a[1], a[2]), vec3_make(b[0], b[1], b[2]), t);
                float gap = vec3_length(vec3_subtract(p, center)) - (a[3] + (b[3] - a[3]) * t);
                nearest = gap < nearest ? gap : nearest;
            }
        assert_float_equal(distance_at(&limb, p), nearest, 2e-4f);
    }
}

static void a_look_at_a_limb_keeps_every_piece_that_matters(void **state)
{
    (void)state;
    float nodes[4 * 20];
    for (int i = 0; i < 20; i++) {
        const float node[4] = {cos_degrees((float)i * 40.0f), (float)i * 0.1f, sin_degrees((float)i * 40.0f), 0.05f};
        memcpy(nodes + 4 * i, node, sizeof node);
    }
    const solid limb = {.kind = SOLID_LIMB, .nodes = nodes, .node_count = 20};
    random_state generator = random_seed(3);
    for (int i = 0; i < 2000; i++) {
        vec3 p = {random_float(&generator) * 3 - 1.5f, random_float(&generator) * 3 - 0.5f,
                  random_float(&generator) * 3 - 1.5f};
        piece_range pieces;
        solid_look(&limb, p, 0.2f, &pieces);
        for (int k = 0; k < 8; k++) {
            vec3 q = vec3_add(p, vec3_scale(vec3_make(random_float(&generator) - 0.5f, random_float(&generator) - 0.5f,
                                                      random_float(&generator) - 0.5f),
                                            0.2f));
            float some;
            solid_distances(&limb, pieces, 1, &q.x, &q.y, &q.z, &some);
            assert_true(some == distance_at(&limb, q));
        }
    }
}

/* ---- Meshes ---------------------------------------------------------------------------------------------- */

static void check_closed(const lumen_mesh *mesh, const char *name, arena *scratch)
{
    mesh_report report;
    lumen_error error = {0};
    if (mesh_check(mesh, scratch, &report, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    if (!report.indices_valid || !report.closed || !report.oriented || !report.vertices_manifold || !report.finite ||
        report.unused_vertices != 0 || !(report.volume > 0.0))
        fail_msg("%s: valid %d closed %d oriented %d manifold %d finite %d unused %u volume %g", name,
                 report.indices_valid, report.closed, report.oriented, report.vertices_manifold, report.finite,
                 report.unused_vertices, report.volume);
}

static void every_part_is_a_closed_manifold_of_its_own(void **state)
{
    (void)state;
    sculpt_library *library = open_everything();
    static const uint32_t lattices[] = {36, 56, 120};
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t parts = 1; parts <= 5; parts++) {
            arena *memory = arena_create(256u << 20);
            arena *scratch = arena_create(256u << 20);
            model *individual = build_everything(library, parts, memory);
            lumen_mesh meshes[LUMEN_PARTS_MAX];
            uint32_t indices[LUMEN_PARTS_MAX];
            uint32_t count;
            lumen_error error = {0};
            assert_int_equal(
                body_mesh(individual, lattices[i], scratch, memory, meshes, indices, &count, NULL, NULL, &error),
                LUMEN_OK);
            assert_int_equal(count, parts);
            for (uint32_t k = 0; k < count; k++) {
                assert_true(meshes[k].triangle_count > 0);
                check_closed(&meshes[k], individual->parts[indices[k]].name, scratch);
            }
            arena_destroy(scratch);
            arena_destroy(memory);
        }
    }
    sculpt_library_close(library);
}

/* A ball, its front half cut away, and a small red ball put into the hollow. */
static void what_is_put_into_a_hollow_is_there(void **state)
{
    (void)state;
    static const char text[] =
        "template t\nparts a\npart a\nball (0, 0, 0), 0.5\ncut box (0, 0, 0.5), (0.6, 0.6, 0.5)\n"
        "ball (0, 0, 0.2), 0.15 color #ff0000\nconcept t of t\n";
    const sculpt_source source = {.name = "t", .text = text, .size = strlen(text)};
    sculpt_library *library;
    lumen_error error = {0};
    assert_int_equal(sculpt_library_open(&source, 1, &library, &error), LUMEN_OK);
    arena *memory = arena_create(256u << 20);
    arena *scratch = arena_create(256u << 20);
    model *individual;
    model_variation variation = {0};
    assert_int_equal(model_build(library, sculpt_find_concept(library, "t"), &variation, memory, &individual, &error),
                     LUMEN_OK);
    lumen_mesh mesh;
    uint32_t index;
    uint32_t count;
    assert_int_equal(body_mesh(individual, 60, scratch, memory, &mesh, &index, &count, NULL, NULL, &error), LUMEN_OK);
    float farthest = 0.0f;
    for (uint32_t i = 0; i < mesh.vertex_count; i++)
        farthest = mesh.positions[3 * i + 2] > farthest ? mesh.positions[3 * i + 2] : farthest;
    assert_float_equal(farthest, 0.35f, 0.01f);
    check_closed(&mesh, "hollow", scratch);
    arena_destroy(scratch);
    arena_destroy(memory);
    sculpt_library_close(library);
}

/* The parts of everything, meshed at a usual resolution. */
typedef struct meshed {
    sculpt_library *library;
    arena *memory;
    arena *scratch;
    lumen_mesh meshes[LUMEN_PARTS_MAX];
    uint32_t indices[LUMEN_PARTS_MAX];
    uint32_t count;
} meshed;

static meshed mesh_everything(void)
{
    lumen_error error = {0};
    meshed made = {
        .library = open_everything(), .memory = arena_create(256u << 20), .scratch = arena_create(256u << 20)};
    model *individual = build_everything(made.library, 0, made.memory);
    assert_int_equal(body_mesh(individual, 60, made.scratch, made.memory, made.meshes, made.indices, &made.count, NULL,
                               NULL, &error),
                     LUMEN_OK);
    return made;
}

static void close_meshed(meshed *made)
{
    arena_destroy(made->scratch);
    arena_destroy(made->memory);
    sculpt_library_close(made->library);
}

static void joined_parts_share_one_skin_and_hide_their_cuts(void **state)
{
    (void)state;
    meshed everything_meshed = mesh_everything();
    const lumen_mesh *meshes = everything_meshed.meshes;
    uint32_t hidden = 0;
    for (uint32_t t = 0; t < meshes[2].triangle_count; t++)
        hidden += meshes[2].hidden[t];
    if (hidden < 20 || hidden > meshes[2].triangle_count / 2)
        fail_msg("%u of %u triangles are hidden", hidden, meshes[2].triangle_count);
    for (uint32_t k = 0; k < everything_meshed.count; k++) {
        float low = 2.0f;
        float high = -1.0f;
        for (uint32_t i = 0; i < meshes[k].vertex_count; i++) {
            low = meshes[k].attachments[i] < low ? meshes[k].attachments[i] : low;
            high = meshes[k].attachments[i] > high ? meshes[k].attachments[i] : high;
        }
        assert_true(high == 1.0f);
        if (k == 0)
            assert_true(low == 1.0f); /* the root hangs on nothing and moves as a whole */
        else if (k == 2)
            assert_true(low < 0.05f); /* the leg goes into the body */
    }
    close_meshed(&everything_meshed);
}

static void an_accent_keeps_its_color(void **state)
{
    (void)state;
    meshed everything_meshed = mesh_everything();
    const lumen_mesh *meshes = everything_meshed.meshes;
    uint32_t dark = 0;
    for (uint32_t i = 0; i < meshes[1].vertex_count; i++)
        dark += meshes[1].colors[3 * i] == 0x10;
    assert_true(dark > 10 && dark < meshes[1].vertex_count / 4);
    close_meshed(&everything_meshed);
}

/* ---- The engine -------------------------------------------------------------------------------------------- */

static lumen_status generate(const sculpt_library *library, uint64_t seed, size_t limit, lumen_progress progress,
                             void *user, lumen_shape **out)
{
    procedural_engine procedural = procedural_engine_make(library);
    lumen_error error = {0};
    arena *scratch = arena_create(limit);
    arena *memory = arena_create(limit);
    engine_result made;
    const engine_request request = {
        .phrase = &everything_phrase, .seed = seed, .progress = progress, .progress_user = user};
    lumen_status status = procedural.base.generate(&procedural.base, &request, scratch, memory, &made, &error);
    const shape_facts facts = {.phrase = &everything_phrase, .pipeline = "procedural", .seed = seed, .points = 2048};
    *out = NULL;
    if (status == LUMEN_OK)
        status = shape_finish(&made, &facts, scratch, memory, out, &error);
    if (status != LUMEN_OK) {
        assert_int_equal(error.status, status);
        assert_true(strlen(error.message) > 10);
        arena_destroy(memory);
    }
    arena_destroy(scratch);
    return status;
}

/* The bytes were made once; any compiler, any optimization and any machine must make them again. Written for
 * little-endian machines, as a digest of memory is. */
static void the_bytes_are_the_same_on_every_machine(void **state)
{
    (void)state;
    sculpt_library *library = open_everything();
    for (uint64_t seed = 0; seed < 3; seed++) {
        lumen_shape *shape;
        assert_int_equal(generate(library, seed, 256u << 20, NULL, NULL, &shape), LUMEN_OK);
        if (digest(shape) != everything_digests[seed])
            fail_msg("seed %llu gives 0x%016llx", (unsigned long long)seed, (unsigned long long)digest(shape));
        lumen_shape_free(shape);
    }
    sculpt_library_close(library);
}

static void memory_that_runs_out_anywhere_is_an_error(void **state)
{
    (void)state;
    sculpt_library *library = open_everything();
    lumen_status status = LUMEN_ERROR_MEMORY;
    int refused = 0;
    for (size_t limit = 64 << 10; status != LUMEN_OK; limit += limit / 6) {
        lumen_shape *shape;
        status = generate(library, 0, limit, NULL, NULL, &shape);
        assert_true(status == LUMEN_OK || status == LUMEN_ERROR_MEMORY);
        refused += status != LUMEN_OK;
        lumen_shape_free(shape);
        assert_true(limit < 256u << 20);
    }
    assert_true(refused > 10);
    sculpt_library_close(library);
}

static bool stop_after(void *user, const char *stage, double fraction)
{
    int *left = user;
    assert_non_null(stage);
    assert_true(fraction >= 0.0 && fraction <= 1.0);
    return (*left)-- > 0;
}

static void a_request_can_be_cancelled_between_parts(void **state)
{
    (void)state;
    sculpt_library *library = open_everything();
    for (int calls = 0; calls < 5; calls++) {
        lumen_shape *shape;
        int left = calls;
        assert_int_equal(generate(library, 0, 256u << 20, stop_after, &left, &shape), LUMEN_ERROR_CANCELLED);
    }
    sculpt_library_close(library);
}

static void a_shape_spans_its_box_exactly(void **state)
{
    (void)state;
    sculpt_library *library = open_everything();
    lumen_shape *shape;
    assert_int_equal(generate(library, 0, 256u << 20, NULL, NULL, &shape), LUMEN_OK);
    float longest = 0.0f;
    for (int axis = 0; axis < 3; axis++) {
        float low = 2.0f;
        float high = -2.0f;
        for (uint32_t i = 0; i < shape->point_count; i++) {
            float at = shape->positions[3 * i + (uint32_t)axis];
            low = at < low ? at : low;
            high = at > high ? at : high;
        }
        assert_true(low == shape->bounding_box_min[axis] && high == shape->bounding_box_max[axis]);
        assert_float_equal(low, -high, 1e-5f);
        longest = high - low > longest ? high - low : longest;
    }
    assert_float_equal(longest, 2.0f, 1e-5f);
    lumen_shape_free(shape);
    sculpt_library_close(library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_distance_changes_faster_than_the_way),
        cmocka_unit_test(a_limb_is_its_spheres),
        cmocka_unit_test(a_look_at_a_limb_keeps_every_piece_that_matters),
        cmocka_unit_test(every_part_is_a_closed_manifold_of_its_own),
        cmocka_unit_test(what_is_put_into_a_hollow_is_there),
        cmocka_unit_test(joined_parts_share_one_skin_and_hide_their_cuts),
        cmocka_unit_test(an_accent_keeps_its_color),
        cmocka_unit_test(the_bytes_are_the_same_on_every_machine),
        cmocka_unit_test(memory_that_runs_out_anywhere_is_an_error),
        cmocka_unit_test(a_request_can_be_cancelled_between_parts),
        cmocka_unit_test(a_shape_spans_its_box_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

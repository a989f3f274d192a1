/* From latents to the reference's own mesh: its decoder, its extraction and its marching cubes made golden_extract. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../networks/made_up.h"
#include "base/arena.h"
#include "geometry/surface.h"
#include "networks/partcrafter.h"
#include "small_models.h"
#include "tensor/safetensors.h"

enum { DEPTH = 4, SAMPLES = 32 };

extern const unsigned char golden_extract_safetensors[];
extern const size_t golden_extract_safetensors_size;

static char folder[64];
static safetensors *golden_file;

static tensor golden_of(const char *part, const char *what)
{
    char name[64];
    lumen_error error;
    tensor found;
    snprintf(name, sizeof name, "%s.%s", part, what);
    if (safetensors_find(golden_file, name, &found, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return found;
}

static lumen_status ask(void *user, const float *points, size_t count, float *values, lumen_error *error)
{
    return partcrafter_field(user, points, count, values, error);
}

/* The largest distance from a point of one set to the nearest one of the other, both ways. */
static double hausdorff(const float *one, size_t ones, const float *other, size_t others)
{
    double largest = 0.0;
    for (int way = 0; way < 2; way++) {
        const float *from = way == 0 ? one : other, *to = way == 0 ? other : one;
        const size_t count = way == 0 ? ones : others, against = way == 0 ? others : ones;
        for (size_t i = 0; i < count; i++) {
            float nearest = INFINITY;
            for (size_t k = 0; k < against; k++) {
                const float x = from[3 * i] - to[3 * k], y = from[3 * i + 1] - to[3 * k + 1],
                            z = from[3 * i + 2] - to[3 * k + 2], square = x * x + y * y + z * z;
                nearest = square < nearest ? square : nearest;
            }
            largest = fmax(largest, sqrt((double)nearest));
        }
    }
    return largest;
}

/* With the settings of `--extract reference`, but for the depth. */
static void expect_mesh(const setting *how, const char *part, double cells)
{
    char path[128];
    lumen_error error = {0};
    partcrafter *model;
    operators_close(open_made_up_device(how)); /* skips where there is none */
    snprintf(path, sizeof path, "%s/partcrafter", folder);
    assert_int_equal(
        partcrafter_open(&(partcrafter_options){.path = path, .device = how->device, .type = how->type, .threads = 2},
                         &model, &error),
        LUMEN_OK);
    const tensor latents = golden_of(part, "latents"), vertices = golden_of(part, "vertices");
    const tensor triangles = golden_of(part, "triangles");
    assert_int_equal(partcrafter_begin_part(model, latents.data, latents.sizes[0], &error), LUMEN_OK);
    surface_reference settings = surface_reference_settings();
    settings.depth = DEPTH;
    const batch_field field = {.evaluate = ask, .user = model};
    arena *scratch = arena_create((size_t)1 << 26), *memory = arena_create((size_t)1 << 26);
    lumen_mesh mesh;
    assert_int_equal(surface_extract_reference(&field, &settings, scratch, memory, &mesh, NULL, NULL, &error),
                     LUMEN_OK);
    assert_int_equal(mesh.vertex_count, vertices.sizes[0]);
    assert_int_equal(mesh.triangle_count, (size_t) * (const float *)triangles.data);
    assert_true(hausdorff(mesh.positions, mesh.vertex_count, vertices.data, vertices.sizes[0]) <=
                cells * 2.0 * TRIPOSG_REACH / SAMPLES);
    arena_destroy(memory);
    arena_destroy(scratch);
    partcrafter_close(model);
}

static void an_ellipsoid_gets_the_mesh_of_the_reference(void **state)
{
    const setting *how = *state;
    expect_mesh(how, "ellipsoid", how->type == TENSOR_F32 ? 0.02 : 1.0);
}

static void bumps_get_the_mesh_of_the_reference(void **state)
{
    const setting *how = *state;
    expect_mesh(how, "bumps", how->type == TENSOR_F32 ? 0.02 : 1.0);
}

static int prepare(void **state)
{
    static _Alignas(8) unsigned char aligned[64 << 10];
    const size_t size = golden_extract_safetensors_size;
    lumen_error error;
    (void)state;
    make_test_folder(folder, sizeof folder);
    write_small_maker(folder, &bumpy_ellipsoids);
    if (size > sizeof aligned)
        return -1;
    memcpy(aligned, golden_extract_safetensors, size);
    return safetensors_from_bytes("golden_extract.safetensors", aligned, size, &golden_file, &error) == LUMEN_OK ? 0
                                                                                                                 : -1;
}

static int tidy(void **state)
{
    (void)state;
    safetensors_close(golden_file);
    remove_test_folder(folder);
    return 0;
}

int main(void)
{
    static setting f32 = {"cpu", TENSOR_F32}, bf16 = {"cpu", TENSOR_BF16};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(an_ellipsoid_gets_the_mesh_of_the_reference, &f32),
        cmocka_unit_test_prestate(an_ellipsoid_gets_the_mesh_of_the_reference, &bf16),
        cmocka_unit_test_prestate(bumps_get_the_mesh_of_the_reference, &f32),
        cmocka_unit_test_prestate(bumps_get_the_mesh_of_the_reference, &bf16),
    };
    return cmocka_run_group_tests(tests, prepare, tidy);
}

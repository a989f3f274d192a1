/*
 * What iso-surface extraction and sampling cost. Reads names of tasks from standard input, one a line, runs
 * each once and answers with a line of JSON, so that bench/geometry.py can take turns with other libraries.
 *
 *     sphere, gyroid   the surface of a dense 128^3 lattice, with normals
 *     sample           a million points on the gyroid
 *     points           2,048 points on the gyroid
 *     part             the surface of a torus on 64 cells, asking the field only where needed
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "geometry/isosurface.h"
#include "geometry/sample.h"

enum { CELLS = 128 };

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static float sphere(float x, float y, float z)
{
    return sqrtf(x * x + y * y + z * z) - 0.8f;
}

/* A ball of gyroid: much surface in little space. The same formula is in geometry.py. */
static float gyroid(float x, float y, float z)
{
    float waves = sinf(9 * x) * cosf(9 * y) + sinf(9 * y) * cosf(9 * z) + sinf(9 * z) * cosf(9 * x);
    float ball = sqrtf(x * x + y * y + z * z) - 0.9f;
    return fmaxf(0.1f * waves, ball);
}

static lumen_status torus(void *user, size_t count, const float *x, const float *y, const float *z, float *values,
                          lumen_error *error)
{
    (void)user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        float around = sqrtf(x[i] * x[i] + z[i] * z[i]) - 0.6f;
        values[i] = sqrtf(around * around + y[i] * y[i]) - 0.25f;
    }
    return LUMEN_OK;
}

static isosurface_lattice lattice_of(uint32_t cells)
{
    return (isosurface_lattice){.origin = {-1, -1, -1}, .cell = 2.0f / (float)cells, .cells = {cells, cells, cells}};
}

static float *fill(float (*shape)(float, float, float), const isosurface_lattice *lattice)
{
    uint32_t side = lattice->cells[0] + 1;
    float *values = malloc((size_t)side * side * side * sizeof *values);
    for (size_t i = 0; values != NULL && i < (size_t)side * side * side; i++)
        values[i] = shape(lattice->origin[0] + lattice->cell * (float)(i % side),
                          lattice->origin[1] + lattice->cell * (float)(i / side % side),
                          lattice->origin[2] + lattice->cell * (float)(i / side / side));
    return values;
}

int main(void)
{
    int answer = EXIT_FAILURE;
    lumen_error error = {.message = "memory ran out"};
    isosurface_lattice lattice = lattice_of(CELLS);
    float *sphere_values = fill(sphere, &lattice);
    float *gyroid_values = fill(gyroid, &lattice);
    arena *scratch = arena_create(1u << 30);
    arena *result = arena_create(1u << 30);
    arena *kept = arena_create(1u << 30);
    lumen_mesh surface = {0};
    if (sphere_values == NULL || gyroid_values == NULL || scratch == NULL || result == NULL || kept == NULL)
        goto done;
    if (isosurface_extract_values(gyroid_values, &lattice, scratch, kept, &surface, &error) != LUMEN_OK)
        goto done;

    char task[32];
    while (fgets(task, sizeof task, stdin) != NULL) {
        task[strcspn(task, "\n")] = '\0';
        lumen_mesh mesh = {0};
        point_cloud points = {0};
        lumen_status status = LUMEN_ERROR_INVALID;
        arena_reset(result);
        double start = milliseconds();
        if (strcmp(task, "sphere") == 0) {
            status = isosurface_extract_values(sphere_values, &lattice, scratch, result, &mesh, &error);
        } else if (strcmp(task, "gyroid") == 0) {
            status = isosurface_extract_values(gyroid_values, &lattice, scratch, result, &mesh, &error);
        } else if (strcmp(task, "sample") == 0) {
            status = sample_surfaces(&surface, 1, 1000000, 1, scratch, result, &points, &error);
        } else if (strcmp(task, "points") == 0) {
            status = sample_surfaces(&surface, 1, 2048, 1, scratch, result, &points, &error);
        } else if (strcmp(task, "part") == 0) {
            scalar_field field = {.evaluate = torus, .lipschitz = 1.0f};
            isosurface_lattice small = lattice_of(64);
            status = isosurface_extract(&field, &small, scratch, result, &mesh, NULL, &error);
        } else {
            snprintf(error.message, sizeof error.message, "no task is called %s", task);
        }
        double end = milliseconds();
        if (status != LUMEN_OK)
            goto done;
        printf("{\"task\": \"%s\", \"ms\": %.4f, \"vertices\": %u, \"triangles\": %u, \"points\": %u}\n", task,
               end - start, (unsigned)mesh.vertex_count, (unsigned)mesh.triangle_count, (unsigned)points.count);
        fflush(stdout);
    }
    answer = EXIT_SUCCESS;

done:
    if (answer != EXIT_SUCCESS)
        fprintf(stderr, "geometry: %s\n", error.message);
    arena_destroy(scratch);
    arena_destroy(result);
    arena_destroy(kept);
    free(sphere_values);
    free(gyroid_values);
    return answer;
}

/* The surface of one part, from its latents, as the engine makes it; see networks.c. */

#include "networks.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "geometry/surface.h"
#include "networks/partcrafter.h"

static lumen_status ask(void *user, const float *points, size_t count, float *values, lumen_error *error)
{
    return partcrafter_field(user, points, count, values, error);
}

static void print_result(const job *work, const partcrafter *model, const surface_report *found, const lumen_mesh *mesh)
{
    const partcrafter_timings *times = partcrafter_timings_of(model);
    report(work, partcrafter_operators(model, PARTCRAFTER_DECODER),
           operators_weight_bytes(partcrafter_operators(model, PARTCRAFTER_DECODER)));
    printf(", \"vertices\": %zu, \"triangles\": %zu, \"queries\": %llu, \"doubtful\": %llu, \"clipped\": %d}\n",
           (size_t)mesh->vertex_count, (size_t)mesh->triangle_count, (unsigned long long)found->queries,
           (unsigned long long)times->doubtful, found->clipped);
}

static lumen_status extract(job *work, partcrafter *model, arena *scratch, arena *result)
{
    enum { REFERENCE_FROM = 3 };
    surface_reference how = surface_reference_settings();
    const batch_field field = {.evaluate = ask, .user = model};
    tensor latents, depth;
    surface_report found;
    lumen_mesh mesh;
    float number;
    const float *values = input(work, "latents", &latents);
    memcpy(&number, input(work, "depth", &depth), sizeof number);
    how.depth = (uint32_t)number;
    const uint64_t began = clock_now_ns();
    lumen_status status = partcrafter_begin_part(model, values, latents.sizes[0], &work->error);
    if (status == LUMEN_OK && how.depth < REFERENCE_FROM) {
        const surface_settings preset = surface_settings_for((lumen_quality)how.depth);
        status = surface_extract(&field, &preset, scratch, result, &mesh, &found, &work->error);
    } else if (status == LUMEN_OK)
        status = surface_extract_reference(&field, &how, scratch, result, &mesh, NULL, &found, &work->error);
    work->seconds[0] = clock_seconds_between(began, clock_now_ns());
    if (status != LUMEN_OK)
        return status;
    if (work->out != NULL)
        fwrite(mesh.positions, 3 * sizeof(float), mesh.vertex_count, work->out);
    print_result(work, model, &found, &mesh);
    return LUMEN_OK;
}

lumen_status run_extract(job *work)
{
    const settings *how = &work->settings;
    const partcrafter_options options = {
        .path = how->model, .device = how->device, .threads = how->threads, .type = how->type};
    partcrafter *model;
    lumen_status status = partcrafter_open(&options, &model, &work->error);
    if (status != LUMEN_OK)
        return status;
    arena *scratch = arena_create((size_t)1 << 31), *result = arena_create((size_t)1 << 31);
    if (scratch == NULL || result == NULL)
        status = lumen_fail_memory(&work->error, "a surface");
    else
        status = extract(work, model, scratch, result);
    arena_destroy(result);
    arena_destroy(scratch);
    partcrafter_close(model);
    return status;
}

/*
 * The course of an adaptive extraction: corners, coarse lattice, probes, halvings, mesh, vertices.
 */
#include "geometry/surface.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "geometry/mesh.h"
#include "geometry/surface_level.h"

enum { MAGNITUDES_MAX = 65536 };

surface_settings surface_settings_for(lumen_quality quality)
{
    surface_settings settings = {
        .low = {-1.005f, -1.005f, -1.005f}, .side = 2.01f, .coarse_cells = 32, .levels = 3, .specks = 0.001f};
    if (quality == LUMEN_QUALITY_FAST)
        settings.levels = 2;
    if (quality == LUMEN_QUALITY_HIGH)
        settings.coarse_cells = 64;
    return settings;
}

static lumen_status check_settings(const surface_settings *settings, const arena *scratch, const arena *result,
                                   lumen_error *error)
{
    uint32_t coarse = settings->coarse_cells;
    if (scratch == result)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "scratch and result are the same arena, which is rewound; pass two");
    if (coarse < 4 || coarse > 256 || coarse % 4 != 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the coarse lattice of a surface has %u cells; take a multiple of 4 between 4 and 256",
                          (unsigned)coarse);
    if (settings->levels > SURFACE_LEVELS_MAX || coarse << settings->levels > SURFACE_CELLS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%u cells halved %u times are more than %d; take fewer cells or levels", (unsigned)coarse,
                          (unsigned)settings->levels, SURFACE_CELLS_MAX);
    if (settings->batch != 0 && settings->batch < 8)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "batches of %zu points are too small; take at least 8",
                          settings->batch);
    return LUMEN_OK;
}

/* ---- What the coarse lattice tells ------------------------------------------------------------ */

/* Which side is outside, by the eight corners of the box. */
static lumen_status find_outside(surface_search *search, const surface_settings *settings)
{
    surface_report *report = search->report;
    int negative = 0;
    for (size_t c = 0; c < 8; c++)
        for (size_t axis = 0; axis < 3; axis++)
            search->points[3 * c + axis] = settings->low[axis] + ((c >> axis & 1) != 0 ? settings->side : 0.0f);
    report->outside = 1.0f;
    lumen_status status = surface_ask(search, 8);
    if (status != LUMEN_OK)
        return status;
    if (report->not_numbers != 0)
        return lumen_fail(search->error, LUMEN_ERROR_FAILED,
                          "the field is not a number at %u of the box's corners; the network that gives it is broken",
                          (unsigned)report->not_numbers);
    for (size_t c = 0; c < 8; c++)
        negative += search->values[c] < 0.0f;
    if (negative != 0 && negative != 8)
        return lumen_fail(search->error, LUMEN_ERROR_FAILED,
                          "the field is negative at %d of the box's eight corners, which should all lie outside; the "
                          "shape reaches into a corner: make it smaller or the box larger",
                          negative);
    report->outside = negative == 0 ? 1.0f : -1.0f;
    if ((settings->outside == SURFACE_OUTSIDE_POSITIVE && negative != 0) ||
        (settings->outside == SURFACE_OUTSIDE_NEGATIVE && negative == 0))
        return lumen_fail(search->error, LUMEN_ERROR_FAILED,
                          "the field is %s at all corners of the box, which is said to be inside; the shape fills "
                          "the whole box: make it smaller or the box larger",
                          negative == 0 ? "positive" : "negative");
    return LUMEN_OK;
}

static lumen_status ask_whole(surface_search *search, surface_level *level)
{
    uint32_t last = level->lattice.cells[0];
    for (uint32_t z = 0; z <= last; z++)
        for (uint32_t y = 0; y <= last; y++)
            for (uint32_t x = 0; x <= last; x++)
                surface_want(level, x, y, z);
    uint64_t asked;
    return surface_ask_wanted(search, level, &asked);
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Three quarters of the median magnitude. Most of the box is far from the surface: of a truncated field most values
 * are saturated, and of a true distance this is farther off than anything that matters near the surface. */
static lumen_status measure_saturation(surface_search *search, const surface_level *level, float *saturation)
{
    uint64_t side = level->lattice.cells[0] + 1;
    uint64_t count = side * side * side;
    uint64_t stride = (count + MAGNITUDES_MAX - 1) / MAGNITUDES_MAX;
    size_t kept = (size_t)((count + stride - 1) / stride);
    arena_mark mark = arena_now(search->scratch);
    float *magnitudes = arena_array(search->scratch, float, kept);
    if (magnitudes == NULL)
        return lumen_fail_memory(search->error, "the magnitudes of a field");
    for (size_t i = 0; i < kept; i++) {
        uint64_t at = i * stride;
        magnitudes[i] = fabsf(
            surface_value(level, (uint32_t)(at % side), (uint32_t)(at / side % side), (uint32_t)(at / (side * side))));
    }
    qsort(magnitudes, kept, sizeof *magnitudes, compare_floats);
    *saturation = 0.75f * magnitudes[kept / 2];
    arena_rewind(search->scratch, mark);
    return LUMEN_OK;
}

static bool suspects_any(const surface_level *level)
{
    for (size_t i = 0; i < level->grid.total; i++)
        if (level->suspects[i] != 0)
            return true;
    return false;
}

static bool is_cut(const surface_level *level)
{
    for (size_t i = 0; i < level->grid.total; i++)
        if (level->grid.inside[i] != 0)
            return true;
    return false;
}

static void suspect_all(surface_level *level)
{
    const uint32_t *cells = level->lattice.cells;
    const brick_grid *grid = &level->grid;
    for (uint32_t z = 0; z < grid->bricks[2]; z++)
        for (uint32_t y = 0; y < grid->bricks[1]; y++)
            for (uint32_t x = 0; x < grid->bricks[0]; x++)
                level->suspects[x + y * grid->step[1] + z * grid->step[2]] =
                    brick_corners_within((const uint32_t[3]){x, y, z}, 0, cells);
}

/* Asks the coarse lattice and decides which of its cells may hide something. */
static lumen_status search_coarse(surface_search *search, const surface_settings *settings, surface_level *coarse)
{
    surface_report *report = search->report;
    lumen_status status = ask_whole(search, coarse);
    if (status == LUMEN_OK)
        status = surface_measure_slope(search, coarse);
    if (status == LUMEN_OK)
        status = measure_saturation(search, coarse, &report->saturation);
    if (status != LUMEN_OK || settings->levels == 0)
        return status;
    surface_suspect_valleys(coarse, report->saturation);
    bool nothing = !is_cut(coarse) && !suspects_any(coarse);
    status = surface_probe(search, coarse, nothing);
    if (status == LUMEN_OK && nothing && !suspects_any(coarse))
        suspect_all(coarse);
    return status;
}

/* ---- All of it ------------------------------------------------------------------------------------ */

/* The halvings: levels[0] is asked already. */
static lumen_status search_finer(surface_search *search, const surface_settings *settings, const arena *result,
                                 surface_level *levels)
{
    surface_report *report = search->report;
    uint64_t before = 0;
    report->level_queries[0] = report->queries;
    for (uint32_t i = 1; i <= settings->levels; i++) {
        search->fraction = (double)i / (double)(settings->levels + 2);
        before = report->queries;
        lumen_status status = surface_open_level(search, result, settings->low, settings->side,
                                                 settings->coarse_cells << i, &levels[i - 1], &levels[i]);
        /* Measured on the cut edges once they are asked; until then the parent's, for half the length. */
        levels[i].slope = 0.5f * levels[i - 1].slope;
        if (status == LUMEN_OK)
            status = surface_follow(search, &levels[i]);
        if (status == LUMEN_OK)
            status = surface_measure_slope(search, &levels[i]);
        if (status != LUMEN_OK)
            return status;
        if (i < settings->levels) {
            surface_suspect_valleys(&levels[i], report->saturation);
            surface_keep_probed(&levels[i]);
        }
        report->level_queries[i] = report->queries - before;
    }
    return LUMEN_OK;
}

lumen_status surface_extract(const batch_field *field, const surface_settings *settings, arena *scratch, arena *result,
                             lumen_mesh *mesh, surface_report *report, lumen_error *error)
{
    surface_report counted = {0};
    surface_level levels[SURFACE_LEVELS_MAX + 1];
    *mesh = (lumen_mesh){0};
    if (report != NULL)
        *report = counted;
    lumen_status status = check_settings(settings, scratch, result, error);
    if (status != LUMEN_OK)
        return status;

    arena_mark scratch_mark = arena_now(scratch);
    arena_mark result_mark = arena_now(result);
    surface_search search = {.field = field,
                             .scratch = scratch,
                             .report = &counted,
                             .error = error,
                             .progress = settings->progress,
                             .progress_user = settings->progress_user,
                             .queries_max = settings->queries_max};
    const surface_level *last = &levels[settings->levels];
    status = surface_open_search(&search, settings->batch);
    /* Before the field is asked: this checks the box. */
    if (status == LUMEN_OK)
        status = surface_open_level(&search, result, settings->low, settings->side, settings->coarse_cells, NULL,
                                    &levels[0]);
    if (status == LUMEN_OK)
        status = find_outside(&search, settings);
    if (status == LUMEN_OK)
        status = search_coarse(&search, settings, &levels[0]);
    if (status == LUMEN_OK)
        status = search_finer(&search, settings, result, levels);
    if (status == LUMEN_OK)
        status = brick_polygonize(&last->grid, scratch, result, mesh, &counted.cells, error);
    search.fraction = (double)(settings->levels + 1) / (double)(settings->levels + 2);
    if (status == LUMEN_OK)
        status = surface_place_vertices(&search, last, counted.saturation, mesh);
    if (status == LUMEN_OK && settings->specks > 0.0f && mesh->vertex_count > 0)
        status = mesh_drop_specks(mesh, (double)settings->specks, SURFACE_SPECK_CELLS * last->lattice.cell, scratch,
                                  &counted.specks, error);
    if (status == LUMEN_OK) {
        counted.cell = last->lattice.cell;
        counted.empty = mesh->vertex_count == 0;
        counted.slope = counted.empty ? 0.0f : last->slope / last->lattice.cell;
    } else {
        arena_rewind(result, result_mark);
        *mesh = (lumen_mesh){0};
    }
    arena_rewind(scratch, scratch_mark);
    if (report != NULL)
        *report = counted;
    return status;
}

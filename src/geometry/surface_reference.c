/*
 * The schedule of PartCrafter's hierarchical_extract_geometry, for parity (surface.h tells its steps).
 *
 * Arrays run x fastest here and z fastest there; places and values are the same. The first lattice divides the
 * box by n - 1 and the second by 2n, so that the samples of the two lie up to a cell apart: that is the reference's own
 * doing, and harmless, as the band is asked anew.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "geometry/surface_level.h"

surface_reference surface_reference_settings(void)
{
    return (surface_reference){.half = 1.005f, .depth = 8, .band_low = -9.01f, .band_high = 8.32f};
}

/* Sample i of n from -half to half, both included, as torch.linspace rounds it: from the nearer end, and once. */
static float dense_place(float half, uint32_t n, uint32_t i)
{
    double spacing = (double)((half + half) / (float)(n - 1));
    return (float)(i < n / 2 ? (double)-half + spacing * i : (double)half - spacing * (n - 1 - i));
}

static lumen_status ask_dense(surface_search *search, float half, uint32_t n, float *values)
{
    size_t total = (size_t)n * n * n;
    for (size_t start = 0; start < total; start += search->batch) {
        size_t count = total - start < search->batch ? total - start : search->batch;
        for (size_t i = 0; i < count; i++) {
            size_t at = start + i;
            search->points[3 * i] = dense_place(half, n, (uint32_t)(at % n));
            search->points[3 * i + 1] = dense_place(half, n, (uint32_t)(at / n % n));
            search->points[3 * i + 2] = dense_place(half, n, (uint32_t)(at / n / n));
        }
        search->fraction = 0.6 * (double)start / (double)total;
        lumen_status status = surface_ask(search, count);
        if (status != LUMEN_OK)
            return status;
        memcpy(&values[start], search->values, count * sizeof *values);
    }
    return LUMEN_OK;
}

/* Marks what lies within `width` of a mark along one axis, of which neighbors are `step` apart. The marks are bits:
 * 1 before, 2 after. */
static void dilate(uint8_t *marks, uint32_t n, size_t step, uint32_t width)
{
    size_t total = (size_t)n * n * n;
    for (size_t at = 0; at < total; at++) {
        if ((marks[at] & 1) == 0)
            continue;
        uint32_t place = (uint32_t)(at / step % n);
        uint32_t first = place < width ? 0 : place - width;
        uint32_t last = place + width >= n ? n - 1 : place + width;
        for (uint32_t i = first; i <= last; i++)
            marks[at + i * step - place * step] |= 2;
    }
    for (size_t at = 0; at < total; at++)
        marks[at] >>= 1;
}

static void mark_band(const surface_reference *settings, uint32_t n, const float *values, uint8_t *marks)
{
    memset(marks, 0, (size_t)n * n * n);
    for (uint32_t z = 1; z + 1 < n; z++)
        for (uint32_t y = 1; y + 1 < n; y++)
            for (uint32_t x = 1; x + 1 < n; x++) {
                size_t at = x + n * (y + (size_t)n * z);
                marks[at] = values[at] > settings->band_low && values[at] < settings->band_high;
            }
    uint32_t width = n < 512 ? 2 : 1;
    dilate(marks, n, 1, width);
    dilate(marks, n, n, width);
    dilate(marks, n, (size_t)n * n, width);
}

/* Asks the eight children of every marked sample and writes them into the fine lattice. */
static lumen_status ask_children(surface_search *search, float half, uint32_t n, const uint8_t *marks, float *fine)
{
    size_t total = (size_t)n * n * n;
    size_t row = 2 * (size_t)n;
    size_t first = 0; /* of the batch */
    size_t parents = search->batch / 8;
    size_t count = 0;
    for (size_t at = 0; at <= total; at++) {
        if (at < total && marks[at] != 0) {
            if (count == 0)
                first = at;
            for (size_t child = 0; child < 8; child++) {
                uint32_t place[3] = {(uint32_t)(2 * (at % n) + (child & 1)),
                                     (uint32_t)(2 * (at / n % n) + (child >> 1 & 1)),
                                     (uint32_t)(2 * (at / n / n) + (child >> 2))};
                for (size_t axis = 0; axis < 3; axis++)
                    search->points[3 * (8 * count + child) + axis] =
                        ((float)place[axis] - (float)n) * (half / (float)n);
            }
            count++;
        }
        if (count == 0 || (count < parents && at < total))
            continue;
        search->fraction = 0.6 + 0.4 * (double)at / (double)total;
        lumen_status status = surface_ask(search, 8 * count);
        if (status != LUMEN_OK)
            return status;
        size_t from = first;
        for (size_t i = 0; i < count; i++, from++) {
            while (marks[from] == 0)
                from++;
            for (size_t child = 0; child < 8; child++) {
                size_t x = 2 * (from % n) + (child & 1);
                size_t y = 2 * (from / n % n) + (child >> 1 & 1);
                size_t z = 2 * (from / n / n) + (child >> 2);
                fine[x + row * (y + row * z)] = search->values[8 * i + child];
            }
        }
        count = 0;
    }
    return LUMEN_OK;
}

static void double_nearest(uint32_t n, const float *coarse, float *fine)
{
    size_t row = 2 * (size_t)n;
    for (size_t z = 0; z < row; z++)
        for (size_t y = 0; y < row; y++)
            for (size_t x = 0; x < row; x++)
                fine[x + row * (y + row * z)] = coarse[x / 2 + n * (y / 2 + n * (z / 2))];
}

/* What the projection of points asks of a report: slope, cell and whether anything was clipped. A value of exactly zero
 * is inside for the reference, and becomes so for us. */
static void describe(float *fine, size_t row, surface_report *report)
{
    double sum = 0.0;
    uint64_t cut = 0;
    const size_t steps[3] = {1, row, row * row};
    for (size_t at = 0; at < row * row * row; at++)
        if (fine[at] == 0.0f)
            fine[at] = -1e-30f;
    for (size_t z = 0; z < row; z++)
        for (size_t y = 0; y < row; y++)
            for (size_t x = 0; x < row; x++) {
                size_t at = x + row * (y + row * z);
                size_t place[3] = {x, y, z};
                for (int axis = 0; axis < 3; axis++) {
                    if (fine[at] < 0.0f && (place[axis] == 0 || place[axis] == row - 1))
                        report->clipped = true;
                    if (place[axis] + 1 == row || (fine[at] < 0.0f) == (fine[at + steps[axis]] < 0.0f))
                        continue;
                    sum += fabs((double)fine[at] - (double)fine[at + steps[axis]]);
                    cut++;
                }
            }
    /* Over all directions a cut edge makes 3/4 of the slope on average. */
    if (cut != 0)
        report->slope = (float)(sum / (double)cut / 0.75 / (double)report->cell);
}

lumen_status surface_extract_reference(const batch_field *field, const surface_reference *settings, arena *scratch,
                                       arena *result, lumen_mesh *mesh, float **values, surface_report *report,
                                       lumen_error *error)
{
    surface_report counted = {.outside = 1.0f};
    *mesh = (lumen_mesh){0};
    if (values != NULL)
        *values = NULL;
    if (report != NULL)
        *report = (surface_report){0};
    if (scratch == result)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "scratch and result are the same arena, which is rewound; pass two");
    if (settings->depth < 3 || settings->depth > 8 || !(settings->half > 0.0f) || !isfinite(2.0f * settings->half) ||
        (settings->batch != 0 && settings->batch < 8))
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the reference's extraction takes a depth from 3 to 8, a box of positive size and batches of "
                          "at least 8 points, not depth %u, %g and %zu",
                          (unsigned)settings->depth, (double)settings->half, settings->batch);

    uint32_t n = UINT32_C(1) << settings->depth;
    size_t coarse_total = (size_t)n * n * n;
    size_t row = 2 * (size_t)n;
    arena_mark scratch_mark = arena_now(scratch);
    arena_mark result_mark = arena_now(result);
    surface_search search = {.field = field,
                             .scratch = scratch,
                             .report = &counted,
                             .error = error,
                             .progress = settings->progress,
                             .progress_user = settings->progress_user};
    lumen_status status = surface_open_search(&search, settings->batch);
    float *fine = arena_array(values != NULL ? result : scratch, float, 8 * coarse_total);
    arena_mark dense_mark = arena_now(scratch);
    float *coarse = arena_array(scratch, float, coarse_total);
    uint8_t *marks = arena_array(scratch, uint8_t, coarse_total);
    if (status == LUMEN_OK && (coarse == NULL || marks == NULL || fine == NULL))
        status = lumen_fail_memory(error, "the dense lattice of a field");
    if (status == LUMEN_OK)
        status = ask_dense(&search, settings->half, n, coarse);
    if (status == LUMEN_OK) {
        counted.level_queries[0] = counted.queries;
        double_nearest(n, coarse, fine);
        mark_band(settings, n, coarse, marks);
        status = ask_children(&search, settings->half, n, marks, fine);
    }
    if (status == LUMEN_OK) {
        arena_rewind(scratch, dense_mark);
        counted.level_queries[1] = counted.queries - counted.level_queries[0];
        counted.cell = 2.0f * settings->half / (float)row;
        counted.saturation = -settings->band_low < settings->band_high ? -settings->band_low : settings->band_high;
        describe(fine, row, &counted);
        isosurface_lattice lattice = {.origin = {-settings->half, -settings->half, -settings->half},
                                      .cell = counted.cell,
                                      .cells = {(uint32_t)row - 1, (uint32_t)row - 1, (uint32_t)row - 1}};
        status = isosurface_extract_values(fine, &lattice, scratch, result, mesh, error);
    }
    counted.empty = status == LUMEN_OK && mesh->vertex_count == 0;
    if (status == LUMEN_OK && values != NULL)
        *values = fine;
    if (status != LUMEN_OK) {
        arena_rewind(result, result_mark);
        *mesh = (lumen_mesh){0};
    }
    arena_rewind(scratch, scratch_mark);
    if (report != NULL)
        *report = counted;
    return status;
}

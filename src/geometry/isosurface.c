#include "geometry/isosurface.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "geometry/brick.h"

enum { CELLS_MAX = 1024 };

static lumen_status check_lattice(const isosurface_lattice *lattice, lumen_error *error)
{
    static const char axis_name[3] = {'x', 'y', 'z'};
    if (!isfinite(lattice->cell) || !(lattice->cell > 0.0f))
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the lattice has cells of size %g; the size must be a positive number",
                          (double)lattice->cell);
    for (int axis = 0; axis < 3; axis++) {
        uint32_t cells = lattice->cells[axis];
        if (cells == 0 || cells > CELLS_MAX)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "the lattice has %u cells along %c; take between 1 and %d",
                              (unsigned)cells, axis_name[axis], CELLS_MAX);
        if (!isfinite(lattice->origin[axis]) || !isfinite(lattice_coordinate(lattice, axis, (float)cells)))
            return lumen_fail(error, LUMEN_ERROR_INVALID,
                              "the lattice leaves the range of numbers along %c; move its origin or shrink its cells",
                              axis_name[axis]);
    }
    return LUMEN_OK;
}

lumen_status brick_grid_open(const isosurface_lattice *lattice, arena *scratch, const arena *result, brick_grid *grid,
                             lumen_error *error)
{
    if (scratch == result)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "scratch and result are the same arena, which is rewound; pass two");
    lumen_status status = check_lattice(lattice, error);
    if (status != LUMEN_OK)
        return status;
    *grid = (brick_grid){.lattice = lattice};
    grid->total = 1;
    for (int axis = 0; axis < 3; axis++) {
        grid->bricks[axis] = (lattice->cells[axis] + 1 + BRICK_SIDE - 1) / BRICK_SIDE;
        grid->step[axis] = grid->total;
        grid->total *= grid->bricks[axis] + 1;
    }
    grid->inside = arena_array(scratch, uint64_t, grid->total);
    if (grid->inside == NULL)
        return lumen_fail_memory(error, "the bricks of an iso-surface");
    memset(grid->inside, 0, grid->total * sizeof *grid->inside);
    return LUMEN_OK;
}

lumen_status isosurface_extract(const scalar_field *field, const isosurface_lattice *lattice, arena *scratch,
                                arena *result, lumen_mesh *mesh, isosurface_statistics *statistics, lumen_error *error)
{
    isosurface_statistics counted = {0};
    *mesh = (lumen_mesh){0};
    brick_grid grid;
    arena_mark mark = arena_now(scratch);
    lumen_status status = brick_grid_open(lattice, scratch, result, &grid, error);
    if (status == LUMEN_OK) {
        grid.known = arena_array(scratch, uint64_t, grid.total);
        grid.values = arena_array(scratch, float *, grid.total);
        if (grid.known == NULL || grid.values == NULL)
            status = lumen_fail_memory(error, "the bricks of an iso-surface");
        else
            memset(grid.known, 0, grid.total * sizeof *grid.known);
    }
    if (status == LUMEN_OK)
        status = brick_search(field, &grid, scratch, &counted.evaluations, error);
    if (status == LUMEN_OK)
        status = brick_polygonize(&grid, scratch, result, mesh, &counted.cells, error);
    if (scratch != result)
        arena_rewind(scratch, mark);
    if (statistics != NULL)
        *statistics = counted;
    return status;
}

lumen_status isosurface_extract_values(const float *values, const isosurface_lattice *lattice, arena *scratch,
                                       arena *result, lumen_mesh *mesh, lumen_error *error)
{
    uint64_t cells = 0;
    *mesh = (lumen_mesh){0};
    brick_grid grid;
    arena_mark mark = arena_now(scratch);
    lumen_status status = brick_grid_open(lattice, scratch, result, &grid, error);
    if (status == LUMEN_OK) {
        grid.dense = values;
        brick_signs(&grid);
        status = brick_polygonize(&grid, scratch, result, mesh, &cells, error);
    }
    if (scratch != result)
        arena_rewind(scratch, mark);
    return status;
}

/*
 * The lattices of an adaptive extraction: asking, foretelling, and following the surface.
 *
 * A halved lattice takes over every second corner. Between them it foretells by linear interpolation, and asks only
 * where the sign matters: a value decides the surface when it ends a cut edge. So all ends of cut edges are asked; what
 * comes back may cut other edges, whose ends are asked next, until none is missing. Foretold signs that are
 * wrong cost a few questions more; those that are right, and that is nearly all away from the surface,
 * cost none. As in brick_search.c, signs alone decide the topology, so the mesh is watertight in any case.
 */
#include "geometry/surface_level.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { SLOPES_MAX = 65536 };

#define VALUE_MAX 1e30f

lumen_status surface_open_search(surface_search *search, size_t batch)
{
    search->batch = batch == 0 ? 16384 : batch;
    search->points = arena_array(search->scratch, float, search->batch <= SIZE_MAX / 3 ? 3 * search->batch : SIZE_MAX);
    search->values = arena_array(search->scratch, float, search->batch);
    search->places = arena_array(search->scratch, surface_place, search->batch);
    if (search->points == NULL || search->values == NULL || search->places == NULL)
        return lumen_fail_memory(search->error, "a batch of points for a field");
    return LUMEN_OK;
}

lumen_status surface_ask(surface_search *search, size_t count)
{
    surface_report *report = search->report;
    if (search->progress != NULL && !search->progress(search->progress_user, "surface", search->fraction))
        return lumen_fail(search->error, LUMEN_ERROR_CANCELLED, "the search for a surface was cancelled");
    if (search->queries_max != 0 && count > search->queries_max - report->queries)
        return lumen_fail(search->error, LUMEN_ERROR_FAILED,
                          "the surface needs more than %llu values of its field; raise the limit or use a coarser "
                          "lattice",
                          (unsigned long long)search->queries_max);
    lumen_status status =
        search->field->evaluate(search->field->user, search->points, count, search->values, search->error);
    if (status != LUMEN_OK)
        return status;
    report->queries += count;
    report->batches++;
    for (size_t i = 0; i < count; i++) {
        float value = report->outside < 0.0f ? -search->values[i] : search->values[i];
        if (isnan(value)) {
            report->not_numbers++;
            value = VALUE_MAX;
        }
        search->values[i] = value < -VALUE_MAX ? -VALUE_MAX : value > VALUE_MAX ? VALUE_MAX : value;
    }
    return LUMEN_OK;
}

/* ---- A level ----------------------------------------------------------------------------------- */

lumen_status surface_open_level(surface_search *search, const arena *result, const float low[3], float side,
                                uint32_t cells, surface_level *parent, surface_level *level)
{
    *level = (surface_level){.parent = parent};
    level->lattice.cell = side / (float)cells;
    for (int axis = 0; axis < 3; axis++) {
        level->lattice.origin[axis] = low[axis];
        level->lattice.cells[axis] = cells;
    }
    brick_grid *grid = &level->grid;
    lumen_status status = brick_grid_open(&level->lattice, search->scratch, result, grid, search->error);
    if (status != LUMEN_OK)
        return status;
    grid->known = arena_array(search->scratch, uint64_t, grid->total);
    grid->values = arena_array(search->scratch, float *, grid->total);
    level->wanted = arena_array(search->scratch, uint64_t, grid->total);
    level->suspects = arena_array(search->scratch, uint64_t, grid->total);
    level->searched = arena_array(search->scratch, uint64_t, grid->total);
    level->probed = arena_array(search->scratch, uint64_t, grid->total);
    if (grid->known == NULL || grid->values == NULL || level->wanted == NULL || level->suspects == NULL ||
        level->searched == NULL || level->probed == NULL)
        return lumen_fail_memory(search->error, "the lattice of a surface");
    for (size_t i = 0; i < grid->total; i++)
        grid->values[i] = NULL;
    memset(grid->known, 0, grid->total * sizeof *grid->known);
    memset(level->wanted, 0, grid->total * sizeof *level->wanted);
    memset(level->suspects, 0, grid->total * sizeof *level->suspects);
    memset(level->searched, 0, grid->total * sizeof *level->searched);
    memset(level->probed, 0, grid->total * sizeof *level->probed);
    return LUMEN_OK;
}

static inline size_t brick_at(const brick_grid *grid, uint32_t x, uint32_t y, uint32_t z)
{
    return x / BRICK_SIDE + y / BRICK_SIDE * grid->step[1] + z / BRICK_SIDE * grid->step[2];
}

static inline unsigned corner_at(uint32_t x, uint32_t y, uint32_t z)
{
    return x % BRICK_SIDE + BRICK_SIDE * (y % BRICK_SIDE) + BRICK_SIDE * BRICK_SIDE * (z % BRICK_SIDE);
}

/* The corner with the smallest coordinates of a brick. */
static void first_corner(const brick_grid *grid, size_t index, uint32_t first[3])
{
    first[0] = (uint32_t)(index % grid->step[1]) * BRICK_SIDE;
    first[1] = (uint32_t)(index % grid->step[2] / grid->step[1]) * BRICK_SIDE;
    first[2] = (uint32_t)(index / grid->step[2]) * BRICK_SIDE;
}

/* The mean of the corners of the parent between which a corner lies: one, two, four or eight. */
static float foretell(const surface_level *parent, uint32_t x, uint32_t y, uint32_t z)
{
    double sum = 0.0;
    int count = 0;
    for (uint32_t k = z / 2; k <= (z + 1) / 2; k++)
        for (uint32_t j = y / 2; j <= (y + 1) / 2; j++)
            for (uint32_t i = x / 2; i <= (x + 1) / 2; i++) {
                sum += (double)surface_value(parent, i, j, k);
                count++;
            }
    return (float)(sum / count);
}

float surface_value(const surface_level *level, uint32_t x, uint32_t y, uint32_t z)
{
    const float *values = level->grid.values[brick_at(&level->grid, x, y, z)];
    if (values != NULL)
        return values[corner_at(x, y, z)];
    return level->parent == NULL ? VALUE_MAX : foretell(level->parent, x, y, z);
}

/* Gives a brick its values: those that the parent knows, and for the others what it foretells. */
static lumen_status open_brick(surface_search *search, surface_level *level, size_t index)
{
    brick_grid *grid = &level->grid;
    const surface_level *parent = level->parent;
    float *values = arena_array(search->scratch, float, BRICK_CORNERS);
    if (values == NULL)
        return lumen_fail_memory(search->error, "the values of a surface");
    uint32_t first[3];
    first_corner(grid, index, first);
    uint32_t last = level->lattice.cells[0];
    for (unsigned corner = 0; corner < BRICK_CORNERS; corner++) {
        uint32_t x = first[0] + (corner & 3);
        uint32_t y = first[1] + (corner >> 2 & 3);
        uint32_t z = first[2] + (corner >> 4);
        values[corner] = VALUE_MAX;
        if (parent == NULL || x > last || y > last || z > last)
            continue;
        values[corner] = foretell(parent, x, y, z);
        if (((x | y | z) & 1) == 0) {
            uint64_t known = parent->grid.known[brick_at(&parent->grid, x / 2, y / 2, z / 2)];
            grid->known[index] |= (known >> corner_at(x / 2, y / 2, z / 2) & 1) << corner;
        }
    }
    grid->values[index] = values;
    return LUMEN_OK;
}

/* Notes a value that was asked. Its brick has values. */
static void note(surface_search *search, surface_level *level, surface_place place, float value)
{
    brick_grid *grid = &level->grid;
    uint64_t bit = UINT64_C(1) << place.corner;
    grid->values[place.brick][place.corner] = value;
    grid->known[place.brick] |= bit;
    level->wanted[place.brick] &= ~bit;
    grid->inside[place.brick] &= ~bit;
    if (value < 0.0f) {
        uint32_t first[3];
        first_corner(grid, place.brick, first);
        const uint32_t brick[3] = {first[0] / BRICK_SIDE, first[1] / BRICK_SIDE, first[2] / BRICK_SIDE};
        uint64_t open = brick_open_corners(grid, brick) & bit;
        grid->inside[place.brick] |= open;
        if (open == 0)
            search->report->clipped = true;
    }
}

void surface_want(surface_level *level, uint32_t x, uint32_t y, uint32_t z)
{
    size_t index = brick_at(&level->grid, x, y, z);
    level->wanted[index] |= UINT64_C(1) << corner_at(x, y, z) & ~level->grid.known[index];
}

/* Asks the corners at search->places[0..count), whose points are in place. */
static lumen_status ask_places(surface_search *search, surface_level *level, size_t count)
{
    lumen_status status = surface_ask(search, count);
    for (size_t i = 0; i < count && status == LUMEN_OK; i++)
        note(search, level, search->places[i], search->values[i]);
    return status;
}

lumen_status surface_ask_wanted(surface_search *search, surface_level *level, uint64_t *asked)
{
    const brick_grid *grid = &level->grid;
    size_t count = 0;
    *asked = 0;
    for (uint32_t z = 0; z < grid->bricks[2]; z++)
        for (uint32_t y = 0; y < grid->bricks[1]; y++)
            for (uint32_t x = 0; x < grid->bricks[0]; x++) {
                size_t index = x + y * grid->step[1] + z * grid->step[2];
                if (level->wanted[index] != 0 && grid->values[index] == NULL) {
                    lumen_status status = open_brick(search, level, index);
                    if (status != LUMEN_OK)
                        return status;
                    level->wanted[index] &= ~grid->known[index]; /* what the parent knew */
                }
                for (uint64_t left = level->wanted[index]; left != 0; left &= left - 1) {
                    unsigned corner = lowest_bit(left);
                    uint32_t at[3] = {BRICK_SIDE * x + (corner & 3), BRICK_SIDE * y + (corner >> 2 & 3),
                                      BRICK_SIDE * z + (corner >> 4)};
                    for (int axis = 0; axis < 3; axis++)
                        search->points[3 * count + (size_t)axis] =
                            lattice_coordinate(&level->lattice, axis, (float)at[axis]);
                    search->places[count++] = (surface_place){(uint32_t)index, corner};
                    if (count == search->batch) {
                        lumen_status status = ask_places(search, level, count);
                        if (status != LUMEN_OK)
                            return status;
                        *asked += count;
                        count = 0;
                    }
                }
            }
    *asked += count;
    return count == 0 ? LUMEN_OK : ask_places(search, level, count);
}

/* ---- From one level to the next ---------------------------------------------------------------- */

/* The sides of a brick between corners of the parent that do not all lie on one side. */
static lumen_status take_over_brick(surface_search *search, surface_level *level, const uint32_t at[3], size_t index)
{
    brick_grid *grid = &level->grid;
    lumen_status status = open_brick(search, level, index);
    if (status != LUMEN_OK)
        return status;
    uint64_t negative = 0;
    for (unsigned corner = 0; corner < BRICK_CORNERS; corner++)
        negative |= (uint64_t)(grid->values[index][corner] < 0.0f) << corner;
    grid->inside[index] = negative & brick_open_corners(grid, at);
    return LUMEN_OK;
}

/* The sides of all corners of a new level, brick by brick of the parent: eight of the child's. */
static lumen_status take_over(surface_search *search, surface_level *level)
{
    const brick_grid *above = &level->parent->grid;
    brick_grid *grid = &level->grid;
    size_t y = above->step[1];
    size_t z = above->step[2];
    for (uint32_t k = 0; k < above->bricks[2]; k++)
        for (uint32_t j = 0; j < above->bricks[1]; j++)
            for (uint32_t i = 0; i < above->bricks[0]; i++) {
                const uint64_t *inside = &above->inside[i + j * y + k * z];
                uint64_t any = inside[0] | inside[1] | inside[y] | inside[y + 1] | inside[z] | inside[z + 1] |
                               inside[z + y] | inside[z + y + 1];
                uint64_t all = inside[0] & inside[1] & inside[y] & inside[y + 1] & inside[z] & inside[z + 1] &
                               inside[z + y] & inside[z + y + 1];
                for (uint32_t which = 0; which < 8; which++) {
                    uint32_t at[3] = {2 * i + (which & 1), 2 * j + (which >> 1 & 1), 2 * k + (which >> 2)};
                    if (at[0] >= grid->bricks[0] || at[1] >= grid->bricks[1] || at[2] >= grid->bricks[2])
                        continue;
                    size_t index = at[0] + at[1] * grid->step[1] + at[2] * grid->step[2];
                    if (any == 0 || all == ~UINT64_C(0)) {
                        grid->inside[index] = any == 0 ? 0 : brick_open_corners(grid, at);
                        continue;
                    }
                    lumen_status status = take_over_brick(search, level, at, index);
                    if (status != LUMEN_OK)
                        return status;
                }
            }
    return LUMEN_OK;
}

/* Wants the 27 corners in and around each of the parent's suspects that was not searched, and notes which they are
 * in `fresh`. Returns whether there are any. */
static bool want_suspects(surface_level *level, uint64_t *fresh)
{
    bool any = false;
    surface_level *parent = level->parent;
    const brick_grid *above = &parent->grid;
    for (size_t index = 0; index < above->total; index++) {
        fresh[index] = parent->suspects[index] & ~parent->searched[index];
        if (fresh[index] == 0)
            continue;
        any = true;
        parent->searched[index] |= fresh[index];
        uint32_t first[3];
        first_corner(above, index, first);
        for (uint64_t left = fresh[index]; left != 0; left &= left - 1) {
            unsigned corner = lowest_bit(left);
            uint32_t at[3] = {2 * (first[0] + (corner & 3)), 2 * (first[1] + (corner >> 2 & 3)),
                              2 * (first[2] + (corner >> 4))};
            for (uint32_t i = 0; i < 27; i++)
                surface_want(level, at[0] + i % 3, at[1] + i / 3 % 3, at[2] + i / 9);
        }
    }
    return any;
}

static void want_cut_ends(surface_level *level)
{
    const brick_grid *grid = &level->grid;
    for (uint32_t z = 0; z < grid->bricks[2]; z++)
        for (uint32_t y = 0; y < grid->bricks[1]; y++)
            for (uint32_t x = 0; x < grid->bricks[0]; x++) {
                size_t index = x + y * grid->step[1] + z * grid->step[2];
                uint64_t ends[4];
                if (!brick_cut_ends(grid, index, ends))
                    continue;
                level->wanted[index] |= ends[0] & ~grid->known[index];
                for (int axis = 0; axis < 3; axis++) {
                    size_t far = index + grid->step[axis];
                    level->wanted[far] |= ends[1 + axis] & ~grid->known[far];
                }
            }
}

lumen_status surface_follow(surface_search *search, surface_level *level)
{
    uint64_t *fresh = NULL;
    if (level->parent != NULL) {
        size_t above = level->parent->grid.total;
        fresh = arena_array(search->scratch, uint64_t, above);
        if (fresh == NULL)
            return lumen_fail_memory(search->error, "the lattice of a surface");
        lumen_status status = take_over(search, level);
        if (status != LUMEN_OK)
            return status;
    }
    for (;;) {
        want_cut_ends(level);
        bool searching = fresh != NULL && want_suspects(level, fresh);
        uint64_t asked;
        lumen_status status = surface_ask_wanted(search, level, &asked);
        if (status != LUMEN_OK)
            return status;
        for (size_t index = 0; searching && index < level->parent->grid.total; index++)
            if (fresh[index] != 0)
                surface_suspect_neighbors(level, index, fresh[index]);
        if (asked == 0 && !searching)
            return LUMEN_OK;
    }
}

/* ---- How steep ---------------------------------------------------------------------------------- */

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The differences over the edges of a level from the corners that were asked. */
typedef struct slopes {
    uint64_t count;  /* of cut edges */
    uint64_t stride; /* every so manyth is kept */
    float *kept;     /* may be NULL */
    float steepest;  /* of all edges, cut or not */
} slopes;

static void collect_slopes(const surface_level *level, slopes *found)
{
    const brick_grid *grid = &level->grid;
    uint32_t last = level->lattice.cells[0];
    found->count = 0;
    for (size_t index = 0; index < grid->total; index++) {
        uint32_t first[3];
        first_corner(grid, index, first);
        for (uint64_t left = grid->known[index]; left != 0; left &= left - 1) {
            unsigned corner = lowest_bit(left);
            uint32_t at[3] = {first[0] + (corner & 3), first[1] + (corner >> 2 & 3), first[2] + (corner >> 4)};
            float here = grid->values[index][corner];
            for (int axis = 0; axis < 3; axis++) {
                uint32_t next[3] = {at[0], at[1], at[2]};
                if (++next[axis] > last)
                    continue;
                float there = surface_value(level, next[0], next[1], next[2]);
                float difference = fabsf(here - there);
                if (!(difference < VALUE_MAX / 2)) /* an end was not a number */
                    continue;
                found->steepest = difference > found->steepest ? difference : found->steepest;
                if ((here < 0.0f) == (there < 0.0f))
                    continue;
                if (found->kept != NULL && found->count % found->stride == 0)
                    found->kept[found->count / found->stride] = difference;
                found->count++;
            }
        }
    }
}

lumen_status surface_measure_slope(surface_search *search, surface_level *level)
{
    slopes found = {0};
    collect_slopes(level, &found);
    /* Where nothing is cut, the steepest edge is nearest to whatever there is. */
    if (level->slope < found.steepest)
        level->slope = found.steepest;
    if (found.count == 0)
        return LUMEN_OK;
    arena_mark mark = arena_now(search->scratch);
    found.kept = arena_array(search->scratch, float, SLOPES_MAX);
    if (found.kept == NULL)
        return lumen_fail_memory(search->error, "the slopes of a field");
    found.stride = (found.count + SLOPES_MAX - 1) / SLOPES_MAX;
    size_t kept = (size_t)((found.count + found.stride - 1) / found.stride);
    collect_slopes(level, &found);
    qsort(found.kept, kept, sizeof *found.kept, compare_floats);
    level->slope = found.kept[kept * 9 / 10]; /* an edge that runs along the surface says little */
    arena_rewind(search->scratch, mark);
    return LUMEN_OK;
}

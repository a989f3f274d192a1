/*
 * Cells that may hide a part that none of their corners sees.
 *
 * Valleys. Near a surface a field is more or less a distance. Along a line of corners a', a, b, b' all outside,
 * the lines through (a', a) and through (b, b') reach zero at distances p behind a and q before b. Where the values
 * fall from both sides and p + q is not much longer than the edge, something lies between a and b or close by: a
 * plate across the edge has p + q <= 1 (in cells), a thin rod beside it p + q <= 2, a small ball 3. A smooth surface
 * seen from outside makes no valleys, as values fall toward it from one side only. The same holds inside, for a
 * gap between two sheets.
 *
 * Probes. A truncated distance is flat beyond its band, and corners farther from a thin part than that say
 * nothing. Such a cell is asked once more. The places shift from cell to cell by the generators of Roberts' R2 sequence
 * (a plane lattice of low discrepancy; "The unreasonable effectiveness of quasirandom sequences", 2018), so that the
 * places of the cells that a plate or rod along an axis runs through are spread over its cross-section: no part that
 * is a few cells long falls between all of them. What a probe has seen is searched at every halving until corners see
 * it too.
 *
 * Neighbors. A part that shows in a suspect is followed through the faces on which it shows.
 */
#include <math.h>

#include "geometry/surface_level.h"

#define VALLEY_LENGTH 3.0f
/* Half the diagonal of a cell, for an estimate of the slope that may be too small. */
#define NEAR_CELLS 1.3f
/* What was not a number is larger. */
#define SATURATED_MAX 1e29f

/* Whether a value shows something that the corners around it, of which `least` has the smallest magnitude, do not.
 * Where a surface merely passes by, the values between corners are not lower than at the nearest of them, however
 * the field bends between surface and saturation. Turned positive. */
static bool betrays(const surface_level *level, float least, float value)
{
    return value < 0.7f * least - 0.05f * level->slope;
}

static void suspect(const surface_level *level, uint32_t x, uint32_t y, uint32_t z)
{
    const uint32_t *cells = level->lattice.cells;
    if (x >= cells[0] || y >= cells[1] || z >= cells[2])
        return;
    size_t index = x / BRICK_SIDE + y / BRICK_SIDE * level->grid.step[1] + z / BRICK_SIDE * level->grid.step[2];
    unsigned corner = x % BRICK_SIDE + BRICK_SIDE * (y % BRICK_SIDE) + BRICK_SIDE * BRICK_SIDE * (z % BRICK_SIDE);
    level->suspects[index] |= UINT64_C(1) << corner;
}

/* ---- Valleys -------------------------------------------------------------------------------------- */

/* How far behind `near` the line from `far` through it reaches zero, in cells; values turned positive. What is
 * saturated may fall more steeply than it seems. */
static float reach_of(const surface_level *level, float far, float near, float saturation)
{
    float fall = far - near;
    if ((far >= saturation || near >= saturation) && fall < level->slope)
        fall = level->slope;
    return fall > 0.0f ? near / fall : INFINITY;
}

static bool is_known(const surface_level *level, const uint32_t at[3])
{
    const brick_grid *grid = &level->grid;
    size_t index = at[0] / BRICK_SIDE + at[1] / BRICK_SIDE * grid->step[1] + at[2] / BRICK_SIDE * grid->step[2];
    unsigned corner =
        at[0] % BRICK_SIDE + BRICK_SIDE * (at[1] % BRICK_SIDE) + BRICK_SIDE * BRICK_SIDE * (at[2] % BRICK_SIDE);
    return (grid->known[index] >> corner & 1) != 0;
}

/* Looks at the edge from `at` to `next` along `axis`, whose ends have the values a and b. What is foretold between a
 * saturated outside and a saturated inside is lower than the truth and would make a valley, so low values count only
 * when they were asked. */
static bool is_valley(const surface_level *level, const uint32_t at[3], const uint32_t next[3], int axis, float a,
                      float b, float saturation)
{
    float sign = a < 0.0f ? -1.0f : 1.0f;
    a *= sign;
    b *= sign;
    float least = a < b ? a : b;
    if (b < 0.0f || least > NEAR_CELLS * level->slope || least >= saturation)
        return false;
    if ((a < saturation && !is_known(level, at)) || (b < saturation && !is_known(level, next)))
        return false;
    uint32_t before[3] = {at[0], at[1], at[2]};
    uint32_t behind[3] = {at[0], at[1], at[2]};
    if (at[axis] == 0 || at[axis] + 2 > level->lattice.cells[axis])
        return false;
    before[axis] -= 1;
    behind[axis] += 2;
    float far_a = sign * surface_value(level, before[0], before[1], before[2]);
    float p = reach_of(level, far_a, a, saturation);
    if (!(p < VALLEY_LENGTH))
        return false;
    float far_b = sign * surface_value(level, behind[0], behind[1], behind[2]);
    return p + reach_of(level, far_b, b, saturation) < VALLEY_LENGTH;
}

void surface_suspect_valleys(const surface_level *level, float saturation)
{
    const brick_grid *grid = &level->grid;
    const uint32_t *cells = level->lattice.cells;
    for (uint32_t k = 0; k <= cells[2]; k++)
        for (uint32_t j = 0; j <= cells[1]; j++)
            for (uint32_t i = 0; i <= cells[0]; i++) {
                size_t index = i / BRICK_SIDE + j / BRICK_SIDE * grid->step[1] + k / BRICK_SIDE * grid->step[2];
                if (grid->values[index] == NULL) {
                    i |= BRICK_SIDE - 1; /* on to the next brick */
                    continue;
                }
                float here = surface_value(level, i, j, k);
                uint32_t at[3] = {i, j, k};
                for (int axis = 0; axis < 3; axis++) {
                    uint32_t next[3] = {i, j, k};
                    if (++next[axis] > cells[axis])
                        continue;
                    float there = surface_value(level, next[0], next[1], next[2]);
                    if (!is_valley(level, at, next, axis, here, there, saturation))
                        continue;
                    /* The four cells around the edge; those before the first wrap around and do not exist. */
                    int u = (axis + 1) % 3;
                    int v = (axis + 2) % 3;
                    for (uint32_t side = 0; side < 4; side++) {
                        uint32_t cell[3] = {i, j, k};
                        cell[u] -= side & 1;
                        cell[v] -= side >> 1;
                        suspect(level, cell[0], cell[1], cell[2]);
                    }
                }
            }
}

/* ---- Probes -------------------------------------------------------------------------------------- */

/* Where a cell is probed, in cells from its first corner. Each coordinate goes by the two others. */
static void probe_place(const uint32_t cell[3], float place[3])
{
    const double first = 0.7548776662466927; /* 1/p and 1/p² where p is the plastic number, p³ = p + 1 */
    const double second = 0.5698402909980532;
    for (int axis = 0; axis < 3; axis++) {
        double along = 0.5 + first * (double)cell[(axis + 1) % 3] + second * (double)cell[(axis + 2) % 3];
        /* Not on a face, where the neighbor would ask the same. */
        place[axis] = (float)(0.04 + 0.92 * (along - floor(along)));
    }
}

/* Whether the corners of a cell do not tell that nothing is hidden in it: they lie on one side and near. `least` is
 * their smallest magnitude. */
static bool is_doubtful(const surface_level *level, const uint32_t cell[3], bool everywhere, float *least)
{
    bool negative = false;
    bool positive = false;
    *least = INFINITY;
    for (uint32_t c = 0; c < 8; c++) {
        float value = surface_value(level, cell[0] + (c & 1), cell[1] + (c >> 1 & 1), cell[2] + (c >> 2));
        negative = negative || value < 0.0f;
        positive = positive || !(value < 0.0f);
        *least = fabsf(value) < *least ? fabsf(value) : *least;
    }
    return !(negative && positive) && (everywhere || *least <= NEAR_CELLS * level->slope);
}

/* Asks the gathered probes. The cell of each is in search->places, as brick and corner. */
static lumen_status ask_probes(surface_search *search, surface_level *level, size_t count)
{
    lumen_status status = surface_ask(search, count);
    for (size_t i = 0; i < count && status == LUMEN_OK; i++) {
        const brick_grid *grid = &level->grid;
        size_t index = search->places[i].brick;
        unsigned corner = search->places[i].corner;
        uint32_t cell[3] = {(uint32_t)(index % grid->step[1]) * BRICK_SIDE + (corner & 3),
                            (uint32_t)(index % grid->step[2] / grid->step[1]) * BRICK_SIDE + (corner >> 2 & 3),
                            (uint32_t)(index / grid->step[2]) * BRICK_SIDE + (corner >> 4)};
        float least;
        is_doubtful(level, cell, true, &least);
        float side = surface_value(level, cell[0], cell[1], cell[2]) < 0.0f ? -1.0f : 1.0f;
        float value = side * search->values[i];
        if (!betrays(level, least, value))
            continue;
        suspect(level, cell[0], cell[1], cell[2]);
        level->probed[index] |= UINT64_C(1) << corner;
        if (least < SATURATED_MAX && least - value > level->slope)
            level->slope = least - value; /* the nearest corner is less than a cell away */
    }
    return status;
}

lumen_status surface_probe(surface_search *search, surface_level *level, bool everywhere)
{
    const brick_grid *grid = &level->grid;
    size_t count = 0;
    for (size_t index = 0; index < grid->total; index++)
        for (unsigned corner = 0; corner < BRICK_CORNERS; corner++) {
            uint32_t cell[3] = {(uint32_t)(index % grid->step[1]) * BRICK_SIDE + (corner & 3),
                                (uint32_t)(index % grid->step[2] / grid->step[1]) * BRICK_SIDE + (corner >> 2 & 3),
                                (uint32_t)(index / grid->step[2]) * BRICK_SIDE + (corner >> 4)};
            float least;
            if (cell[0] >= level->lattice.cells[0] || cell[1] >= level->lattice.cells[1] ||
                cell[2] >= level->lattice.cells[2] || (level->suspects[index] >> corner & 1) != 0 ||
                !is_doubtful(level, cell, everywhere, &least))
                continue;
            float place[3];
            probe_place(cell, place);
            for (int axis = 0; axis < 3; axis++)
                search->points[3 * count + (size_t)axis] =
                    lattice_coordinate(&level->lattice, axis, (float)cell[axis] + place[axis]);
            search->places[count++] = (surface_place){(uint32_t)index, corner};
            if (count == search->batch) {
                lumen_status status = ask_probes(search, level, count);
                if (status != LUMEN_OK)
                    return status;
                count = 0;
            }
        }
    return count == 0 ? LUMEN_OK : ask_probes(search, level, count);
}

void surface_keep_probed(const surface_level *level)
{
    const surface_level *parent = level->parent;
    const brick_grid *above = &parent->grid;
    for (size_t index = 0; index < above->total; index++)
        for (uint64_t left = parent->probed[index]; left != 0; left &= left - 1) {
            unsigned corner = lowest_bit(left);
            uint32_t at[3] = {
                2 * ((uint32_t)(index % above->step[1]) * BRICK_SIDE + (corner & 3)),
                2 * ((uint32_t)(index % above->step[2] / above->step[1]) * BRICK_SIDE + (corner >> 2 & 3)),
                2 * ((uint32_t)(index / above->step[2]) * BRICK_SIDE + (corner >> 4))};
            bool side = surface_value(level, at[0], at[1], at[2]) < 0.0f;
            bool seen = false;
            for (uint32_t i = 1; i < 27 && !seen; i++)
                seen = (surface_value(level, at[0] + i % 3, at[1] + i / 3 % 3, at[2] + i / 9) < 0.0f) != side;
            for (uint32_t child = 0; child < 8 && !seen; child++) {
                uint32_t cell[3] = {at[0] + (child & 1), at[1] + (child >> 1 & 1), at[2] + (child >> 2)};
                suspect(level, cell[0], cell[1], cell[2]);
                size_t own = cell[0] / BRICK_SIDE + cell[1] / BRICK_SIDE * level->grid.step[1] +
                             cell[2] / BRICK_SIDE * level->grid.step[2];
                level->probed[own] |= UINT64_C(1) << (cell[0] % BRICK_SIDE + BRICK_SIDE * (cell[1] % BRICK_SIDE) +
                                                      BRICK_SIDE * BRICK_SIDE * (cell[2] % BRICK_SIDE));
            }
        }
}

/* ---- Neighbors ------------------------------------------------------------------------------------ */

/* Whether something shows on a face of a cell that the face's corners do not see. The face is that of the parent's cell
 * whose first corner lies at `at` in this level, square to `axis`. */
static bool shows_on_face(const surface_level *level, const uint32_t at[3], int axis)
{
    int u = (axis + 1) % 3;
    int v = (axis + 2) % 3;
    float values[9];
    for (uint32_t i = 0; i < 9; i++) {
        uint32_t place[3] = {at[0], at[1], at[2]};
        place[u] += i % 3;
        place[v] += i / 3;
        values[i] = surface_value(level, place[0], place[1], place[2]);
    }
    float side = values[0] < 0.0f ? -1.0f : 1.0f;
    for (int i = 0; i < 9; i++)
        values[i] *= side;
    if (values[2] < 0.0f || values[6] < 0.0f || values[8] < 0.0f)
        return false; /* cut: the surface is followed by its signs */
    float low = fminf(values[0], values[2]);
    float high = fminf(values[6], values[8]);
    return betrays(level, low, values[1]) || betrays(level, fminf(values[0], values[6]), values[3]) ||
           betrays(level, fminf(low, high), values[4]) || betrays(level, fminf(values[2], values[8]), values[5]) ||
           betrays(level, high, values[7]);
}

void surface_suspect_neighbors(const surface_level *level, size_t index, uint64_t cells)
{
    const surface_level *parent = level->parent;
    const brick_grid *above = &parent->grid;
    for (uint64_t left = cells; left != 0; left &= left - 1) {
        unsigned corner = lowest_bit(left);
        uint32_t cell[3] = {(uint32_t)(index % above->step[1]) * BRICK_SIDE + (corner & 3),
                            (uint32_t)(index % above->step[2] / above->step[1]) * BRICK_SIDE + (corner >> 2 & 3),
                            (uint32_t)(index / above->step[2]) * BRICK_SIDE + (corner >> 4)};
        for (int axis = 0; axis < 3; axis++)
            for (uint32_t far = 0; far < 2; far++) {
                uint32_t at[3] = {2 * cell[0], 2 * cell[1], 2 * cell[2]};
                at[axis] += 2 * far;
                uint32_t neighbor[3] = {cell[0], cell[1], cell[2]};
                neighbor[axis] += far != 0 ? 1 : UINT32_MAX; /* before the first there is none: it wraps around */
                if (shows_on_face(level, at, axis))
                    suspect(parent, neighbor[0], neighbor[1], neighbor[2]);
            }
    }
}

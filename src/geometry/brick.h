/*
 * brick.h: the lattice in bricks of 4×4×4 corners, inside the geometry room (isosurface.h and surface.h).
 *
 * Which corners lie inside is one bit each, so that a brick's corners are one 64-bit word and the cells
 * that the surface crosses fall out of a few shifts. Bit x + 4y + 16z of brick (i, j, k) is the corner
 * (4i + x, 4j + y, 4k + z). A corner belongs to one brick, and the cells and edges that start at a corner
 * belong to that corner's brick. A corner on the border of the lattice is never inside, which closes a
 * surface that would leave.
 */
#ifndef LUMEN_GEOMETRY_BRICK_H
#define LUMEN_GEOMETRY_BRICK_H

#include "geometry/isosurface.h"

enum { BRICK_SIDE = 4, BRICK_CORNERS = 64 };

#define BRICK_FIRST_X UINT64_C(0x1111111111111111) /* corners with x = 0 */
#define BRICK_FIRST_Y UINT64_C(0x000f000f000f000f)
#define BRICK_FIRST_Z UINT64_C(0x000000000000ffff)

/* The bricks of a lattice lie in arrays of `total`, x fastest, with one empty brick behind the last along
 * each axis, so that a brick's neighbor at the far side can always be looked up. */
typedef struct brick_grid {
    const isosurface_lattice *lattice;
    uint32_t bricks[3]; /* number along each axis without the empty ones */
    size_t step[3];     /* from a brick to its neighbor along each axis */
    size_t total;
    uint64_t *inside; /* (total) */

    /* Where values lie, one of the two: */
    const float *dense; /* all corners of the lattice, x fastest */
    float **values;     /* (total) 64 values of a brick; set where `known` is not 0 */
    uint64_t *known;    /* (total) corners whose value was asked for; both ends of a cut edge are */
} brick_grid;

static inline uint64_t brick_next_x(uint64_t own, uint64_t neighbor)
{
    return (own >> 1 & ~(BRICK_FIRST_X << 3)) | (neighbor & BRICK_FIRST_X) << 3;
}

static inline uint64_t brick_next_y(uint64_t own, uint64_t neighbor)
{
    return (own >> 4 & ~(BRICK_FIRST_Y << 12)) | (neighbor & BRICK_FIRST_Y) << 12;
}

static inline uint64_t brick_next_z(uint64_t own, uint64_t neighbor)
{
    return own >> 16 | neighbor << 48;
}

static inline unsigned lowest_bit(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

/* Spelt out: without a processor to count on, a compiler would call a function for it; with one, it sees. */
static inline unsigned count_bits(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(bits * UINT64_C(0x0101010101010101) >> 56);
}

/* The corners of brick (i, j, k) whose coordinates lie in [low, high) along every axis. */
static inline uint64_t brick_corners_within(const uint32_t brick[3], uint32_t low, const uint32_t high[3])
{
    static const uint64_t first[3] = {BRICK_FIRST_X, BRICK_FIRST_Y, BRICK_FIRST_Z};
    uint64_t corners = ~UINT64_C(0);
    bool whole = true;
    for (int axis = 0; axis < 3; axis++)
        whole = whole && brick[axis] * BRICK_SIDE >= low && (brick[axis] + 1) * BRICK_SIDE <= high[axis];
    if (whole)
        return corners;
    for (int axis = 0; axis < 3; axis++)
        for (uint32_t i = 0; i < BRICK_SIDE; i++) {
            uint32_t at = brick[axis] * BRICK_SIDE + i;
            if (at < low || at >= high[axis])
                corners &= ~(first[axis] << (i << 2 * axis));
        }
    return corners;
}

/* The corners of a brick that may be inside: those of the lattice but not on its border. */
static inline uint64_t brick_open_corners(const brick_grid *grid, const uint32_t brick[3])
{
    return brick_corners_within(brick, 1, grid->lattice->cells);
}

/* Position of corner `at` along an axis. Equal for equal corners, whoever asks. */
static inline float lattice_coordinate(const isosurface_lattice *lattice, int axis, float at)
{
    return lattice->origin[axis] + lattice->cell * at;
}

/* Checks the lattice and lays out a grid over it: counts, steps and the cleared `inside`; nothing else is set. The
 * lattice must outlive the grid, and `result` is only looked at: it must be another arena. */
lumen_status brick_grid_open(const isosurface_lattice *lattice, arena *scratch, const arena *result, brick_grid *grid,
                             lumen_error *error);

/* Writes which corners of brick `index` (ends[0]) and of its neighbors at the far side along x, y, z end an edge that
 * starts in this brick and is cut. Returns whether any is. */
bool brick_cut_ends(const brick_grid *grid, size_t index, uint64_t ends[4]);

/* Fills grid->inside (and known, values) by asking the field near its surface only. The arrays are
 * allocated by the caller and cleared. Counts what it asked in *evaluations. */
lumen_status brick_search(const scalar_field *field, brick_grid *grid, arena *scratch, uint64_t *evaluations,
                          lumen_error *error);

/* Fills grid->inside from grid->dense. */
void brick_signs(brick_grid *grid);

/* Makes the mesh from a filled grid. */
lumen_status brick_polygonize(const brick_grid *grid, arena *scratch, arena *result, lumen_mesh *mesh, uint64_t *cells,
                              lumen_error *error);

#endif

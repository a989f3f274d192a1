/*
 * From the signs of the lattice's corners to triangles.
 *
 * Two passes. The first goes over all bricks, passes by those without a cut cell after a few operations on
 * whole words, and keeps for the others which edges and cells are cut. The number of vertices and triangles
 * is then known and the mesh is allocated at its size. The second writes the vertices and triangles of each
 * kept brick. Everything is ordered by brick, then axis, then corner: the same on every machine.
 *
 * A vertex belongs to the edge it lies on and an edge to the brick of its first corner. The number of a
 * neighbor's vertex is found by counting the cut edges before it, so there is no table of edges.
 */
#include "geometry/brick.h"

#include <float.h>
#include <string.h>

#include "base/dispatch.h"
#include "base/error.h"
#include "geometry/cube_table.h"
#include "geometry/mesh.h"

/* A brick with cut cells. */
typedef struct cut_brick {
    size_t index;
    uint32_t at[3];
    uint32_t first_vertex[3];     /* of the cut edges along each axis */
    uint64_t edges[3];            /* cut edges that start at a corner of this brick, along each axis */
    uint64_t cells;               /* cut cells */
    uint8_t cases[BRICK_CORNERS]; /* of the cut cells, in order */
} cut_brick;

enum { CHUNK_BRICKS = 32 };

typedef struct cut_chunk {
    struct cut_chunk *next;
    size_t count;
    cut_brick bricks[CHUNK_BRICKS];
} cut_chunk;

typedef struct cut_surface {
    cut_chunk *first;
    cut_chunk *last;
    cut_brick **of_brick; /* (total) NULL where nothing is cut */
    uint64_t vertices;
    uint64_t triangles;
    uint64_t cells;
} cut_surface;

/* ---- First pass: what is cut ------------------------------------------------------------------ */

/* An 8×8 matrix of bits, turned over its diagonal: bit 8i + j goes to 8j + i. */
static inline uint64_t transpose_bits(uint64_t m)
{
    uint64_t swap = (m ^ m >> 7) & UINT64_C(0x00aa00aa00aa00aa);
    m ^= swap ^ swap << 7;
    swap = (m ^ m >> 14) & UINT64_C(0x0000cccc0000cccc);
    m ^= swap ^ swap << 14;
    swap = (m ^ m >> 28) & UINT64_C(0x00000000f0f0f0f0);
    m ^= swap ^ swap << 28;
    return m;
}

/* Writes the cases of the cells in `cells` and returns their number of triangles. */
static inline uint32_t read_cases(const uint64_t corner[8], uint64_t cells, uint8_t *cases)
{
    uint32_t triangles = 0;
    for (unsigned row = 0; row < 64; row += 8) { /* eight cells at a time */
        unsigned left = (unsigned)(cells >> row & 0xff);
        if (left == 0)
            continue;
        uint64_t bits = 0;
        for (unsigned i = 0; i < 8; i++)
            bits |= (corner[i] >> row & 0xff) << 8 * i;
        bits = transpose_bits(bits);
        for (; left != 0; left &= left - 1) {
            uint8_t which = (uint8_t)(bits >> 8 * (unsigned)__builtin_ctz(left));
            triangles += cube_table[which].triangle_count;
            *cases++ = which;
        }
    }
    return triangles;
}

static cut_brick *add_cut_brick(cut_surface *surface, arena *scratch)
{
    if (surface->last == NULL || surface->last->count == CHUNK_BRICKS) {
        cut_chunk *chunk = arena_allocate(scratch, sizeof *chunk);
        if (chunk == NULL)
            return NULL;
        chunk->next = NULL;
        chunk->count = 0;
        if (surface->last == NULL)
            surface->first = chunk;
        else
            surface->last->next = chunk;
        surface->last = chunk;
    }
    return &surface->last->bricks[surface->last->count++];
}

/* Looks at one brick. False when memory ran out. */
static inline bool find_cuts(const brick_grid *grid, const uint32_t at[3], size_t index, arena *scratch,
                             cut_surface *surface)
{
    const uint64_t *inside = &grid->inside[index];
    size_t y = grid->step[1];
    size_t z = grid->step[2];
    uint64_t any = inside[0] | inside[1] | inside[y] | inside[y + 1] | inside[z] | inside[z + 1] | inside[z + y] |
                   inside[z + y + 1];
    if (any == 0)
        return true;
    uint64_t all = inside[0] & inside[1] & inside[y] & inside[y + 1] & inside[z] & inside[z + 1] & inside[z + y] &
                   inside[z + y + 1];
    if (all == ~UINT64_C(0))
        return true;

    /* corner[n]: the signs of corner n of every cell of the brick. */
    uint64_t far_y = brick_next_x(inside[y], inside[y + 1]);
    uint64_t far_z = brick_next_x(inside[z], inside[z + 1]);
    uint64_t far_yz = brick_next_x(inside[z + y], inside[z + y + 1]);
    uint64_t corner[8];
    corner[0] = inside[0];
    corner[1] = brick_next_x(inside[0], inside[1]);
    corner[2] = brick_next_y(inside[0], inside[y]);
    corner[3] = brick_next_y(corner[1], far_y);
    corner[4] = brick_next_z(corner[0], inside[z]);
    corner[5] = brick_next_z(corner[1], far_z);
    corner[6] = brick_next_z(corner[2], brick_next_y(inside[z], inside[z + y]));
    corner[7] = brick_next_z(corner[3], brick_next_y(far_z, far_yz));
    any = corner[0] | corner[1] | corner[2] | corner[3] | corner[4] | corner[5] | corner[6] | corner[7];
    all = corner[0] & corner[1] & corner[2] & corner[3] & corner[4] & corner[5] & corner[6] & corner[7];
    uint64_t cells = any & ~all;
    if (cells == 0)
        return true;

    cut_brick *cut = add_cut_brick(surface, scratch);
    if (cut == NULL)
        return false;
    surface->of_brick[index] = cut;
    cut->index = index;
    for (int axis = 0; axis < 3; axis++) {
        cut->at[axis] = at[axis];
        cut->edges[axis] = corner[0] ^ corner[1 << axis];
        cut->first_vertex[axis] = (uint32_t)surface->vertices;
        surface->vertices += count_bits(cut->edges[axis]);
    }
    cut->cells = cells;
    surface->cells += count_bits(cells);
    surface->triangles += read_cases(corner, cells, cut->cases);
    return true;
}

LUMEN_DISPATCH
static bool find_all_cuts(const brick_grid *grid, arena *scratch, cut_surface *surface)
{
    for (uint32_t z = 0; z < grid->bricks[2]; z++)
        for (uint32_t y = 0; y < grid->bricks[1]; y++) {
            size_t row = y * grid->step[1] + z * grid->step[2];
            for (uint32_t x = 0; x < grid->bricks[0]; x++)
                if (!find_cuts(grid, (uint32_t[3]){x, y, z}, row + x, scratch, surface))
                    return false;
        }
    return true;
}

/* ---- Second pass: vertices -------------------------------------------------------------------- */

/* What a field says need not be a finite number, and a corner on the border counts as outside whatever its
 * value. An inside value is negative already; this makes it finite. */
static inline float as_inside(float value)
{
    return value > -1e30f ? value : -1e30f;
}

/* A negative value outside, at the border, stands for zero; not a number stands for far away. */
static inline float as_outside(float value)
{
    if (value < 0.0f)
        return 0.0f;
    return value < 1e30f ? value : 1e30f;
}

/* Writes the vertices on a brick's cut edges along one axis, by linear interpolation, kept off the corners. */
static inline void write_vertices(const brick_grid *grid, const cut_brick *cut, int axis, float *positions)
{
    const isosurface_lattice *lattice = grid->lattice;
    uint64_t inside = grid->inside[cut->index];
    unsigned step = 1u << 2 * axis;
    const float *own = NULL;
    const float *far = NULL;
    size_t row = lattice->cells[0] + 1;
    size_t slice = row * (lattice->cells[1] + 1);
    size_t dense_step = axis == 0 ? 1 : axis == 1 ? row : slice;
    if (grid->dense != NULL) {
        own = grid->dense + BRICK_SIDE * (cut->at[0] + cut->at[1] * row + cut->at[2] * slice);
    } else {
        own = grid->values[cut->index];
        far = grid->values[cut->index + grid->step[axis]];
    }
    float *out = positions + 3 * (size_t)cut->first_vertex[axis];
    for (uint64_t left = cut->edges[axis]; left != 0; left &= left - 1) {
        unsigned corner = lowest_bit(left);
        uint32_t place[3] = {corner & 3, corner >> 2 & 3, corner >> 4};
        float start;
        float end;
        if (grid->dense != NULL) {
            const float *value = own + place[0] + place[1] * row + place[2] * slice;
            start = value[0];
            end = value[dense_step];
        } else {
            start = own[corner];
            end = place[axis] < 3 ? own[corner + step] : far[corner - 3 * step];
        }
        bool starts_inside = (inside >> corner & 1) != 0;
        start = starts_inside ? as_inside(start) : as_outside(start);
        end = starts_inside ? as_outside(end) : as_inside(end);
        float t = start / (start - end);
        t = t < 0.01f ? 0.01f : t > 0.99f ? 0.99f : t;
        float where[3];
        for (int i = 0; i < 3; i++)
            where[i] = (float)(cut->at[i] * BRICK_SIDE + place[i]);
        where[axis] += t;
        for (int i = 0; i < 3; i++)
            *out++ = lattice_coordinate(lattice, i, where[i]);
    }
}

/* ---- Second pass: triangles ------------------------------------------------------------------- */

/* The vertices on the edges of a brick's cells: edges along each axis by their start, which may lie one
 * corner beyond the brick. Filled only where an edge is cut, and read only there. */
enum { SPAN = BRICK_SIDE + 1, EDGES_OF_AXIS = SPAN * SPAN * SPAN };

static inline unsigned span_place(unsigned corner)
{
    return (corner & 3) + SPAN * (corner >> 2 & 3) + SPAN * SPAN * (corner >> 4);
}

/* Takes over the vertices of a neighbor's cut edges along `axis` that start at the corners `shared`. */
static inline void take_vertices(const cut_brick *neighbor, int axis, uint64_t shared, unsigned offset,
                                 uint32_t *vertices)
{
    if (neighbor == NULL)
        return;
    for (uint64_t left = neighbor->edges[axis] & shared; left != 0; left &= left - 1) {
        unsigned before = count_bits(neighbor->edges[axis] & (left - 1) & ~left);
        vertices[(unsigned)axis * EDGES_OF_AXIS + offset + span_place(lowest_bit(left))] =
            neighbor->first_vertex[axis] + before;
    }
}

static inline void collect_vertices(const brick_grid *grid, const cut_surface *surface, const cut_brick *cut,
                                    uint32_t *vertices)
{
    for (unsigned axis = 0; axis < 3; axis++) {
        uint32_t vertex = cut->first_vertex[axis];
        for (uint64_t left = cut->edges[axis]; left != 0; left &= left - 1)
            vertices[axis * EDGES_OF_AXIS + span_place(lowest_bit(left))] = vertex++;
    }
    cut_brick **of_brick = &surface->of_brick[cut->index];
    const unsigned far_x = BRICK_SIDE;
    const unsigned far_y = BRICK_SIDE * SPAN;
    const unsigned far_z = BRICK_SIDE * SPAN * SPAN;
    size_t y = grid->step[1];
    size_t z = grid->step[2];
    take_vertices(of_brick[1], 1, BRICK_FIRST_X, far_x, vertices);
    take_vertices(of_brick[1], 2, BRICK_FIRST_X, far_x, vertices);
    take_vertices(of_brick[y], 0, BRICK_FIRST_Y, far_y, vertices);
    take_vertices(of_brick[y], 2, BRICK_FIRST_Y, far_y, vertices);
    take_vertices(of_brick[z], 0, BRICK_FIRST_Z, far_z, vertices);
    take_vertices(of_brick[z], 1, BRICK_FIRST_Z, far_z, vertices);
    take_vertices(of_brick[y + 1], 2, BRICK_FIRST_X & BRICK_FIRST_Y, far_x + far_y, vertices);
    take_vertices(of_brick[z + 1], 1, BRICK_FIRST_X & BRICK_FIRST_Z, far_x + far_z, vertices);
    take_vertices(of_brick[z + y], 0, BRICK_FIRST_Y & BRICK_FIRST_Z, far_y + far_z, vertices);
}

/* Writes the triangles of a brick's cells and returns the place behind them. */
static inline uint32_t *write_triangles(const cut_brick *cut, const uint32_t *vertices, uint32_t *out)
{
    /* Where the twelve edges of a cell (cube_table.h) lie from the place of its first corner. */
    static const uint16_t edge_place[CUBE_EDGES] = {
        0,
        SPAN,
        SPAN * SPAN,
        SPAN * SPAN + SPAN,
        EDGES_OF_AXIS,
        EDGES_OF_AXIS + 1,
        EDGES_OF_AXIS + SPAN * SPAN,
        EDGES_OF_AXIS + SPAN * SPAN + 1,
        2 * EDGES_OF_AXIS,
        2 * EDGES_OF_AXIS + 1,
        2 * EDGES_OF_AXIS + SPAN,
        2 * EDGES_OF_AXIS + SPAN + 1,
    };
    const uint8_t *which = cut->cases;
    for (uint64_t left = cut->cells; left != 0; left &= left - 1) {
        const uint32_t *cell = vertices + span_place(lowest_bit(left));
        const cube_case *one = &cube_table[*which++];
        for (unsigned t = 0; t < one->triangle_count; t++) {
            const uint8_t *edge = one->triangles[t];
            *out++ = cell[edge_place[edge[0]]];
            *out++ = cell[edge_place[edge[1]]];
            *out++ = cell[edge_place[edge[2]]];
        }
    }
    return out;
}

LUMEN_DISPATCH
static void write_mesh(const brick_grid *grid, const cut_surface *surface, lumen_mesh *mesh)
{
    uint32_t vertices[3 * EDGES_OF_AXIS];
    uint32_t *triangles = mesh->triangles;
    for (const cut_chunk *chunk = surface->first; chunk != NULL; chunk = chunk->next)
        for (size_t i = 0; i < chunk->count; i++) {
            const cut_brick *cut = &chunk->bricks[i];
            /* Spelt out, so that each copy is compiled for its axis. */
            write_vertices(grid, cut, 0, mesh->positions);
            write_vertices(grid, cut, 1, mesh->positions);
            write_vertices(grid, cut, 2, mesh->positions);
            collect_vertices(grid, surface, cut, vertices);
            triangles = write_triangles(cut, vertices, triangles);
        }
}

/* ---- Both -------------------------------------------------------------------------------------- */

static lumen_status allocate_mesh(const cut_surface *surface, arena *result, lumen_mesh *mesh, lumen_error *error)
{
    if (surface->vertices > UINT32_MAX || surface->triangles > UINT32_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the surface has %llu vertices and %llu triangles, more than 32 bits can count; use a "
                          "coarser lattice",
                          (unsigned long long)surface->vertices, (unsigned long long)surface->triangles);
    mesh->positions = arena_array(result, float, 3 * (size_t)surface->vertices);
    mesh->normals = arena_array(result, float, 3 * (size_t)surface->vertices);
    mesh->triangles = arena_array(result, uint32_t, 3 * (size_t)surface->triangles);
    if (mesh->positions == NULL || mesh->normals == NULL || mesh->triangles == NULL)
        return lumen_fail_memory(error, "the mesh of an iso-surface");
    mesh->vertex_count = (uint32_t)surface->vertices;
    mesh->triangle_count = (uint32_t)surface->triangles;
    return LUMEN_OK;
}

lumen_status brick_polygonize(const brick_grid *grid, arena *scratch, arena *result, lumen_mesh *mesh, uint64_t *cells,
                              lumen_error *error)
{
    cut_surface surface = {0};
    surface.of_brick = arena_array(scratch, cut_brick *, grid->total);
    if (surface.of_brick == NULL)
        return lumen_fail_memory(error, "the bricks of an iso-surface");
    memset(surface.of_brick, 0, grid->total * sizeof(cut_brick *));
    if (!find_all_cuts(grid, scratch, &surface))
        return lumen_fail_memory(error, "the cut bricks of an iso-surface");

    arena_mark mark = arena_now(result);
    lumen_status status = allocate_mesh(&surface, result, mesh, error);
    if (status != LUMEN_OK) {
        arena_rewind(result, mark);
        *mesh = (lumen_mesh){0};
        return status;
    }
    write_mesh(grid, &surface, mesh);
    mesh_compute_normals(mesh);
    *cells = surface.cells;
    return LUMEN_OK;
}

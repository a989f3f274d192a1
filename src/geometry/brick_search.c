/*
 * Finding the bricks of the lattice that the surface can reach.
 *
 * An octree over the bricks is descended. The value at the middle of a node and the field's Lipschitz bound
 * tell whether the field can change its sign among the node's corners; where it cannot, all of them lie on
 * the side of the middle, and nothing below is asked. The same question is put once more to the eight
 * octants of a brick (2×2×2 corners), because it halves the number of values asked; the corners of the
 * octants that remain are asked in one call. With a true bound the signs are those of a full evaluation.
 *
 * A bound may be untrue. So in the end every edge of the lattice whose ends differ must have been asked at
 * both ends, and where one was not, its octant is asked now, which may show more such edges, and so on. As
 * the signs alone decide the topology (polygonize.c), the result is watertight whatever the field says.
 */
#include "geometry/brick.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

#define OCTANT UINT64_C(0x00330033)

typedef struct brick_search_state {
    const scalar_field *field;
    brick_grid *grid;
    arena *scratch;
    uint64_t *evaluations;
    lumen_error *error;
    float bound; /* greatest change of the field over the length of one cell */
} brick_search_state;

static size_t brick_index(const brick_grid *grid, const uint32_t brick[3])
{
    return brick[0] + brick[1] * grid->step[1] + brick[2] * grid->step[2];
}

/* A few points to be asked at once. */
typedef struct point_batch {
    size_t count;
    float x[BRICK_CORNERS], y[BRICK_CORNERS], z[BRICK_CORNERS];
    float values[BRICK_CORNERS];
} point_batch;

/* Adds a point given in lattice units. */
static void batch_add(point_batch *batch, const isosurface_lattice *lattice, float x, float y, float z)
{
    batch->x[batch->count] = lattice_coordinate(lattice, 0, x);
    batch->y[batch->count] = lattice_coordinate(lattice, 1, y);
    batch->z[batch->count] = lattice_coordinate(lattice, 2, z);
    batch->count++;
}

static lumen_status batch_ask(brick_search_state *search, point_batch *batch)
{
    *search->evaluations += batch->count;
    return search->field->evaluate(search->field->user, batch->count, batch->x, batch->y, batch->z, batch->values,
                                   search->error);
}

/* Whether a value proves that no sign changes within `reach` cells. Never true for a NaN. */
static bool is_far(const brick_search_state *search, float value, float reach)
{
    return fabsf(value) > search->bound * reach;
}

/* Asks the `wanted` corners of a brick and notes their values and signs. */
static lumen_status ask_corners(brick_search_state *search, const uint32_t brick[3], uint64_t wanted)
{
    brick_grid *grid = search->grid;
    const isosurface_lattice *lattice = grid->lattice;
    size_t index = brick_index(grid, brick);
    uint32_t end[3] = {lattice->cells[0] + 1, lattice->cells[1] + 1, lattice->cells[2] + 1};
    wanted &= brick_corners_within(brick, 0, end) & ~grid->known[index];
    if (wanted == 0)
        return LUMEN_OK;
    if (grid->known[index] == 0) {
        grid->values[index] = arena_array(search->scratch, float, BRICK_CORNERS);
        if (grid->values[index] == NULL)
            return lumen_fail_memory(search->error, "the values of an iso-surface");
    }

    point_batch batch;
    batch.count = 0;
    for (uint64_t left = wanted; left != 0; left &= left - 1) {
        unsigned corner = lowest_bit(left);
        batch_add(&batch, lattice, (float)(brick[0] * BRICK_SIDE + (corner & 3)),
                  (float)(brick[1] * BRICK_SIDE + (corner >> 2 & 3)), (float)(brick[2] * BRICK_SIDE + (corner >> 4)));
    }
    lumen_status status = batch_ask(search, &batch);
    if (status != LUMEN_OK)
        return status;

    uint64_t negative = 0;
    size_t next = 0;
    for (uint64_t left = wanted; left != 0; left &= left - 1) {
        unsigned corner = lowest_bit(left);
        float value = batch.values[next++];
        grid->values[index][corner] = value;
        negative |= (uint64_t)(value < 0.0f) << corner;
    }
    grid->known[index] |= wanted;
    grid->inside[index] = (grid->inside[index] & ~wanted) | (negative & brick_open_corners(grid, brick));
    return LUMEN_OK;
}

/* Asks the middles of a brick's octants, then the corners of those octants that may be cut. */
static lumen_status refine_brick(brick_search_state *search, const uint32_t brick[3])
{
    brick_grid *grid = search->grid;
    point_batch batch;
    uint64_t corners[8];
    batch.count = 0;
    uint32_t end[3] = {grid->lattice->cells[0] + 1, grid->lattice->cells[1] + 1, grid->lattice->cells[2] + 1};
    uint64_t existing = brick_corners_within(brick, 0, end);
    for (uint32_t octant = 0; octant < 8; octant++) {
        uint32_t x = 2 * (octant & 1);
        uint32_t y = 2 * (octant >> 1 & 1);
        uint32_t z = 2 * (octant >> 2);
        uint64_t own = OCTANT << (x + 4 * y + 16 * z);
        if ((own & existing) == 0)
            continue;
        corners[batch.count] = own;
        batch_add(&batch, grid->lattice, (float)(brick[0] * BRICK_SIDE + x) + 0.5f,
                  (float)(brick[1] * BRICK_SIDE + y) + 0.5f, (float)(brick[2] * BRICK_SIDE + z) + 0.5f);
    }
    lumen_status status = batch_ask(search, &batch);
    if (status != LUMEN_OK)
        return status;

    const float octant_reach = 0.8660255f; /* half the diagonal of one cell */
    uint64_t near = 0;
    uint64_t inside = 0;
    for (size_t i = 0; i < batch.count; i++) {
        if (!is_far(search, batch.values[i], octant_reach))
            near |= corners[i];
        else if (batch.values[i] < 0.0f)
            inside |= corners[i];
    }
    grid->inside[brick_index(grid, brick)] = inside & brick_open_corners(grid, brick);
    return ask_corners(search, brick, near);
}

/* Marks all corners of a node as inside. */
static void fill_node(brick_grid *grid, unsigned level, const uint32_t node[3])
{
    uint32_t low[3];
    uint32_t high[3];
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = node[axis] << level;
        high[axis] = (node[axis] + 1) << level;
        if (high[axis] > grid->bricks[axis])
            high[axis] = grid->bricks[axis];
    }
    for (uint32_t z = low[2]; z < high[2]; z++)
        for (uint32_t y = low[1]; y < high[1]; y++)
            for (uint32_t x = low[0]; x < high[0]; x++) {
                uint32_t brick[3] = {x, y, z};
                grid->inside[brick_index(grid, brick)] = brick_open_corners(grid, brick);
            }
}

/* Asks the middles of a node's children in one call and goes on below those that may be cut. A node of
 * level n is a cube of 2^n bricks on a side, so level 0 is a brick. */
static lumen_status descend(brick_search_state *search, unsigned level, const uint32_t node[3])
{
    if (level == 0)
        return refine_brick(search, node);

    brick_grid *grid = search->grid;
    uint32_t children[8][3];
    float reach[8];
    point_batch batch;
    batch.count = 0;
    unsigned below = level - 1;
    for (uint32_t which = 0; which < 8; which++) {
        uint32_t *child = children[batch.count];
        float middle[3];
        float squared = 0.0f;
        bool exists = true;
        for (int axis = 0; axis < 3; axis++) {
            child[axis] = 2 * node[axis] + (which >> axis & 1);
            uint32_t first = (child[axis] << below) * BRICK_SIDE;
            uint32_t last = first + ((uint32_t)BRICK_SIDE << below) - 1;
            if (last > grid->lattice->cells[axis])
                last = grid->lattice->cells[axis];
            exists = exists && first <= grid->lattice->cells[axis];
            middle[axis] = 0.5f * (float)(first + last);
            squared += 0.25f * (float)(last - first) * (float)(last - first);
        }
        if (!exists)
            continue;
        reach[batch.count] = sqrtf(squared);
        batch_add(&batch, grid->lattice, middle[0], middle[1], middle[2]);
    }
    lumen_status status = batch_ask(search, &batch);
    for (size_t i = 0; i < batch.count && status == LUMEN_OK; i++) {
        if (!is_far(search, batch.values[i], reach[i]))
            status = descend(search, below, children[i]);
        else if (batch.values[i] < 0.0f)
            fill_node(grid, below, children[i]);
    }
    return status;
}

static lumen_status ask_everything(brick_search_state *search)
{
    const brick_grid *grid = search->grid;
    lumen_status status = LUMEN_OK;
    for (uint32_t z = 0; z < grid->bricks[2] && status == LUMEN_OK; z++)
        for (uint32_t y = 0; y < grid->bricks[1] && status == LUMEN_OK; y++)
            for (uint32_t x = 0; x < grid->bricks[0] && status == LUMEN_OK; x++)
                status = ask_corners(search, (uint32_t[3]){x, y, z}, ~UINT64_C(0));
    return status;
}

/* ---- Edges that differ but were not asked ----------------------------------------------------- */

/* Bricks that are to be looked at again. Grown by copying; what is left behind goes with the scratch. */
typedef struct brick_list {
    uint32_t *bricks;
    size_t count;
    size_t capacity;
} brick_list;

static lumen_status list_add(brick_list *list, arena *scratch, size_t brick, lumen_error *error)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 256 : list->capacity * 2;
        uint32_t *bricks = arena_array(scratch, uint32_t, capacity);
        if (bricks == NULL)
            return lumen_fail_memory(error, "the list of bricks of an iso-surface");
        if (list->count != 0)
            memcpy(bricks, list->bricks, list->count * sizeof *bricks);
        list->bricks = bricks;
        list->capacity = capacity;
    }
    list->bricks[list->count++] = (uint32_t)brick;
    return LUMEN_OK;
}

bool brick_cut_ends(const brick_grid *grid, size_t index, uint64_t ends[4])
{
    uint64_t own = grid->inside[index];
    uint64_t far_x = grid->inside[index + grid->step[0]];
    uint64_t far_y = grid->inside[index + grid->step[1]];
    uint64_t far_z = grid->inside[index + grid->step[2]];
    if ((own | far_x | far_y | far_z) == 0 || (own & far_x & far_y & far_z) == ~UINT64_C(0))
        return false;
    uint64_t x = own ^ brick_next_x(own, far_x);
    uint64_t y = own ^ brick_next_y(own, far_y);
    uint64_t z = own ^ brick_next_z(own, far_z);
    ends[0] = x | y | z | (x << 1 & ~BRICK_FIRST_X) | (y << 4 & ~BRICK_FIRST_Y) | z << 16;
    ends[1] = x >> 3 & BRICK_FIRST_X;
    ends[2] = y >> 12 & BRICK_FIRST_Y;
    ends[3] = z >> 48;
    return ends[0] != 0;
}

static uint64_t whole_octants(uint64_t corners)
{
    uint64_t octants = 0;
    for (unsigned octant = 0; octant < 8; octant++) {
        uint64_t own = OCTANT << (2 * (octant & 1) + 8 * (octant >> 1 & 1) + 32 * (octant >> 2));
        if ((corners & own) != 0)
            octants |= own;
    }
    return octants;
}

/* Asks what is missing at the ends of a brick's cut edges. A brick that learnt something new goes onto the
 * list, with the three neighbors whose edges end in it. */
static lumen_status ask_missing_ends(brick_search_state *search, size_t index, brick_list *list)
{
    const brick_grid *grid = search->grid;
    uint64_t ends[4];
    if (!brick_cut_ends(grid, index, ends))
        return LUMEN_OK;
    for (int i = 0; i < 4; i++) {
        size_t at = index + (i == 0 ? 0 : grid->step[i - 1]);
        if ((ends[i] & ~grid->known[at]) == 0)
            continue;
        uint32_t brick[3] = {(uint32_t)(at % grid->step[1]), (uint32_t)(at % grid->step[2] / grid->step[1]),
                             (uint32_t)(at / grid->step[2])};
        lumen_status status = ask_corners(search, brick, whole_octants(ends[i] & ~grid->known[at]));
        if (status == LUMEN_OK)
            status = list_add(list, search->scratch, at, search->error);
        for (int axis = 0; axis < 3 && status == LUMEN_OK; axis++)
            if (brick[axis] > 0)
                status = list_add(list, search->scratch, at - grid->step[axis], search->error);
        if (status != LUMEN_OK)
            return status;
    }
    return LUMEN_OK;
}

static lumen_status follow_surface(brick_search_state *search)
{
    const brick_grid *grid = search->grid;
    brick_list list = {0};
    lumen_status status = LUMEN_OK;
    for (uint32_t z = 0; z < grid->bricks[2]; z++)
        for (uint32_t y = 0; y < grid->bricks[1]; y++)
            for (uint32_t x = 0; x < grid->bricks[0]; x++) {
                status = ask_missing_ends(search, brick_index(grid, (uint32_t[3]){x, y, z}), &list);
                while (list.count != 0 && status == LUMEN_OK)
                    status = ask_missing_ends(search, list.bricks[--list.count], &list);
                if (status != LUMEN_OK)
                    return status;
            }
    return LUMEN_OK;
}

lumen_status brick_search(const scalar_field *field, brick_grid *grid, arena *scratch, uint64_t *evaluations,
                          lumen_error *error)
{
    brick_search_state search = {field, grid, scratch, evaluations, error, 0.0f};
    /* A little more than asked, for the rounding of positions and values. */
    search.bound = field->lipschitz * grid->lattice->cell * 1.0001f;
    if (!(search.bound > 0.0f) || !isfinite(search.bound))
        return ask_everything(&search);

    unsigned level = 0;
    for (int axis = 0; axis < 3; axis++)
        while (UINT32_C(1) << level < grid->bricks[axis])
            level++;
    lumen_status status = descend(&search, level, (uint32_t[3]){0, 0, 0});
    return status == LUMEN_OK ? follow_surface(&search) : status;
}

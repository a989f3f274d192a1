#include "picture/raster.h"

#include <math.h>
#include <stdbool.h>

void raster_clear(raster_grid *grid)
{
    size_t count = (size_t)grid->rows * (size_t)grid->width;
    for (size_t i = 0; i < count; i++)
        grid->depth[i] = -INFINITY;
    if (grid->ids != NULL)
        for (size_t i = 0; i < count; i++)
            grid->ids[i] = RASTER_NOTHING;
}

static int32_t least(int32_t a, int32_t b, int32_t c)
{
    int32_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static int32_t most(int32_t a, int32_t b, int32_t c)
{
    int32_t ab = a > b ? a : b;
    return ab > c ? ab : c;
}

static bool within_limit(const raster_vertex *vertex)
{
    return vertex->x > -RASTER_LIMIT && vertex->x < RASTER_LIMIT && vertex->y > -RASTER_LIMIT &&
           vertex->y < RASTER_LIMIT;
}

/* The first place whose center lies at or behind a coordinate, and the last one at or before it. */
static int32_t first_place(int32_t coordinate)
{
    return (coordinate + RASTER_UNIT / 2 - 1) >> 4;
}

static int32_t last_place(int32_t coordinate)
{
    return (coordinate - RASTER_UNIT / 2) >> 4;
}

_Static_assert(RASTER_UNIT == 1 << 4, "first_place and last_place shift by the logarithm of the unit");

/* An edge function and its change from place to place: positive on the inner side of the edge from a to b. */
typedef struct edge {
    int64_t value, step_x, step_y;
} edge;

static edge make_edge(const raster_vertex *a, const raster_vertex *b, int32_t x, int32_t y)
{
    int64_t dx = (int64_t)b->x - a->x, dy = (int64_t)b->y - a->y;
    return (edge){dy * (x - a->x) - dx * (y - a->y), dy * RASTER_UNIT, -dx * RASTER_UNIT};
}

void raster_triangle(raster_grid *grid, const raster_vertex *a, const raster_vertex *b, const raster_vertex *c,
                     uint32_t id)
{
    if (!within_limit(a) || !within_limit(b) || !within_limit(c))
        return;
    int64_t area = ((int64_t)b->y - a->y) * ((int64_t)c->x - a->x) - ((int64_t)b->x - a->x) * ((int64_t)c->y - a->y);
    if (area <= 0)
        return;
    int32_t left = first_place(least(a->x, b->x, c->x)), right = last_place(most(a->x, b->x, c->x));
    int32_t top = first_place(least(a->y, b->y, c->y)), bottom = last_place(most(a->y, b->y, c->y));
    left = left < 0 ? 0 : left;
    right = right >= grid->width ? grid->width - 1 : right;
    top = top < grid->first_row ? grid->first_row : top;
    bottom = bottom >= grid->first_row + grid->rows ? grid->first_row + grid->rows - 1 : bottom;
    if (left > right || top > bottom)
        return;

    int32_t x = left * RASTER_UNIT + RASTER_UNIT / 2, y = top * RASTER_UNIT + RASTER_UNIT / 2;
    edge ab = make_edge(a, b, x, y), bc = make_edge(b, c, x, y), ca = make_edge(c, a, x, y);

    /* The depth is a plane over the grid: the edge functions over the area are barycentric coordinates. */
    float scale = 1.0f / (float)area;
    float to_b = (b->depth - a->depth) * scale, to_c = (c->depth - a->depth) * scale;
    float depth_x = (float)ca.step_x * to_b + (float)ab.step_x * to_c;
    float depth_y = (float)ca.step_y * to_b + (float)ab.step_y * to_c;
    float row_depth = a->depth + (float)ca.value * to_b + (float)ab.value * to_c;

    for (int32_t row = top; row <= bottom; row++) {
        size_t start = (size_t)(row - grid->first_row) * (size_t)grid->width;
        int64_t e0 = ab.value, e1 = bc.value, e2 = ca.value;
        for (int32_t column = left; column <= right; column++) {
            if ((e0 | e1 | e2) >= 0) {
                size_t place = start + (size_t)column;
                float depth = row_depth + depth_x * (float)(column - left);
                if (depth > grid->depth[place]) {
                    grid->depth[place] = depth;
                    if (grid->ids != NULL)
                        grid->ids[place] = id;
                }
            }
            e0 += ab.step_x;
            e1 += bc.step_x;
            e2 += ca.step_x;
        }
        ab.value += ab.step_y;
        bc.value += bc.step_y;
        ca.value += ca.step_y;
        row_depth += depth_y;
    }
}

void raster_triangles(raster_grid *grid, const raster_vertex *vertices, const uint32_t *triangles, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *triangle = triangles + 3 * (size_t)i;
        raster_triangle(grid, &vertices[triangle[0]], &vertices[triangle[1]], &vertices[triangle[2]], i);
    }
}

/*
 * raster.h: which triangle is nearest at each place of a grid.
 *
 * Edge functions in fixed point (Juan Pineda, "A Parallel Algorithm for Polygon Rasterization", 1988), so
 * that neighboring triangles leave no gap, with a depth buffer in which larger is nearer.
 */
#ifndef LUMEN_PICTURE_RASTER_H
#define LUMEN_PICTURE_RASTER_H

#include <stddef.h>
#include <stdint.h>

enum {
    RASTER_UNIT = 16,       /* fixed-point steps per place of the grid */
    RASTER_LIMIT = 1 << 20, /* coordinates beyond this many steps are not drawn */
};
#define RASTER_NOTHING UINT32_MAX

/* A vertex on the grid: the place (i, j) has its center at ((i + 0.5) UNIT, (j + 0.5) UNIT); y grows downward. */
typedef struct raster_vertex {
    int32_t x, y;
    float depth;
} raster_vertex;

/* Rows first_row to first_row + rows - 1 of a grid, row by row. */
typedef struct raster_grid {
    int32_t width;
    int32_t first_row;
    int32_t rows;
    float *depth;  /* (rows, width); -INFINITY where there is nothing */
    uint32_t *ids; /* (rows, width) index of the nearest triangle, RASTER_NOTHING for none; NULL: not wanted */
} raster_grid;

void raster_clear(raster_grid *grid);

/* Draws one triangle if it faces the viewer (counter-clockwise with y upward). */
void raster_triangle(raster_grid *grid, const raster_vertex *a, const raster_vertex *b, const raster_vertex *c,
                     uint32_t id);

/* Draws `count` triangles given as indices (count, 3); each one's id is its number. */
void raster_triangles(raster_grid *grid, const raster_vertex *vertices, const uint32_t *triangles, uint32_t count);

#endif

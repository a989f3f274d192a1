/*
 * cube_table.h: how the surface runs through one cell, for each of the 256 ways in which its eight
 * corners can lie inside or outside. The table is computed by make_cube_table.c during the build.
 *
 * Corners: number x + 2y + 4z for x, y, z in {0, 1}; bit n of a case is set where corner n is inside.
 * Edges: 0..3 run along x and start at (y, z) = (0,0) (1,0) (0,1) (1,1); 4..7 run along y and start at the
 * same values of (x, z); 8..11 run along z and start at the same values of (x, y).
 */
#ifndef LUMEN_GEOMETRY_CUBE_TABLE_H
#define LUMEN_GEOMETRY_CUBE_TABLE_H

#include <stdint.h>

enum { CUBE_EDGES = 12, CUBE_TRIANGLES_MAX = 5 };

typedef struct cube_case {
    uint8_t triangle_count;
    uint8_t triangles[CUBE_TRIANGLES_MAX][3]; /* edges, counter-clockwise seen from outside */
} cube_case;

extern const cube_case cube_table[256];

#endif

/*
 * assignment.h: the cheapest way to give each row a column of its own. Private to this room.
 *
 *     assignment_solve(rows, columns, costs, chosen);   // chosen[row] is its column
 *
 * The linear assignment problem of Kuhn, "The Hungarian Method for the Assignment Problem", Naval Research Logistics
 * Quarterly 2, 1955, solved row by row along shortest augmenting paths with dual prices, as in Jonker and Volgenant, "A
 * Shortest Augmenting Path Algorithm for Dense and Sparse Linear Assignment Problems", Computing 38, 1987 (without its
 * preparatory reductions, which only save time). O(rows² · columns).
 */
#ifndef LUMEN_NAMING_ASSIGNMENT_H
#define LUMEN_NAMING_ASSIGNMENT_H

#include "lumen.h"

enum { ASSIGNMENT_ROWS_MAX = LUMEN_PARTS_MAX, ASSIGNMENT_COLUMNS_MAX = 2 * LUMEN_PARTS_MAX };

/* `costs` (rows, columns), finite; rows <= columns, both within the bounds above. Among equally cheap answers the same
 * one is taken each time. Returns the sum of the chosen costs. */
float assignment_solve(uint32_t rows, uint32_t columns, const float *costs, uint32_t *chosen);

#endif

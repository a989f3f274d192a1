#include "naming/assignment.h"

#include <math.h>
#include <string.h>

static const uint32_t NO_ROW = UINT32_MAX;

/* Prices under which no pair costs less than nothing, and every chosen pair nothing. */
typedef struct prices {
    double row[ASSIGNMENT_ROWS_MAX];
    double column[ASSIGNMENT_COLUMNS_MAX];
} prices;

/* Gives `start` a column: the shortest way, over rows that move on to another column, to one that is free (Dijkstra
 * over reduced costs), then moves all of them. `owner` (columns) is each column's row. */
static void augment(uint32_t start, uint32_t columns, const float *costs, prices *price, uint32_t *owner)
{
    double distance[ASSIGNMENT_COLUMNS_MAX];
    uint32_t from[ASSIGNMENT_COLUMNS_MAX]; /* the row that the way comes from */
    bool done[ASSIGNMENT_COLUMNS_MAX] = {false};
    for (uint32_t j = 0; j < columns; j++)
        distance[j] = INFINITY;

    uint32_t row = start;
    double way = 0.0;
    uint32_t last;
    for (;;) {
        for (uint32_t j = 0; j < columns; j++) {
            double longer = way + (double)costs[(size_t)row * columns + j] - price->row[row] - price->column[j];
            if (!done[j] && longer < distance[j]) {
                distance[j] = longer;
                from[j] = row;
            }
        }
        last = columns;
        for (uint32_t j = 0; j < columns; j++)
            if (!done[j] && (last == columns || distance[j] < distance[last]))
                last = j;
        done[last] = true;
        way = distance[last];
        if (owner[last] == NO_ROW)
            break;
        row = owner[last];
    }

    price->row[start] += way;
    for (uint32_t j = 0; j < columns; j++) {
        if (!done[j] || j == last)
            continue;
        price->column[j] -= way - distance[j];
        price->row[owner[j]] += way - distance[j];
    }
    /* Backwards along the way; the column that a row leaves is the one that the row before it takes. */
    for (uint32_t column = last;;) {
        uint32_t taker = from[column];
        uint32_t left = columns;
        for (uint32_t j = 0; j < columns; j++)
            if (owner[j] == taker)
                left = j;
        owner[column] = taker;
        if (taker == start)
            break;
        column = left;
    }
}

float assignment_solve(uint32_t rows, uint32_t columns, const float *costs, uint32_t *chosen)
{
    prices price;
    memset(&price, 0, sizeof price);
    uint32_t owner[ASSIGNMENT_COLUMNS_MAX];
    for (uint32_t j = 0; j < columns; j++)
        owner[j] = NO_ROW;
    for (uint32_t i = 0; i < rows; i++)
        augment(i, columns, costs, &price, owner);
    float sum = 0.0f;
    for (uint32_t j = 0; j < columns; j++) {
        if (owner[j] != NO_ROW) {
            chosen[owner[j]] = j;
            sum += costs[(size_t)owner[j] * columns + j];
        }
    }
    return sum;
}

/*
 * forest.h: sets that grow together, as a forest: parents[i] == i at a root. For this room's files.
 *
 *     for (uint32_t i = 0; i < count; i++)
 *         parents[i] = i;
 *     forest_unite(parents, 3, 5);
 *     same = forest_root(parents, 3) == forest_root(parents, 5);
 */
#ifndef LUMEN_GEOMETRY_FOREST_H
#define LUMEN_GEOMETRY_FOREST_H

#include <stdint.h>

/* What stands for the set that `i` is in. Shortens the way there. */
static inline uint32_t forest_root(uint32_t *parents, uint32_t i)
{
    while (parents[i] != i) {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    return i;
}

/* The smaller number becomes the root: nothing hangs on the order of memory, and none comes before its root. */
static inline void forest_unite(uint32_t *parents, uint32_t a, uint32_t b)
{
    a = forest_root(parents, a);
    b = forest_root(parents, b);
    if (a < b)
        parents[b] = a;
    else
        parents[a] = b;
}

#endif

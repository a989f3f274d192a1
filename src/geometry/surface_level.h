/*
 * surface_level.h: the lattices of an adaptive extraction, inside the geometry room (surface.h).
 *
 * A level is a lattice in bricks (brick.h) with the side of every corner, and values in those bricks where
 * something was asked. A brick that has values has all 64: those that were asked, and for the others what the level
 * above foretells. Values are turned so that they are negative inside, whatever the field's convention.
 */
#ifndef LUMEN_GEOMETRY_SURFACE_LEVEL_H
#define LUMEN_GEOMETRY_SURFACE_LEVEL_H

#include "geometry/brick.h"
#include "geometry/surface.h"

/* Where the value of a point in a batch belongs. */
typedef struct surface_place {
    uint32_t brick;
    uint32_t corner;
} surface_place;

/* What all steps of one extraction share. */
typedef struct surface_search {
    const batch_field *field;
    arena *scratch;
    surface_report *report;
    lumen_error *error;
    lumen_progress progress;
    void *progress_user;
    double fraction; /* for progress */
    uint64_t queries_max;
    size_t batch;
    float *points;         /* (batch, 3) */
    float *values;         /* (batch) */
    surface_place *places; /* (batch) */
} surface_search;

typedef struct surface_level {
    struct surface_level *parent; /* the lattice of half as many cells; NULL for the coarse one */
    isosurface_lattice lattice;
    brick_grid grid;    /* points into `lattice`: a level does not move */
    uint64_t *wanted;   /* (grid.total) corners that are to be asked next */
    uint64_t *suspects; /* (grid.total) cells that may hold what no corner sees; the level below asks all over them */
    uint64_t *searched; /* (grid.total) suspects that were asked */
    uint64_t *probed;   /* (grid.total) suspects that a probe has shown to hide something */
    float slope;        /* change of the field per cell, near the surface */
} surface_level;

/* Sets the size of batches (0: the usual) and takes room for one from search->scratch. */
lumen_status surface_open_search(surface_search *search, size_t batch);

/* Asks search->points[0..count) into search->values, turned and free of what is no number. */
lumen_status surface_ask(surface_search *search, size_t count);

/* A new level over a cube; without a parent all corners are outside. */
lumen_status surface_open_level(surface_search *search, const arena *result, const float low[3], float side,
                                uint32_t cells, surface_level *parent, surface_level *level);

/* The value at a corner of the lattice: asked, or foretold. */
float surface_value(const surface_level *level, uint32_t x, uint32_t y, uint32_t z);

/* Wants a corner unless its value is known. */
void surface_want(surface_level *level, uint32_t x, uint32_t y, uint32_t z);

/* Asks all wanted corners. `asked` becomes their number. */
lumen_status surface_ask_wanted(surface_search *search, surface_level *level, uint64_t *asked);

/* Asks at both ends of every cut edge, and all over the parent's suspects, until nothing is missing. */
lumen_status surface_follow(surface_search *search, surface_level *level);

/* Sets level->slope from the cut edges; where there are none, raises it to the steepest edge. */
lumen_status surface_measure_slope(surface_search *search, surface_level *level);

/* ---- What corners do not see (surface_suspects.c) --------------------------------------------- */

/* Suspects the cells at edges toward which the field falls from both sides. */
void surface_suspect_valleys(const surface_level *level, float saturation);

/* Asks once in every cell that might hide something for all that its corners say, and suspects those that do.
 * `everywhere`: in every cell. */
lumen_status surface_probe(surface_search *search, surface_level *level, bool everywhere);

/* Hands the parent's probed suspects down, as all the cells of this level in them, as long as no corner sees what
 * the probe saw. */
void surface_keep_probed(const surface_level *level);

/* Suspects the neighbors of searched cells where something leaves through the face between them. The cells are those
 * of level->parent whose bits are set in `cells` (of brick `index`). */
void surface_suspect_neighbors(const surface_level *level, size_t index, uint64_t cells);

/* ---- Vertices (surface_vertices.c) --------------------------------------------------------------- */

/* Moves the vertices on edges with a saturated end to where the field is zero. The mesh is that of the level. */
lumen_status surface_place_vertices(surface_search *search, const surface_level *level, float saturation,
                                    lumen_mesh *mesh);

#endif

/*
 * surface.h: the surface of a field that is expensive to ask.
 *
 *     surface_settings settings = surface_settings_for(LUMEN_QUALITY_STANDARD);
 *     batch_field field = {.evaluate = ask_the_network, .user = &decoder};
 *     lumen_mesh mesh;
 *     surface_report report;
 *     status = surface_extract(&field, &settings, scratch, result, &mesh, &report, &error);
 *     ... points of the mesh by sample.h ...
 *     status = surface_project(&field, &settings, &report, NULL, count, positions, normals, scratch, NULL, &error);
 *
 * isosurface.h asks a field that costs nanoseconds, a few points at a time and with a bound that is known. Here
 * a value costs some ten million multiplications in a network (a neural occupancy or truncated distance
 * field), nothing is known of it beforehand, and it wants to be asked thousands of points at a time. So values are
 * what is saved:
 *
 * 1. A coarse lattice is asked whole. Its samples tell how steep the field is and at which value it saturates.
 * 2. A cell may hold a part that no corner sees. It does where the magnitude of the field falls toward the cell from
 *    both sides (a valley), and it may where the field is saturated and so tells nothing; such a cell is asked
 *    once more, at a place that differs from cell to cell so that neither plates nor rods along an axis slip
 *    through.
 * 3. The lattice is halved several times. Values are foretold by interpolation, and asked only where the surface runs:
 *    at both ends of every edge that it cuts, followed from cell to cell until no cut edge is left unasked, and
 *    all over the cells of 2, which are followed too.
 * 4. The iso-surface room makes the mesh from the signs and values of the last lattice: closed, outward, and a
 *    2-manifold whatever the field says. Where an end of a cut edge is saturated, its vertex is found by regula falsi.
 *
 * How thin a part may be, how far the mesh is from the true surface and how many values were asked: docs/surface.md.
 *
 * Threads: the functions hold no state; the field is asked from the calling thread.
 */
#ifndef LUMEN_GEOMETRY_SURFACE_H
#define LUMEN_GEOMETRY_SURFACE_H

#include "base/arena.h"
#include "lumen.h"

/* A field that is asked in large batches. */
typedef struct batch_field {
    /* Writes the values at `count` points: points (count, 3), values (count). At most settings.batch points a call, and
     * no call without points. Anything but LUMEN_OK stops the extraction with that status, which is how one is
     * cancelled. A value may depend a little on what else is in the batch: but for the box's corners, no point is asked
     * twice. One that is not a number counts as outside and is counted in the report. */
    lumen_status (*evaluate)(void *user, const float *points, size_t count, float *values, lumen_error *error);
    void *user;
} batch_field;

/* Which sign lies outside. */
typedef enum surface_outside {
    SURFACE_OUTSIDE_CORNERS = 0, /* that of the box's eight corners, which must agree */
    SURFACE_OUTSIDE_POSITIVE,    /* as in a signed distance; corners that say otherwise are an error */
    SURFACE_OUTSIDE_NEGATIVE     /* as in logits of an occupancy */
} surface_outside;

enum { SURFACE_LEVELS_MAX = 6, SURFACE_CELLS_MAX = 1024, SURFACE_SPECK_CELLS = 4 };

typedef struct surface_settings {
    float low[3];          /* the corner of the box with the smallest coordinates */
    float side;            /* length of the box's edges */
    uint32_t coarse_cells; /* cells along an edge of the lattice that is asked whole: 4 to 256, a multiple of 4 */
    uint32_t levels;       /* how often it is halved: 0 to SURFACE_LEVELS_MAX, up to SURFACE_CELLS_MAX cells */
    surface_outside outside;
    /* Loose pieces whose surface is less than this share of the largest one's and whose box is shorter than
     * SURFACE_SPECK_CELLS cells of the last lattice along each axis are noise and left out; 0: none is. */
    float specks;
    size_t batch;            /* most points in one call of the field; 0: 16,384 */
    uint64_t queries_max;    /* more are an error (LUMEN_ERROR_FAILED); 0: no limit */
    lumen_progress progress; /* asked before every batch, with stage "surface"; false cancels; may be NULL */
    void *progress_user;
} surface_settings;

/* The box of TripoSG and PartCrafter, [-1.005, 1.005]^3, with 32 cells halved twice (fast: 128), thrice (standard: 256)
 * or 64 cells halved thrice (high: 512, as many as the reference); specks 0.001. */
surface_settings surface_settings_for(lumen_quality quality);

typedef struct surface_report {
    uint64_t queries;                               /* values asked of the field, all in all */
    uint64_t batches;                               /* calls of the field */
    uint64_t level_queries[SURFACE_LEVELS_MAX + 1]; /* for the coarse lattice and each halving */
    uint64_t vertex_queries;                        /* for vertices between saturated ends */
    uint64_t not_numbers;                           /* values that were NaN */
    uint32_t specks;                                /* pieces that were left out */
    uint64_t cells;                                 /* cells of the last lattice that the surface crosses */
    float outside;                                  /* 1 where positive values lie outside, else -1 */
    float cell;                                     /* edge length of the last lattice's cells */
    float slope;                                    /* change of the field per length near its surface; 0: empty */
    float saturation;                               /* magnitude beyond which a value tells no distance */
    bool empty;                                     /* no sign changes: the mesh has no vertices */
    bool clipped;                                   /* the surface would leave the box and was closed at its border */
} surface_report;

/* Extracts the surface. The mesh's vertices, triangles and area-weighted normals are allocated from `result`,
 * everything else from `scratch`, which is rewound (two different arenas). Triangles are counter-clockwise seen from
 * outside. `report` may be NULL. The same field and settings give the same bytes.
 * A field without a change of sign, of either sign, is an empty part: LUMEN_OK, report.empty and an empty mesh.
 * A coarse lattice that shows nothing at all is halved and asked whole once more before that is said.
 * Errors: LUMEN_ERROR_INVALID (settings), LUMEN_ERROR_FAILED (the corners of the box disagree, lie on the wrong side of
 * settings.outside or are not numbers; queries_max), LUMEN_ERROR_CANCELLED, LUMEN_ERROR_MEMORY, and whatever the field
 * returns; the mesh is empty then. Scratch: 64 bytes for each 4×4×4 corners of the last lattice and some 500 for each
 * of those near the surface: 8 to 16 MiB at 128 cells, 32 to 64 at 256, 256 at 512. */
lumen_status surface_extract(const batch_field *field, const surface_settings *settings, arena *scratch, arena *result,
                             lumen_mesh *mesh, surface_report *report, lumen_error *error);

/* ---- The reference's schedule ---------------------------------------------------------------- */

/* What PartCrafter's hierarchical_extract_geometry does (github.com/wgsxm/PartCrafter, 269bd41), for parity: a dense
 * lattice of 2^depth samples along each axis, both ends of the box included; one doubling by nearest neighbors; values
 * between band_low and band_high, not on the border, dilated by 5×5×5 (3×3×3 from 512 samples on) and their eight
 * children asked anew, at places that are shifted a little against the first as in the reference; marching cubes.
 * In 16-bit floats, which the reference computes in, its band |2 sigmoid(value) - 1| < 1 has the limits
 * -9.01 < value < 8.32; in 32 bits -18.02 < value < 16.64 with torch 2.13 on a processor. */
typedef struct surface_reference {
    float half;     /* the box is [-half, half]^3 */
    uint32_t depth; /* of the dense lattice, 3 to 8; the fine one has twice as many samples */
    float band_low, band_high;
    size_t batch; /* most points in one call; 0: 16,384 */
    lumen_progress progress;
    void *progress_user;
} surface_reference;

/* Half 1.005, depth 8 and the limits of 16-bit floats: 512 samples along each axis. */
surface_reference surface_reference_settings(void);

/* Negative values are inside, as in the reference. The order of vertices is ours. Marching cubes are those of
 * isosurface.h: the vertices are one for each edge whose ends differ, as in Lewiner's, which adds one in the middle of
 * some ambiguous cells (docs/surface.md counts them); a surface at the border is closed, the reference leaves it open.
 * `values` may be NULL; otherwise it receives the last lattice, ((2n)^3) with x fastest and n = 2^depth, from
 * `result`. Scratch: 5 bytes for each value of it (640 MiB for 512^3). Report and errors as above; a field without a
 * change of sign is an empty part here too (the reference makes it a mesh of one vertex). */
lumen_status surface_extract_reference(const batch_field *field, const surface_reference *settings, arena *scratch,
                                       arena *result, lumen_mesh *mesh, float **values, surface_report *report,
                                       lumen_error *error);

/* ---- Points ------------------------------------------------------------------------------------ */

typedef struct surface_projection {
    uint32_t steps;     /* values asked for each point; 0: 3 */
    float reach;        /* how far a point may move; 0: one cell */
    bool field_normals; /* four more values for each point, for the gradient of the field (a tetrahedron) */
    float normal_step;  /* half the width of the difference; 0: half a cell */
} surface_projection;

typedef struct surface_projection_report {
    uint64_t queries;
    uint32_t unmoved;           /* points where the field gave no better place: they stay where the mesh had them */
    double move_mean, move_max; /* distances */
} surface_projection_report;

/* Brings points that lie on the mesh (by sample_surfaces) onto the field's own surface, along their normals, by regula
 * falsi where the sign changes and secants where it does not. `positions` and `normals` are (count, 3) and change in
 * place; normals must be of unit length. `found` is the report of the extraction and gives sign and slope. `how` and
 * `report` may be NULL. Errors: LUMEN_ERROR_MEMORY, LUMEN_ERROR_CANCELLED, whatever the field returns; then some points
 * may have moved and all are still where mesh or field had them. */
lumen_status surface_project(const batch_field *field, const surface_settings *settings, const surface_report *found,
                             const surface_projection *how, size_t count, float *positions, float *normals,
                             arena *scratch, surface_projection_report *report, lumen_error *error);

#endif

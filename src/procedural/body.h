/*
 * body.h: the parts of a model as scalar fields, and as meshes. Private to this room.
 *
 * A part's own distance d_k is its solids, one after the other united, cut away or kept, each with its
 * fillet. Joined parts share one skin: G, the smooth union of all of them. Part k owns of that skin the
 * piece where it is nearest, so its field is
 *
 *     max(G, (d_k - min over the other joined parts d_j) / 2)
 *
 * whose surface is closed, meets its neighbors without a gap and shows no seam. (In truth the cut lies a
 * little beyond that border, and the skin dives under the neighbor's there.) A part that is not joined
 * has the field d_k.
 */
#ifndef LUMEN_PROCEDURAL_BODY_H
#define LUMEN_PROCEDURAL_BODY_H

#include "procedural/model.h"

/* Meshes every part that is not merged away, with normals, colors, attachments and hidden triangles, in the
 * order of the parts: meshes[i] belongs to parts[indices[i]]. Solids of the model that are thinner than the
 * lattice can hold are made thicker. `cells` is the number of lattice cells along
 * the longest side of the whole. Meshes are allocated from `result`. Errors: LUMEN_ERROR_MEMORY;
 * LUMEN_ERROR_CANCELLED when `progress` (may be NULL) says so. */
lumen_status body_mesh(model *individual, uint32_t cells, arena *scratch, arena *result, lumen_mesh *meshes,
                       uint32_t *indices, uint32_t *count, lumen_progress progress, void *progress_user,
                       lumen_error *error);

#endif

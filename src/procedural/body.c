/* From solids to fields to meshes. */

#include "procedural/body.h"

#include <string.h>

#include "base/error.h"
#include "geometry/isosurface.h"
#include "geometry/mesh.h"
#include "procedural/neighborhood.h"
#include "procedural/paint.h"

/* A sheet or a thread of this thickness does not slip between the corners of a lattice. */
static const float THINNEST_IN_CELLS = 1.5f;

/* ---- Fields -------------------------------------------------------------------------------------------------- */

typedef struct part_field {
    const model *individual;
    uint32_t part;
    bool joined;
    /* How far a joined part reaches under its neighbors' skin, so that the rim of the cut stays hidden. */
    float overlap;
    part_set parts;
} part_field;

/* A set's blend is no less than any fillet of part k. */
static void include_fillets(const model *individual, uint32_t k, part_set *set)
{
    const model_part *part = &individual->parts[k];
    set->blend = part->join > set->blend ? part->join : set->blend;
    for (uint32_t i = part->first_solid; i < part->first_solid + part->solid_count; i++)
        set->blend = individual->solids[i].blend > set->blend ? individual->solids[i].blend : set->blend;
}

static part_field field_of(const model *individual, uint32_t part)
{
    part_field field = {.individual = individual, .part = part, .joined = individual->parts[part].join > 0.0f};
    for (uint32_t k = 0; k < individual->part_count; k++) {
        const model_part *other = &individual->parts[k];
        field.parts.holds[k] = !other->merged && (k == part || (field.joined && other->join > 0.0f));
        if (field.parts.holds[k])
            include_fillets(individual, k, &field.parts);
    }
    return field;
}

static void evaluate_batch(const part_field *field, const neighborhood *near, float *values)
{
    const model *individual = field->individual;
    if (!field->joined) {
        if (!part_distances(individual, field->part, near, values))
            for (uint32_t i = 0; i < near->count; i++)
                values[i] = NEIGHBORHOOD_FAR;
        return;
    }
    float own[BATCH];
    float others[BATCH];
    float one[BATCH];
    bool any = false;
    bool any_other = false;
    bool any_own = false;
    for (uint32_t k = 0; k < individual->part_count; k++) {
        if (!field->parts.holds[k] || !part_distances(individual, k, near, one))
            continue;
        if (any)
            solid_unite(near->count, values, one, individual->parts[k].join);
        else
            memcpy(values, one, near->count * sizeof *values);
        any = true;
        if (k == field->part) {
            memcpy(own, one, near->count * sizeof *own);
            any_own = true;
        } else if (any_other) {
            solid_unite(near->count, others, one, 0.0f);
        } else {
            memcpy(others, one, near->count * sizeof *others);
            any_other = true;
        }
    }
    for (uint32_t i = 0; i < near->count; i++) {
        /* A part with no solid near is outside, however near the others are. */
        float share = !any_own ? NEIGHBORHOOD_FAR : !any_other ? -NEIGHBORHOOD_FAR : 0.5f * (own[i] - others[i]);
        /* Beyond its border a part dives under its neighbor, so that the rim of its cut stays out of sight. */
        float dive = share > 0.0f ? 0.4f * share : 0.0f;
        float skin = values[i] + dive;
        share -= field->overlap;
        values[i] = !any ? NEIGHBORHOOD_FAR : skin > share ? skin : share;
    }
}

static lumen_status evaluate_field(void *user, size_t count, const float *x, const float *y, const float *z,
                                   float *values, lumen_error *error)
{
    (void)error;
    const part_field *field = user;
    for (size_t done = 0; done < count; done += BATCH) {
        uint32_t batch = count - done < BATCH ? (uint32_t)(count - done) : BATCH;
        neighborhood near;
        look_around(field->individual, &field->parts, batch, x + done, y + done, z + done, &near);
        evaluate_batch(field, &near, values + done);
    }
    return LUMEN_OK;
}

/* ---- What a mesh needs beyond its surface ------------------------------------------------------------------------ */

/* 0 where the part touches the one it hangs on, growing with the distance from it to 1 at the far end. */
static void compute_attachments(const model *individual, uint32_t part, lumen_mesh *mesh)
{
    int parent = individual->parts[part].parent;
    if (parent < 0 || individual->parts[parent].solid_count == 0) {
        for (uint32_t i = 0; i < mesh->vertex_count; i++)
            mesh->attachments[i] = 1.0f;
        return;
    }
    part_set set = part_set_of((uint32_t)parent, NEIGHBORHOOD_FAR); /* distances far from it matter here */
    float x[BATCH], y[BATCH], z[BATCH];
    float farthest = 1e-6f;
    for (uint32_t first = 0; first < mesh->vertex_count; first += BATCH) {
        uint32_t batch = gather_vertices(mesh, first, x, y, z);
        neighborhood near;
        look_around(individual, &set, batch, x, y, z, &near);
        part_distances(individual, (uint32_t)parent, &near, mesh->attachments + first);
        for (uint32_t i = first; i < first + near.count; i++) {
            mesh->attachments[i] = mesh->attachments[i] > 0.0f ? mesh->attachments[i] : 0.0f;
            farthest = mesh->attachments[i] > farthest ? mesh->attachments[i] : farthest;
        }
    }
    for (uint32_t i = 0; i < mesh->vertex_count; i++)
        mesh->attachments[i] = mesh->attachments[i] / farthest;
}

/* Marks the triangles whose corners all lie inside the whole: cuts between joined parts, and what sinks into
 * another part. */
static lumen_status compute_hidden(const model *individual, float depth, arena *scratch, lumen_mesh *mesh,
                                   uint32_t part, lumen_error *error)
{
    arena_mark mark = arena_now(scratch);
    uint8_t *inside = arena_array(scratch, uint8_t, mesh->vertex_count);
    if (inside == NULL)
        return lumen_fail_memory(error, "the visible side of a part");
    part_set all = {0};
    for (uint32_t k = 0; k < individual->part_count; k++) {
        const model_part *other = &individual->parts[k];
        all.holds[k] = !other->merged;
        include_fillets(individual, k, &all);
    }
    float x[BATCH], y[BATCH], z[BATCH];
    for (uint32_t first = 0; first < mesh->vertex_count; first += BATCH) {
        uint32_t batch = gather_vertices(mesh, first, x, y, z);
        neighborhood near;
        look_around(individual, &all, batch, x, y, z, &near);
        float skin[BATCH];
        float one[BATCH];
        bool any = false;
        memset(inside + first, 0, near.count);
        for (uint32_t k = 0; k < individual->part_count; k++) {
            if (!all.holds[k] || !part_distances(individual, k, &near, one))
                continue;
            if (individual->parts[k].join > 0.0f) {
                if (any)
                    solid_unite(near.count, skin, one, individual->parts[k].join);
                else
                    memcpy(skin, one, near.count * sizeof *skin);
                any = true;
            } else if (k != part) {
                for (uint32_t i = 0; i < near.count; i++)
                    inside[first + i] |= one[i] < -depth;
            }
        }
        for (uint32_t i = 0; any && i < near.count; i++)
            inside[first + i] |= skin[i] < -depth;
    }
    for (uint32_t t = 0; t < mesh->triangle_count; t++) {
        const uint32_t *corner = mesh->triangles + 3 * t;
        mesh->hidden[t] = (uint8_t)(inside[corner[0]] & inside[corner[1]] & inside[corner[2]]);
    }
    arena_rewind(scratch, mark);
    return LUMEN_OK;
}

/* ---- Meshing --------------------------------------------------------------------------------------------- */

static void include_solid(const solid *one, float margin, float low[3], float high[3])
{
    const float c[3] = {one->center.x, one->center.y, one->center.z};
    for (int axis = 0; axis < 3; axis++) {
        float extent = one->reach;
        if (one->kind == SOLID_LIMB) {
            /* The nodes give a tighter box than the sphere around them. */
            for (uint32_t i = 0; i < one->node_count; i++) {
                float at = one->nodes[4 * i + (uint32_t)axis];
                at = one->mirrored && axis == 0 ? -at : at;
                float r = one->nodes[4 * i + 3] + margin;
                low[axis] = at - r < low[axis] ? at - r : low[axis];
                high[axis] = at + r > high[axis] ? at + r : high[axis];
            }
            continue;
        }
        if (one->kind == SOLID_BOX || one->kind == SOLID_ELLIPSOID)
            extent = fabsf(one->rotation[axis]) * one->size[0] + fabsf(one->rotation[3 + axis]) * one->size[1] +
                     fabsf(one->rotation[6 + axis]) * one->size[2];
        low[axis] = c[axis] - extent - margin < low[axis] ? c[axis] - extent - margin : low[axis];
        high[axis] = c[axis] + extent + margin > high[axis] ? c[axis] + extent + margin : high[axis];
    }
}

static bool part_box(const model *individual, uint32_t k, float low[3], float high[3])
{
    const model_part *part = &individual->parts[k];
    bool any = false;
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = 1e30f;
        high[axis] = -1e30f;
    }
    for (uint32_t i = part->first_solid; i < part->first_solid + part->solid_count; i++) {
        if (individual->solids[i].use != SOLID_ADD)
            continue;
        include_solid(&individual->solids[i], 0.25f * (part->join + individual->solids[i].blend), low, high);
        any = true;
    }
    return any;
}

/* A cell that is small enough for the part's thinnest solid, and not much smaller than the usual. */
static float choose_cell(const model *individual, uint32_t k, float usual)
{
    const model_part *part = &individual->parts[k];
    float thinnest = NEIGHBORHOOD_FAR;
    for (uint32_t i = part->first_solid; i < part->first_solid + part->solid_count; i++) {
        const solid *one = &individual->solids[i];
        if (one->use == SOLID_ADD && !one->accent && one->thickness < thinnest)
            thinnest = one->thickness;
    }
    float cell = usual / part->detail;
    float wanted = thinnest / 2.2f;
    wanted = wanted < cell / 2.5f ? cell / 2.5f : wanted;
    return wanted < cell ? wanted : cell;
}

/* What is thinner than a lattice can hold would come out in crumbs: it grows to what survives. */
static void thicken(solid *one, float least_thickness)
{
    float half = 0.5f * least_thickness;
    if (one->use != SOLID_ADD)
        return;
    switch ((solid_kind)one->kind) {
    case SOLID_LIMB:
        for (uint32_t i = 0; i < one->node_count; i++)
            one->nodes[4 * i + 3] = one->nodes[4 * i + 3] > half ? one->nodes[4 * i + 3] : half;
        break;
    case SOLID_SLAB: one->size[2] = one->size[2] > half ? one->size[2] : half; break;
    case SOLID_RING: one->size[1] = one->size[1] > half ? one->size[1] : half; break;
    case SOLID_LATHE: one->round += one->wall < least_thickness ? half - 0.5f * one->wall : 0.0f; break;
    case SOLID_BALL: one->size[0] = one->size[0] > half ? one->size[0] : half; break;
    default: /* ellipsoid, box */
        for (int axis = 0; axis < 3; axis++)
            one->size[axis] = one->size[axis] > half ? one->size[axis] : half;
        break;
    }
    one->reach += 0.87f * least_thickness; /* the corner of a box moves the farthest: by the root of three halves */
    one->thickness = one->thickness > least_thickness ? one->thickness : least_thickness;
}

static lumen_status mesh_part(const model *individual, uint32_t k, float cell, arena *scratch, arena *result,
                              lumen_mesh *mesh, lumen_error *error)
{
    float low[3];
    float high[3];
    *mesh = (lumen_mesh){0};
    if (!part_box(individual, k, low, high))
        return LUMEN_OK;
    isosurface_lattice lattice = {.cell = cell};
    for (int axis = 0; axis < 3; axis++) {
        float cells = ceilf((high[axis] - low[axis]) / lattice.cell) + 2.0f;
        lattice.cells[axis] = (uint32_t)float_clamp(cells, 1.0f, 1024.0f);
        lattice.origin[axis] = 0.5f * (low[axis] + high[axis]) - 0.5f * lattice.cell * (float)lattice.cells[axis];
    }
    part_field own = field_of(individual, k);
    own.overlap = 0.7f * lattice.cell;
    scalar_field field = {.evaluate = evaluate_field, .user = &own, .lipschitz = 1.2f};
    lumen_status status = isosurface_extract(&field, &lattice, scratch, result, mesh, NULL, error);
    if (status != LUMEN_OK || mesh->vertex_count == 0)
        return status;
    mesh->attachments = arena_array(result, float, mesh->vertex_count);
    if (mesh->attachments == NULL)
        return lumen_fail_memory(error, "the mesh of a part");
    memset(mesh->attachments, 0, mesh->vertex_count * sizeof *mesh->attachments);
    compute_attachments(individual, k, mesh);
    status = paint_mesh(individual, k, scratch, result, mesh, error);
    if (status != LUMEN_OK)
        return status;
    mesh->hidden = arena_array(result, uint8_t, mesh->triangle_count);
    if (mesh->hidden == NULL)
        return lumen_fail_memory(error, "the mesh of a part");
    return compute_hidden(individual, 0.4f * lattice.cell, scratch, mesh, k, error);
}

static void stretch_mesh(const float stretch[3], lumen_mesh *mesh)
{
    for (uint32_t i = 0; i < mesh->vertex_count; i++)
        for (uint32_t axis = 0; axis < 3; axis++)
            mesh->positions[3 * i + axis] *= stretch[axis];
    mesh_compute_normals(mesh);
}

lumen_status body_mesh(model *individual, uint32_t cells, arena *scratch, arena *result, lumen_mesh *meshes,
                       uint32_t *indices, uint32_t *count, lumen_progress progress, void *progress_user,
                       lumen_error *error)
{
    float longest = 1e-3f;
    float low[3] = {1e30f, 1e30f, 1e30f};
    float high[3] = {-1e30f, -1e30f, -1e30f};
    *count = 0;
    for (uint32_t k = 0; k < individual->part_count; k++) {
        float part_low[3];
        float part_high[3];
        if (!part_box(individual, k, part_low, part_high))
            continue;
        for (int axis = 0; axis < 3; axis++) {
            low[axis] = part_low[axis] < low[axis] ? part_low[axis] : low[axis];
            high[axis] = part_high[axis] > high[axis] ? part_high[axis] : high[axis];
            longest = high[axis] - low[axis] > longest ? high[axis] - low[axis] : longest;
        }
    }
    /* The solids of all parts take their final sizes before the first part is meshed, as joined parts look at others.
     */
    float part_cells[LUMEN_PARTS_MAX];
    for (uint32_t k = 0; k < individual->part_count; k++) {
        const model_part *part = &individual->parts[k];
        part_cells[k] = choose_cell(individual, k, longest / (float)cells);
        for (uint32_t i = part->first_solid; i < part->first_solid + part->solid_count; i++)
            thicken(&individual->solids[i], THINNEST_IN_CELLS * part_cells[k]);
    }
    const float *stretch = individual->stretch;
    bool stretched = stretch[0] != 1.0f || stretch[1] != 1.0f || stretch[2] != 1.0f;
    for (uint32_t k = 0; k < individual->part_count; k++) {
        if (individual->parts[k].merged)
            continue;
        if (progress != NULL && !progress(progress_user, "sculpt", (double)k / individual->part_count))
            return lumen_fail(error, LUMEN_ERROR_CANCELLED, "the shape was cancelled while its parts were made");
        lumen_mesh *mesh = &meshes[*count];
        lumen_status status = mesh_part(individual, k, part_cells[k], scratch, result, mesh, error);
        if (status != LUMEN_OK)
            return status;
        if (stretched)
            stretch_mesh(stretch, mesh);
        indices[(*count)++] = k;
    }
    return LUMEN_OK;
}

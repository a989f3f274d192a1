#include "procedural/neighborhood.h"

part_set part_set_of(uint32_t part, float blend)
{
    part_set set = {.blend = blend};
    set.holds[part] = true;
    return set;
}

/* Finds the solids that can matter to the value at any point of the batch. With h the distance of the farthest point
 * from the batch's center, and m no less than the distance of the center to what the part is in the end (to the nearest
 * solid, or the depth below a cut, or the way to what is kept), a solid farther than m + 2 h + blend from the center is
 * nowhere the nearest and touches no fillet: leaving it out changes no sign, and no value near the surface. */
void look_around(const model *individual, const part_set *parts, uint32_t count, const float *x, const float *y,
                 const float *z, neighborhood *near)
{
    near->count = count;
    near->x = x;
    near->y = y;
    near->z = z;
    float low[3] = {near->x[0], near->y[0], near->z[0]};
    float high[3] = {near->x[0], near->y[0], near->z[0]};
    for (uint32_t i = 1; i < near->count; i++) {
        const float p[3] = {near->x[i], near->y[i], near->z[i]};
        for (int c = 0; c < 3; c++) {
            low[c] = p[c] < low[c] ? p[c] : low[c];
            high[c] = p[c] > high[c] ? p[c] : high[c];
        }
    }
    float cx = 0.5f * (low[0] + high[0]);
    float cy = 0.5f * (low[1] + high[1]);
    float cz = 0.5f * (low[2] + high[2]);
    /* The estimate of an ellipsoid's distance may be off: a wider look costs little. */
    float h = 1.25f * vec3_length(vec3_make(high[0] - cx, high[1] - cy, high[2] - cz));
    float nearest = NEIGHBORHOOD_FAR;
    float hollow = -NEIGHBORHOOD_FAR; /* how deep the center lies in a cut, or how far from what is kept */
    float bounds[SOLIDS_MAX];
    for (uint32_t k = 0; k < individual->part_count; k++) {
        if (!parts->holds[k])
            continue;
        const model_part *part = &individual->parts[k];
        for (uint32_t i = part->first_solid; i < part->first_solid + part->solid_count; i++) {
            const solid *one = &individual->solids[i];
            bounds[i] = vec3_length(vec3_subtract(vec3_make(cx, cy, cz), one->center)) - one->reach;
            near->pieces[i] = solid_pieces(one);
            if (one->use == SOLID_ADD && bounds[i] < nearest) {
                float distance = solid_look(one, vec3_make(cx, cy, cz), h, &near->pieces[i]);
                bounds[i] = distance > bounds[i] ? distance : bounds[i];
                nearest = bounds[i] < nearest ? bounds[i] : nearest;
            } else if (one->use != SOLID_ADD && (one->use == SOLID_KEEP || bounds[i] < h)) {
                float distance = solid_look(one, vec3_make(cx, cy, cz), h, &near->pieces[i]);
                float missing = one->use == SOLID_KEEP ? distance : -distance;
                hollow = missing > hollow ? missing : hollow;
            }
        }
    }
    float depth = nearest < 0.0f ? -nearest : 0.0f; /* of the center, before anything is cut */
    nearest = hollow > nearest ? hollow : nearest;
    near->active_count = 0;
    for (uint32_t k = 0; k < individual->part_count; k++) {
        if (!parts->holds[k])
            continue;
        const model_part *part = &individual->parts[k];
        for (uint32_t i = part->first_solid; i < part->first_solid + part->solid_count; i++) {
            const solid *one = &individual->solids[i];
            bool matters =
                one->use == SOLID_KEEP || (one->use == SOLID_CUT ? bounds[i] < 2.0f * h + parts->blend + depth
                                                                 : bounds[i] <= nearest + 2.0f * h + parts->blend);
            if (matters)
                near->active[near->active_count++] = (uint16_t)i;
        }
    }
}

/* Adds one solid to the distances of its group so far. */
static void combine_solid(const solid *one, uint32_t count, float *group, const float *distances)
{
    if (one->use == SOLID_ADD)
        solid_unite(count, group, distances, one->blend);
    else if (one->use == SOLID_CUT)
        solid_subtract(count, group, distances, one->blend);
    else
        solid_intersect(count, group, distances, one->blend);
}

bool part_distances(const model *individual, uint32_t k, const neighborhood *near, float *distances)
{
    const model_part *part = &individual->parts[k];
    float group[BATCH];
    float one_distances[BATCH];
    bool any = false;
    for (uint32_t a = 0; a < near->active_count;) {
        uint32_t index = near->active[a];
        const solid *first = &individual->solids[index];
        /* Not of this part; or nothing there yet to cut. */
        if (index < part->first_solid || index >= part->first_solid + part->solid_count || first->use != SOLID_ADD) {
            a++;
            continue;
        }
        float *target = any ? group : distances;
        solid_distances(first, near->pieces[index], near->count, near->x, near->y, near->z, target);
        for (a++; a < near->active_count; a++) {
            index = near->active[a];
            const solid *one = &individual->solids[index];
            if (index >= part->first_solid + part->solid_count || one->group != first->group)
                break;
            solid_distances(one, near->pieces[index], near->count, near->x, near->y, near->z, one_distances);
            combine_solid(one, near->count, target, one_distances);
        }
        /* A part that was merged into this one keeps its fillet. */
        if (any)
            solid_unite(near->count, distances, group, individual->parts[first->group].join);
        any = true;
    }
    return any;
}

uint32_t gather_vertices(const lumen_mesh *mesh, uint32_t first, float *x, float *y, float *z)
{
    uint32_t count = mesh->vertex_count - first < BATCH ? mesh->vertex_count - first : BATCH;
    for (uint32_t i = 0; i < count; i++) {
        x[i] = mesh->positions[3 * (first + i)];
        y[i] = mesh->positions[3 * (first + i) + 1];
        z[i] = mesh->positions[3 * (first + i) + 2];
    }
    return count;
}

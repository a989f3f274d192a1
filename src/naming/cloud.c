#include "naming/cloud.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "geometry/mesh.h"
#include "geometry/sample.h"

enum { POINTS_OF_A_PART_MIN = 24 };

/* Points are taken at random, but each time the same, whatever the order of the parts. */
static const uint64_t SAMPLE_SEED = 6;

/* ---- Looking a mesh over --------------------------------------------------------------------------------------- */

/* A number that is not finite stays so when multiplied by zero, and so does every sum it takes part in. */
static bool all_finite(const float *values, size_t count)
{
    float sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (size_t k = 0; k < 8; k++)
            sums[k] += values[i + k] * 0.0f;
    for (; i < count; i++)
        sums[0] += values[i] * 0.0f;
    float sum = 0.0f;
    for (size_t k = 0; k < 8; k++)
        sum += sums[k];
    return sum == 0.0f;
}

static lumen_status check_mesh(const lumen_mesh *mesh, uint32_t number, const char *what, lumen_error *error)
{
    if (mesh->triangle_count == 0)
        return LUMEN_OK;
    if (!all_finite(mesh->positions, 3 * (size_t)mesh->vertex_count))
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a coordinate of part %u of %s shape is not a finite number; its maker has failed", number,
                          what);
    uint32_t largest = 0;
    for (size_t i = 0; i < 3 * (size_t)mesh->triangle_count; i++)
        largest = mesh->triangles[i] > largest ? mesh->triangles[i] : largest;
    if (largest >= mesh->vertex_count)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a triangle of part %u of %s shape names vertex %u, but there are %u; its maker has failed",
                          number, what, largest, mesh->vertex_count);
    return LUMEN_OK;
}

/* The visible area in units of `side` squared, so that no finite coordinate overflows. */
static double visible_area(const lumen_mesh *mesh, double side)
{
    double sum = 0.0;
    float scale = (float)(1.0 / side);
    bool scaled = scale > 0.0f && scale < INFINITY;
    for (size_t t = 0; t < mesh->triangle_count; t++) {
        if (mesh->hidden != NULL && mesh->hidden[t] != 0)
            continue;
        const float *a = &mesh->positions[3 * (size_t)mesh->triangles[3 * t]];
        const float *b = &mesh->positions[3 * (size_t)mesh->triangles[3 * t + 1]];
        const float *c = &mesh->positions[3 * (size_t)mesh->triangles[3 * t + 2]];
        float u[3];
        float v[3];
        for (int k = 0; k < 3; k++) {
            u[k] = scaled ? b[k] * scale - a[k] * scale : (float)(((double)b[k] - (double)a[k]) / side);
            v[k] = scaled ? c[k] * scale - a[k] * scale : (float)(((double)c[k] - (double)a[k]) / side);
        }
        float x = u[1] * v[2] - u[2] * v[1];
        float y = u[2] * v[0] - u[0] * v[2];
        float z = u[0] * v[1] - u[1] * v[0];
        sum += (double)(0.5f * sqrtf(x * x + y * y + z * z));
    }
    return sum;
}

/* ---- Points -------------------------------------------------------------------------------------------- */

static bool allocate(arena *memory, uint32_t count, cloud *out)
{
    out->at.count = count;
    for (int k = 0; k < 3; k++)
        out->at.axis[k] = arena_array(memory, float, count);
    out->part = arena_array(memory, uint8_t, count);
    out->weight = arena_array(memory, float, count);
    return out->at.axis[0] != NULL && out->at.axis[1] != NULL && out->at.axis[2] != NULL && out->part != NULL &&
           out->weight != NULL;
}

static void weigh(cloud *out)
{
    for (uint32_t i = 0; i < out->part_count; i++) {
        uint32_t count = out->first[i + 1] - out->first[i];
        for (uint32_t p = out->first[i]; p < out->first[i + 1]; p++) {
            out->part[p] = (uint8_t)i;
            out->weight[p] = out->part_weight[i] / (float)count;
        }
    }
}

static lumen_status sample_part(const lumen_mesh *mesh, uint32_t part, arena *scratch, arena *memory, cloud *out,
                                lumen_error *error)
{
    uint32_t first = out->first[part];
    uint32_t count = out->first[part + 1] - first;
    if (count == 0)
        return LUMEN_OK;
    arena_mark mark = arena_now(memory);
    point_cloud sampled;
    lumen_status status = sample_surfaces(mesh, 1, count, SAMPLE_SEED, scratch, memory, &sampled, error);
    if (status != LUMEN_OK)
        return status;
    for (uint32_t p = 0; p < count; p++)
        for (uint32_t k = 0; k < 3; k++)
            out->at.axis[k][first + p] = (float)(((double)sampled.positions[3 * p + k] - out->center[k]) / out->scale);
    arena_rewind(memory, mark);
    return LUMEN_OK;
}

/* The middle and half side of the box of everything that has triangles. */
static bool measure_box(const lumen_mesh *meshes, uint32_t part_count, cloud *out)
{
    bool any = false;
    double low[3] = {0};
    double high[3] = {0};
    for (uint32_t i = 0; i < part_count; i++) {
        float from[3];
        float to[3];
        if (meshes[i].triangle_count == 0 || !mesh_bounds(&meshes[i], 1, from, to))
            continue;
        for (int k = 0; k < 3; k++) {
            low[k] = any && low[k] < (double)from[k] ? low[k] : (double)from[k];
            high[k] = any && high[k] > (double)to[k] ? high[k] : (double)to[k];
        }
        any = true;
    }
    out->scale = 0.0;
    for (int k = 0; k < 3; k++) {
        out->center[k] = 0.5 * (low[k] + high[k]);
        double half = 0.5 * (high[k] - low[k]);
        out->scale = half > out->scale ? half : out->scale;
    }
    return any && out->scale > 0.0;
}

/* From the box of all vertices to the box of the points: a vertex that no triangle names, or a part without area far
 * away, has no say. */
static void fit_box(cloud *out)
{
    double side = 0.0;
    double middle[3];
    for (int k = 0; k < 3; k++) {
        float low = out->at.axis[k][0];
        float high = low;
        for (uint32_t p = 1; p < out->at.count; p++) {
            low = out->at.axis[k][p] < low ? out->at.axis[k][p] : low;
            high = out->at.axis[k][p] > high ? out->at.axis[k][p] : high;
        }
        middle[k] = 0.5 * ((double)low + (double)high);
        side = 0.5 * ((double)high - (double)low) > side ? 0.5 * ((double)high - (double)low) : side;
    }
    side = side > 0.0 ? side : 1.0;
    for (int k = 0; k < 3; k++) {
        for (uint32_t p = 0; p < out->at.count; p++)
            out->at.axis[k][p] = (float)(((double)out->at.axis[k][p] - middle[k]) / side);
        out->center[k] += middle[k] * out->scale;
    }
    for (uint32_t i = 0; i < out->part_count; i++)
        out->area[i] /= side * side;
    out->scale *= side;
}

lumen_status cloud_sample(const lumen_mesh *meshes, uint32_t part_count, uint32_t count, const char *what,
                          arena *scratch, arena *memory, cloud *out, lumen_error *error)
{
    *out = (cloud){.part_count = part_count};
    for (uint32_t i = 0; i < part_count; i++) {
        lumen_status status = check_mesh(&meshes[i], i + 1, what, error);
        if (status != LUMEN_OK)
            return status;
    }
    double total = 0.0;
    double roots = 0.0;
    if (measure_box(meshes, part_count, out)) {
        for (uint32_t i = 0; i < part_count; i++) {
            out->area[i] = visible_area(&meshes[i], out->scale);
            total += out->area[i];
            roots += sqrt(out->area[i]);
        }
    }
    if (!(total > 0.0))
        return lumen_fail(error, LUMEN_ERROR_FAILED, "no part of %s shape has a surface, so there is nothing to name",
                          what);
    for (uint32_t i = 0; i < part_count; i++) {
        double root = sqrt(out->area[i]) / roots;
        double share = out->area[i] / total;
        uint32_t points_of_part = 0;
        if (share > 1e-9) {
            points_of_part = (uint32_t)(root * (double)count);
            points_of_part = points_of_part < POINTS_OF_A_PART_MIN ? POINTS_OF_A_PART_MIN : points_of_part;
        } else {
            out->area[i] = 0.0;
            root = share = 0.0;
        }
        out->part_weight[i] = (float)(0.5 * (root + share));
        out->first[i + 1] = out->first[i] + points_of_part;
    }
    if (!allocate(memory, out->first[part_count], out))
        return lumen_fail_memory(error, "points to name parts by");
    weigh(out);
    for (uint32_t i = 0; i < part_count; i++) {
        lumen_status status = sample_part(&meshes[i], i, scratch, memory, out, error);
        if (status != LUMEN_OK)
            return status;
    }
    fit_box(out);
    return LUMEN_OK;
}

lumen_status cloud_thin(const cloud *full, uint32_t divisor, uint32_t least, arena *memory, cloud *out,
                        lumen_error *error)
{
    *out = *full;
    for (uint32_t i = 0; i < full->part_count; i++) {
        uint32_t all = full->first[i + 1] - full->first[i];
        uint32_t kept = all / divisor > least ? all / divisor : least;
        out->first[i + 1] = out->first[i] + (kept < all ? kept : all);
    }
    if (!allocate(memory, out->first[full->part_count], out))
        return lumen_fail_memory(error, "points to name parts by");
    weigh(out);
    for (uint32_t i = 0; i < full->part_count; i++)
        for (int k = 0; k < 3; k++)
            memcpy(out->at.axis[k] + out->first[i], full->at.axis[k] + full->first[i],
                   (out->first[i + 1] - out->first[i]) * sizeof(float));
    return LUMEN_OK;
}

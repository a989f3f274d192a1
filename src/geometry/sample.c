#include "geometry/sample.h"

#include <math.h>
#include <string.h>

#include "base/dispatch.h"
#include "base/error.h"
#include "base/random.h"
#include "geometry/triangle.h"

enum { MESHES_MAX = 255, BATCH = 128 };

/* Where one point goes: the triangle that its stratum of the area falls into. */
typedef struct strata {
    uint32_t *triangles; /* (N) within the mesh */
    uint8_t *meshes;     /* (N) */
} strata;

/* Writes twice the scaled areas of `count` triangles. The edges are gathered first, so that the arithmetic
 * runs on vectors. */
LUMEN_DISPATCH
static void measure_triangles(const float *positions, const uint32_t *triangles, size_t count, float scale,
                              float areas[BATCH])
{
    float edges[6][BATCH];
    for (size_t t = 0; t < count; t++) {
        const float *a = &positions[3 * (size_t)triangles[3 * t]];
        const float *b = &positions[3 * (size_t)triangles[3 * t + 1]];
        const float *c = &positions[3 * (size_t)triangles[3 * t + 2]];
        for (size_t axis = 0; axis < 3; axis++) {
            edges[axis][t] = (b[axis] - a[axis]) * scale;
            edges[3 + axis][t] = (c[axis] - a[axis]) * scale;
        }
    }
    for (size_t t = 0; t < count; t++) {
        vec3 u = vec3_make(edges[0][t], edges[1][t], edges[2][t]);
        vec3 v = vec3_make(edges[3][t], edges[4][t], edges[5][t]);
        areas[t] = vec3_length(vec3_cross(u, v));
    }
}

/* Fills cumulative[t] with the visible area up to and including triangle t, over all meshes in order. What
 * is hidden, degenerate, or not a number adds nothing. */
static double sum_areas(const lumen_mesh *meshes, size_t mesh_count, double *cumulative)
{
    double sum = 0.0;
    float scale = triangle_scale(meshes, mesh_count);
    for (size_t m = 0; m < mesh_count; m++) {
        const lumen_mesh *mesh = &meshes[m];
        for (size_t start = 0; start < mesh->triangle_count; start += BATCH) {
            size_t count = mesh->triangle_count - start;
            count = count < BATCH ? count : BATCH;
            float areas[BATCH];
            measure_triangles(mesh->positions, &mesh->triangles[3 * start], count, scale, areas);
            if (mesh->hidden != NULL)
                for (size_t t = 0; t < count; t++)
                    areas[t] = mesh->hidden[start + t] != 0 ? 0.0f : areas[t];
            for (size_t t = 0; t < count; t++) {
                sum += areas[t] < INFINITY ? (double)areas[t] : 0.0;
                *cumulative++ = sum;
            }
        }
    }
    return sum;
}

/* Cuts the total area into `count` equal strata and takes one place in each. */
static void choose_triangles(const lumen_mesh *meshes, size_t mesh_count, const double *cumulative, double total,
                             uint32_t count, random_state *generator, strata *chosen)
{
    size_t last = 0; /* the last triangle that adds to the area, for a place rounded up to the very end */
    for (size_t m = 0; m < mesh_count; m++)
        last += meshes[m].triangle_count;
    while (last > 0 && cumulative[last - 1] >= total)
        last--;

    size_t at = 0;
    size_t mesh = 0;
    size_t mesh_start = 0;
    double width = total / (double)count;
    for (uint32_t k = 0; k < count; k++) {
        double place = ((double)k + (double)random_float(generator)) * width;
        while (at + 4 < last && cumulative[at + 3] <= place)
            at += 4;
        while (at < last && cumulative[at] <= place)
            at++;
        while (at - mesh_start >= meshes[mesh].triangle_count)
            mesh_start += meshes[mesh++].triangle_count;
        chosen->triangles[k] = (uint32_t)(at - mesh_start);
        chosen->meshes[k] = (uint8_t)mesh;
    }
}

/* The largest partial quotient of the continued fraction of a/b, or UINT32_MAX where they have a common
 * factor. The smaller, the more evenly the multiples of a go around modulo b. */
static uint32_t largest_quotient(uint32_t a, uint32_t b)
{
    uint32_t largest = 0;
    while (a > 0) {
        uint32_t quotient = b / a;
        uint32_t rest = b % a;
        largest = quotient > largest ? quotient : largest;
        b = a;
        a = rest;
    }
    return b == 1 ? largest : UINT32_MAX;
}

/* A step such that 0, step, 2 step, ... modulo count visits every stratum once and any first m of them lie
 * evenly: near the golden section, and with small quotients all the way (see the three-gap theorem). */
static uint32_t even_step(uint32_t count)
{
    enum { CANDIDATES = 16 };
    if (count < 3)
        return 1;
    uint32_t golden = (uint32_t)((double)count * 0.6180339887498949);
    uint32_t best = 1;
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < CANDIDATES; i++) {
        uint32_t offset = (i + 1) / 2;
        uint32_t step = i % 2 == 0 ? golden + offset : golden - offset;
        if (step == 0 || step >= count)
            continue;
        uint32_t largest = largest_quotient(step, count);
        if (largest < least) {
            least = largest;
            best = step;
        }
    }
    return best;
}

static bool allocate_points(arena *result, uint32_t count, point_cloud *points)
{
    points->count = count;
    points->positions = arena_array(result, float, 3 * (size_t)count);
    points->normals = arena_array(result, float, 3 * (size_t)count);
    points->attachments = arena_array(result, float, count);
    points->part_ids = arena_array(result, uint8_t, count);
    points->colors = arena_array(result, uint8_t, 3 * (size_t)count);
    return points->positions != NULL && points->normals != NULL && points->attachments != NULL &&
           points->part_ids != NULL && points->colors != NULL;
}

/* The points are written in stages of a batch, each a short loop of independent loads: consecutive points
 * lie far apart in the mesh, and so the processor waits for many of them at once. */
typedef struct point_batch {
    size_t count;
    const lumen_mesh *meshes[BATCH];
    uint32_t corners[BATCH][3];
    float weights[BATCH][3];
} point_batch;

/* The first half of a batch: which triangle, and where in it. Returns the stratum behind the last. */
static uint32_t place_points(const lumen_mesh *meshes, const strata *chosen, uint32_t stratum, uint32_t step,
                             uint32_t strata_count, random_state *generator, point_batch *batch, uint8_t *part_ids)
{
    uint32_t triangles[BATCH];
    for (size_t i = 0; i < batch->count; i++) {
        size_t mesh = chosen->meshes[stratum];
        triangles[i] = chosen->triangles[stratum];
        batch->meshes[i] = &meshes[mesh];
        part_ids[i] = (uint8_t)(mesh + 1);
        stratum = stratum >= strata_count - step ? stratum - (strata_count - step) : stratum + step;
    }
    for (size_t i = 0; i < batch->count; i++)
        memcpy(batch->corners[i], &batch->meshes[i]->triangles[3 * (size_t)triangles[i]], sizeof batch->corners[i]);
    for (size_t i = 0; i < batch->count; i++) {
        float root = sqrtf(random_float(generator));
        float along = random_float(generator);
        batch->weights[i][0] = 1.0f - root;
        batch->weights[i][1] = root * (1.0f - along);
        batch->weights[i][2] = root * along;
    }
    return stratum;
}

static inline vec3 blend3(const float *values, const uint32_t corner[3], const float weight[3])
{
    const float *a = &values[3 * (size_t)corner[0]];
    const float *b = &values[3 * (size_t)corner[1]];
    const float *c = &values[3 * (size_t)corner[2]];
    return vec3_make(a[0] * weight[0] + b[0] * weight[1] + c[0] * weight[2],
                     a[1] * weight[0] + b[1] * weight[1] + c[1] * weight[2],
                     a[2] * weight[0] + b[2] * weight[1] + c[2] * weight[2]);
}

static inline void store3(float *out, vec3 value)
{
    out[0] = value.x;
    out[1] = value.y;
    out[2] = value.z;
}

static void write_positions(const point_batch *batch, float *positions)
{
    for (size_t i = 0; i < batch->count; i++)
        store3(&positions[3 * i], blend3(batch->meshes[i]->positions, batch->corners[i], batch->weights[i]));
}

/* Where the vertices have no normals, or opposite ones, the triangle's own stands in. */
static void write_normals(const point_batch *batch, float *normals)
{
    for (size_t i = 0; i < batch->count; i++) {
        const lumen_mesh *mesh = batch->meshes[i];
        vec3 normal = vec3_make(0.0f, 0.0f, 0.0f);
        if (mesh->normals != NULL)
            normal = blend3(mesh->normals, batch->corners[i], batch->weights[i]);
        float squared = vec3_dot(normal, normal);
        if (squared > 1e-12f && squared < 1e12f)
            normal = vec3_scale(normal, 1.0f / sqrtf(squared));
        else
            normal = triangle_normal(mesh->positions, batch->corners[i], vec3_make(0.0f, 1.0f, 0.0f));
        store3(&normals[3 * i], normal);
    }
}

static void write_attachments(const point_batch *batch, float *attachments)
{
    for (size_t i = 0; i < batch->count; i++) {
        const float *values = batch->meshes[i]->attachments;
        const uint32_t *corner = batch->corners[i];
        const float *weight = batch->weights[i];
        attachments[i] = 0.0f;
        if (values != NULL)
            /* The weights' sum may miss one by a rounding; what is given as a share must stay one. */
            attachments[i] = float_clamp(
                values[corner[0]] * weight[0] + values[corner[1]] * weight[1] + values[corner[2]] * weight[2], 0.0f, 1.0f);
    }
}

static void write_colors(const point_batch *batch, uint8_t *colors)
{
    for (size_t i = 0; i < batch->count; i++) {
        const uint8_t *values = batch->meshes[i]->colors;
        const uint32_t *corner = batch->corners[i];
        const float *weight = batch->weights[i];
        for (size_t channel = 0; channel < 3; channel++) {
            float color = 255.0f;
            if (values != NULL) {
                color = 0.5f;
                for (int k = 0; k < 3; k++)
                    color += (float)values[3 * (size_t)corner[k] + channel] * weight[k];
            }
            colors[3 * i + channel] = (uint8_t)float_clamp(color, 0.0f, 255.0f);
        }
    }
}

lumen_status sample_surfaces(const lumen_mesh *meshes, size_t mesh_count, uint32_t count, uint64_t seed, arena *scratch,
                             arena *result, point_cloud *points, lumen_error *error)
{
    *points = (point_cloud){0};
    if (mesh_count > MESHES_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%zu meshes are to be sampled; at most %d have a part id",
                          mesh_count, MESHES_MAX);
    if (scratch == result)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "scratch and result are the same arena, which is rewound; pass two");
    size_t triangles = 0;
    for (size_t m = 0; m < mesh_count; m++)
        triangles += meshes[m].triangle_count;

    lumen_status status = LUMEN_OK;
    arena_mark scratch_mark = arena_now(scratch);
    arena_mark result_mark = arena_now(result);
    double *cumulative = arena_array(scratch, double, triangles);
    strata chosen = {arena_array(scratch, uint32_t, count), arena_array(scratch, uint8_t, count)};
    if (cumulative == NULL || chosen.triangles == NULL || chosen.meshes == NULL ||
        !allocate_points(result, count, points)) {
        status = lumen_fail_memory(error, "the points of a shape");
        goto done;
    }
    double total = sum_areas(meshes, mesh_count, cumulative);
    if (!(total > 0.0)) {
        status = lumen_fail(error, LUMEN_ERROR_FAILED,
                            "the shape has no visible surface to take points from; make a part larger");
        goto done;
    }

    random_state generator = random_seed(seed);
    choose_triangles(meshes, mesh_count, cumulative, total, count, &generator, &chosen);
    uint32_t step = even_step(count);
    uint32_t stratum = 0;
    for (size_t start = 0; start < count; start += BATCH) {
        point_batch batch;
        batch.count = count - start < BATCH ? count - start : BATCH;
        stratum = place_points(meshes, &chosen, stratum, step, count, &generator, &batch, &points->part_ids[start]);
        write_positions(&batch, &points->positions[3 * start]);
        write_normals(&batch, &points->normals[3 * start]);
        write_attachments(&batch, &points->attachments[start]);
        write_colors(&batch, &points->colors[3 * start]);
    }

done:
    arena_rewind(scratch, scratch_mark);
    if (status != LUMEN_OK) {
        arena_rewind(result, result_mark);
        *points = (point_cloud){0};
    }
    return status;
}

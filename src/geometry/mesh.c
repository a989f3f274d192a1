#include "geometry/mesh.h"

#include <math.h>
#include <string.h>

#include "base/dispatch.h"
#include "base/error.h"
#include "base/random.h"
#include "geometry/forest.h"
#include "geometry/triangle.h"

/* ---- Box and normals --------------------------------------------------------------------------- */

/* Many lanes, each with a least and a most of its own: compilers make vector loops of the inner one, and
 * turn the obvious loop over three axes into a chain of scalar moves. */
LUMEN_DISPATCH
static void widen_box(const float *positions, size_t vertices, float low[3], float high[3])
{
    enum { LANES = 96 };
    float least[LANES];
    float most[LANES];
    for (size_t i = 0; i < LANES; i++) {
        least[i] = low[i % 3];
        most[i] = high[i % 3];
    }
    size_t numbers = 3 * vertices;
    size_t whole = numbers - numbers % LANES;
    for (size_t at = 0; at < whole; at += LANES)
        for (size_t i = 0; i < LANES; i++) {
            float value = positions[at + i];
            least[i] = value < least[i] ? value : least[i];
            most[i] = value > most[i] ? value : most[i];
        }
    for (size_t at = whole; at < numbers; at++) {
        float value = positions[at];
        least[at % 3] = value < least[at % 3] ? value : least[at % 3];
        most[at % 3] = value > most[at % 3] ? value : most[at % 3];
    }
    for (size_t i = 0; i < LANES; i++) {
        low[i % 3] = least[i] < low[i % 3] ? least[i] : low[i % 3];
        high[i % 3] = most[i] > high[i % 3] ? most[i] : high[i % 3];
    }
}

bool mesh_bounds(const lumen_mesh *meshes, size_t count, float low[3], float high[3])
{
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = INFINITY;
        high[axis] = -INFINITY;
    }
    for (size_t m = 0; m < count; m++)
        if (meshes[m].vertex_count != 0)
            widen_box(meshes[m].positions, meshes[m].vertex_count, low, high);
    return low[0] <= high[0] && low[1] <= high[1] && low[2] <= high[2];
}

void mesh_compute_normals(lumen_mesh *mesh)
{
    float *normals = mesh->normals;
    memset(normals, 0, 3 * (size_t)mesh->vertex_count * sizeof *normals);
    float scale = triangle_scale(mesh, 1);
    for (size_t t = 0; t < mesh->triangle_count; t++) {
        const uint32_t *corners = &mesh->triangles[3 * t];
        vec3 normal = triangle_cross(mesh->positions, corners, scale);
        for (int i = 0; i < 3; i++) {
            float *sum = &normals[3 * (size_t)corners[i]];
            sum[0] += normal.x;
            sum[1] += normal.y;
            sum[2] += normal.z;
        }
    }
    for (size_t v = 0; v < mesh->vertex_count; v++) {
        float *normal = &normals[3 * v];
        vec3 unit = unit_vector(vec3_make(normal[0], normal[1], normal[2]), vec3_make(0.0f, 1.0f, 0.0f));
        normal[0] = unit.x;
        normal[1] = unit.y;
        normal[2] = unit.z;
    }
}

/* ---- Checks ------------------------------------------------------------------------------------ */

/* What is known of one edge, which lies in the table at the hash of its ends. */
typedef struct edge_entry {
    uint32_t low, high;   /* its vertices */
    uint32_t forward;     /* triangles that run from low to high */
    uint32_t backward;    /* triangles that run from high to low */
    uint32_t low_corner;  /* corner (3 × triangle + place) of the first triangle at low */
    uint32_t high_corner; /* ... and at high */
} edge_entry;

typedef struct topology {
    edge_entry *edges; /* open addressing; forward + backward == 0 is an empty place */
    size_t mask;       /* places - 1 */
    uint32_t *fans;    /* (3T) corners at one vertex that hang together through edges */
    uint32_t *pieces;  /* (T) triangles that hang together through edges */
    uint8_t *used;     /* (V) whether a triangle names the vertex */
    uint64_t edge_count;
    bool crowded; /* an edge has more than two triangles */
} topology;

static bool triangle_is_valid(const lumen_mesh *mesh, const uint32_t *corner)
{
    for (int i = 0; i < 3; i++)
        if (corner[i] >= mesh->vertex_count)
            return false;
    return corner[0] != corner[1] && corner[1] != corner[2] && corner[2] != corner[0];
}

static void add_edge(topology *found, uint32_t from, uint32_t to, uint32_t from_corner, uint32_t to_corner)
{
    bool forward = from < to;
    uint32_t low = forward ? from : to;
    uint32_t high = forward ? to : from;
    uint32_t low_corner = forward ? from_corner : to_corner;
    uint32_t high_corner = forward ? to_corner : from_corner;
    size_t place = (size_t)random_hash((uint64_t)high << 32 | low) & found->mask;
    edge_entry *edge = &found->edges[place];
    while (edge->forward + edge->backward != 0 && (edge->low != low || edge->high != high)) {
        place = (place + 1) & found->mask;
        edge = &found->edges[place];
    }
    if (edge->forward + edge->backward == 0) {
        *edge = (edge_entry){.low = low, .high = high, .low_corner = low_corner, .high_corner = high_corner};
        found->edge_count++;
    } else {
        forest_unite(found->fans, edge->low_corner, low_corner);
        forest_unite(found->fans, edge->high_corner, high_corner);
        forest_unite(found->pieces, edge->low_corner / 3, low_corner / 3);
    }
    if (forward)
        edge->forward++;
    else
        edge->backward++;
    found->crowded = found->crowded || edge->forward + edge->backward > 2;
}

static bool allocate_topology(const lumen_mesh *mesh, arena *scratch, topology *found)
{
    size_t triangles = mesh->triangle_count;
    size_t places = 16;
    while (places < triangles * 3) /* a closed mesh has 1.5 T edges, any mesh at most 3 T: some stay empty */
        places *= 2;
    *found = (topology){.mask = places - 1};
    found->edges = arena_array(scratch, edge_entry, places);
    found->fans = arena_array(scratch, uint32_t, triangles * 3);
    found->pieces = arena_array(scratch, uint32_t, triangles);
    found->used = arena_array(scratch, uint8_t, mesh->vertex_count);
    if (found->edges == NULL || found->fans == NULL || found->pieces == NULL || found->used == NULL)
        return false;
    memset(found->edges, 0, places * sizeof *found->edges);
    memset(found->used, 0, mesh->vertex_count);
    for (size_t i = 0; i < triangles * 3; i++)
        found->fans[i] = (uint32_t)i;
    for (size_t t = 0; t < triangles; t++)
        found->pieces[t] = (uint32_t)t;
    return true;
}

/* Whether each vertex has one fan, all indices being valid. `seen` (V) is for its own use. */
static bool one_fan_each(const lumen_mesh *mesh, topology *found, uint8_t *seen)
{
    memset(seen, 0, mesh->vertex_count);
    for (uint32_t t = 0; t < mesh->triangle_count; t++) {
        const uint32_t *corner = &mesh->triangles[3 * (size_t)t];
        for (uint32_t i = 0; i < 3; i++) {
            if (found->fans[3 * t + i] != 3 * t + i)
                continue;
            if (seen[corner[i]] != 0)
                return false;
            seen[corner[i]] = 1;
        }
    }
    return true;
}

static void measure(const lumen_mesh *mesh, mesh_report *report)
{
    for (size_t t = 0; t < mesh->triangle_count; t++) {
        const uint32_t *corner = &mesh->triangles[3 * t];
        if (!triangle_is_valid(mesh, corner))
            continue;
        double p[3][3];
        for (int i = 0; i < 3; i++)
            for (int axis = 0; axis < 3; axis++)
                p[i][axis] = (double)mesh->positions[3 * (size_t)corner[i] + (size_t)axis];
        double u[3];
        double v[3];
        for (int axis = 0; axis < 3; axis++) {
            u[axis] = p[1][axis] - p[0][axis];
            v[axis] = p[2][axis] - p[0][axis];
        }
        double cross[3] = {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
        report->area += 0.5 * sqrt(cross[0] * cross[0] + cross[1] * cross[1] + cross[2] * cross[2]);
        report->volume += (p[0][0] * cross[0] + p[0][1] * cross[1] + p[0][2] * cross[2]) / 6.0;
    }
}

lumen_status mesh_check(const lumen_mesh *mesh, arena *scratch, mesh_report *report, lumen_error *error)
{
    *report = (mesh_report){.indices_valid = true, .finite = true};
    if (mesh->triangle_count > UINT32_MAX / 3)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the mesh has %u triangles, more than can be checked; split it",
                          (unsigned)mesh->triangle_count);
    arena_mark mark = arena_now(scratch);
    topology found;
    uint8_t *seen = arena_array(scratch, uint8_t, mesh->vertex_count);
    if (seen == NULL || !allocate_topology(mesh, scratch, &found)) {
        arena_rewind(scratch, mark);
        return lumen_fail_memory(error, "the check of a mesh");
    }

    for (size_t i = 0; i < 3 * (size_t)mesh->vertex_count; i++)
        report->finite = report->finite && isfinite(mesh->positions[i]);
    uint32_t triangles = 0;
    for (uint32_t t = 0; t < mesh->triangle_count; t++) {
        const uint32_t *corner = &mesh->triangles[3 * (size_t)t];
        if (!triangle_is_valid(mesh, corner)) {
            report->indices_valid = false;
            continue;
        }
        triangles++;
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t next = (i + 1) % 3;
            found.used[corner[i]] = 1;
            add_edge(&found, corner[i], corner[next], 3 * t + i, 3 * t + next);
        }
    }

    report->closed = report->indices_valid;
    report->oriented = report->indices_valid;
    for (size_t place = 0; place <= found.mask; place++) {
        const edge_entry *edge = &found.edges[place];
        if (edge->forward + edge->backward == 0)
            continue;
        report->closed = report->closed && edge->forward + edge->backward == 2;
        report->oriented = report->oriented && edge->forward == 1 && edge->backward == 1;
    }
    report->vertices_manifold = report->indices_valid && !found.crowded && one_fan_each(mesh, &found, seen);
    for (uint32_t v = 0; v < mesh->vertex_count; v++)
        report->unused_vertices += found.used[v] == 0;
    for (uint32_t t = 0; t < mesh->triangle_count; t++)
        report->components += found.pieces[t] == t && triangle_is_valid(mesh, &mesh->triangles[3 * (size_t)t]);
    report->euler =
        (int64_t)mesh->vertex_count - (int64_t)report->unused_vertices - (int64_t)found.edge_count + (int64_t)triangles;
    measure(mesh, report);
    arena_rewind(scratch, mark);
    return LUMEN_OK;
}

#include "procedural/paint.h"

#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "procedural/neighborhood.h"

/* Each round halves the width of a border between two colors. */
enum { REFINING_ROUNDS = 2 };

static const uint32_t NO_VERTEX = 0xffffffffu;

/* ---- Colors ------------------------------------------------------------------------------------------------ */

static bool has_accents(const model *individual, uint32_t part)
{
    const model_part *owner = &individual->parts[part];
    for (uint32_t i = owner->first_solid; i < owner->first_solid + owner->solid_count; i++)
        if (memcmp(individual->solids[i].rgb, owner->rgb, 3) != 0)
            return true;
    return false;
}

/* Colors the vertices from `first` on by the nearest solid of the part. */
static void color_vertices(const model *individual, uint32_t part, uint32_t first, lumen_mesh *mesh)
{
    part_set set = part_set_of(part, 0.0f);
    float x[BATCH];
    float y[BATCH];
    float z[BATCH];
    float distances[BATCH];
    float best[BATCH];
    for (; first < mesh->vertex_count; first += BATCH) {
        neighborhood near;
        uint32_t batch = gather_vertices(mesh, first, x, y, z);
        look_around(individual, &set, batch, x, y, z, &near);
        for (uint32_t i = 0; i < batch; i++) {
            best[i] = NEIGHBORHOOD_FAR;
            memcpy(mesh->colors + 3 * (size_t)(first + i), individual->parts[part].rgb, 3);
        }
        for (uint32_t a = 0; a < near.active_count; a++) {
            const solid *one = &individual->solids[near.active[a]];
            if (one->use == SOLID_KEEP || (one->use == SOLID_CUT && !one->accent))
                continue;
            solid_distances(one, near.pieces[near.active[a]], batch, x, y, z, distances);
            for (uint32_t i = 0; i < batch; i++) {
                /* What a cut lays bare has the color of the cut. */
                float distance = one->use == SOLID_CUT ? fabsf(distances[i]) - 1e-3f : distances[i];
                if (distance < best[i]) {
                    best[i] = distance;
                    memcpy(mesh->colors + 3 * (size_t)(first + i), one->rgb, 3);
                }
            }
        }
    }
}

/* ---- Refining ----------------------------------------------------------------------------------------------- */

/* The new vertex of each edge that is split: a hash table with open addressing. */
typedef struct split_table {
    uint64_t *edges; /* lower vertex << 32 | higher vertex, plus one; 0: free */
    uint32_t *vertices;
    uint32_t mask;
} split_table;

static bool colors_differ(const lumen_mesh *mesh, uint32_t a, uint32_t b)
{
    return memcmp(mesh->colors + 3 * (size_t)a, mesh->colors + 3 * (size_t)b, 3) != 0;
}

static uint32_t find_slot(const split_table *splits, uint32_t a, uint32_t b)
{
    uint64_t edge = (a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a) + 1;
    uint32_t slot = (uint32_t)random_hash(edge) & splits->mask;
    while (splits->edges[slot] != 0 && splits->edges[slot] != edge)
        slot = (slot + 1) & splits->mask;
    if (splits->edges[slot] == 0) {
        splits->edges[slot] = edge;
        splits->vertices[slot] = NO_VERTEX;
    }
    return slot;
}

/* Counts the corners of triangles whose edge to the next corner is split, and the triangles that are added. */
static uint32_t count_splits(const lumen_mesh *mesh)
{
    uint32_t count = 0;
    for (uint32_t t = 0; t < mesh->triangle_count; t++) {
        const uint32_t *corner = mesh->triangles + 3 * (size_t)t;
        for (int e = 0; e < 3; e++)
            count += colors_differ(mesh, corner[e], corner[(e + 1) % 3]);
    }
    return count;
}

/* A vertex in the middle of a and b. */
static void add_middle(lumen_mesh *mesh, uint32_t a, uint32_t b)
{
    uint32_t v = mesh->vertex_count++;
    const float *pa = mesh->positions + 3 * (size_t)a;
    const float *pb = mesh->positions + 3 * (size_t)b;
    const float *na = mesh->normals + 3 * (size_t)a;
    const float *nb = mesh->normals + 3 * (size_t)b;
    vec3 normal =
        vec3_normalize(vec3_make(na[0] + nb[0], na[1] + nb[1], na[2] + nb[2]), vec3_make(na[0], na[1], na[2]));
    for (uint32_t axis = 0; axis < 3; axis++)
        mesh->positions[3 * (size_t)v + axis] = 0.5f * (pa[axis] + pb[axis]);
    mesh->normals[3 * (size_t)v] = normal.x;
    mesh->normals[3 * (size_t)v + 1] = normal.y;
    mesh->normals[3 * (size_t)v + 2] = normal.z;
    mesh->attachments[v] = 0.5f * (mesh->attachments[a] + mesh->attachments[b]);
}

static void add_triangle(lumen_mesh *mesh, uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t *corner = mesh->triangles + 3 * (size_t)mesh->triangle_count++;
    corner[0] = a;
    corner[1] = b;
    corner[2] = c;
}

/* Cuts a triangle whose edges have new vertices in their middles (NO_VERTEX: none): middle[e] lies between corner e and
 * the next. Turning the triangle leaves three cases. */
static void cut_triangle(lumen_mesh *mesh, const uint32_t corner[3], const uint32_t middle[3])
{
    int split = (middle[0] != NO_VERTEX) + (middle[1] != NO_VERTEX) + (middle[2] != NO_VERTEX);
    int turn = 0;
    if (split == 1)
        turn = middle[0] != NO_VERTEX ? 0 : middle[1] != NO_VERTEX ? 1 : 2;
    else if (split == 2)
        turn = middle[2] == NO_VERTEX ? 0 : middle[0] == NO_VERTEX ? 1 : 2;
    uint32_t a = corner[turn];
    uint32_t b = corner[(turn + 1) % 3];
    uint32_t c = corner[(turn + 2) % 3];
    uint32_t ab = middle[turn];
    uint32_t bc = middle[(turn + 1) % 3];
    uint32_t ca = middle[(turn + 2) % 3];
    switch (split) {
    case 0: add_triangle(mesh, a, b, c); break;
    case 1: /* ab */
        add_triangle(mesh, a, ab, c);
        add_triangle(mesh, ab, b, c);
        break;
    case 2: /* ab and bc */
        add_triangle(mesh, ab, b, bc);
        add_triangle(mesh, a, ab, bc);
        add_triangle(mesh, a, bc, c);
        break;
    default:
        add_triangle(mesh, a, ab, ca);
        add_triangle(mesh, ab, b, bc);
        add_triangle(mesh, ca, bc, c);
        add_triangle(mesh, ab, bc, ca);
        break;
    }
}

/* Arrays for a mesh that grows: what it has is copied. False when memory runs out. */
static bool grow_mesh(const lumen_mesh *mesh, uint32_t more_vertices, uint32_t more_triangles, arena *result,
                      lumen_mesh *grown)
{
    size_t vertices = (size_t)mesh->vertex_count + more_vertices;
    size_t triangles = (size_t)mesh->triangle_count + more_triangles;
    *grown = (lumen_mesh){
        .vertex_count = mesh->vertex_count,
        .positions = arena_array(result, float, 3 * vertices),
        .normals = arena_array(result, float, 3 * vertices),
        .attachments = arena_array(result, float, vertices),
        .colors = arena_array(result, uint8_t, 3 * vertices),
        .triangles = arena_array(result, uint32_t, 3 * triangles),
    };
    if (grown->positions == NULL || grown->normals == NULL || grown->attachments == NULL || grown->colors == NULL ||
        grown->triangles == NULL)
        return false;
    memcpy(grown->positions, mesh->positions, (size_t)mesh->vertex_count * 3 * sizeof(float));
    memcpy(grown->normals, mesh->normals, (size_t)mesh->vertex_count * 3 * sizeof(float));
    memcpy(grown->attachments, mesh->attachments, (size_t)mesh->vertex_count * sizeof(float));
    memcpy(grown->colors, mesh->colors, (size_t)mesh->vertex_count * 3);
    return true;
}

/* One round. A closed mesh has every split edge in two triangles, so `splits` is twice the number of new vertices, and
 * every split adds a triangle to each of the two. */
static lumen_status refine(const model *individual, uint32_t part, uint32_t splits, arena *scratch, arena *result,
                           lumen_mesh *mesh, lumen_error *error)
{
    arena_mark mark = arena_now(scratch);
    uint32_t slots = 64;
    while (slots < splits) /* half full at most: each edge is asked for twice */
        slots *= 2;
    split_table table = {.edges = arena_array(scratch, uint64_t, slots),
                         .vertices = arena_array(scratch, uint32_t, slots),
                         .mask = slots - 1};
    lumen_mesh grown;
    if (table.edges == NULL || table.vertices == NULL || !grow_mesh(mesh, splits / 2, splits, result, &grown))
        return lumen_fail_memory(error, "the colors of a part");
    memset(table.edges, 0, slots * sizeof *table.edges);
    uint32_t first_new = mesh->vertex_count;
    for (uint32_t t = 0; t < mesh->triangle_count; t++) {
        const uint32_t *corner = mesh->triangles + 3 * (size_t)t;
        uint32_t middle[3] = {NO_VERTEX, NO_VERTEX, NO_VERTEX};
        for (int e = 0; e < 3; e++) {
            uint32_t a = corner[e];
            uint32_t b = corner[(e + 1) % 3];
            if (!colors_differ(mesh, a, b))
                continue;
            uint32_t slot = find_slot(&table, a, b);
            if (table.vertices[slot] == NO_VERTEX) {
                table.vertices[slot] = grown.vertex_count;
                add_middle(&grown, a, b);
            }
            middle[e] = table.vertices[slot];
        }
        cut_triangle(&grown, corner, middle);
    }
    arena_rewind(scratch, mark);
    color_vertices(individual, part, first_new, &grown);
    *mesh = grown;
    return LUMEN_OK;
}

lumen_status paint_mesh(const model *individual, uint32_t part, arena *scratch, arena *result, lumen_mesh *mesh,
                        lumen_error *error)
{
    mesh->colors = arena_array(result, uint8_t, 3 * (size_t)mesh->vertex_count);
    if (mesh->colors == NULL)
        return lumen_fail_memory(error, "the colors of a part");
    if (!has_accents(individual, part)) {
        for (uint32_t i = 0; i < mesh->vertex_count; i++)
            memcpy(mesh->colors + 3 * (size_t)i, individual->parts[part].rgb, 3);
        return LUMEN_OK;
    }
    color_vertices(individual, part, 0, mesh);
    lumen_status status = LUMEN_OK;
    for (int round = 0; round < REFINING_ROUNDS && status == LUMEN_OK; round++) {
        uint32_t splits = count_splits(mesh);
        if (splits == 0)
            break;
        status = refine(individual, part, splits, scratch, result, mesh, error);
    }
    return status;
}

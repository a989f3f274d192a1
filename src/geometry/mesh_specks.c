/* Small loose pieces of a mesh. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "geometry/forest.h"
#include "geometry/mesh.h"

typedef struct piece {
    double area;
    float low[3], high[3];
} piece;

/* Makes of every vertex's entry the number of its piece; returns how many there are. */
static uint32_t number_pieces(const lumen_mesh *mesh, uint32_t *pieces)
{
    uint32_t count = 0;
    for (uint32_t v = 0; v < mesh->vertex_count; v++)
        pieces[v] = v;
    for (size_t t = 0; t < mesh->triangle_count; t++) {
        const uint32_t *corner = &mesh->triangles[3 * t];
        forest_unite(pieces, corner[0], corner[1]);
        forest_unite(pieces, corner[0], corner[2]);
    }
    for (uint32_t v = 0; v < mesh->vertex_count; v++)
        pieces[v] = forest_root(pieces, v);
    /* Roots come first, so that their entries are numbers already when others ask for them. */
    for (uint32_t v = 0; v < mesh->vertex_count; v++)
        pieces[v] = pieces[v] == v ? count++ : pieces[pieces[v]];
    return count;
}

static double area_of(const lumen_mesh *mesh, const uint32_t *corner)
{
    double u[3], v[3];
    for (size_t axis = 0; axis < 3; axis++) {
        const double origin = (double)mesh->positions[3 * (size_t)corner[0] + axis];
        u[axis] = (double)mesh->positions[3 * (size_t)corner[1] + axis] - origin;
        v[axis] = (double)mesh->positions[3 * (size_t)corner[2] + axis] - origin;
    }
    const double x = u[1] * v[2] - u[2] * v[1], y = u[2] * v[0] - u[0] * v[2], z = u[0] * v[1] - u[1] * v[0];
    return 0.5 * sqrt(x * x + y * y + z * z);
}

static void measure_pieces(const lumen_mesh *mesh, const uint32_t *numbers, uint32_t count, piece *pieces)
{
    for (uint32_t i = 0; i < count; i++)
        pieces[i] = (piece){.low = {FLT_MAX, FLT_MAX, FLT_MAX}, .high = {-FLT_MAX, -FLT_MAX, -FLT_MAX}};
    for (size_t v = 0; v < mesh->vertex_count; v++)
        for (size_t axis = 0; axis < 3; axis++) {
            piece *of = &pieces[numbers[v]];
            of->low[axis] = fminf(of->low[axis], mesh->positions[3 * v + axis]);
            of->high[axis] = fmaxf(of->high[axis], mesh->positions[3 * v + axis]);
        }
    for (size_t t = 0; t < mesh->triangle_count; t++)
        pieces[numbers[mesh->triangles[3 * t]]].area += area_of(mesh, &mesh->triangles[3 * t]);
}

/* Marks a speck by an area below zero; returns how many there are. */
static uint32_t mark_specks(uint32_t count, double share, float length, piece *pieces)
{
    double largest = 0.0;
    uint32_t specks = 0;
    for (uint32_t i = 0; i < count; i++)
        largest = fmax(largest, pieces[i].area);
    for (uint32_t i = 0; i < count; i++) {
        bool small = pieces[i].area < share * largest;
        for (size_t axis = 0; axis < 3; axis++)
            small = small && pieces[i].high[axis] - pieces[i].low[axis] < length;
        if (small) {
            pieces[i].area = -1.0;
            specks++;
        }
    }
    return specks;
}

static void move_vertex(lumen_mesh *mesh, size_t from, size_t to)
{
    memmove(mesh->positions + 3 * to, mesh->positions + 3 * from, 3 * sizeof *mesh->positions);
    if (mesh->normals != NULL)
        memmove(mesh->normals + 3 * to, mesh->normals + 3 * from, 3 * sizeof *mesh->normals);
    if (mesh->attachments != NULL)
        mesh->attachments[to] = mesh->attachments[from];
    if (mesh->colors != NULL)
        memmove(mesh->colors + 3 * to, mesh->colors + 3 * from, 3 * sizeof *mesh->colors);
}

/* What is left moves together, in its order. `numbers` becomes the vertices' new places. */
static void drop_marked(lumen_mesh *mesh, const piece *pieces, uint32_t *numbers)
{
    uint32_t vertices = 0, triangles = 0;
    for (size_t t = 0; t < mesh->triangle_count; t++) {
        if (pieces[numbers[mesh->triangles[3 * t]]].area < 0.0)
            continue;
        memmove(mesh->triangles + 3 * (size_t)triangles, mesh->triangles + 3 * t, 3 * sizeof *mesh->triangles);
        if (mesh->hidden != NULL)
            mesh->hidden[triangles] = mesh->hidden[t];
        triangles++;
    }
    for (size_t v = 0; v < mesh->vertex_count; v++) {
        if (pieces[numbers[v]].area < 0.0)
            continue;
        move_vertex(mesh, v, vertices);
        numbers[v] = vertices++;
    }
    mesh->vertex_count = vertices;
    mesh->triangle_count = triangles;
    for (size_t i = 0; i < 3 * (size_t)triangles; i++)
        mesh->triangles[i] = numbers[mesh->triangles[i]];
}

lumen_status mesh_drop_specks(lumen_mesh *mesh, double share, float length, arena *scratch, uint32_t *dropped,
                              lumen_error *error)
{
    const arena_mark mark = arena_now(scratch);
    uint32_t *numbers = arena_array(scratch, uint32_t, mesh->vertex_count), specks = 0;
    piece *pieces = NULL;
    if (numbers != NULL) {
        const uint32_t count = number_pieces(mesh, numbers);
        pieces = arena_array(scratch, piece, count);
        if (pieces != NULL) {
            measure_pieces(mesh, numbers, count, pieces);
            specks = mark_specks(count, share, length, pieces);
        }
    }
    if (specks > 0)
        drop_marked(mesh, pieces, numbers);
    arena_rewind(scratch, mark);
    if (dropped != NULL)
        *dropped = specks;
    return pieces != NULL ? LUMEN_OK : lumen_fail_memory(error, "the pieces of a mesh");
}

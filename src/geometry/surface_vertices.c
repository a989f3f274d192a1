/*
 * Vertices where interpolation says nothing.
 *
 * Between two corners that both lie in the band of a truncated distance the field is nearly a straight line and so is
 * where it crosses zero. An end that is saturated only tells the side: interpolation would put the vertex near
 * the middle. Such edges are asked in between by regula falsi, with the Illinois change (Dowell & Jarratt 1971): the
 * value at an end that stays twice in a row counts half, so that both ends close in.
 */
#include <math.h>

#include "base/error.h"
#include "geometry/mesh.h"
#include "geometry/surface_level.h"

enum { STEPS = 3 };

/* An edge under search: its place, and what is known of it. The ends are positions along it, 0 to 1. */
typedef struct open_edge {
    uint32_t vertex;
    uint32_t start[3];
    int axis;
    float inside, inside_value;
    float outside, outside_value;
    float at;
    int stayed; /* which end stayed last: -1 inside, 1 outside */
} open_edge;

static void next_place(open_edge *edge)
{
    float share = edge->inside_value / (edge->inside_value - edge->outside_value);
    share = share > 0.05f ? share < 0.95f ? share : 0.95f : 0.05f;
    edge->at = edge->inside + share * (edge->outside - edge->inside);
}

static void take_value(open_edge *edge, float value)
{
    if (value < 0.0f) {
        edge->inside = edge->at;
        edge->inside_value = value;
        if (edge->stayed == 1)
            edge->outside_value *= 0.5f;
        edge->stayed = 1;
    } else {
        edge->outside = edge->at;
        edge->outside_value = value;
        if (edge->stayed == -1)
            edge->inside_value *= 0.5f;
        edge->stayed = -1;
    }
    next_place(edge);
}

/* Asks STEPS times for each edge, all edges at once, and moves their vertices. */
static lumen_status close_in(surface_search *search, const surface_level *level, open_edge *edges, size_t count,
                             lumen_mesh *mesh)
{
    const isosurface_lattice *lattice = &level->lattice;
    for (int step = 0; step <= STEPS; step++) {
        for (size_t i = 0; i < count; i++)
            for (int axis = 0; axis < 3; axis++) {
                float at = (float)edges[i].start[axis];
                if (axis == edges[i].axis)
                    at += edges[i].at < 0.01f ? 0.01f : edges[i].at > 0.99f ? 0.99f : edges[i].at;
                float coordinate = lattice_coordinate(lattice, axis, at);
                if (step < STEPS)
                    search->points[3 * i + (size_t)axis] = coordinate;
                else
                    mesh->positions[3 * (size_t)edges[i].vertex + (size_t)axis] = coordinate;
            }
        if (step == STEPS)
            break;
        lumen_status status = surface_ask(search, count);
        if (status != LUMEN_OK)
            return status;
        search->report->vertex_queries += count;
        for (size_t i = 0; i < count; i++)
            take_value(&edges[i], search->values[i]);
    }
    return LUMEN_OK;
}

lumen_status surface_place_vertices(surface_search *search, const surface_level *level, float saturation,
                                    lumen_mesh *mesh)
{
    const brick_grid *grid = &level->grid;
    arena_mark mark = arena_now(search->scratch);
    open_edge *edges = arena_array(search->scratch, open_edge, search->batch);
    if (edges == NULL)
        return lumen_fail_memory(search->error, "the edges of a surface");
    lumen_status status = LUMEN_OK;
    size_t count = 0;
    uint32_t vertex = 0;
    /* In the order in which brick_polygonize numbers the vertices: by brick, axis, corner. */
    for (uint32_t k = 0; k < grid->bricks[2]; k++)
        for (uint32_t j = 0; j < grid->bricks[1]; j++)
            for (uint32_t i = 0; i < grid->bricks[0]; i++) {
                size_t index = i + j * grid->step[1] + k * grid->step[2];
                uint64_t own = grid->inside[index];
                const uint64_t cut[3] = {own ^ brick_next_x(own, grid->inside[index + grid->step[0]]),
                                         own ^ brick_next_y(own, grid->inside[index + grid->step[1]]),
                                         own ^ brick_next_z(own, grid->inside[index + grid->step[2]])};
                for (int axis = 0; axis < 3; axis++)
                    for (uint64_t left = cut[axis]; left != 0; left &= left - 1) {
                        unsigned corner = lowest_bit(left);
                        open_edge *edge = &edges[count];
                        *edge = (open_edge){.vertex = vertex++, .axis = axis};
                        edge->start[0] = BRICK_SIDE * i + (corner & 3);
                        edge->start[1] = BRICK_SIDE * j + (corner >> 2 & 3);
                        edge->start[2] = BRICK_SIDE * k + (corner >> 4);
                        uint32_t end[3] = {edge->start[0], edge->start[1], edge->start[2]};
                        end[axis]++;
                        float first = surface_value(level, edge->start[0], edge->start[1], edge->start[2]);
                        float second = surface_value(level, end[0], end[1], end[2]);
                        bool cut_by_border = (first < 0.0f) == (second < 0.0f);
                        if (cut_by_border || (fabsf(first) < saturation && fabsf(second) < saturation))
                            continue;
                        edge->inside = first < 0.0f ? 0.0f : 1.0f;
                        edge->outside = 1.0f - edge->inside;
                        edge->inside_value = first < 0.0f ? first : second;
                        edge->outside_value = first < 0.0f ? second : first;
                        next_place(edge);
                        if (++count == search->batch) {
                            status = close_in(search, level, edges, count, mesh);
                            count = 0;
                            if (status != LUMEN_OK)
                                goto done;
                        }
                    }
            }
    if (count != 0)
        status = close_in(search, level, edges, count, mesh);
    if (status == LUMEN_OK && search->report->vertex_queries != 0)
        mesh_compute_normals(mesh);

done:
    arena_rewind(search->scratch, mark);
    return status;
}

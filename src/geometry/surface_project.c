/*
 * Points from the mesh onto the field's own surface.
 *
 * Each point moves along its normal, at most `reach` to either side. The first step goes by the slope near the surface,
 * the next by regula falsi once the sign has changed, by a secant until then. All points take a step together, so
 * that the field is asked in full batches.
 */
#include <math.h>

#include "base/error.h"
#include "base/vector.h"
#include "geometry/surface_level.h"

/* A point under way: places along its normal and the values there. */
typedef struct walk {
    float at, value; /* the last place asked */
    float before, before_value;
    float best, best_value; /* the smallest magnitude so far */
    float next;             /* asked next */
    bool closed;            /* `at` and `before` have different signs */
} walk;

static float within(float value, float reach)
{
    return value < -reach ? -reach : value > reach ? reach : value;
}

/* Takes the value at walk->next and decides where to ask next. */
static void step(walk *one, int taken, float value, float slope, float reach)
{
    float at = one->next;
    if (taken == 0) {
        one->at = one->best = at;
        one->value = one->best_value = value;
        one->next = within(-value / slope, reach);
        return;
    }
    if (fabsf(value) < fabsf(one->best_value)) {
        one->best = at;
        one->best_value = value;
    }
    bool turned = (value < 0.0f) != (one->value < 0.0f);
    if (turned) {
        one->before = one->at;
        one->before_value = one->value;
        one->closed = true;
    } else if (one->closed) {
        one->before_value *= 0.5f; /* Illinois: the far end stayed */
    } else {
        one->before = one->at;
        one->before_value = one->value;
    }
    one->at = at;
    one->value = value;
    float fall = one->value - one->before_value;
    float move = fabsf(fall) > 1e-12f ? -one->value * (one->at - one->before) / fall : 0.0f;
    if (!isfinite(move))
        move = 0.0f;
    one->next = within(one->at + move, reach);
}

/* Moves `count` points, at most a batch. */
static lumen_status move_points(surface_search *search, const surface_projection *how, float slope, size_t count,
                                float *positions, const float *normals, walk *walks, surface_projection_report *report)
{
    for (size_t i = 0; i < count; i++)
        walks[i] = (walk){0};
    for (uint32_t taken = 0; taken < how->steps; taken++) {
        for (size_t i = 0; i < count; i++)
            for (size_t axis = 0; axis < 3; axis++)
                search->points[3 * i + axis] = positions[3 * i + axis] + walks[i].next * normals[3 * i + axis];
        lumen_status status = surface_ask(search, count);
        if (status != LUMEN_OK)
            return status;
        for (size_t i = 0; i < count; i++)
            step(&walks[i], (int)taken, search->values[i], slope, how->reach);
    }
    for (size_t i = 0; i < count; i++) {
        /* Between two signs the next place is better than any that was asked. */
        float move = walks[i].closed ? walks[i].next : walks[i].best;
        if (!walks[i].closed && walks[i].best == 0.0f && walks[i].best_value != 0.0f)
            report->unmoved++;
        for (size_t axis = 0; axis < 3; axis++)
            positions[3 * i + axis] += move * normals[3 * i + axis];
        double distance = fabs((double)move);
        report->move_mean += distance;
        report->move_max = distance > report->move_max ? distance : report->move_max;
    }
    return LUMEN_OK;
}

/* Turns normals along the gradient, by differences at the corners of a tetrahedron. One that would turn a normal around
 * is not believed. `sums` has room for 3 × count. */
static lumen_status turn_normals(surface_search *search, float width, size_t count, const float *positions,
                                 float *normals, float *sums)
{
    static const float corners[4][3] = {{1, 1, 1}, {1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}};
    float reach = width * 0.57735027f; /* the corners lie √3 away */
    for (size_t i = 0; i < 3 * count; i++)
        sums[i] = 0.0f;
    for (int corner = 0; corner < 4; corner++) {
        for (size_t i = 0; i < 3 * count; i++)
            search->points[i] = positions[i] + reach * corners[corner][i % 3];
        lumen_status status = surface_ask(search, count);
        if (status != LUMEN_OK)
            return status;
        for (size_t i = 0; i < 3 * count; i++)
            sums[i] += corners[corner][i % 3] * search->values[i / 3];
    }
    for (size_t i = 0; i < count; i++) {
        vec3 old = vec3_make(normals[3 * i], normals[3 * i + 1], normals[3 * i + 2]);
        vec3 sum = vec3_make(sums[3 * i], sums[3 * i + 1], sums[3 * i + 2]);
        float length = vec3_length(sum);
        if (!(length > 1e-12f) || !isfinite(length) || !(vec3_dot(old, sum) > 0.0f))
            continue;
        for (size_t axis = 0; axis < 3; axis++)
            normals[3 * i + axis] = sums[3 * i + axis] / length;
    }
    return LUMEN_OK;
}

lumen_status surface_project(const batch_field *field, const surface_settings *settings, const surface_report *found,
                             const surface_projection *how, size_t count, float *positions, float *normals,
                             arena *scratch, surface_projection_report *report, lumen_error *error)
{
    surface_projection_report counted = {0};
    surface_projection used = how != NULL ? *how : (surface_projection){0};
    used.steps = used.steps == 0 ? 3 : used.steps;
    used.reach = used.reach > 0.0f ? used.reach : found->cell;
    used.normal_step = used.normal_step > 0.0f ? used.normal_step : 0.5f * found->cell;
    if (report != NULL)
        *report = counted;
    if (count == 0)
        return LUMEN_OK;
    if (!(found->slope > 0.0f))
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "points are to be brought onto a surface that is empty; give them none");

    surface_report asked = {.outside = found->outside};
    surface_search search = {.field = field,
                             .scratch = scratch,
                             .report = &asked,
                             .error = error,
                             .progress = settings->progress,
                             .progress_user = settings->progress_user,
                             .queries_max = settings->queries_max,
                             .fraction = 1.0};
    arena_mark mark = arena_now(scratch);
    lumen_status status = surface_open_search(&search, settings->batch);
    walk *walks = arena_array(scratch, walk, search.batch);
    float *sums = used.field_normals ? arena_array(scratch, float, 3 * search.batch) : NULL;
    if (status == LUMEN_OK && (walks == NULL || (used.field_normals && sums == NULL)))
        status = lumen_fail_memory(error, "the points of a surface");
    for (size_t start = 0; start < count && status == LUMEN_OK; start += search.batch) {
        size_t now = count - start < search.batch ? count - start : search.batch;
        status =
            move_points(&search, &used, found->slope, now, &positions[3 * start], &normals[3 * start], walks, &counted);
        if (status == LUMEN_OK && used.field_normals)
            status = turn_normals(&search, used.normal_step, now, &positions[3 * start], &normals[3 * start], sums);
    }
    arena_rewind(scratch, mark);
    counted.queries = asked.queries;
    counted.move_mean /= (double)count;
    if (report != NULL)
        *report = counted;
    return status;
}

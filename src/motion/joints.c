/* Where the parts of a shape hang, and where its wheels turn. */
#include <stdio.h>

#include "motion/internal.h"

static vec3 point_at(const lumen_shape *shape, uint32_t i)
{
    return vec3_make(shape->positions[3 * (size_t)i], shape->positions[3 * (size_t)i + 1],
                     shape->positions[3 * (size_t)i + 2]);
}

static bool is_of(const lumen_shape *shape, uint32_t i, uint32_t part)
{
    return part == 0 || shape->part_ids[i] == part;
}

/* ---- Boxes and joints -------------------------------------------------------------------------------- */

typedef struct box {
    uint32_t count;
    vec3 low, high;
} box;

static void box_add(box *all, vec3 at)
{
    if (all->count++ == 0) {
        all->low = at;
        all->high = at;
        return;
    }
    all->low = vec3_make(fminf(all->low.x, at.x), fminf(all->low.y, at.y), fminf(all->low.z, at.z));
    all->high = vec3_make(fmaxf(all->high.x, at.x), fmaxf(all->high.y, at.y), fmaxf(all->high.z, at.z));
}

/* The middle of the points that hang nearest, by their attachments; false where these tell nothing, as those of the
 * part that all others hang on. */
static bool joint_by_attachment(const lumen_shape *shape, uint32_t part, vec3 *joint)
{
    if (shape->attachments == NULL)
        return false;
    float least = INFINITY;
    float most = -INFINITY;
    for (uint32_t i = 0; i < shape->point_count; i++) {
        if (is_of(shape, i, part)) {
            least = fminf(least, shape->attachments[i]);
            most = fmaxf(most, shape->attachments[i]);
        }
    }
    if (!(most - least > 0.05f))
        return false;
    float near = least + 0.15f * (most - least);
    vec3 sum = {0.0f, 0.0f, 0.0f};
    float count = 0.0f;
    for (uint32_t i = 0; i < shape->point_count; i++) {
        if (is_of(shape, i, part) && shape->attachments[i] <= near) {
            sum = vec3_add(sum, point_at(shape, i));
            count += 1.0f;
        }
    }
    *joint = vec3_scale(sum, 1.0f / count);
    return true;
}

/* Where a part comes nearest to the others; of both at most so many points are asked. */
enum { ASKED = 256 };

static bool joint_by_distance(const lumen_shape *shape, uint32_t part, uint32_t count, vec3 *joint)
{
    uint32_t others = 0;
    for (uint32_t i = 0; i < shape->point_count; i++)
        others += shape->part_ids[i] != part;
    uint32_t stride = (count + ASKED - 1) / ASKED;
    uint32_t other_stride = (others + 4 * ASKED - 1) / (4 * ASKED);
    float best = INFINITY;
    uint32_t own = 0;
    for (uint32_t i = 0; i < shape->point_count; i++) {
        if (!is_of(shape, i, part) || own++ % stride != 0)
            continue;
        vec3 at = point_at(shape, i);
        uint32_t other = 0;
        for (uint32_t j = 0; j < shape->point_count; j++) {
            if (shape->part_ids[j] == part || other++ % other_stride != 0)
                continue;
            vec3 way = vec3_subtract(point_at(shape, j), at);
            float square = vec3_dot(way, way);
            if (square < best) {
                best = square;
                *joint = vec3_add(at, vec3_scale(way, 0.5f));
            }
        }
    }
    return best < INFINITY;
}

/* ---- Axles ------------------------------------------------------------------------------------------- */

enum { BINS = 128, AXLES_MOST = 16 };

/* One round piece along a row of them. */
typedef struct wheel {
    float place, height, size;
} wheel;

/* Along which way the axles of a part follow each other: backward or to the left. */
static float along_of(vec3 at, bool propellers)
{
    return propellers ? at.x : -at.z;
}

/* A piece as long as several are high is several wheels that touch. */
static uint32_t add_wheels(wheel *wheels, uint32_t count, float from, float to, float low, float high)
{
    float size = fmaxf(high - low, 0.02f);
    float length = to - from;
    uint32_t pieces = length > 1.5f * size ? (uint32_t)fminf(length / size + 0.5f, AXLES_MOST) : 1;
    for (uint32_t i = 0; i < pieces && count < AXLES_MOST; i++) {
        float place =
            pieces == 1 ? 0.5f * (from + to) : from + 0.5f * size + (length - size) * (float)i / (float)(pieces - 1);
        wheels[count++] = (wheel){.place = place, .height = 0.5f * (low + high), .size = size};
    }
    return count;
}

/* Cuts a part where it has gaps. */
static uint32_t find_wheels(const lumen_shape *shape, uint32_t part, const box *own, bool propellers, wheel *wheels)
{
    float from = propellers ? own->low.x : -own->high.z;
    float length = propellers ? own->high.x - own->low.x : own->high.z - own->low.z;
    float low[BINS];
    float high[BINS];
    bool used[BINS] = {false};
    for (uint32_t i = 0; i < shape->point_count; i++) {
        if (!is_of(shape, i, part))
            continue;
        vec3 at = point_at(shape, i);
        int bin =
            (int)float_clamp((along_of(at, propellers) - from) / fmaxf(length, 0.001f) * (float)BINS, 0.0f, BINS - 1);
        low[bin] = used[bin] ? fminf(low[bin], at.y) : at.y;
        high[bin] = used[bin] ? fmaxf(high[bin], at.y) : at.y;
        used[bin] = true;
    }
    /* Few points leave gaps that mean nothing. */
    int gap = (int)fmaxf(3.0f, 10.0f * (float)BINS / (float)own->count);
    uint32_t count = 0;
    int first = 0;
    int last = 0;
    for (int bin = 1; bin <= BINS; bin++) {
        if (bin < BINS && !used[bin])
            continue;
        if (bin == BINS || bin - last > gap) {
            float bottom = INFINITY;
            float top = -INFINITY;
            for (int i = first; i <= last; i++) {
                bottom = used[i] ? fminf(bottom, low[i]) : bottom;
                top = used[i] ? fmaxf(top, high[i]) : top;
            }
            float bin_size = length / (float)BINS;
            count = add_wheels(wheels, count, from + (float)first * bin_size, from + (float)(last + 1) * bin_size,
                               bottom, top);
            first = bin;
        }
        last = bin;
    }
    return count;
}

static motion_axles find_axles(const lumen_shape *shape, uint32_t part, const box *own, bool propellers)
{
    motion_axles out = {0};
    wheel wheels[AXLES_MOST];
    uint32_t count = find_wheels(shape, part, own, propellers, wheels);
    if (count == 0 || count == AXLES_MOST)
        return out;
    float step = 0.0f;
    float rise = 0.0f;
    if (count > 1) {
        float whole = wheels[count - 1].place - wheels[0].place;
        float nearest = whole;
        for (uint32_t i = 1; i < count; i++)
            nearest = fminf(nearest, wheels[i].place - wheels[i - 1].place);
        float steps = floorf(whole / fmaxf(nearest, 0.02f) + 0.5f);
        step = whole / steps;
        rise = (wheels[count - 1].height - wheels[0].height) / steps;
        for (uint32_t i = 0; i < count; i++) {
            float number = floorf((wheels[i].place - wheels[0].place) / step + 0.5f);
            float off = wheels[i].place - wheels[0].place - number * step;
            float lift = wheels[i].height - wheels[0].height - number * rise;
            if (fabsf(off) > 0.15f * wheels[i].size || fabsf(lift) > 0.15f * wheels[i].size)
                return out;
        }
    }
    vec3 middle = vec3_scale(vec3_add(own->low, own->high), 0.5f);
    out.found = true;
    out.first = propellers ? vec3_make(wheels[0].place, wheels[0].height, middle.z)
                           : vec3_make(middle.x, wheels[0].height, -wheels[0].place);
    out.step = step;
    out.rise = rise;
    return out;
}

/* ---- All parts --------------------------------------------------------------------------------------- */

static void find_row(const lumen_shape *shape, uint32_t row, motion_joints *out)
{
    box own = {0};
    for (uint32_t i = 0; i < shape->point_count; i++)
        if (is_of(shape, i, row))
            box_add(&own, point_at(shape, i));
    if (own.count == 0) {
        out->center[row] = out->center[0];
        out->joint[row] = out->center[0];
        return;
    }
    out->center[row] = vec3_scale(vec3_add(own.low, own.high), 0.5f);
    out->joint[row] = out->center[row];
    if (row == 0) {
        out->low = own.low;
        out->high = own.high;
        out->floor = own.low.y;
    } else {
        vec3 joint;
        if (joint_by_attachment(shape, row, &joint) ||
            (shape->attachments == NULL && joint_by_distance(shape, row, own.count, &joint)))
            out->joint[row] = joint;
        out->wheels[row] = find_axles(shape, row, &own, false);
        out->propellers[row] = find_axles(shape, row, &own, true);
    }
    float farthest = 0.0f;
    for (uint32_t i = 0; i < shape->point_count; i++) {
        if (is_of(shape, i, row)) {
            vec3 way = vec3_subtract(point_at(shape, i), out->joint[row]);
            farthest = fmaxf(farthest, vec3_dot(way, way));
        }
    }
    out->reach[row] = sqrtf(farthest);
}

void motion_find_joints(const lumen_shape *shape, motion_joints *out)
{
    *out = (motion_joints){0};
    out->part_count = shape->part_count < LUMEN_PARTS_MAX ? shape->part_count : LUMEN_PARTS_MAX;
    if (shape->template_type != NULL)
        snprintf(out->template_type, sizeof out->template_type, "%s", shape->template_type);
    for (uint32_t k = 0; k < out->part_count; k++)
        if (shape->part_names != NULL && shape->part_names[k] != NULL)
            snprintf(out->names[k], sizeof out->names[k], "%s", shape->part_names[k]);
    for (uint32_t row = 0; row <= out->part_count; row++)
        find_row(shape, row, out);
}

/* Stands in for the library of motion templates until that room offers it. */
#include <string.h>
#include <stdlib.h>
#include <stdio.h>
#include "motion/motion.h"
struct motion_library {
    int nothing;
};
struct motion_template {
    int nothing;
};
static const motion_template only;
lumen_status motion_library_open(const char *text, const char *name, motion_library **out, lumen_error *error)
{
    (void)text;
    (void)name;
    (void)error;
    *out = calloc(1, sizeof **out);
    return LUMEN_OK;
}
void motion_library_close(motion_library *motions)
{
    free(motions);
}
const motion_template *motion_find(const motion_library *motions, const char *name, const char *verb)
{
    (void)motions;
    (void)name;
    (void)verb;
    return &only;
}
void motion_find_joints(const lumen_shape *shape, motion_joints *out)
{
    memset(out, 0, sizeof *out);
    out->part_count = shape->part_count;
    for (uint32_t p = 0; p < shape->part_count; p++) {
        snprintf(out->names[p], 64, "%s", shape->part_names[p]);
        float best = 9;
        for (uint32_t i = 0; i < shape->point_count; i++)
            if (shape->part_ids[i] == p + 1 && shape->attachments && shape->attachments[i] < best) {
                best = shape->attachments[i];
                out->joint[p + 1] =
                    vec3_make(shape->positions[3 * i], shape->positions[3 * i + 1], shape->positions[3 * i + 2]);
            }
    }
}
void motion_plan_make(const motion_template *one, const motion_joints *joints, float tempo, float size, float start,
                      motion_plan *plan)
{
    (void)one;
    motion_plan_clear(plan);
    for (uint32_t p = 0; p < joints->part_count; p++) {
        if (strstr(joints->names[p], "wing") == NULL && strstr(joints->names[p], "leg") == NULL &&
            strstr(joints->names[p], "tail") == NULL)
            continue;
        bool wing = strstr(joints->names[p], "wing") != NULL;
        float side = strstr(joints->names[p], "left") ? 1.0f : -1.0f;
        vec3 j = joints->joint[p + 1];
        plan->rows[p + 1] = (motion_row){.primitive = 0,
                                         .start = start,
                                         .duration = 1,
                                         .axis = {wing ? 0.0f : 1.0f, 0, wing ? side : 0.0f},
                                         .amplitude = 0.6f * size,
                                         .pivot = {j.x, j.y, j.z},
                                         .frequency = 1.2f * tempo,
                                         .spread = 1};
    }
}

/* Any bytes as motion templates: read, and where they make sense, made into plans that move points within bounds; and
 * any bytes as a plan. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "motion/motion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void move(const motion_plan *plan)
{
    for (uint32_t part = 0; part < MOTION_ROWS; part++) {
        vec3 home = {0.3f, -0.2f, 0.1f * (float)(part % 10)};
        for (float now = -1.0f; now < 20.0f; now += 7.0f) {
            vec3 moved = motion_move(plan, home, part, 0.8f, 0.3f, now);
            if (!(fabsf(moved.x) < 10.0f && fabsf(moved.y) < 10.0f && fabsf(moved.z) < 10.0f))
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    motion_plan plan;
    memset(&plan, 0, sizeof plan);
    memcpy(&plan, data, size < sizeof plan ? size : sizeof plan);
    move(&plan);
    motion_plan_rebase(&plan, 12.5f);
    move(&plan);

    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    motion_library *motions;
    lumen_error error;
    if (motion_library_open(text, "fuzz", &motions, &error) == LUMEN_OK) {
        static const float positions[] = {0, 1, 0, 0.5f, 0, 0, -0.5f, 0, 0, 0, -1, 0.5f, 0, -1, -0.5f, 0.1f, 0, 1};
        static const uint8_t parts[] = {1, 2, 3, 4, 4, 5};
        static const char *const names[] = {"head", "left_wing", "right_wing", "wheels", "tail"};
        const lumen_shape shape = {.point_count = 6,
                                   .positions = positions,
                                   .part_ids = parts,
                                   .part_count = 5,
                                   .part_names = names,
                                   .template_type = "bird"};
        motion_joints joints;
        motion_find_joints(&shape, &joints);
        /* The last ones are those of the text. */
        uint32_t count = motion_count(motions);
        for (uint32_t i = count > 3 ? count - 3 : 0; i < count; i++) {
            motion_plan_make(motion_at(motions, i), &joints, 1.5f, 1.2f, 0.5f, &plan);
            move(&plan);
        }
        motion_library_close(motions);
    }
    free(text);
    return 0;
}

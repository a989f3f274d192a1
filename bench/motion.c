/*
 * motion.c: how long the motion room takes on this machine.
 *
 *     bench_motion
 *
 * motion_move_all for 16,384 points by each primitive alone, and by each template for a horse and a bird; then
 * motion_find_joints and motion_plan_make. The least of 20 rounds, in milliseconds.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "motion/motion.h"

enum { POINTS = 16384, ROUNDS = 20 };

static float homes[3 * POINTS];
static float targets[3 * POINTS];
static float attachments[POINTS];
static float seeds[POINTS];
static uint8_t parts[POINTS];

static double least_time(const motion_plan *plan)
{
    double least = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t began = clock_now_ns();
        motion_move_all(plan, POINTS, homes, parts, attachments, seeds, 0.1f * (float)round, targets);
        double took = clock_seconds_between(began, clock_now_ns()) * 1e3;
        least = took < least ? took : least;
    }
    return least;
}

/* Fills the points with those of a shape, over and over. */
static void take_points(const lumen_shape *shape)
{
    random_state random = random_seed(1);
    for (uint32_t i = 0; i < POINTS; i++) {
        uint32_t from = i % shape->point_count;
        memcpy(&homes[3 * i], &shape->positions[3 * (size_t)from], 3 * sizeof(float));
        attachments[i] = shape->attachments[from];
        parts[i] = shape->part_ids[from];
        seeds[i] = random_float(&random);
    }
}

int main(void)
{
    lumen *library = NULL;
    motion_library *motions = NULL;
    lumen_error error;
    int status = 1;
    if (lumen_open(NULL, &library, &error) != LUMEN_OK || motion_library_open(NULL, NULL, &motions, &error) != LUMEN_OK)
        goto done;
    static const char *const words[] = {"horse", "bird"};
    for (size_t w = 0; w < 2; w++) {
        lumen_request request = {.text = words[w]};
        lumen_shape *shape;
        if (lumen_generate(library, &request, &shape, &error) != LUMEN_OK)
            goto done;
        take_points(shape);
        motion_plan plan;
        if (w == 0) {
            printf("%d points by one primitive, milliseconds\n", POINTS);
            for (int i = 0; i < MOTION_PRIMITIVES; i++) {
                motion_plan_clear(&plan);
                plan.rows[0] = motion_row_usual(i, vec3_make(0.0f, 0.0f, 0.0f));
                printf("  %-20s %.3f\n", motion_primitive_about(i)->name, least_time(&plan));
            }
        }
        motion_joints joints;
        uint64_t began = clock_now_ns();
        motion_find_joints(shape, &joints);
        printf("%s\n  joints of %u points     %.3f\n", words[w], (unsigned)shape->point_count,
               clock_seconds_between(began, clock_now_ns()) * 1e3);
        for (uint32_t i = 0; i < motion_count(motions); i++) {
            began = clock_now_ns();
            motion_plan_make(motion_at(motions, i), &joints, 1.0f, 1.0f, 0.0f, &plan);
            double made = clock_seconds_between(began, clock_now_ns()) * 1e3;
            printf("  %-10s plan %.4f  points %.3f\n", motion_name(motion_at(motions, i)), made, least_time(&plan));
        }
        lumen_shape_free(shape);
    }
    status = 0;
done:
    if (status != 0)
        fprintf(stderr, "bench_motion: %s\n", error.message);
    motion_library_close(motions);
    lumen_close(library);
    return status;
}

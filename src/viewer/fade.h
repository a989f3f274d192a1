/*
 * fade.h: from one motion plan to the next without a pop. Plan B fades in over plan A; at the end B becomes A. A third
 * plan that comes meanwhile waits until B has arrived, which then takes less long; the latest wins.
 */
#ifndef LUMEN_VIEWER_FADE_H
#define LUMEN_VIEWER_FADE_H

#include "motion/motion.h"

typedef struct motion_fade {
    motion_plan plans[3]; /* A, B, and the one that waits */
    bool fading, waiting;
    float progress;  /* 0..1 of the way from A to B */
    bool changed[2]; /* A or B must be given to the simulation again */
} motion_fade;

void fade_open(motion_fade *fade);

/* The plan in use becomes `plan` over half a second. */
void fade_to(motion_fade *fade, const motion_plan *plan);

/* Nothing moves any more, at once: while particles are loose. */
void fade_clear(motion_fade *fade);

void fade_advance(motion_fade *fade, float seconds);

/* 0..1: how much of plan B is in the mixture. */
float fade_blend(const motion_fade *fade);

/* Whether any plan in use moves anything. */
bool fade_moves(const motion_fade *fade);

/* motion_plan_rebase for all of them. */
void fade_rebase(motion_fade *fade, float seconds);

#endif

#include "viewer/fade.h"

static const float FADE_SECONDS = 0.5f, HURRIED_SECONDS = 0.2f;

enum { A, B, NEXT };

static bool plan_moves(const motion_plan *plan)
{
    for (int row = 0; row < MOTION_ROWS; row++)
        if (plan->rows[row].primitive >= 0.0f)
            return true;
    return false;
}

void fade_open(motion_fade *fade)
{
    for (int i = 0; i < 3; i++)
        motion_plan_clear(&fade->plans[i]);
    fade->fading = fade->waiting = false;
    fade->progress = 0.0f;
    fade->changed[A] = fade->changed[B] = true;
}

void fade_to(motion_fade *fade, const motion_plan *plan)
{
    if (fade->fading) {
        fade->plans[NEXT] = *plan;
        fade->waiting = true;
        return;
    }
    fade->plans[B] = *plan;
    fade->changed[B] = true;
    fade->fading = true;
    fade->progress = 0.0f;
}

void fade_clear(motion_fade *fade)
{
    fade_open(fade);
}

void fade_advance(motion_fade *fade, float seconds)
{
    if (!fade->fading)
        return;
    fade->progress += seconds / (fade->waiting ? HURRIED_SECONDS : FADE_SECONDS);
    if (fade->progress < 1.0f)
        return;
    fade->plans[A] = fade->plans[B];
    fade->changed[A] = true;
    fade->fading = false;
    fade->progress = 0.0f;
    if (fade->waiting) {
        fade->waiting = false;
        fade_to(fade, &fade->plans[NEXT]);
    }
}

float fade_blend(const motion_fade *fade)
{
    float t = fade->progress;
    return fade->fading ? t * t * (3.0f - 2.0f * t) : 0.0f;
}

bool fade_moves(const motion_fade *fade)
{
    return plan_moves(&fade->plans[A]) || (fade->fading && plan_moves(&fade->plans[B]));
}

void fade_rebase(motion_fade *fade, float seconds)
{
    for (int i = 0; i < 3; i++)
        motion_plan_rebase(&fade->plans[i], seconds);
    fade->changed[A] = fade->changed[B] = true;
}

#include "motion/internal.h"

void motion_plan_clear(motion_plan *plan)
{
    for (uint32_t k = 0; k < MOTION_ROWS; k++)
        plan->rows[k] = motion_row_usual(MOTION_NONE, vec3_make(0.0f, 0.0f, 0.0f));
}

/* A cyclic row begins at 0 of the new time, at the phase that it has then; a one-shot keeps its beginning. */
static void rebase(motion_row *row, float seconds)
{
    const motion_about *about = motion_primitive_about((int)row->primitive);
    if (about == NULL)
        return;
    if (about->one_shot) {
        /* Long over is over: the start need not lie a float's whole range back. */
        float longest = row->duration * (1.0f + fabsf(row->stagger)) + 1.0f;
        row->start = fmaxf(row->start - seconds, -longest);
        return;
    }
    double frequency = (double)float_clamp(row->frequency, -MOTION_FREQUENCY_MOST, MOTION_FREQUENCY_MOST);
    double cycle = frequency * ((double)seconds - (double)row->start) + (double)row->phase;
    row->phase = (float)(cycle - (double)MOTION_CYCLES * floor(cycle / (double)MOTION_CYCLES));
    row->start = 0.0f;
}

void motion_plan_rebase(motion_plan *plan, float seconds)
{
    if (!motion_finite(seconds))
        return;
    for (uint32_t k = 0; k < MOTION_ROWS; k++) {
        motion_row *row = &plan->rows[k];
        bool finite = true;
        const float *values = motion_row_floats_const(row);
        for (int i = 0; i < MOTION_ROW_FLOATS; i++)
            finite = finite && motion_finite(values[i]);
        if (finite && row->primitive > -0.5f && row->primitive < (float)MOTION_PRIMITIVES - 0.5f)
            rebase(row, seconds);
    }
}

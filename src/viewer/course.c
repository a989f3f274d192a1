#include "viewer/course.h"

#include <math.h>

static const float DISSOLVE_SECONDS = 0.3f, REFORM_SECONDS = 0.7f, SETTLE_SECONDS = 0.5f, SOFT_SECONDS = 0.9f;

static const float NOISE_DISSOLVE = 9.0f, NOISE_REFORM = 5.0f, NOISE_RING = 0.35f, NOISE_LEAST = 0.01f;
static const float GLOW_DISSOLVE = 0.6f, GLOW_REFORM = 0.9f, GLOW_SETTLE = 1.18f;

/* Time constants of what follows a phase. */
static const float NOISE_LAG = 0.06f, GLOW_LAG = 0.12f;

void course_open(course *way)
{
    *way =
        (course){.phase = VIEWER_IDLE, .ring = true, .arrival = 1.0f, .noise = NOISE_RING, .glow = 1.0f, .fade = 1.0f};
}

void course_change(course *way, bool to_ring)
{
    way->ring_waits = to_ring;
    if (way->phase == VIEWER_DISSOLVE)
        return; /* the latest shape wins, and it comes no later */
    way->phase = VIEWER_DISSOLVE;
    /* What has only begun to arrive needs no whole dissolving. */
    way->in_phase = DISSOLVE_SECONDS * (1.0f - fminf(way->arrival, way->fade));
}

void course_soften(course *way)
{
    way->softness = 1.0f;
}

bool course_waits(const course *way)
{
    return way->phase == VIEWER_DISSOLVE;
}

static float toward(float value, float goal, float seconds, float lag)
{
    return goal + (value - goal) * expf(-seconds / lag);
}

bool course_advance(course *way, float seconds, bool still)
{
    bool replace = false;
    way->in_phase += seconds;
    if (way->phase == VIEWER_DISSOLVE && way->in_phase >= DISSOLVE_SECONDS) {
        way->in_phase -= DISSOLVE_SECONDS;
        way->phase = VIEWER_REFORM;
        way->ring = way->ring_waits;
        replace = true;
    }
    if (way->phase == VIEWER_REFORM && way->in_phase >= REFORM_SECONDS) {
        way->in_phase -= REFORM_SECONDS;
        way->phase = VIEWER_SETTLE;
    }
    if (way->phase == VIEWER_SETTLE && way->in_phase >= SETTLE_SECONDS) {
        way->in_phase -= SETTLE_SECONDS;
        way->phase = way->ring ? VIEWER_IDLE : VIEWER_MOVE;
    }

    float noise = way->ring ? NOISE_RING : 0.0f, glow = 1.0f, along = 1.0f;
    if (way->phase == VIEWER_DISSOLVE) {
        along = 1.0f - way->in_phase / DISSOLVE_SECONDS;
        noise = NOISE_DISSOLVE;
        glow = GLOW_DISSOLVE;
    } else if (way->phase == VIEWER_REFORM) {
        along = way->in_phase / REFORM_SECONDS;
        noise = NOISE_REFORM * (1.0f - along);
        glow = GLOW_REFORM;
    } else if (way->phase == VIEWER_SETTLE) {
        glow = 1.0f + (GLOW_SETTLE - 1.0f) * (1.0f - way->in_phase / SETTLE_SECONDS);
    }
    along = along < 0.0f ? 0.0f : along;
    way->arrival = still ? 1.0f : along;
    way->fade = still ? along : fminf(1.0f, way->fade + seconds / REFORM_SECONDS);
    way->noise = still ? 0.0f : toward(way->noise, noise, seconds, NOISE_LAG);
    if (way->noise < NOISE_LEAST)
        way->noise = 0.0f;
    way->glow = still ? 1.0f : toward(way->glow, glow, seconds, GLOW_LAG);
    way->softness = fmaxf(0.0f, way->softness - seconds / SOFT_SECONDS);
    return replace;
}

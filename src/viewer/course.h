/*
 * course.h: the course of a sculpture from one shape to the next: dissolve (0.3 s), reform (0.7 s), settle (0.5 s),
 * move. Free of graphics. Everything that acts upon the particles changes without a jump, whatever interrupts it.
 *
 *     course way;
 *     course_open(&way);
 *     course_change(&way);                         // a new shape is waiting; at any time
 *     if (course_advance(&way, seconds)) ...       // now put the new homes in place
 */
#ifndef LUMEN_VIEWER_COURSE_H
#define LUMEN_VIEWER_COURSE_H

#include <stdbool.h>

#include "viewer/viewer.h"

typedef struct course {
    viewer_phase phase;
    float in_phase;  /* seconds */
    bool ring;       /* what is in place is the ring */
    bool ring_waits; /* what is waiting is the ring */
    float arrival;   /* 0: all particles are loose, 1: all are held */
    float noise;     /* acceleration of the particles */
    float glow;      /* 1 is normal */
    float fade;      /* 1 is normal, 0 unseen: with reduced motion shapes change through darkness */
    float softness;  /* 1 just after a refinement, falls to 0 */
} course;

/* The ring, at rest. */
void course_open(course *way);

/* A shape (or the ring) is waiting to be shown. */
void course_change(course *way, bool to_ring);

/* The homes have been replaced by similar ones. */
void course_soften(course *way);

/* Moves on. Returns whether the homes must be replaced now by what is waiting. */
bool course_advance(course *way, float seconds, bool still);

/* Whether a waiting shape has not been put in place yet. */
bool course_waits(const course *way);

#endif

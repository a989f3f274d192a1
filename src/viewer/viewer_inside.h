/*
 * viewer_inside.h: what the files of viewer.h share.
 *
 * viewer.c knows what is shown and what the one who looks wants; viewer_frame.c lets the time of a frame pass.
 */
#ifndef LUMEN_VIEWER_VIEWER_INSIDE_H
#define LUMEN_VIEWER_VIEWER_INSIDE_H

#include "viewer/course.h"
#include "viewer/fade.h"
#include "viewer/homes.h"
#include "viewer/orbit.h"
#include "viewer/painter.h"
#include "viewer/simulation.h"
#include "viewer/viewer.h"

enum { VIEWER_NAME_BYTES = 64 };

/* What the sculpture shall do once it stands. */
typedef struct wanted_motion {
    char motion[VIEWER_NAME_BYTES], verb[VIEWER_NAME_BYTES];
    float tempo, size;
    bool by_hand;
    motion_plan plan; /* of viewer_move_plan */
    bool begun;       /* by hand, at `origin` */
    float origin;
} wanted_motion;

/* The voice as the particles feel it, smoothed. */
typedef struct heard {
    float loudness, pitch, brightness, onset; /* pitch: octaves above 200 Hz, -1..1; brightness -1..1 */
} heard;

struct viewer {
    simulation *particles;
    painter *paint;
    motion_library *motions;
    uint32_t side;
    uint32_t width, height;
    float pixel_ratio;

    course way;
    particle_homes homes[2]; /* shown, and waiting */
    int shown;
    motion_joints joints[2];
    wanted_motion wanted[2];
    float held;  /* seconds that the next motion has waited for its program */
    bool moving; /* the wanted motion of what is shown has begun */
    motion_fade fade;

    orbit camera;
    bool still;
    bool settled; /* still, and drawn as it is */
    bool pointer;
    float pointer_x, pointer_y, push;
    uint32_t highlight;
    float lights[1 + LUMEN_PARTS_MAX];
    bool true_colors;
    float true_mix;
    float repainted; /* 0..1 since the homes were replaced */
    bool hearing;
    voice_features voice;
    heard heard;
    float aura[3];

    double seconds_before; /* of the caller's clock; below 0: no frame yet */
    float now;             /* of the plans */
    float noise_time, ring_angle, breath_time;
    double frame_cpu_ms;
    meter time; /* of the present frame */
    uint64_t frames;
};

/* Puts every particle on its home. */
void viewer_snap(viewer *one);

/* What waits is what is shown from now on. */
void viewer_put_in_place(viewer *one);

/* Fades to the motion that is wanted of what is shown. */
void viewer_begin_motion(viewer *one);

/* What the painter is to draw now. */
void viewer_describe(const viewer *one, painter_scene *scene);

#endif

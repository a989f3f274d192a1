/*
 * orbit.h: the one who looks: a perspective camera that circles around what is shown.
 */
#ifndef LUMEN_VIEWER_ORBIT_H
#define LUMEN_VIEWER_ORBIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vector.h"

typedef struct orbit {
    float yaw, pitch; /* radians; yaw 0 looks at the front (+Z) */
    float zoom;       /* 1: the whole shape fits */
    bool turning;     /* by itself */
    float rest;       /* seconds since the last touch */
    bool touched;     /* the angles are the user's own: shapes no longer choose them */
    float goal_yaw;   /* where a new shape wants to be seen from */
    vec3 center, goal_center;
    float radius, goal_radius;
    float wide, tall, goal_wide, goal_tall; /* half of what must be seen, whatever the turn */
    float turn_speed;                       /* radians a second, eased */
} orbit;

typedef struct orbit_view {
    float matrix[16]; /* world to clip, by columns */
    vec3 eye, right, up, forward;
    float focal; /* pixels per unit at distance one */
    float distance;
} orbit_view;

void orbit_open(orbit *camera);
void orbit_again(orbit *camera);

/* What is shown from now on. `ring`: seen from the front; `half`: half its bounding box. The camera glides there. */
void orbit_aim(orbit *camera, vec3 center, float radius, vec3 half, bool ring);

void orbit_move(orbit *camera, float right, float up);
void orbit_zoom(orbit *camera, float factor);

/* Returns whether the view changes. `still`: at once, and no turning. */
bool orbit_advance(orbit *camera, float seconds, bool ring, bool still);

orbit_view orbit_look(const orbit *camera, uint32_t width, uint32_t height);

/* The direction from the eye through a pixel, from the upper left. */
vec3 orbit_ray(const orbit_view *view, uint32_t width, uint32_t height, float x, float y);

#endif

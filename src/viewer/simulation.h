/*
 * simulation.h: where the particles are. Two back ends compute the same: the upper one in float textures on the
 * graphics processor, the lower one in C for drivers that cannot draw into float textures. Both hand the painter the
 * same textures, so that everything is drawn by the same shaders.
 *
 *     status = simulation_open(side, false, &particles, &error);      // with a context current
 *     simulation_home(particles, homes);                              // new targets; positions stay
 *     simulation_plan(particles, 0, &plan);
 *     simulation_step(particles, &forces);
 *     draw with simulation_textures(particles)
 *     simulation_close(particles);
 */
#ifndef LUMEN_VIEWER_SIMULATION_H
#define LUMEN_VIEWER_SIMULATION_H

#include <GLES3/gl3.h>

#include "base/error.h"
#include "motion/motion.h"
#include "viewer/homes.h"
#include "viewer/meter.h"
#include "viewer/particle.h"

typedef struct simulation simulation;

/* What acts upon the particles during one frame. */
typedef struct particle_forces {
    spring_step loose, tight;
    float arrival;  /* 0: all are loose; 1: all are held */
    float blend;    /* of plan 1 over plan 0 */
    float now;      /* of the plans, seconds */
    bool deforming; /* whether a plan moves anything */
    float noise;    /* acceleration by curl noise */
    float noise_time;
    vec3 center;
    float pulse; /* acceleration away from the center, for each unit of distance */
    bool ring;   /* the homes are those of the ring, which turns and breathes */
    float ring_angle, ring_breath;
    vec3 ray_origin, ray_direction; /* of the pointer */
    float push;                     /* acceleration beside that ray; 0: no pointer */
} particle_forces;

typedef struct particle_textures {
    GLuint positions;     /* RGBA32F: xyz, the normal as one float; see normal_pack */
    GLuint paints;        /* RGBA8: sRGB, part id */
    GLuint paints_before; /* of the homes before */
} particle_textures;

/* Whether this context can draw into float textures. */
bool simulation_has_float_targets(void);

/* `side` is a power of two. `lower` takes the lower path. `live`: never waits for the driver's compiler. Errors:
 * LUMEN_ERROR_MEMORY, LUMEN_ERROR_FAILED. */
lumen_status simulation_open(uint32_t side, bool lower, bool live, simulation **out, lumen_error *error);
void simulation_close(simulation *one);

/* Copies new homes to the graphics processor. The lower path goes on reading `homes`, which therefore has to stay. */
void simulation_home(simulation *one, const particle_homes *homes);

/* Plan 0 or 1. */
void simulation_plan(simulation *one, int which, const motion_plan *plan);

/* Whether a step from plan 0 to plan 1 finds a program of its own; begins to make it if not. Only of live ones may the
 * answer be no; the step then takes a slower program that does the same. */
bool simulation_is_prepared(simulation *one);

/* `time` is told what the driver took. */
void simulation_step(simulation *one, const particle_forces *forces, meter *time);

bool simulation_is_lower(const simulation *one);

particle_textures simulation_textures(const simulation *one);

/* Reads the positions back: (n, 3). */
lumen_status simulation_read(simulation *one, float *positions, lumen_error *error);

#endif

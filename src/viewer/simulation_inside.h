/* simulation_inside.h: what the two back ends of simulation.h share. */
#ifndef LUMEN_VIEWER_SIMULATION_INSIDE_H
#define LUMEN_VIEWER_SIMULATION_INSIDE_H

#include "viewer/simulation.h"

/* The texture units of the passes. */
enum {
    UNIT_POSITIONS,
    UNIT_VELOCITIES,
    UNIT_HOMES,
    UNIT_PAINTS,
    UNIT_NORMALS,
    UNIT_PLAN_A,
    UNIT_PLAN_B,
    UNIT_VELOCITIES_AFTER,
    UNIT_GLOW,
    UNIT_PAINTS_BEFORE
};

typedef struct upper_pass {
    GLuint program;
    GLint arrival, spring_loose, spring_tight, way_loose, way_tight;
    GLint plan_blend, plan_now, rounds, noise, noise_time, center, pulse, ring, ray_origin, ray_direction, push;
} upper_pass;

struct simulation {
    uint32_t side;
    bool lower;
    uint32_t frame;
    GLuint positions[2]; /* RGBA32F; the lower path has the first alone */
    GLuint paints[2];    /* RGBA8: now, and of the homes before */
    int now;             /* which of two holds the present */

    /* The upper path. */
    GLuint velocities[2];
    GLuint homes, normals, plans[2];
    GLuint position_frames[2], velocity_frames[2];
    GLuint nothing;                /* a vertex array without arrays */
    upper_pass velocity_passes[3]; /* for no plan, plan 0, both plans */
    upper_pass position_pass;

    /* The lower path. */
    const particle_homes *home;
    motion_plan plan[2];
    float *places; /* (n, 4) xyz, normal */
    float *speeds; /* (n, 3) */
};

/* Normals follow the motion a quarter of the rows at a time. */
enum { NORMAL_STRIPS = 4 };

lumen_status upper_open(simulation *one, lumen_error *error);
void upper_close(simulation *one);
void upper_home(simulation *one, const particle_homes *homes);
void upper_plan(simulation *one, int which, const motion_plan *plan);
void upper_step(simulation *one, const particle_forces *forces, meter *time);
lumen_status upper_read(simulation *one, float *positions, lumen_error *error);

lumen_status lower_open(simulation *one, lumen_error *error);
void lower_close(simulation *one);
void lower_step(simulation *one, const particle_forces *forces, meter *time);

/* A texture of side x side without filtering, bound to the active unit; 0 without memory. */
GLuint simulation_texture(uint32_t width, uint32_t height, GLenum inside, GLenum type, const void *pixels);

#endif

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

/* The velocity pass as programs: for no plan, for plan 0, for both, which can do all primitives, and a few that can do
 * what the present plans hold. Those are made when they are first wanted, while the others do their work. See
 * velocity.c. */
enum { NARROW_PROGRAMS = 8 };

typedef struct narrow_program {
    motion_among among;
    int plans;       /* 0: this place is empty */
    bool ready, bad; /* neither: it is being made; bad: the driver refused it */
    uint32_t asked;  /* frames that it has been waited for */
    uint32_t used;   /* the frame in which it was wanted last */
    upper_pass pass;
} narrow_program;

typedef struct velocity_programs {
    upper_pass full[3];
    narrow_program narrow[NARROW_PROGRAMS];
    bool live;     /* never waits for a program */
    bool can_tell; /* see program_can_tell */
} velocity_programs;

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
    GLuint nothing; /* a vertex array without arrays */
    motion_among among[2];
    velocity_programs velocity;
    upper_pass position_pass;

    /* The lower path. */
    const particle_homes *home;
    motion_plan plan[2];
    float *places; /* (n, 4) xyz, normal */
    float *speeds; /* (n, 3) */
};

/* Normals follow the motion a quarter of the rows at a time. */
enum { NORMAL_STRIPS = 4 };

bool upper_is_prepared(simulation *one);
lumen_status upper_open(simulation *one, lumen_error *error);
void upper_close(simulation *one);
void upper_home(simulation *one, const particle_homes *homes);
void upper_plan(simulation *one, int which, const motion_plan *plan);
void upper_step(simulation *one, const particle_forces *forces, meter *time);
lumen_status upper_read(simulation *one, float *positions, lumen_error *error);

lumen_status velocity_open(velocity_programs *programs, uint32_t side, lumen_error *error);
void velocity_close(velocity_programs *programs);

/* The program for `plans` (0, 1, 2) of them, which hold the primitives `among`, in frame `frame`; NULL while it is
 * being made, then the full one of as many plans does the same. */
const upper_pass *velocity_choose(velocity_programs *programs, int plans, motion_among among, uint32_t side,
                                  uint32_t frame);

/* Tells a program its textures and finds its uniforms. */
void upper_prepare(upper_pass *pass, uint32_t side);

lumen_status lower_open(simulation *one, lumen_error *error);
void lower_close(simulation *one);
void lower_step(simulation *one, const particle_forces *forces, meter *time);

/* A texture of side x side without filtering, bound to the active unit; 0 without memory. */
GLuint simulation_texture(uint32_t width, uint32_t height, GLenum inside, GLenum type, const void *pixels);

#endif

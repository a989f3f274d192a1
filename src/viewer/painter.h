/*
 * painter.h: particles as light. Three passes: the night with a faint aura; a veil, depth alone, by which the near side
 * hides the far one; and the light of the particles.
 */
#ifndef LUMEN_VIEWER_PAINTER_H
#define LUMEN_VIEWER_PAINTER_H

#include "viewer/orbit.h"
#include "viewer/simulation.h"

typedef struct painter painter;

typedef struct painter_scene {
    particle_textures textures;
    uint32_t side;
    orbit_view view;
    uint32_t width, height;
    float pixel_ratio;
    vec3 center;
    float radius;
    float floor;       /* height of the floor that mirrors the sculpture */
    float reflection;  /* 0: none */
    float spacing;     /* of the particles on the surface */
    float brightness;  /* 1 is normal */
    float solid;       /* 1: the near side hides the far side; 0: everything shines through */
    float true_colors; /* 0..1 */
    float repainted;   /* 0: in the colors of the shape before, 1: in its own */
    float tint[3];
    float aura[3];
    float parts[33][4]; /* color, light; [0] is not used but for its light */
} painter_scene;

lumen_status painter_open(painter **out, lumen_error *error);
void painter_close(painter *one);

/* Into the current draw frame buffer. `time` is told what the driver took. */
void painter_draw(painter *one, const painter_scene *scene, meter *time);

/* The number of the part under a pixel, 0 for none. */
uint32_t painter_part_at(painter *one, const painter_scene *scene, float x, float y);

#endif

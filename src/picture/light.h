/*
 * light.h: how much light arrives at a place of the scene, with soft shadows.
 *
 * The sky, a large key lamp and a rim lamp are each a handful of distant lights. A depth map from each of
 * them says what it reaches (Williams, "Casting Curved Shadows on Curved Surfaces", 1978); their sum gives
 * soft shadows, contact shadows on the ground and ambient occlusion at once, in proportion.
 */
#ifndef LUMEN_PICTURE_LIGHT_H
#define LUMEN_PICTURE_LIGHT_H

#include "picture/camera.h"
#include "picture/scene.h"

/* How finely light is computed. */
typedef struct light_quality {
    uint32_t sky, key, rim; /* number of distant lights of each */
    uint32_t map_size;      /* places along a side of a depth map */
} light_quality;

typedef struct light_rig light_rig;

typedef struct light_sample {
    vec3 diffuse; /* what a white matte surface would send back */
    float key;    /* how much of the key lamp is seen, 0 to 1 */
} light_sample;

/* Sets up the lamps around a scene, relative to the viewer (the key lamp shines over the viewer's left
 * shoulder). The rig lives in `memory` and looks at nothing else afterwards. NULL when memory runs out. */
light_rig *light_rig_make(const scene *content, const camera *view, light_quality quality, arena *memory);

/* The light at `count` places with normals of unit length. */
void light_gather(const light_rig *rig, size_t count, const vec3 *positions, const vec3 *normals,
                  light_sample *samples);

/* The same without any shadow. */
vec3 light_unshadowed(const light_rig *rig, vec3 normal);

/* The direction toward the middle of the key lamp. */
vec3 light_key_direction(const light_rig *rig);

#endif

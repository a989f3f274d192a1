/*
 * cloud.h: a shape as points that know their part. Private to this room.
 *
 *     status = cloud_sample(meshes, count, CLOUD_POINTS, what, scratch, memory, &cloud, &error);
 *
 * The points lie in a unit frame: the middle of the whole's bounding box is the origin, its longest side goes from -1 to
 * 1. A part gets points by the square root of its area, so that small parts are seen too; `weight` makes up for it in
 * part.
 */
#ifndef LUMEN_NAMING_CLOUD_H
#define LUMEN_NAMING_CLOUD_H

#include "base/arena.h"
#include "lumen.h"

/* N coordinates, one array for each axis, so that loops over points become vector instructions. */
typedef struct points {
    uint32_t count;
    float *axis[3]; /* (N) each */
} points;

/* The points of part i are [first[i], first[i + 1]), any first few of them spread over the whole part. */
typedef struct cloud {
    points at;
    uint8_t *part; /* (N) */
    float *weight; /* (N) sums to 1 */
    uint32_t part_count;
    uint32_t first[LUMEN_PARTS_MAX + 1];
    double area[LUMEN_PARTS_MAX];       /* in the square of `scale`; 0: no surface */
    float part_weight[LUMEN_PARTS_MAX]; /* sums to 1 */
    double center[3];                   /* of the bounding box, in the meshes' coordinates */
    double scale;                       /* half its longest side */
} cloud;

/* About `count` points of the visible surface of `part_count` (at most LUMEN_PARTS_MAX) meshes. `what` names the shape
 * in messages ("the generated"). Errors as naming_match's. */
lumen_status cloud_sample(const lumen_mesh *meshes, uint32_t part_count, uint32_t count, const char *what,
                          arena *scratch, arena *memory, cloud *out, lumen_error *error);

/* The same with one point in `divisor` of each part, but at least `least` where a part has so many. */
lumen_status cloud_thin(const cloud *full, uint32_t divisor, uint32_t least, arena *memory, cloud *out,
                        lumen_error *error);

#endif

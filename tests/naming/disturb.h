/*
 * disturb.h: shapes as a network might give them, made from procedural ones on purpose, with the truth kept.
 *
 *     disturbed shape;
 *     disturbed_from(&made, false, memory, &shape);   // the engine's parts, every triangle knows its part
 *     disturb(&shape, DISTURB_SPLIT, &random, memory);
 *     disturb(&shape, DISTURB_SHUFFLE, &random, memory);
 *     ... naming_match(shape.meshes, shape.part_count, ...) ...
 *     disturbed_score(&shape, reference, names, &score);
 */
#ifndef LUMEN_TESTS_NAMING_DISTURB_H
#define LUMEN_TESTS_NAMING_DISTURB_H

#include "base/random.h"
#include "engine/engine.h"
#include "naming/naming.h"

enum { DISTURBED_STRANGER = 255 };

/* P parts without names. */
typedef struct disturbed {
    const char *const *names; /* of the parts that triangles come from */
    uint32_t name_count;
    uint32_t part_count;
    lumen_mesh meshes[LUMEN_PARTS_MAX];
    uint8_t *truth[LUMEN_PARTS_MAX]; /* (T) of each mesh: index in names, or DISTURBED_STRANGER */
} disturbed;

typedef enum disturbance {
    DISTURB_NOTHING,
    DISTURB_NOISE,       /* each vertex by up to 1.5 % of the size, and a slow warp of 3 % */
    DISTURB_MISSING,     /* one or two parts are not there */
    DISTURB_MERGED,      /* two neighbors are one, once or twice */
    DISTURB_SPLIT,       /* one to three parts are cut in two */
    DISTURB_TURNED,      /* 90, 180 or 270 degrees about +Y */
    DISTURB_ANY_TURN,    /* any angle about +Y */
    DISTURB_MIRRORED,    /* x to -x */
    DISTURB_PROPORTIONS, /* each axis by 0.7 to 1.4 */
    DISTURB_LEANING,     /* up to 20 degrees about +Y */
    DISTURB_STRANGER,    /* one part that belongs to nothing */
    DISTURB_POSED,       /* each part moved by up to 5 % of the size and scaled by up to 15 % */
    DISTURB_COUNT,
    DISTURB_SHUFFLE = DISTURB_COUNT /* another order, another scale and place: always last */
} disturbance;

extern const char *const disturbance_names[DISTURB_COUNT];

/* Copies of the parts that have triangles, without normals, and without marks of what is hidden: parts are closed as a
 * network's are, inner skin and all. With `open` they are what is seen of them instead. False when memory runs out. */
bool disturbed_from(const engine_result *made, bool open, arena *memory, disturbed *out);

/* False when memory runs out. */
bool disturb(disturbed *shape, disturbance kind, random_state *random, arena *memory);

/* Areas. */
typedef struct naming_score {
    double total;
    double right;    /* whose name is the true one; for a stranger, any part_k */
    double possible; /* that would be right if every part had the best name: below total where parts are merged */
} naming_score;

void disturbed_score(const disturbed *shape, const naming_result *names, naming_score *score);

#endif

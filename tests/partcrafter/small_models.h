/*
 * small_models.h: a folder of models in the official layout, small enough for a test and whole: whatever the engine
 * does with the official weights it does with these.
 *
 *     write_small_models(folder, &cat);      // folder/sdxl-turbo, folder/rmbg-1.4, folder/partcrafter
 *
 * SDXL Turbo, IS-Net and DINOv2 have weights that follow from their names: they paint, cut out and encode noise. The
 * weights of PartCrafter are thought up so that its parts are ellipsoids of our choice, whatever the picture: the
 * velocity of part i drives the mean of channel i to a large value; the decoder's attention hands it to every point;
 * and its mlp opens, of all ellipsoids, the one whose channel it is. cos(x - a) = cos a cos x + sin a sin x, so that an
 * ellipsoid 1/2 - sum of (1 - cos(x - a)) / axis^2 is a linear layer of what points are embedded in.
 */
#ifndef TESTS_PARTCRAFTER_SMALL_MODELS_H
#define TESTS_PARTCRAFTER_SMALL_MODELS_H

#include <stddef.h>

enum { ELLIPSOIDS_MAX = 8, SMALL_PART_IDS = 32 };

/* Centers and half axes, within the box of -1 to 1. An axis of 0: a part that is not there. */
typedef struct ellipsoid {
    double center[3], axes[3];
} ellipsoid;

typedef struct ellipsoids {
    size_t count;
    ellipsoid parts[ELLIPSOIDS_MAX];
    double waves[ELLIPSOIDS_MAX]; /* height of cos 16 x + cos 16 y + cos 16 z on a part's field, which is 1/2 at the
                                     center: bumps */
} ellipsoids;

/* For the extraction of surfaces: one that is smooth, and one with bumps. */
extern const ellipsoids bumpy_ellipsoids;

/* The parts of templates where a cat and a tree have them, in another order; and the names that they should get. */
extern const ellipsoids cat_of_ellipsoids, tree_of_ellipsoids;
extern const char *const cat_names[], *const tree_names[];

/* A tree so small that its surfaces take little time: for tests of which shapes are not the subject. */
extern const ellipsoids bush_of_ellipsoids;

/* `path` exists already; the second writes path/partcrafter alone. Not for two threads at once. */
void write_small_models(const char *path, const ellipsoids *parts);
void write_small_maker(const char *path, const ellipsoids *parts);

#endif

/*
 * field.h: a scalar field in space, as the iso-surface room sees it.
 *
 * Negative inside, positive outside, zero on the surface: signed distances and the negated logits of
 * an occupancy network both fit.
 */
#ifndef LUMEN_GEOMETRY_FIELD_H
#define LUMEN_GEOMETRY_FIELD_H

#include "lumen.h"

typedef struct scalar_field {
    /* Writes the values of the field at `count` points. The points of one call lie close together
     * (one brick of a lattice), which an implementation may exploit. Anything but LUMEN_OK stops the
     * extraction with that status. Values must be equal for equal points; one
     * that is not a number counts as outside. */
    lumen_status (*evaluate)(void *user, size_t count, const float *x, const float *y, const float *z, float *values,
                             lumen_error *error);
    void *user;

    /* A bound on |value(a) - value(b)| / |a - b|: 1 for a true signed distance. Where a brick's center
     * value proves that the surface cannot reach it, the brick is not evaluated. 0: no bound is known
     * and every brick is evaluated. A bound that is a little too small loses no watertightness: a
     * surface that leaves an evaluated brick is followed into its neighbor all the same. */
    float lipschitz;
} scalar_field;

#endif

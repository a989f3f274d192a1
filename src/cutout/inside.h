/* inside.h: the steps of a mask, for the room itself and its tests. */
#ifndef LUMEN_CUTOUT_INSIDE_H
#define LUMEN_CUTOUT_INSIDE_H

#include "cutout/cutout.h"

/* The threshold that parts values best: those above it are one class, the others the other. Nobuyuki Otsu, "A Threshold
 * Selection Method from Gray-Level Histograms", 1979. */
unsigned cutout_otsu(const uint8_t *values, size_t count);

/* Twice the area of the polygon through the outer border pixels' centers of the piece whose first pixel, row by row, is
 * (x, y). `values` is not 0 where there is something. Pieces hang together by corners too. */
uint64_t cutout_outline_area(const uint8_t *values, uint32_t width, uint32_t height, uint32_t x, uint32_t y);

/* Sets small pieces to 0 and finds the box of the one with the largest outline; false in `found` when none is left. */
lumen_status cutout_clean(uint8_t *values, uint32_t width, uint32_t height, bool *found, cutout_box *box,
                          lumen_error *error);

#endif

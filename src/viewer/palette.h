/*
 * palette.h: one color for each part, on near-black.
 *
 * Twelve luminous colors whose order was searched for: among the first six all pairs, then neighbors within three
 * places, and everything beside the second (the body), lie as far apart as can be in Oklab, as seen by normal eyes and
 * through the matrices of Machado et al. (2009) for protanopia, deuteranopia and tritanopia, whichever is nearest. Then
 * aqua and violet were exchanged by eye: a violet neck beside a periwinkle body was too close under blue light.
 */
#ifndef LUMEN_VIEWER_PALETTE_H
#define LUMEN_VIEWER_PALETTE_H

#include <stdint.h>

/* The color of part k (from 1), sRGB. Beyond the twelfth they come again, darker. */
void palette_color(uint32_t part, uint8_t color[3]);

#endif

#include "viewer/palette.h"

static const uint8_t colors[][3] = {
    {0xff, 0xb0, 0x8a}, /* peach */
    {0x7c, 0x86, 0xff}, /* periwinkle */
    {0xf7, 0xe2, 0x7e}, /* straw */
    {0x8f, 0xe3, 0xff}, /* ice */
    {0xff, 0x7d, 0x6e}, /* coral */
    {0x58, 0xe0, 0xc4}, /* aqua */
    {0xd6, 0xf0, 0x8a}, /* lime */
    {0xb7, 0x9c, 0xff}, /* violet */
    {0xff, 0x6f, 0x91}, /* rose */
    {0x5a, 0xa9, 0xff}, /* azure */
    {0xff, 0xc4, 0x6b}, /* amber */
    {0xf2, 0xe6, 0xd0}, /* ivory */
};

enum { COLORS = sizeof colors / sizeof *colors };

void palette_color(uint32_t part, uint8_t color[3])
{
    uint32_t index = part > 0 ? part - 1 : 0;
    unsigned round = index / COLORS;
    for (int channel = 0; channel < 3; channel++)
        color[channel] = (uint8_t)(colors[index % COLORS][channel] * 8u / (8u + 2u * round));
}

/*
 * color.h: sRGB as files and screens hold it, and linear light as shading and glTF need it.
 */
#ifndef LUMEN_PICTURE_COLOR_H
#define LUMEN_PICTURE_COLOR_H

#include <stdint.h>

enum { COLOR_ENCODER_STEPS = 1024 };

/* Linear light for each sRGB byte. */
typedef struct color_decoder {
    float linear[256];
} color_decoder;

/* sRGB values (0 to 255, not rounded) over the square root of linear light, which is nearly a straight line. */
typedef struct color_encoder {
    float encoded[COLOR_ENCODER_STEPS + 2];
} color_encoder;

/* IEC 61966-2-1, equal to the bit on every machine (the bytes of a GLB depend on it). Takes microseconds. */
void color_decoder_make(color_decoder *decoder);
void color_encoder_make(color_encoder *encoder);

/* The sRGB value, 0 to 255 without rounding, of a linear value; clamped to [0, 1]. Error below 0.05. */
float color_encode(const color_encoder *encoder, float linear);

#endif

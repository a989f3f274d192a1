#include "picture/color.h"

#include <math.h>

/* The fifth root of a value in (0, 1.1] by Newton's method: no pow, whose last bit differs between machines. */
static double fifth_root(double value)
{
    double root = 1.0;
    for (int i = 0; i < 60; i++) {
        double fourth = root * root * root * root;
        double next = (4.0 * root + value / fourth) / 5.0;
        if (next >= root)
            break; /* Newton's steps for a root fall until they are exact */
        root = next;
    }
    return root;
}

void color_decoder_make(color_decoder *decoder)
{
    for (int i = 0; i < 256; i++) {
        double value = i / 255.0;
        double base = (value + 0.055) / 1.055;
        /* base^2.4 = base^2 * (base^2)^(1/5) */
        decoder->linear[i] = value <= 0.04045 ? (float)(value / 12.92) : (float)(base * base * fifth_root(base * base));
    }
}

void color_encoder_make(color_encoder *encoder)
{
    for (int i = 0; i <= COLOR_ENCODER_STEPS; i++) {
        double root = (double)i / (double)COLOR_ENCODER_STEPS;
        double linear = root * root;
        double value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1.0 / 2.4) - 0.055;
        encoder->encoded[i] = (float)(255.0 * value);
    }
    encoder->encoded[COLOR_ENCODER_STEPS + 1] = 255.0f;
}

float color_encode(const color_encoder *encoder, float linear)
{
    if (!(linear > 0.0f))
        return 0.0f;
    if (linear >= 1.0f)
        return 255.0f;
    float place = sqrtf(linear) * (float)COLOR_ENCODER_STEPS;
    int step = (int)place;
    float part = place - (float)step;
    return encoder->encoded[step] + (encoder->encoded[step + 1] - encoder->encoded[step]) * part;
}

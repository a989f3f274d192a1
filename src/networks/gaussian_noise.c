#include "networks/gaussian_noise.h"

#include <math.h>
#include <string.h>

/* ln x for a normal x > 0, within a few units of the last place: x = 2^k m with m from sqrt(1/2) to sqrt(2), and
 * ln m = 2 artanh((m - 1) / (m + 1)) as a series in odd powers. */
static double logarithm(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    const double ratio = (m - 1.0) / (m + 1.0), square = ratio * ratio;
    double sum = 0.0;
    for (int power = 21; power >= 1; power -= 2)
        sum = sum * square + 1.0 / (double)power;
    return 2.0 * ratio * sum + (double)exponent * 0.6931471805599453;
}

/* Uniform in (-1, 1), never 0. */
static double random_side(random_state *generator)
{
    return ((double)random_u32(generator) + 0.5) * 0x1p-31 - 1.0;
}

void gaussian_noise(random_state *generator, float *out, size_t count)
{
    for (size_t i = 0; i < count; i += 2) {
        double a, b, square;
        do {
            a = random_side(generator);
            b = random_side(generator);
            square = a * a + b * b;
        } while (square >= 1.0);
        const double factor = sqrt(-2.0 * logarithm(square) / square);
        out[i] = (float)(a * factor);
        if (i + 1 < count)
            out[i + 1] = (float)(b * factor);
    }
}

#include "base/vector.h"

/* Taylor polynomials on [-45, 45] degrees, where five terms leave an error below a double's last bits of a float. */
static double sin_small(double x)
{
    double s = x * x;
    return x * (1.0 - s * (1.0 / 6 - s * (1.0 / 120 - s * (1.0 / 5040 - s * (1.0 / 362880)))));
}

static double cos_small(double x)
{
    double s = x * x;
    return 1.0 - s * (1.0 / 2 - s * (1.0 / 24 - s * (1.0 / 720 - s * (1.0 / 40320 - s * (1.0 / 3628800)))));
}

float sin_degrees(float angle)
{
    double turns = (double)angle / 90.0;
    if (!(turns > -1e9 && turns < 1e9))
        return 0.0f;
    double quarter = floor(turns + 0.5);
    double x = (turns - quarter) * 1.57079632679489661923;
    switch (((long)quarter % 4 + 4) % 4) {
    case 0: return (float)sin_small(x);
    case 1: return (float)cos_small(x);
    case 2: return (float)-sin_small(x);
    default: return (float)-cos_small(x);
    }
}

float cos_degrees(float angle)
{
    return sin_degrees(angle + 90.0f);
}

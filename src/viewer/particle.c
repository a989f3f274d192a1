#include "viewer/particle.h"

spring_step spring_step_make(float rate, float damping, float drag, float seconds)
{
    /* Of x'' + 2 g x' + w^2 x = 0: x = e^(-g t) (x0 C + (v0 + g x0) S), with C = cos(d t), S = sin(d t) / d,
     * d^2 = w^2 - g^2; hyperbolic where the damping is above critical, and a limit between. */
    double w = rate, g = (double)damping * w + 0.5 * (double)drag, t = seconds;
    double square = w * w - g * g, c, s;
    if (square > 1e-6 * w * w) {
        double d = sqrt(square);
        c = cos(d * t);
        s = sin(d * t) / d;
    } else if (square < -1e-6 * w * w) {
        double d = sqrt(-square);
        c = cosh(d * t);
        s = sinh(d * t) / d;
    } else {
        c = 1.0;
        s = t;
    }
    double fade = exp(-g * t);
    double xx = fade * (c + g * s), xv = fade * s;
    double vx = -w * w * fade * s, vv = fade * (c - g * s);
    spring_step step = {(float)vx, (float)vv, (float)xv, (float)(0.5 * t), (float)(0.5 * t)};
    /* x' - x = (xx - 1) x + xv v, where x = (v' - vv v) / vx. Below some length of frame that is the trapezoid. */
    if (fabs(vx) > 1e-9 && w * t > 1e-3) {
        double after = (xx - 1.0) / vx;
        step.way_after = (float)after;
        step.way_before = (float)(xv - after * vv);
    }
    return step;
}

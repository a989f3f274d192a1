/*
 * meter.h: how much of a frame is our own work, and how much the driver's. A software driver does much of its drawing
 * inside our calls, so the time within them is counted apart.
 *
 *     meter time = {0};
 *     double began = meter_now();
 *     glDrawArrays(...);
 *     time.driver_ms += meter_now() - began;
 */
#ifndef LUMEN_VIEWER_METER_H
#define LUMEN_VIEWER_METER_H

#include <time.h>

typedef struct meter {
    double driver_ms;
} meter;

/* Milliseconds of this thread's own time; where there is no such clock (browsers), of real time. */
static inline double meter_now(void)
{
    struct timespec now = {0};
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
        clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

#endif

/*
 * clock.h: how long something takes, by the clock that never goes back (CLOCK_MONOTONIC).
 *
 *     uint64_t began = clock_now_ns();
 *     ...
 *     double seconds = clock_seconds_between(began, clock_now_ns());
 */
#ifndef LUMEN_BASE_CLOCK_H
#define LUMEN_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline double clock_now_seconds(void)
{
    return (double)clock_now_ns() * 1e-9;
}

/* 0 when `to_ns` lies before `from_ns`. */
static inline double clock_seconds_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) * 1e-9 : 0.0;
}

#endif

/*
 * animate.h: `lumen generate --animate`: a shape in motion as a film, drawn by the viewer without a display.
 *
 *     const animate_settings settings = {.seconds = 4};
 *     status = animate_write(shape, &settings, "horse.webm", show_progress, &bar, &error);
 *
 * A motion that repeats is filmed for whole cycles, so that the film has no beginning and no end.
 * In a build without the viewer animate_absent.c stands in and says so.
 */
#ifndef LUMEN_CLI_ANIMATE_H
#define LUMEN_CLI_ANIMATE_H

#include "lumen.h"

enum {
    ANIMATE_SECONDS_MAX = 60,
    ANIMATE_RATE_MAX = 60,
    ANIMATE_SIZE_MIN = 64,
    ANIMATE_SIZE_MAX = 4096,
    ANIMATE_PARTICLES_MIN = 16,
    ANIMATE_PARTICLES_MAX = 1024
};

typedef struct animate_settings {
    uint32_t seconds;       /* 0: 4; as near to it as whole cycles come */
    uint32_t rate;          /* frames a second; 0: 30, and 25 for .gif, which counts hundredths of seconds */
    uint32_t width, height; /* pixels; 0: 720 */
    uint32_t particles;     /* on each side of the square; 0: 256 */
} animate_settings;

/* Whether the ending of `path` can hold a film (.webm .gif .png), or nothing but one (.webm .gif). */
bool animate_takes(const char *path);
bool animate_only(const char *path);

/* How many points a shape should have so that each particle has its own. */
uint32_t animate_points(const animate_settings *settings);

/* Called after each frame. */
typedef void (*animate_progress)(void *user, uint32_t done, uint32_t total);

lumen_status animate_write(const lumen_shape *shape, const animate_settings *settings, const char *path,
                           animate_progress progress, void *user, lumen_error *error);

#endif

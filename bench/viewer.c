/*
 * What a frame of the viewer costs: simulation and drawing, each waited for, in a picture without a display. A
 * galloping horse of 16k, 65k, 262k and 1M particles; the median over the frames. Prints a row for each.
 *
 *     bench_viewer [WIDTH HEIGHT]        1000 x 700 without them
 */
#include <GLES3/gl3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "offscreen/offscreen.h"
#include "viewer/viewer.h"

enum { FRAMES_MAX = 60 };

static const double STEP = 1.0 / 60.0;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

static lumen_status measure(lumen *library, offscreen *place, uint32_t width, uint32_t height, uint32_t side,
                            bool lower, lumen_error *error)
{
    viewer *sculpture = NULL;
    lumen_shape *shape = NULL;
    const viewer_options options = {.side = side, .without_float_targets = lower};
    uint32_t points = side * side < LUMEN_POINTS_MAX ? side * side : LUMEN_POINTS_MAX;
    const lumen_request request = {.text = "a horse galloping", .points = points};
    lumen_status status = lumen_generate(library, &request, &shape, error);
    uint64_t began = clock_now_ns();
    if (status == LUMEN_OK)
        status = viewer_open(&options, &sculpture, error);
    if (status == LUMEN_OK) {
        glFinish();
        double opened = clock_seconds_between(began, clock_now_ns());
        double now = 0.0, frame[FRAMES_MAX], unseen[FRAMES_MAX], own[FRAMES_MAX], shown;
        int frames = side > 256 ? 15 : FRAMES_MAX;
        viewer_resize(sculpture, 1, 1, 1.0f);
        viewer_frame(sculpture, now);
        began = clock_now_ns();
        viewer_show(sculpture, shape);
        shown = clock_seconds_between(began, clock_now_ns());
        for (int i = 0; i < 40; i++)
            viewer_frame(sculpture, now += 0.06);
        /* A picture of one pixel still moves every particle and works out where it would be drawn. */
        for (int seen = 0; seen < 2; seen++) {
            if (seen)
                viewer_resize(sculpture, width, height, 1.0f);
            for (int i = -3; i < frames; i++) {
                glFinish();
                began = clock_now_ns();
                viewer_frame(sculpture, now += STEP);
                glFinish();
                double passed = clock_seconds_between(began, clock_now_ns()) * 1e3;
                if (i >= 0) {
                    (seen ? frame : unseen)[i] = passed;
                    own[i] = viewer_facts_now(sculpture).frame_cpu_ms;
                }
            }
        }
        printf("%-6s %9u %9.2f %9.2f %9.3f %9.1f %9.2f\n", lower ? "lower" : "upper", side * side,
               median(frame, frames), median(unseen, frames), median(own, frames), opened * 1e3, shown * 1e3);
        fflush(stdout);
    }
    viewer_close(sculpture);
    lumen_shape_free(shape);
    (void)place;
    return status;
}

int main(int count, char **arguments)
{
    uint32_t width = count > 2 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 1000;
    uint32_t height = count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 700;
    lumen *library = NULL;
    offscreen *place = NULL;
    lumen_error error = {0};
    lumen_status status = lumen_open(NULL, &library, &error);
    if (status == LUMEN_OK)
        status = offscreen_open(width, height, &place, &error);
    if (status == LUMEN_OK) {
        printf("%s, %u x %u, milliseconds, median of a frame\n", offscreen_renderer(place), width, height);
        printf("%-6s %9s %9s %9s %9s %9s %9s\n", "path", "particles", "frame", "1 pixel", "own CPU", "open", "show");
        status = measure(library, place, width, height, 128, true, &error);
    }
    for (uint32_t side = 128; side <= 1024 && status == LUMEN_OK; side *= 2)
        status = measure(library, place, width, height, side, false, &error);
    if (status != LUMEN_OK)
        fprintf(stderr, "bench_viewer: %s\n", error.message);
    offscreen_close(place);
    lumen_close(library);
    return status == LUMEN_OK ? 0 : 1;
}

/* lumen generate --animate: the viewer's own pictures, one after the other, into a film. */

#include "cli/animate.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "film/film.h"
#include "motion/motion.h"
#include "offscreen/offscreen.h"
#include "viewer/viewer.h"

enum { SECONDS_USUAL = 4, RATE_USUAL = 30, RATE_GIF = 25, SIZE_USUAL = 720, PARTICLES_USUAL = 256 };

static const double STEP = 1.0 / 30.0;   /* of what passes before the film begins */
static const double READY_SECONDS = 4.0; /* within which a sculpture stands and moves evenly */
static const float SWAY = 0.14f;         /* radians that the camera sways to each side */
static const double PI = 3.14159265358979;

bool animate_takes(const char *path)
{
    return film_format_of(path) != FILM_NONE;
}

bool animate_only(const char *path)
{
    film_format format = film_format_of(path);
    return format != FILM_NONE && format != FILM_PNG;
}

static uint32_t side_of(const animate_settings *settings)
{
    return settings->particles > 0 ? settings->particles : PARTICLES_USUAL;
}

uint32_t animate_points(const animate_settings *settings)
{
    uint32_t side = side_of(settings), count = side * side;
    return count < LUMEN_POINTS_MIN ? LUMEN_POINTS_MIN : count > LUMEN_POINTS_MAX ? LUMEN_POINTS_MAX : count;
}

/* ---- How long --------------------------------------------------------------------------------------------- */

/* Whether any row happens once and then holds its end. */
static bool has_one_shot(const motion_plan *plan)
{
    for (int row = 0; row < MOTION_ROWS; row++) {
        const motion_about *about = motion_primitive_about((int)plan->rows[row].primitive);
        if (plan->rows[row].primitive >= 0.0f && about != NULL && about->one_shot)
            return true;
    }
    return false;
}

/* How far from a whole number of cycles the worst row is after `seconds`. */
static double cycle_fault(const motion_plan *plan, double seconds)
{
    double worst = 0.0;
    for (int row = 0; row < MOTION_ROWS; row++) {
        if (plan->rows[row].primitive < 0.0f)
            continue;
        double cycles = fabs((double)plan->rows[row].frequency) * seconds;
        worst = fmax(worst, fabs(cycles - round(cycles)));
    }
    return worst;
}

/* The number of frames nearest to `wanted` seconds after which the motion is where it began: all that differ from it
 * by less than a half are tried. Where none fits, the best. */
static uint32_t choose_frames(const motion_plan *plan, double wanted, uint32_t rate)
{
    uint32_t usual = (uint32_t)lround(wanted * rate), best = usual > 0 ? usual : 1;
    double least = 1e9;
    for (uint32_t frames = usual / 2 + 1; frames <= usual + usual / 2; frames++) {
        double seconds = (double)frames / rate;
        /* A cycle may be off by a hundredth before anyone sees it; beyond that being near to what is wanted counts
         * little. */
        double fault = fmax(cycle_fault(plan, seconds) - 0.012, 0.0) * 100.0 + fabs(seconds - wanted) / wanted;
        if (fault < least) {
            least = fault;
            best = frames;
        }
    }
    return best;
}

/* ---- Filming ---------------------------------------------------------------------------------------------- */

static lumen_status film_all(viewer *sculpture, offscreen *place, film *out, double now, uint32_t frames, uint32_t rate,
                             uint8_t *pixels, animate_progress progress, void *user, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    double before = 0.0;
    for (uint32_t i = 0; i < frames && status == LUMEN_OK; i++) {
        double sway = SWAY * sin(2.0 * PI * i / frames);
        viewer_orbit(sculpture, (float)(sway - before), 0.0f);
        before = sway;
        viewer_frame(sculpture, now + (double)i / rate);
        status = offscreen_read(place, pixels, error);
        if (status == LUMEN_OK)
            status = film_frame(out, pixels, error);
        if (status == LUMEN_OK && progress != NULL)
            progress(user, i + 1, frames);
    }
    return status;
}

/* Lets the sculpture form. What repeats is left to swing in; what happens once is filmed from its beginning. */
static double get_ready(viewer *sculpture, bool once)
{
    double now = 0.0;
    viewer_frame(sculpture, now);
    while (now < READY_SECONDS && !(once && viewer_phase_now(sculpture) >= VIEWER_SETTLE))
        viewer_frame(sculpture, now += STEP);
    return now + STEP;
}

lumen_status animate_write(const lumen_shape *shape, const animate_settings *settings, const char *path,
                           animate_progress progress, void *user, lumen_error *error)
{
    uint32_t width = settings->width > 0 ? settings->width : SIZE_USUAL;
    uint32_t height = settings->height > 0 ? settings->height : SIZE_USUAL;
    uint32_t rate = settings->rate > 0 ? settings->rate : film_format_of(path) == FILM_GIF ? RATE_GIF : RATE_USUAL;
    double seconds = settings->seconds > 0 ? settings->seconds : SECONDS_USUAL;
    offscreen *place = NULL;
    viewer *sculpture = NULL;
    film *out = NULL;
    uint8_t *pixels = malloc((size_t)width * height * 4);
    lumen_status status = pixels != NULL ? LUMEN_OK : lumen_fail_memory(error, "a frame");
    if (status == LUMEN_OK)
        status = offscreen_open(width, height, &place, error);
    const viewer_options options = {.side = side_of(settings)};
    if (status == LUMEN_OK)
        status = viewer_open(&options, &sculpture, error);
    if (status == LUMEN_OK)
        status = film_open(path, width, height, rate, &out, error);
    if (status == LUMEN_OK) {
        viewer_resize(sculpture, 1, 1, 1.0f); /* nobody looks yet */
        viewer_turn(sculpture, false);
        viewer_show(sculpture, shape);
        motion_plan plan;
        motion_plan_make(motion_find(viewer_motions(sculpture), shape->motion.motion, shape->verb),
                         viewer_joints(sculpture), shape->motion.tempo, shape->motion.size, 0.0f, &plan);
        bool once = has_one_shot(&plan);
        uint32_t frames = once ? (uint32_t)lround(seconds * rate) : choose_frames(&plan, seconds, rate);
        double now = get_ready(sculpture, once);
        viewer_resize(sculpture, width, height, 1.0f);
        status = film_all(sculpture, place, out, now, frames, rate, pixels, progress, user, error);
        if (status == LUMEN_OK)
            status = film_finish(out, error);
        else
            film_abandon(out);
    }
    viewer_close(sculpture);
    offscreen_close(place);
    free(pixels);
    return status;
}

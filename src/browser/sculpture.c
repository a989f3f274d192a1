/* The viewer, as the page asks for it. */

#include "browser/internal.h"

#include <stdlib.h>

#include "base/error.h"

/* context.js */
int script_take_context(void);
void script_leave_context(int context);

/* Browsers give the time in steps of a tenth of a millisecond and no time of a thread at all, so what a frame takes is
 * the mean over some. */
static const double FRAMES_OF_MEAN = 60.0;

bool browser_see(browser *one, uint32_t side, bool still, bool lower)
{
    browser_look_away(one);
    one->error.status = LUMEN_OK;
    one->context = script_take_context();
    if (one->context == 0) {
        lumen_fail(&one->error, LUMEN_ERROR_UNAVAILABLE,
                   "this browser shows no WebGL 2; switch hardware acceleration on, or take a newer one");
        return false;
    }
    viewer_options options = {.side = side, .live = true, .still = still, .without_float_targets = lower};
    if (viewer_open(&options, &one->sculpture, &one->error) == LUMEN_OK)
        return true;
    browser_look_away(one);
    return false;
}

void browser_look_away(browser *one)
{
    viewer_close(one->sculpture);
    one->sculpture = NULL;
    if (one->context != 0)
        script_leave_context(one->context);
    one->context = 0;
    free(one->particles);
    one->particles = NULL;
}

void browser_resize(browser *one, uint32_t width, uint32_t height, float pixel_ratio)
{
    if (one->sculpture != NULL)
        viewer_resize(one->sculpture, width, height, pixel_ratio);
}

/* ---- What is shown --------------------------------------------------------------------------------------- */

void browser_show(browser *one, const lumen_shape *shape)
{
    if (one->sculpture != NULL)
        viewer_show(one->sculpture, shape);
}

void browser_refine(browser *one, const lumen_shape *shape)
{
    if (one->sculpture != NULL)
        viewer_refine(one->sculpture, shape);
}

void browser_rest(browser *one)
{
    if (one->sculpture != NULL)
        viewer_rest(one->sculpture);
}

void browser_move(browser *one, const char *motion, const char *verb, float tempo, float size)
{
    if (one->sculpture != NULL)
        viewer_move(one->sculpture, motion, verb, tempo, size);
}

bool browser_frame(browser *one, double seconds)
{
    if (one->sculpture == NULL)
        return false;
    double began = emscripten_get_now();
    bool again = viewer_frame(one->sculpture, seconds);
    one->frame_ms += (emscripten_get_now() - began - one->frame_ms) / FRAMES_OF_MEAN;
    return again;
}

int browser_phase(const browser *one)
{
    return one->sculpture == NULL ? (int)VIEWER_IDLE : (int)viewer_phase_now(one->sculpture);
}

/* ---- The one who looks ----------------------------------------------------------------------------------- */

void browser_orbit(browser *one, float right, float up)
{
    if (one->sculpture != NULL)
        viewer_orbit(one->sculpture, right, up);
}

void browser_zoom(browser *one, float factor)
{
    if (one->sculpture != NULL)
        viewer_zoom(one->sculpture, factor);
}

void browser_look_again(browser *one)
{
    if (one->sculpture != NULL)
        viewer_look_again(one->sculpture);
}

void browser_turn(browser *one, bool turning)
{
    if (one->sculpture != NULL)
        viewer_turn(one->sculpture, turning);
}

void browser_pointer(browser *one, float x, float y, bool present)
{
    if (one->sculpture != NULL)
        viewer_pointer(one->sculpture, x, y, present);
}

void browser_highlight(browser *one, uint32_t part)
{
    if (one->sculpture != NULL)
        viewer_highlight(one->sculpture, part);
}

uint32_t browser_part_at(browser *one, float x, float y)
{
    return one->sculpture == NULL ? 0 : viewer_part_at(one->sculpture, x, y);
}

void browser_true_colors(browser *one, bool wanted)
{
    if (one->sculpture != NULL)
        viewer_true_colors(one->sculpture, wanted);
}

void browser_still(browser *one, bool still)
{
    if (one->sculpture != NULL)
        viewer_still(one->sculpture, still);
}

uint32_t browser_part_color(const browser *one, uint32_t part)
{
    uint8_t color[3] = {255, 255, 255};
    if (one->sculpture != NULL)
        viewer_part_color(one->sculpture, part, color);
    return (uint32_t)color[0] << 16 | (uint32_t)color[1] << 8 | color[2];
}

/* ---- For tests and captions ------------------------------------------------------------------------------ */

bool browser_viewer_facts(browser *one)
{
    viewer_facts now = {0};
    if (one->sculpture != NULL)
        now = viewer_facts_now(one->sculpture);
    document_value *facts = document_object();
    bool whole = document_set(facts, "particles", document_integer(now.particles));
    whole = document_set(facts, "floatTargets", document_boolean(now.float_targets)) && whole;
    whole = document_set(facts, "frameCpuMs", document_real(one->frame_ms)) && whole;
    whole = document_set(facts, "frames", document_integer(now.frames)) && whole;
    return browser_write_document(one, facts, whole);
}

const float *browser_read(browser *one)
{
    if (one->sculpture == NULL)
        return NULL;
    size_t count = viewer_facts_now(one->sculpture).particles;
    if (one->particles == NULL)
        one->particles = malloc(count * (3 * sizeof(float) + 1));
    if (one->particles == NULL) {
        lumen_fail_memory(&one->error, "the particles");
        return NULL;
    }
    uint8_t *part_ids = (uint8_t *)(one->particles + 3 * count);
    return viewer_read(one->sculpture, one->particles, part_ids, &one->error) == LUMEN_OK ? one->particles : NULL;
}

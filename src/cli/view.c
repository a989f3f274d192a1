/* lumen view: a window in which words take shape. */

#include <GLES3/gl3.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/text_list.h"
#include "cli/view_lab.h"
#include "cli/view_maker.h"
#include "cli/view_options.h"
#include "files/files.h"
#include "viewer/viewer.h"
#include "window/overlay.h"
#include "window/window.h"

enum { WIDTH = 1280, HEIGHT = 800, PARTICLES = 128, TYPED_BYTES = LUMEN_TEXT_MAX_CHARACTERS * 4 + 1 };

enum { PANEL_WORDS, PANEL_LEGEND, PANEL_LAB, PANEL_HELP };

static const uint8_t bright[3] = {232, 238, 250}, soft[3] = {128, 140, 165}, warm[3] = {255, 170, 140};

static const double FRAME_SECONDS = 1.0 / 60.0;
static const double QUIET_SECONDS = 0.05; /* between looks while nothing moves */
static const double CARET_SECONDS = 0.53;
static const float TURN_A_PIXEL = 0.0065f; /* radians, at a pixel ratio of 1 */

typedef struct view {
    const view_options *options;
    window *place;
    viewer *sculpture;
    overlay *words;
    maker *hands;
    lab bench;
    lumen_shape *shown; /* NULL: the ring */
    uint32_t width, height;
    float ratio;
    char typed[TYPED_BYTES]; /* UTF-8 */
    uint32_t typed_characters;
    char told[384];  /* what went wrong */
    char title[256]; /* what is shown */
    uint32_t hovered;
    bool dragging, dragged, true_colors, still, turning, help, closing;
    bool changed; /* the words must be drawn again */
    bool caret;
    float pointer_x, pointer_y;
    double began;
} view;

/* ---- The words ------------------------------------------------------------------------------------------- */

static float legend_row(const view *one)
{
    return 27.0f * one->ratio;
}

static float legend_top(const view *one)
{
    return 0.5f * ((float)one->height - legend_row(one) * (float)(one->shown != NULL ? one->shown->part_count : 0));
}

static float legend_width(const view *one)
{
    return 230.0f * one->ratio;
}

/* The part whose name lies below the pointer; 0: none. */
static uint32_t legend_at(const view *one, float x, float y)
{
    if (one->shown == NULL || x > legend_width(one) || y < legend_top(one))
        return 0;
    uint32_t row = (uint32_t)((y - legend_top(one)) / legend_row(one));
    return row < one->shown->part_count ? row + 1 : 0;
}

static void write_legend(view *one)
{
    float row = legend_row(one), ratio = one->ratio;
    uint32_t count = one->shown != NULL ? one->shown->part_count : 0;
    if (count == 0 || !overlay_begin(one->words, PANEL_LEGEND, 0, (int32_t)legend_top(one), (uint32_t)legend_width(one),
                                     (uint32_t)(row * (float)count) + 1)) {
        overlay_empty(one->words, PANEL_LEGEND);
        return;
    }
    for (uint32_t part = 1; part <= count; part++) {
        char name[64];
        snprintf(name, sizeof name, "%s", one->shown->part_names[part - 1]);
        for (char *at = name; *at != '\0'; at++)
            *at = *at == '_' ? ' ' : *at;
        uint8_t color[3];
        viewer_part_color(one->sculpture, part, color);
        if (one->true_colors && one->shown->part_colors != NULL)
            memcpy(color, one->shown->part_colors + 3 * (size_t)(part - 1), 3);
        float middle = ((float)part - 0.5f) * row;
        overlay_dot(one->words, 30.0f * ratio, middle, (part == one->hovered ? 6.5f : 4.5f) * ratio, color);
        overlay_text(one->words, 46.0f * ratio, middle + 5.0f * ratio, legend_width(one) - 50.0f * ratio, 14.0f * ratio,
                     part == one->hovered ? bright : soft, name);
    }
    overlay_end(one->words);
}

static void write_words(view *one)
{
    float ratio = one->ratio, width = (float)one->width;
    uint32_t height = (uint32_t)(120.0f * ratio);
    if (!overlay_begin(one->words, PANEL_WORDS, 0, (int32_t)one->height - (int32_t)height, one->width, height))
        return;
    float size = 30.0f * ratio, line = 52.0f * ratio, below = 92.0f * ratio;
    char hint[512];
    if (one->typed[0] != '\0') {
        float wide = fminf(overlay_width(one->words, size, one->typed), width * 0.9f);
        overlay_text_centered(one->words, 0.5f * width, line, width * 0.9f, size, bright, one->typed);
        if (one->caret)
            overlay_fill(one->words, 0.5f * (width + wide) + 4.0f * ratio, line - 0.78f * size, 2.0f * ratio,
                         0.98f * size, bright);
        snprintf(hint, sizeof hint, "Enter lets it take shape");
    } else {
        if (one->caret)
            overlay_fill(one->words, 0.5f * width - ratio, line - 0.78f * size, 2.0f * ratio, 0.98f * size, soft);
        snprintf(hint, sizeof hint, "%s", one->shown != NULL ? one->title : "type a word, then Enter");
    }
    bool wrong = one->told[0] != '\0' && one->typed[0] == '\0';
    overlay_text_centered(one->words, 0.5f * width, below, width * 0.9f, 15.0f * ratio, wrong ? warm : soft,
                          wrong ? one->told : hint);
    overlay_end(one->words);
}

static void write_help(view *one)
{
    static const char *const lines[][2] = {
        {"type, then Enter", "a word or a sentence takes shape"},
        {"drag, arrow keys", "turn"},
        {"wheel, Page Up, Page Down", "nearer, farther"},
        {"Home", "look from the start again"},
        {"click a part, or its name", "light it"},
        {"F2", "the shape's own colors"},
        {"F3", "turn by itself, or not"},
        {"F11", "fill the screen"},
        {"Escape", "rest; once more closes"},
    };
    enum { LINES = sizeof lines / sizeof *lines };
    float ratio = one->ratio;
    uint32_t width = (uint32_t)(560.0f * ratio), height = (uint32_t)((LINES * 28.0f + 40.0f) * ratio);
    if (!one->help || width > one->width || height > one->height ||
        !overlay_begin(one->words, PANEL_HELP, (int32_t)(one->width - width) / 2, (int32_t)(one->height - height) / 2,
                       width, height)) {
        overlay_empty(one->words, PANEL_HELP);
        return;
    }
    overlay_shade(one->words, PANEL_HELP, 0.85f);
    for (int i = 0; i < LINES; i++) {
        float y = (42.0f + 28.0f * (float)i) * ratio;
        overlay_text(one->words, 30.0f * ratio, y, 230.0f * ratio, 15.0f * ratio, bright, lines[i][0]);
        overlay_text(one->words, 270.0f * ratio, y, 270.0f * ratio, 15.0f * ratio, soft, lines[i][1]);
    }
    overlay_end(one->words);
}

static bool has_lab(const view *one)
{
    return one->options->lab && one->shown != NULL;
}

/* Where a place of the window lies in the lab's panel, in pixels at a ratio of 1. False outside. */
static bool lab_place(const view *one, float x, float y, float *across, float *down)
{
    *across = (x - ((float)one->width - LAB_WIDTH * one->ratio)) / one->ratio;
    *down = y / one->ratio;
    return has_lab(one) && *across >= 0.0f && *down < (float)lab_height(&one->bench);
}

static void write_lab(view *one)
{
    uint32_t width = (uint32_t)(LAB_WIDTH * one->ratio),
             height = (uint32_t)((float)lab_height(&one->bench) * one->ratio);
    if (!has_lab(one) ||
        !overlay_begin(one->words, PANEL_LAB, (int32_t)one->width - (int32_t)width, 0, width, height)) {
        overlay_empty(one->words, PANEL_LAB);
        return;
    }
    overlay_shade(one->words, PANEL_LAB, 0.6f);
    lab_write(&one->bench, one->words, one->ratio);
    overlay_end(one->words);
}

/* ---- What the user does ------------------------------------------------------------------------------------- */

static void type_character(view *one, uint32_t code)
{
    size_t length = strlen(one->typed);
    if (code < 0x20 || code == 0x7f || code > 0x10ffff || one->typed_characters == LUMEN_TEXT_MAX_CHARACTERS ||
        (length == 0 && code == ' '))
        return;
    char *at = one->typed + length;
    if (code < 0x80) {
        *at++ = (char)code;
    } else if (code < 0x800) {
        *at++ = (char)(0xc0 | code >> 6);
        *at++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *at++ = (char)(0xe0 | code >> 12);
        *at++ = (char)(0x80 | (code >> 6 & 63));
        *at++ = (char)(0x80 | (code & 63));
    } else {
        *at++ = (char)(0xf0 | code >> 18);
        *at++ = (char)(0x80 | (code >> 12 & 63));
        *at++ = (char)(0x80 | (code >> 6 & 63));
        *at++ = (char)(0x80 | (code & 63));
    }
    *at = '\0';
    one->typed_characters++;
    one->told[0] = '\0';
}

static void erase_character(view *one)
{
    size_t length = strlen(one->typed);
    while (length > 0 && ((unsigned char)one->typed[length - 1] & 0xc0) == 0x80)
        length--;
    if (length > 0) {
        one->typed[length - 1] = '\0';
        one->typed_characters--;
    }
}

static void clear_typed(view *one)
{
    one->typed[0] = '\0';
    one->typed_characters = 0;
}

static void paste(view *one)
{
    /* Plain ASCII and UTF-8 alike, byte by byte into characters; what is no UTF-8 is left out. */
    const unsigned char *at = (const unsigned char *)window_pasted(one->place);
    while (at != NULL && *at != '\0') {
        uint32_t code = *at;
        int more = code < 0x80                   ? 0
                   : code >= 0xf0 && code < 0xf8 ? 3
                   : code >= 0xe0 && code < 0xf0 ? 2
                   : code >= 0xc0 && code < 0xe0 ? 1
                                                 : -1;
        at++;
        if (more < 0)
            continue;
        code = more == 0 ? code : code & (0x3fu >> more);
        for (; more > 0 && (*at & 0xc0) == 0x80; more--)
            code = code << 6 | (*at++ & 0x3fu);
        if (more == 0)
            type_character(one, code == '\n' || code == '\t' ? ' ' : code);
    }
}

static void rest(view *one)
{
    lumen_shape_free(one->shown);
    one->shown = NULL;
    one->hovered = 0;
    viewer_highlight(one->sculpture, 0);
    viewer_rest(one->sculpture);
    window_title(one->place, "lumen");
}

static void press(view *one, window_key key)
{
    switch (key) {
    case WINDOW_ENTER:
        if (one->typed[0] != '\0')
            maker_ask(one->hands, one->typed);
        clear_typed(one);
        break;
    case WINDOW_ESCAPE:
        if (one->help)
            one->help = false;
        else if (one->typed[0] != '\0')
            clear_typed(one);
        else if (one->shown != NULL)
            rest(one);
        else
            one->closing = true;
        break;
    case WINDOW_BACKSPACE: erase_character(one); break;
    case WINDOW_LEFT: viewer_orbit(one->sculpture, 0.1f, 0.0f); break;
    case WINDOW_RIGHT: viewer_orbit(one->sculpture, -0.1f, 0.0f); break;
    case WINDOW_UP: viewer_orbit(one->sculpture, 0.0f, 0.07f); break;
    case WINDOW_DOWN: viewer_orbit(one->sculpture, 0.0f, -0.07f); break;
    case WINDOW_PAGE_UP: viewer_zoom(one->sculpture, 1.12f); break;
    case WINDOW_PAGE_DOWN: viewer_zoom(one->sculpture, 1.0f / 1.12f); break;
    case WINDOW_HOME: viewer_look_again(one->sculpture); break;
    case WINDOW_F1: one->help = !one->help; break;
    case WINDOW_F2: viewer_true_colors(one->sculpture, one->true_colors = !one->true_colors); break;
    case WINDOW_F3: viewer_turn(one->sculpture, one->turning = !one->turning); break;
    case WINDOW_F11: window_full_screen(one->place); break;
    }
}

static void light(view *one, uint32_t part)
{
    if (part == one->hovered)
        return;
    one->hovered = part;
    viewer_highlight(one->sculpture, part);
    one->changed = true;
}

static void move(view *one, float x, float y)
{
    float right = x - one->pointer_x, down = y - one->pointer_y, across, below;
    lab_place(one, x, y, &across, &below);
    if (has_lab(one) && one->bench.slider >= 0) {
        lab_drag(&one->bench, across);
        one->changed = true;
    } else if (one->dragging) {
        float turn = TURN_A_PIXEL / one->ratio;
        viewer_orbit(one->sculpture, right * turn, down * turn);
        one->dragged = true;
    } else {
        light(one, legend_at(one, x, y));
    }
    one->pointer_x = x;
    one->pointer_y = y;
    viewer_pointer(one->sculpture, x, y, !one->dragging && legend_at(one, x, y) == 0);
}

static void take_event(view *one, const window_event *event)
{
    float across, down;
    switch (event->kind) {
    case WINDOW_TEXT: type_character(one, event->character); break;
    case WINDOW_PRESSED: press(one, event->key); break;
    case WINDOW_PASTED: paste(one); break;
    case WINDOW_MOVED: move(one, event->x, event->y); return; /* draws no words again unless another part is lit */
    case WINDOW_LEFT_IT: viewer_pointer(one->sculpture, 0.0f, 0.0f, false); break;
    case WINDOW_DOWN_AT:
        if (lab_place(one, event->x, event->y, &across, &down)) {
            lab_press(&one->bench, across, down);
            break;
        }
        one->dragging = true;
        one->dragged = false;
        viewer_pointer(one->sculpture, 0.0f, 0.0f, false);
        break;
    case WINDOW_UP_AT:
        lab_release(&one->bench);
        if (one->dragging && !one->dragged && legend_at(one, event->x, event->y) == 0) {
            uint32_t part = viewer_part_at(one->sculpture, event->x, event->y);
            light(one, part == one->hovered ? 0 : part);
        }
        one->dragging = false;
        break;
    case WINDOW_WHEEL: viewer_zoom(one->sculpture, powf(1.12f, event->y)); break;
    case WINDOW_QUIT: one->closing = true; break;
    }
    one->changed = true;
}

/* ---- Shapes --------------------------------------------------------------------------------------------------- */

static void take_shape(view *one)
{
    maker_answer answer;
    if (!maker_take(one->hands, &answer))
        return;
    one->changed = true;
    if (answer.shape == NULL) {
        snprintf(one->told, sizeof one->told, "%s", answer.error.message);
        /* Nobody reads a window that closes by itself. */
        if (one->options->seconds > 0)
            complain(EXIT_FAILED, "%s", answer.error.message);
        return;
    }
    lumen_shape_free(one->shown);
    one->shown = answer.shape;
    one->told[0] = '\0';
    one->hovered = 0;
    viewer_highlight(one->sculpture, 0);
    viewer_show(one->sculpture, one->shown);
    lab_begin(&one->bench, one->sculpture);
    snprintf(one->title, sizeof one->title, "%.200s",
             one->shown->text != NULL && one->shown->text[0] != '\0' ? one->shown->text : one->shown->subject);
    char title[300];
    snprintf(title, sizeof title, "%s - lumen", one->title);
    window_title(one->place, title);
}

static void fit_window(view *one)
{
    uint32_t width, height;
    float ratio;
    window_size(one->place, &width, &height, &ratio);
    if (width == 0 || height == 0 || (width == one->width && height == one->height && ratio == one->ratio))
        return;
    one->width = width;
    one->height = height;
    one->ratio = ratio;
    one->changed = true;
    viewer_resize(one->sculpture, width, height, ratio);
}

static lumen_status save_screenshot(const view *one, const char *path, lumen_error *error)
{
    size_t pixels = (size_t)one->width * one->height;
    uint8_t *rgba = malloc(pixels * 4);
    picture_image image = {one->width, one->height, malloc(pixels * 3)};
    lumen_status status = LUMEN_OK;
    if (rgba == NULL || image.pixels == NULL) {
        status = lumen_fail_memory(error, path);
    } else {
        glReadPixels(0, 0, (GLsizei)one->width, (GLsizei)one->height, GL_RGBA, GL_UNSIGNED_BYTE, rgba);
        for (size_t y = 0; y < one->height; y++)
            for (size_t x = 0; x < one->width; x++)
                memcpy(image.pixels + 3 * ((one->height - 1 - y) * one->width + x), rgba + 4 * (y * one->width + x), 3);
        status = files_save_image(&image, path, error);
    }
    free(rgba);
    free(image.pixels);
    return status;
}

/* ---- The window -------------------------------------------------------------------------------------------------- */

static lumen_status look(view *one, lumen_error *error)
{
    bool moves = true;
    while (!one->closing) {
        double now = clock_now_seconds();
        fit_window(one);
        take_shape(one);
        for (window_event event; window_next(one->place, &event);)
            take_event(one, &event);
        bool last = one->options->seconds > 0 && now - one->began >= (double)one->options->seconds;
        one->closing |= last;
        bool caret = one->still || fmod(now - one->began, 2.0 * CARET_SECONDS) < CARET_SECONDS;
        if (caret != one->caret || one->changed) {
            one->caret = caret;
            write_words(one);
        }
        if (one->changed) {
            write_legend(one);
            write_lab(one);
            write_help(one);
        }
        bool quiet = !moves && !one->changed;
        one->changed = false;
        moves = viewer_frame(one->sculpture, now);
        overlay_draw(one->words, one->width, one->height);
        if (one->closing && one->options->screenshot != NULL) {
            lumen_status status = save_screenshot(one, one->options->screenshot, error);
            if (status != LUMEN_OK)
                return status;
        }
        window_show(one->place);
        /* Where the driver does not wait for the screen, this does. */
        double left = FRAME_SECONDS - (clock_now_seconds() - now);
        window_wait(one->place, quiet && !maker_busy(one->hands) ? QUIET_SECONDS : left > 0.0 ? left : 0.0);
    }
    return LUMEN_OK;
}

static lumen_status open_all(view *one, lumen *library, const char *motions, lumen_error *error)
{
    uint32_t side = one->options->particles > 0 ? one->options->particles : PARTICLES;
    uint32_t points = side * side < LUMEN_POINTS_MIN   ? LUMEN_POINTS_MIN
                      : side * side > LUMEN_POINTS_MAX ? LUMEN_POINTS_MAX
                                                       : side * side;
    const viewer_options options = {.side = side, .live = true, .still = one->options->still, .motions = motions};
    lumen_status status = window_open("lumen", WIDTH, HEIGHT, &one->place, error);
    if (status == LUMEN_OK)
        status = viewer_open(&options, &one->sculpture, error);
    if (status == LUMEN_OK)
        status = overlay_open(&one->words, error);
    if (status == LUMEN_OK)
        status = maker_open(library, points, &one->hands, error);
    return status;
}

int view_run(const view_options *options)
{
    view one = {.options = options,
                .ratio = 1.0f,
                .changed = true,
                .turning = true,
                .still = options->still,
                .bench.slider = -1};
    lumen *library = NULL;
    char *motions = NULL, *concepts = NULL;
    lumen_error error;
    if ((options->motions != NULL && (motions = read_whole_file(options->motions)) == NULL) ||
        (options->concepts != NULL && (concepts = read_whole_file(options->concepts)) == NULL)) {
        free(motions);
        return EXIT_FAILED;
    }
    const lumen_options opening = {.concepts = concepts, .concepts_name = options->concepts};
    lumen_status status = lumen_open(&opening, &library, &error);
    if (status == LUMEN_OK)
        status = open_all(&one, library, motions, &error);
    if (status == LUMEN_OK) {
        one.began = clock_now_seconds();
        if (options->subject != NULL)
            maker_ask(one.hands, options->subject);
        status = look(&one, &error);
    }
    maker_close(one.hands);
    lumen_shape_free(one.shown);
    overlay_close(one.words);
    viewer_close(one.sculpture);
    window_close(one.place);
    lumen_close(library);
    free(motions);
    free(concepts);
    return status == LUMEN_OK ? EXIT_DONE : complain(EXIT_FAILED, "%s", error.message);
}

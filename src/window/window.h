/*
 * window.h: a window on the desktop with an OpenGL ES 3.0 context, and what its user does, one event after the other.
 *
 *     window *place;
 *     status = window_open("lumen", 1280, 800, &place, &error);    // the context is current
 *     while (!closed) {
 *         window_wait(place, seconds);                             // 0: only looks
 *         for (window_event event; window_next(place, &event);) ...
 *         ... draw ...
 *         window_show(place);
 *     }
 *     window_close(place);
 *
 * Through GLFW, and EGL for the context. One window, on the program's main thread.
 */
#ifndef LUMEN_WINDOW_WINDOW_H
#define LUMEN_WINDOW_WINDOW_H

#include "base/error.h"

typedef struct window window;

typedef enum window_key {
    WINDOW_ENTER,
    WINDOW_ESCAPE,
    WINDOW_BACKSPACE,
    WINDOW_LEFT,
    WINDOW_RIGHT,
    WINDOW_UP,
    WINDOW_DOWN,
    WINDOW_PAGE_UP,
    WINDOW_PAGE_DOWN,
    WINDOW_HOME,
    WINDOW_F1,
    WINDOW_F2,
    WINDOW_F3,
    WINDOW_F11
} window_key;

typedef enum window_event_kind {
    WINDOW_TEXT,    /* character */
    WINDOW_PRESSED, /* key; repeated while it is held */
    WINDOW_MOVED,   /* x, y of the pointer */
    WINDOW_LEFT_IT, /* the pointer has left the window */
    WINDOW_DOWN_AT, /* x, y of the main button */
    WINDOW_UP_AT,
    WINDOW_WHEEL,  /* y: notches, up is positive */
    WINDOW_PASTED, /* nothing: ask window_pasted */
    WINDOW_QUIT
} window_event_kind;

typedef struct window_event {
    window_event_kind kind;
    uint32_t character;
    window_key key;
    float x, y; /* pixels of the frame buffer, from the upper left */
} window_event;

/* Errors: LUMEN_ERROR_UNAVAILABLE (no display, no OpenGL ES 3.0), LUMEN_ERROR_MEMORY. */
lumen_status window_open(const char *title, uint32_t width, uint32_t height, window **out, lumen_error *error);
void window_close(window *place);

/* Waits for an event, `seconds` at most. */
void window_wait(window *place, double seconds);

/* The next event, false for none. */
bool window_next(window *place, window_event *event);

/* The frame buffer, and how many of its pixels one of the desktop has. 0 x 0 while it is minimized. */
void window_size(const window *place, uint32_t *width, uint32_t *height, float *pixel_ratio);

void window_title(window *place, const char *title);
void window_full_screen(window *place);

/* What the clipboard holds; NULL for nothing. Lives until the next call. */
const char *window_pasted(window *place);

/* Shows what was drawn. */
void window_show(window *place);

#endif

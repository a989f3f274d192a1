/*
 * overlay.h: words and bars over the sculpture, in panels that are drawn again only when they change.
 *
 *     overlay *words;
 *     status = overlay_open(&words, &error);                       // with a context current
 *     if (overlay_begin(words, 0, x, y, width, height)) {          // panel 0
 *         overlay_text(words, 20, 40, 300, 24, color, "a horse");
 *         overlay_fill(words, 20, 50, 100, 4, color);
 *         overlay_end(words);
 *     }
 *     overlay_draw(words, window_width, window_height);            // all panels
 *     overlay_close(words);
 *
 * Letters are light: a panel is blended with what is below as a screen, so that black is nothing. Coordinates within a
 * panel are pixels from its upper left.
 */
#ifndef LUMEN_WINDOW_OVERLAY_H
#define LUMEN_WINDOW_OVERLAY_H

#include "base/error.h"

typedef struct overlay overlay;

enum { OVERLAY_PANELS = 4 };

lumen_status overlay_open(overlay **out, lumen_error *error);
void overlay_close(overlay *words);

/* Clears a panel and makes it the one that is written on. False without memory: it is left empty then. */
bool overlay_begin(overlay *words, int panel, int32_t x, int32_t y, uint32_t width, uint32_t height);
void overlay_end(overlay *words);

/* A panel without anything. */
void overlay_empty(overlay *words, int panel);

/* On the base line `y`, at most `width` pixels wide: what is wider shrinks a little, then ends in an ellipsis. */
void overlay_text(overlay *words, float x, float y, float width, float size, const uint8_t color[3], const char *text);
void overlay_text_centered(overlay *words, float x, float y, float width, float size, const uint8_t color[3],
                           const char *text);
float overlay_width(overlay *words, float size, const char *text);
void overlay_fill(overlay *words, float x, float y, float width, float height, const uint8_t color[3]);
void overlay_dot(overlay *words, float x, float y, float radius, const uint8_t color[3]);

/* `shade` 0..1: how much each panel darkens what lies below it. */
void overlay_shade(overlay *words, int panel, float shade);

void overlay_draw(overlay *words, uint32_t width, uint32_t height);

#endif

/*
 * offscreen.h: an OpenGL ES 3.0 context without any display, and a picture to draw into.
 *
 *     offscreen *place;
 *     status = offscreen_open(1280, 720, &place, &error);       // the context is current, the picture is bound
 *     ... draw ...
 *     status = offscreen_read(place, rgba, &error);             // rows from the top, 4 bytes a pixel
 *     offscreen_close(place);
 *
 * Through EGL without a surface (EGL_MESA_platform_surfaceless, else EGL_EXT_platform_device). The context belongs to
 * the thread that opened it. EGL's display stays open until the program ends: it is the same for all of a process.
 */
#ifndef LUMEN_OFFSCREEN_OFFSCREEN_H
#define LUMEN_OFFSCREEN_OFFSCREEN_H

#include "base/error.h"

typedef struct offscreen offscreen;

enum { OFFSCREEN_SIZE_MAX = 8192 };

/* Errors: LUMEN_ERROR_INVALID (size), LUMEN_ERROR_UNAVAILABLE (no EGL, no OpenGL ES 3.0), LUMEN_ERROR_MEMORY. */
lumen_status offscreen_open(uint32_t width, uint32_t height, offscreen **out, lumen_error *error);
void offscreen_close(offscreen *place);

/* The name that the driver gives itself: "llvmpipe (LLVM 15.0.6, 256 bits)". */
const char *offscreen_renderer(const offscreen *place);

/* Waits for what was drawn and copies it: width * height * 4 bytes. */
lumen_status offscreen_read(offscreen *place, uint8_t *rgba, lumen_error *error);

#endif

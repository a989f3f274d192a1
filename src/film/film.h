/*
 * film.h: frames become a film: .webm (VP9), .gif, or an animated .png.
 *
 *     film *out;
 *     status = film_open("horse.webm", 720, 720, 30, &out, &error);
 *     for each frame: status = film_frame(out, rgba, &error);      // rows from the top, 4 bytes a pixel
 *     status = film_finish(out, &error);                           // or film_abandon(out)
 *
 * The program `ffmpeg` does the encoding, as a process of its own that is fed through a socket. It is not linked:
 * Debian builds FFmpeg's libraries under the GPL, and a program under the MIT license that hands frames to another
 * program stays what it is. The file appears whole or not at all.
 *
 * One film belongs to one thread at a time. Signals are neither raised nor caught, and no other child is waited for.
 */
#ifndef LUMEN_FILM_FILM_H
#define LUMEN_FILM_FILM_H

#include "base/error.h"

typedef struct film film;

typedef enum film_format { FILM_NONE, FILM_WEBM, FILM_GIF, FILM_PNG } film_format;

/* The format that a name's ending chooses, in any case; FILM_NONE for none. */
film_format film_format_of(const char *path);

/* Errors: LUMEN_ERROR_INVALID (ending, size, rate), LUMEN_ERROR_UNAVAILABLE (no ffmpeg), LUMEN_ERROR_IO,
 * LUMEN_ERROR_MEMORY. Sizes 16 to 8192, rates 1 to 100 frames a second. */
lumen_status film_open(const char *path, uint32_t width, uint32_t height, uint32_t rate, film **out,
                       lumen_error *error);

/* One frame more. LUMEN_ERROR_FAILED with ffmpeg's last words when it has ended early. */
lumen_status film_frame(film *one, const uint8_t *rgba, lumen_error *error);

/* Waits for the film to be encoded and puts it in its place. Frees `one` in any case. */
lumen_status film_finish(film *one, lumen_error *error);

/* Ends the encoder and leaves no file; `one` may be NULL. */
void film_abandon(film *one);

#endif

/*
 * resample.h: pictures in other sizes, as the libraries that networks were trained with make them.
 *
 *     resample_request how = {.filter = RESAMPLE_TRIANGLE, .width = 1024, .height = 1024};
 *     status = resample_floats(values, width, height, 3, &how, smaller, &error);
 *
 * Rows first, then columns, each a weighted sum of the pixels under the filter. A picture that shrinks has its filter
 * widened, so that no pixel is passed over; one that grows does not. Samples are channels-last (height, width,
 * channels); of the result only a window may be asked for, and of the whole no more is worked out than that. Beside the
 * result memory is taken for the rows under the filter alone.
 */
#ifndef LUMEN_PICTURE_RESAMPLE_H
#define LUMEN_PICTURE_RESAMPLE_H

#include "base/error.h"

typedef enum resample_filter {
    RESAMPLE_AREA,     /* each pixel the mean of the area that it covers; for shrinking */
    RESAMPLE_TRIANGLE, /* bilinear where a picture grows */
    RESAMPLE_BICUBIC   /* Keys' with a = -1/2, as Pillow has it */
} resample_filter;

typedef struct resample_window {
    size_t left, top, width, height; /* width 0: the whole */
} resample_window;

typedef struct resample_request {
    resample_filter filter;
    size_t width, height; /* of the whole result */
    resample_window window;
} resample_request;

/* 8-bit samples, rounded and limited after the rows and again after the columns, with weights of 22 bits: for
 * RESAMPLE_BICUBIC and RESAMPLE_TRIANGLE the bytes that Pillow computes. Errors: LUMEN_ERROR_INVALID for an empty
 * picture or a window outside of the result, LUMEN_ERROR_MEMORY. `to` has room for the window. */
lumen_status resample_bytes(const uint8_t *from, size_t width, size_t height, size_t channels,
                            const resample_request *how, uint8_t *to, lumen_error *error);

/* The same in f32, not rounded. */
lumen_status resample_floats(const float *from, size_t width, size_t height, size_t channels,
                             const resample_request *how, float *to, lumen_error *error);

/* 8-bit samples, rounded once at the end: RESAMPLE_AREA is what OpenCV's INTER_AREA gives. */
lumen_status resample_bytes_once(const uint8_t *from, size_t width, size_t height, size_t channels,
                                 const resample_request *how, uint8_t *to, lumen_error *error);

#endif

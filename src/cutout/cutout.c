#include "cutout/inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "picture/resample.h"

enum { COLORS = 3, ALPHA_BINS = 20 };

void cutout_mask_free(cutout_mask *mask)
{
    free(mask->values);
    *mask = (cutout_mask){0};
}

/* ---- Smaller ---------------------------------------------------------------------------------------------- */

static lumen_status reduce(uint8_t **samples, size_t width, size_t height, size_t channels, const resample_request *how,
                           lumen_error *error)
{
    uint8_t *smaller = malloc(how->width * how->height * channels);
    if (smaller == NULL)
        return lumen_fail_memory(error, "a smaller picture");
    lumen_status status = resample_bytes_once(*samples, width, height, channels, how, smaller, error);
    if (status != LUMEN_OK) {
        free(smaller);
        return status;
    }
    free(*samples);
    *samples = smaller;
    return LUMEN_OK;
}

lumen_status cutout_reduce(picture_photograph *photograph, lumen_error *error)
{
    const uint32_t width = photograph->color.width, height = photograph->color.height;
    const double scale = (double)CUTOUT_SIDE_MAX / (double)(width > height ? width : height);
    if (scale >= 1.0)
        return LUMEN_OK;
    const resample_request how = {
        .filter = RESAMPLE_AREA, .width = (size_t)((double)width * scale), .height = (size_t)((double)height * scale)};
    if (how.width == 0 || how.height == 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a picture of %u x %u pixels is too narrow to show anything; give one less long", width,
                          height);
    lumen_status status = reduce(&photograph->color.pixels, width, height, COLORS, &how, error);
    if (status != LUMEN_OK)
        return status;
    photograph->color.width = (uint32_t)how.width;
    photograph->color.height = (uint32_t)how.height;
    if (photograph->alpha != NULL)
        status = reduce(&photograph->alpha, width, height, 1, &how, error);
    if (status != LUMEN_OK) {
        free(photograph->alpha); /* which no longer fits */
        photograph->alpha = NULL;
    }
    return status;
}

/* ---- Alpha ------------------------------------------------------------------------------------------------ */

bool cutout_alpha_tells(const picture_photograph *photograph)
{
    const size_t count = (size_t)photograph->color.width * photograph->color.height;
    const double bin = 256.0 / ALPHA_BINS;
    size_t transparent = 0, opaque = 0;
    if (photograph->alpha == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const double value = (double)photograph->alpha[i];
        transparent += value < bin ? 1 : 0;
        opaque += value >= 256.0 - bin ? 1 : 0;
    }
    const double least = 0.01 * (double)count;
    return (double)transparent >= least && (double)opaque >= least;
}

lumen_status cutout_mask_of_alpha(const picture_photograph *photograph, cutout_mask *out, lumen_error *error)
{
    const uint32_t width = photograph->color.width, height = photograph->color.height;
    uint32_t left = width, right = 0, top = height, bottom = 0;
    *out = (cutout_mask){.width = width, .height = height, .values = malloc((size_t)width * height)};
    if (out->values == NULL)
        return lumen_fail_memory(error, "a mask");
    memcpy(out->values, photograph->alpha, (size_t)width * height);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            if (out->values[(size_t)y * width + x] > 0) {
                left = x < left ? x : left;
                right = x > right ? x : right;
                top = y < top ? y : top;
                bottom = y > bottom ? y : bottom;
            }
    if (left > right) {
        cutout_mask_free(out);
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the picture is transparent everywhere; give one that shows something");
    }
    out->box = (cutout_box){left, top, right - left + 1, bottom - top + 1};
    return LUMEN_OK;
}

/* ---- Into the network and out of it ------------------------------------------------------------------------- */

lumen_status cutout_input(const picture_image *picture, size_t side, float *out, lumen_error *error)
{
    const float black = 1e-3f;
    const size_t width = picture->width, height = picture->height, count = side * side * COLORS;
    const resample_request how = {.filter = RESAMPLE_TRIANGLE, .width = side, .height = side};
    float most = 0.0f;
    if (width * height < CUTOUT_PIECE_MIN)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a picture of %zu x %zu pixels is too small to show anything; it takes %d pixels at least",
                          width, height, CUTOUT_PIECE_MIN);
    float *values = malloc(width * height * COLORS * sizeof *values);
    if (values == NULL)
        return lumen_fail_memory(error, "the picture for the network");
    for (size_t i = 0; i < width * height * COLORS; i++)
        values[i] = (float)picture->pixels[i] / 255.0f;
    lumen_status status = resample_floats(values, width, height, COLORS, &how, out, error);
    free(values);
    if (status != LUMEN_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        most = out[i] > most ? out[i] : most;
        out[i] -= 0.5f;
    }
    if (most < black)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the picture is black; give one that shows something");
    return LUMEN_OK;
}

/* To 0 to 255 over its own range, cut off below the point. False when its values are no numbers; a flat map becomes 0.
 */
static bool stretch(const float *map, size_t count, uint8_t *out)
{
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(map[i]))
            return false;
        low = map[i] < low ? map[i] : low;
        high = map[i] > high ? map[i] : high;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = high > low ? (uint8_t)((map[i] - low) / (high - low) * 255.0f) : 0;
    return true;
}

static lumen_status mask_of_values(const float *values, cutout_mask *out, lumen_error *error)
{
    const size_t count = (size_t)out->width * out->height;
    bool found = false;
    if (!stretch(values, count, out->values))
        return lumen_fail(error, LUMEN_ERROR_FAILED,
                          "the network that finds what a picture shows gave numbers out of range; its weights are "
                          "damaged, so pull them again");
    const unsigned threshold = cutout_otsu(out->values, count);
    for (size_t i = 0; i < count; i++)
        out->values[i] = out->values[i] > threshold ? 255 : 0;
    lumen_status status = cutout_clean(out->values, out->width, out->height, &found, &out->box, error);
    if (status == LUMEN_OK && !found)
        status = lumen_fail(error, LUMEN_ERROR_INVALID,
                            "nothing in the picture stands out from what is behind it; give one that shows one thing");
    return status;
}

lumen_status cutout_mask_of_map(const float *map, size_t columns, size_t rows, uint32_t width, uint32_t height,
                                cutout_mask *out, lumen_error *error)
{
    const size_t count = (size_t)width * height;
    const resample_request how = {.filter = RESAMPLE_TRIANGLE, .width = width, .height = height};
    *out = (cutout_mask){.width = width, .height = height, .values = malloc(count)};
    float *values = malloc(count * sizeof *values);
    lumen_status status = out->values == NULL || values == NULL
                              ? lumen_fail_memory(error, "a mask")
                              : resample_floats(map, columns, rows, 1, &how, values, error);
    if (status == LUMEN_OK)
        status = mask_of_values(values, out, error);
    free(values);
    if (status != LUMEN_OK)
        cutout_mask_free(out);
    return status;
}

/* ---- The picture ---------------------------------------------------------------------------------------------- */

/* White beside and above the box: a tenth of the longer side, and half of what the shorter one lacks. */
static void margins(const cutout_box *box, size_t *beside, size_t *above)
{
    const double share = 0.1;
    const size_t width = box->width, height = box->height;
    if (width > height) {
        *beside = (size_t)((double)width * share);
        *above = (size_t)((double)*beside + (double)(width - height) / 2.0);
    } else {
        *above = (size_t)((double)height * share);
        *beside = (size_t)((double)*above + (double)(height - width) / 2.0);
    }
}

/* What shows through is white; in f32 and cut off below the point, as the reference computes it. */
static uint8_t over_white(uint8_t color, uint8_t mask)
{
    const float share = (float)mask / 255.0f;
    return (uint8_t)(((float)color / 255.0f * share + (1.0f - share)) * 255.0f);
}

lumen_status cutout_compose(const picture_image *picture, const cutout_mask *mask, picture_image *out,
                            lumen_error *error)
{
    const cutout_box *box = &mask->box;
    size_t beside, above;
    *out = (picture_image){0};
    if (picture->width != mask->width || picture->height != mask->height || box->width == 0 || box->height == 0 ||
        box->left + box->width > mask->width || box->top + box->height > mask->height)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the mask is not that of the picture; make it of this one");
    margins(box, &beside, &above);
    const size_t width = box->width + 2 * beside, height = box->height + 2 * above;
    uint8_t *pixels = malloc(width * height * COLORS);
    if (pixels == NULL)
        return lumen_fail_memory(error, "a picture that is cut out");
    memset(pixels, 255, width * height * COLORS);
    for (size_t y = 0; y < box->height; y++)
        for (size_t x = 0; x < box->width; x++) {
            const size_t from = (box->top + y) * mask->width + box->left + x, to = (above + y) * width + beside + x;
            for (size_t c = 0; c < COLORS; c++)
                pixels[to * COLORS + c] = over_white(picture->pixels[from * COLORS + c], mask->values[from]);
        }
    *out = (picture_image){.width = (uint32_t)width, .height = (uint32_t)height, .pixels = pixels};
    return LUMEN_OK;
}

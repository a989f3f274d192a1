#include "base/error.h"
#include "files/internal.h"
#include "picture/picture.h"

#include <string.h>
#include <strings.h>

static const char *const endings[FILES_FORMATS] = {
    [FILES_PLY] = ".ply", [FILES_GLB] = ".glb", [FILES_STL] = ".stl", [FILES_JSON] = ".json", [FILES_PNG] = ".png",
};

lumen_status files_format_of(const char *path, files_format *format, lumen_error *error)
{
    size_t length = strlen(path);
    for (int i = 0; i < FILES_FORMATS; i++) {
        size_t ending = strlen(endings[i]);
        /* A name that is nothing but an ending is a hidden file without one. */
        if (length > ending && path[length - ending - 1] != '/' &&
            strcasecmp(path + length - ending, endings[i]) == 0) {
            *format = (files_format)i;
            return LUMEN_OK;
        }
    }
    return lumen_fail(error, LUMEN_ERROR_INVALID,
                      "%.200s has no ending that names a format; use .ply .glb .stl .json or .png", path);
}

/* A picture of `size` pixels; 0: the usual. */
lumen_status files_picture(const lumen_shape *shape, uint32_t size, buffer *out, lumen_error *error)
{
    picture_image image = {0};
    picture_options options = {.width = size, .height = size, .legend = true, .caption = shape->text};
    lumen_status status = picture_render(shape, &options, &image, error);
    if (status == LUMEN_OK)
        status = picture_write_png(&image, out, error);
    picture_free(&image);
    return status;
}

lumen_status files_encode(const lumen_shape *shape, files_format format, buffer *out, lumen_error *error)
{
    switch (format) {
    case FILES_PLY: return files_ply(shape, out, error);
    case FILES_GLB: return files_glb(shape, out, error);
    case FILES_STL: return files_stl(shape, out, error);
    case FILES_JSON: return files_json(shape, out, error);
    case FILES_PNG: return files_picture(shape, 0, out, error);
    case FILES_FORMATS: break;
    }
    return lumen_fail(error, LUMEN_ERROR_INVALID, "format %d is unknown; use one of files_format", (int)format);
}

lumen_status files_write(const lumen_shape *shape, const char *path, lumen_error *error)
{
    files_format format = FILES_FORMATS;
    lumen_status status = files_format_of(path, &format, error);
    if (status != LUMEN_OK)
        return status;
    buffer bytes;
    buffer_open(&bytes, FILES_BYTES_MAX);
    status = files_encode(shape, format, &bytes, error);
    if (status == LUMEN_OK)
        status = files_save(&bytes, path, error);
    buffer_close(&bytes);
    return status;
}

lumen_status files_write_picture(const lumen_shape *shape, uint32_t size, const char *path, lumen_error *error)
{
    buffer bytes;
    buffer_open(&bytes, FILES_BYTES_MAX);
    lumen_status status = files_picture(shape, size, &bytes, error);
    if (status == LUMEN_OK)
        status = files_save(&bytes, path, error);
    buffer_close(&bytes);
    return status;
}

lumen_status files_save_image(const picture_image *image, const char *path, lumen_error *error)
{
    buffer bytes;
    buffer_open(&bytes, FILES_BYTES_MAX);
    lumen_status status = picture_write_png(image, &bytes, error);
    if (status == LUMEN_OK)
        status = files_save(&bytes, path, error);
    buffer_close(&bytes);
    return status;
}

lumen_status files_write_sheet(const lumen_shape *const *shapes, size_t count, uint32_t columns, uint32_t tile,
                               const char *path, lumen_error *error)
{
    files_format format = FILES_FORMATS;
    lumen_status status = files_format_of(path, &format, error);
    if (status != LUMEN_OK)
        return status;
    if (format != FILES_PNG)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s: a sheet is a picture; let its name end in .png", path);
    picture_image image = {0};
    status = picture_sheet(shapes, count, columns, tile, &image, error);
    if (status == LUMEN_OK)
        status = files_save_image(&image, path, error);
    picture_free(&image);
    return status;
}

/*
 * read_shape.h: what holds of every shape that is read from a file, for the targets fuzz_read_*.
 */
#ifndef LUMEN_FUZZ_READ_SHAPE_H
#define LUMEN_FUZZ_READ_SHAPE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "files/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_require(bool holds)
{
    if (!holds)
        abort();
}

static inline void fuzz_require_mesh(const lumen_mesh *mesh)
{
    for (size_t i = 0; i < 3 * (size_t)mesh->triangle_count; i++)
        fuzz_require(mesh->triangles[i] < mesh->vertex_count);
    for (size_t i = 0; i < 3 * (size_t)mesh->vertex_count; i++)
        fuzz_require(isfinite(mesh->positions[i]));
}

static inline void fuzz_require_whole(const lumen_shape *shape)
{
    fuzz_require(shape->point_count > 0 && shape->point_count <= LUMEN_POINTS_MAX);
    fuzz_require(shape->part_count <= LUMEN_PARTS_MAX);
    for (size_t i = 0; i < 3 * (size_t)shape->point_count; i++)
        fuzz_require(fabsf(shape->positions[i]) <= 1.001f && isfinite(shape->normals[i]));
    for (size_t i = 0; i < shape->point_count; i++) {
        fuzz_require(shape->part_ids[i] <= shape->part_count);
        fuzz_require(shape->attachments[i] >= 0.0f && shape->attachments[i] <= 1.0f);
    }
    for (uint32_t k = 0; k < shape->part_count; k++) {
        fuzz_require(strlen(shape->part_names[k]) < 64);
        fuzz_require_mesh(&shape->part_meshes[k]);
    }
}

/* The target of a format. What was read can be written again in every format but a picture, which is slow. */
static inline int fuzz_read_shape(const uint8_t *data, size_t size, files_format format)
{
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    if (files_decode(data, size, format, "fuzz", &shape, &error) != LUMEN_OK) {
        fuzz_require(shape == NULL && error.message[0] != 0);
        for (const char *byte = error.message; *byte != 0; byte++)
            fuzz_require((unsigned char)*byte >= ' ');
        return 0;
    }
    fuzz_require_whole(shape);
    buffer bytes;
    buffer_open(&bytes, FILES_BYTES_MAX);
    for (int other = 0; other < FILES_FORMATS; other++)
        if (other != FILES_PNG)
            fuzz_require(files_encode(shape, (files_format)other, &bytes, &error) == LUMEN_OK);
    buffer_close(&bytes);
    lumen_shape_free(shape);
    return 0;
}

#endif

#include "files/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Readers often hold a header line in a fixed array, so no comment grows long. */
enum { COMMENT_MAX = 240 };

/* Many readers take the header for ended at the first line that has these letters anywhere. */
static const char HEADER_END[] = "end_header";

static void comment(buffer *out, const char *what, const char *text)
{
    buffer_print(out, "comment %s ", what);
    size_t start = out->size;
    files_escape(out, files_text(text), COMMENT_MAX);
    size_t length = sizeof HEADER_END - 1;
    for (size_t i = start; i + length <= out->size; i++)
        if (memcmp(out->data + i, HEADER_END, length) == 0)
            out->data[i + 3] = '-';
    buffer_text(out, "\n");
}

static void header(const lumen_shape *shape, buffer *out)
{
    buffer_text(out, "ply\nformat binary_little_endian 1.0\n");
    buffer_text(out, "comment generator lumen " LUMEN_VERSION "\n");
    comment(out, "text", shape->text);
    comment(out, "template", shape->template_type);
    comment(out, "pipeline", shape->pipeline);
    comment(out, "key", shape->key);
    buffer_print(out, "comment seed %" PRIu64 "\n", shape->seed);
    for (uint32_t i = 0; i < shape->part_count; i++) {
        char what[24];
        snprintf(what, sizeof what, "part %" PRIu32, i + 1);
        comment(out, what, files_part_name(shape, i));
    }
    for (uint32_t i = 0; shape->part_confidence != NULL && i < shape->part_count; i++) {
        const uint32_t millionths = (uint32_t)(files_part_confidence(shape, i) * 1e6f + 0.5f);
        buffer_print(out, "comment confidence %" PRIu32 " %" PRIu32 ".%06" PRIu32 "\n", i + 1, millionths / 1000000,
                     millionths % 1000000);
    }
    buffer_print(out, "element vertex %" PRIu32 "\n", shape->point_count);
    buffer_text(out, "property float x\nproperty float y\nproperty float z\n"
                     "property float nx\nproperty float ny\nproperty float nz\n"
                     "property uchar red\nproperty uchar green\nproperty uchar blue\n"
                     "property uchar part_id\nproperty float attachment\n"
                     "end_header\n");
}

lumen_status files_ply(const lumen_shape *shape, buffer *out, lumen_error *error)
{
    static const float no_normal[3] = {0};
    static const uint8_t white[3] = {255, 255, 255};
    header(shape, out);
    for (size_t i = 0; i < shape->point_count; i++) {
        const float *position = shape->positions + 3 * i;
        const float *normal = shape->normals == NULL ? no_normal : shape->normals + 3 * i;
        for (int axis = 0; axis < 3; axis++)
            buffer_f32(out, position[axis]);
        for (int axis = 0; axis < 3; axis++)
            buffer_f32(out, normal[axis]);
        buffer_append(out, shape->colors == NULL ? white : shape->colors + 3 * i, 3);
        buffer_u8(out, shape->part_ids == NULL ? 0 : shape->part_ids[i]);
        buffer_f32(out, shape->attachments == NULL ? 0.0f : shape->attachments[i]);
    }
    return files_finish(out, "a PLY file", error);
}

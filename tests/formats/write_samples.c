/*
 * write_samples FOLDER: writes the sample shapes in every format, for the outside validators.
 */
#include "sample_shape.h"

#include "files/files.h"

#include <stdio.h>

int main(int count, char **arguments)
{
    static const char *const endings[] = {"ply", "glb", "stl", "json", "png"};
    if (count != 2) {
        fprintf(stderr, "usage: write_samples FOLDER\n");
        return 2;
    }
    lumen_shape *shapes[SAMPLE_KINDS];
    for (int kind = 0; kind < SAMPLE_KINDS; kind++)
        shapes[kind] = sample_shape_make((sample_kind)kind);
    lumen_error error = {0};
    lumen_status status = LUMEN_OK;
    char path[4096];
    for (int kind = 0; kind < SAMPLE_KINDS; kind++)
        for (size_t i = 0; status == LUMEN_OK && i < sizeof endings / sizeof endings[0]; i++) {
            snprintf(path, sizeof path, "%s/%s.%s", arguments[1], shapes[kind]->subject, endings[i]);
            status = files_write(shapes[kind], path, &error);
        }
    if (status == LUMEN_OK) {
        snprintf(path, sizeof path, "%s/sheet.png", arguments[1]);
        status = files_write_sheet((const lumen_shape *const *)shapes, SAMPLE_KINDS, 0, 0, path, &error);
    }
    if (status != LUMEN_OK)
        fprintf(stderr, "write_samples: %s\n", error.message);
    for (int kind = 0; kind < SAMPLE_KINDS; kind++)
        sample_shape_free(shapes[kind]);
    return status == LUMEN_OK ? 0 : 1;
}

/*
 * describe_shape FILE...: reads shapes and writes what they hold as one line of JSON each, for outside checks.
 */
#include "files/files.h"

#include <stdio.h>

static int describe(const char *path)
{
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    if (files_read_shape(path, &shape, &error) != LUMEN_OK) {
        fprintf(stderr, "describe_shape: %s\n", error.message);
        return 1;
    }
    buffer line;
    buffer_open(&line, FILES_BYTES_MAX);
    lumen_status status = files_json(shape, &line, &error);
    if (status == LUMEN_OK)
        printf("%.*s\n", (int)line.size, (const char *)line.data);
    else
        fprintf(stderr, "describe_shape: %s\n", error.message);
    buffer_close(&line);
    lumen_shape_free(shape);
    return status == LUMEN_OK ? 0 : 1;
}

int main(int count, char **arguments)
{
    int failed = count < 2;
    for (int i = 1; i < count; i++)
        failed |= describe(arguments[i]);
    return failed;
}

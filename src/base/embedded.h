/*
 * embedded.h: files that lie inside the program, as `tools/embed --table` writes them.
 *
 *     extern const embedded_file page_files[];       // the last one has no name
 *     for (const embedded_file *file = page_files; file->name != NULL; file++) ...
 */
#ifndef LUMEN_BASE_EMBEDDED_H
#define LUMEN_BASE_EMBEDDED_H

#include <stddef.h>
#include <stdint.h>

typedef struct embedded_file {
    const char *name; /* without folders: "index.html" */
    const unsigned char *bytes;
    size_t size;
    uint64_t hash; /* FNV-1a of the bytes */
} embedded_file;

#endif

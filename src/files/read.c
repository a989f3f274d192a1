#include "files/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define SHAPE_MEMORY_MAX   ((size_t)768 << 20)
#define SCRATCH_MEMORY_MAX ((size_t)768 << 20)

lumen_status files_decode(const void *bytes, size_t size, files_format format, const char *name, lumen_shape **out,
                          lumen_error *error)
{
    *out = NULL;
    if (size > FILES_READ_BYTES_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.200s is larger than %zu MiB; give it fewer points or triangles", name,
                          FILES_READ_BYTES_MAX >> 20);
    shape_draft draft = {
        .name = name,
        .memory = arena_create(SHAPE_MEMORY_MAX),
        .scratch = arena_create(SCRATCH_MEMORY_MAX),
    };
    lumen_status status;
    if (draft.memory == NULL || draft.scratch == NULL)
        status = lumen_fail_memory(error, "a shape from a file");
    else
        switch (format) {
        case FILES_JSON: status = read_json(&draft, bytes, size, error); break;
        case FILES_PLY: status = read_ply(&draft, bytes, size, error); break;
        case FILES_GLB: status = read_glb(&draft, bytes, size, error); break;
        default:
            status = lumen_fail(error, LUMEN_ERROR_INVALID,
                                "%.200s holds no shape that can be read; use a .ply, .glb or .json", name);
            break;
        }
    if (status == LUMEN_OK)
        status = draft_finish(&draft, bytes, size, out, error);
    arena_destroy(draft.scratch);
    if (status != LUMEN_OK)
        arena_destroy(draft.memory);
    return status;
}

static lumen_status fail_reading(lumen_error *error, const char *path, int reason)
{
    const char *mend = reason == ENOENT   ? "check the name"
                       : reason == EACCES ? "choose a file that you may read"
                       : reason == EISDIR ? "name a file in it"
                                          : "check the path and try again";
    return lumen_fail(error, LUMEN_ERROR_IO, "%.200s could not be read: %s; %s", path, strerror(reason), mend);
}

/* All bytes of an open file of `size` bytes; it may have become shorter since. Returns 0 or the errno. */
static int read_whole(int file, unsigned char *bytes, size_t size, size_t *done)
{
    *done = 0;
    while (*done < size) {
        ssize_t got = read(file, bytes + *done, size - *done);
        if (got == 0)
            break;
        if (got > 0)
            *done += (size_t)got;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

lumen_status files_read_shape(const char *path, lumen_shape **out, lumen_error *error)
{
    *out = NULL;
    files_format format;
    lumen_status status = files_format_of(path, &format, error);
    if (status != LUMEN_OK)
        return status;

    unsigned char *bytes = NULL;
    size_t size = 0;
    /* Not blocking: a pipe that nobody writes to must not hold us. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return fail_reading(error, path, errno);
    struct stat about;
    int reason = fstat(file, &about) != 0 ? errno : S_ISDIR(about.st_mode) ? EISDIR : 0;
    if (reason != 0) {
        status = fail_reading(error, path, reason);
        goto done;
    }
    if (!S_ISREG(about.st_mode)) {
        status = lumen_fail(error, LUMEN_ERROR_IO, "%.200s is a device or a pipe, not a file; name a file", path);
        goto done;
    }
    if ((uint64_t)about.st_size > FILES_READ_BYTES_MAX) {
        status =
            lumen_fail(error, LUMEN_ERROR_INVALID, "%.200s is larger than %zu MiB; give it fewer points or triangles",
                       path, FILES_READ_BYTES_MAX >> 20);
        goto done;
    }
    bytes = malloc((size_t)about.st_size + 1);
    if (bytes == NULL) {
        status = lumen_fail_memory(error, path);
        goto done;
    }
    reason = read_whole(file, bytes, (size_t)about.st_size, &size);
    status = reason != 0 ? fail_reading(error, path, reason) : files_decode(bytes, size, format, path, out, error);

done:
    free(bytes);
    close(file);
    return status;
}

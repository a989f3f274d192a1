#include "base/error.h"
#include "files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME_ATTEMPTS = 100, PATH_SHOWN = 200 };

static const char *mend(int reason)
{
    switch (reason) {
    case ENOENT: return "make the folder first";
    case ENOTDIR: return "one part of the path is a file, not a folder";
    case EACCES:
    case EPERM:
    case EROFS: return "choose a folder that you may write to";
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "free some space or choose another disk";
    case ENAMETOOLONG: return "choose a shorter name";
    case EISDIR:
    case ENOTEMPTY:
    case EEXIST: return "that is a folder; add a file name";
    case EMFILE:
    case ENFILE: return "close some files";
    default: return "check the path and try again";
    }
}

static lumen_status fail(lumen_error *error, const char *path, int reason)
{
    /* A message has room for the end of a long path, which is the part that tells it from others. */
    size_t length = strlen(path);
    bool cut = length > PATH_SHOWN;
    return lumen_fail(error, LUMEN_ERROR_IO, "%s%s could not be written: %s; %s", cut ? "..." : "",
                      cut ? path + length - PATH_SHOWN : path, strerror(reason), mend(reason));
}

/* Creates a new file beside `path` with the permissions that the user's mask gives (mkstemp would give 0600) and
 * writes its name, (folder + 40) bytes at most, into `name`. Returns the descriptor or -1. */
static int create_beside(const char *path, char *name, size_t size)
{
    const char *slash = strrchr(path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - path + 1);
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    for (unsigned attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        snprintf(name, size, "%.*s.lumen-%lx-%08lx.part", folder, path, (unsigned long)getpid(),
                 ((unsigned long)now.tv_nsec + attempt * 7919u) & 0xffffffffu);
        int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST)
            return file;
    }
    return -1;
}

/* Writes everything and brings it to the disk. Returns 0 or the errno. */
static int write_whole(int file, const buffer *bytes)
{
    size_t done = 0;
    while (done < bytes->size) {
        ssize_t written = write(file, bytes->data + done, bytes->size - done);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0)
            return EIO;
        else if (errno != EINTR)
            return errno;
    }
    /* A disk that cannot flush (a pipe file system, some network ones) says EINVAL and has done its best. */
    if (fsync(file) != 0 && errno != EINVAL)
        return errno;
    return 0;
}

lumen_status files_save(const buffer *bytes, const char *path, lumen_error *error)
{
    if (buffer_failed(bytes))
        return lumen_fail_memory(error, path);
    struct stat older;
    if (stat(path, &older) == 0 && !S_ISREG(older.st_mode)) {
        if (S_ISDIR(older.st_mode))
            return fail(error, path, EISDIR);
        /* Renaming over a device or a pipe would put a plain file in its place. */
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s is a device or a pipe, not a file; choose another name", path);
    }

    size_t size = strlen(path) + 64;
    char *name = malloc(size);
    if (name == NULL)
        return lumen_fail_memory(error, path);
    int reason = 0;
    int file = create_beside(path, name, size);
    if (file < 0) {
        reason = errno;
        free(name);
        return fail(error, path, reason);
    }
    reason = write_whole(file, bytes);
    if (close(file) != 0 && reason == 0)
        reason = errno;
    if (reason == 0 && rename(name, path) != 0)
        reason = errno;
    if (reason != 0)
        unlink(name);
    free(name);
    return reason == 0 ? LUMEN_OK : fail(error, path, reason);
}

#include "cache/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

static const char FILE_NAME[] = "shapes.sqlite3";

/* SQLite keeps the index of its write-ahead log in a file that it maps, and takes the space for it by writing one byte
 * to every 4,096. Where blocks are smaller than that (a small ext4 has blocks of 1,024) the rest of them is taken when
 * it is touched, and if there is none left then, the process gets SIGBUS. */
enum { MAPPED_BLOCK_BYTES = 4096 };

enum { LOCK_TRIES = 100, LOCK_PAUSE_NANOSECONDS = 50 * 1000 * 1000 };

static lumen_status fail(lumen_error *error, const char *path, const char *what)
{
    const char *mend = errno == EROFS || errno == EACCES || errno == EPERM ? "make it writable or choose another"
                       : errno == ENOSPC || errno == EDQUOT                ? "free space"
                                                                           : "choose another folder";
    return lumen_fail(error, LUMEN_ERROR_IO, "the cache folder %.200s: %s (%s); %s", path, what, strerror(errno), mend);
}

/* Makes one folder. What is new must be known to the folder above it before anything in it counts as safe. */
static bool make_one(char *path, size_t length)
{
    char end = path[length];
    path[length] = '\0';
    bool made = mkdir(path, 0700) == 0;
    bool there = made || errno == EEXIST;
    if (made) {
        size_t above = length;
        while (above > 0 && path[above - 1] != '/')
            above--;
        char *parent = above == 0 ? strdup(".") : strndup(path, above);
        int folder = parent == NULL ? -1 : open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0) {
            fsync(folder);
            close(folder);
        }
        free(parent);
    }
    path[length] = end;
    return there;
}

static bool make_folders(const char *folder)
{
    char path[PATH_MAX];
    size_t size = strlen(folder);
    if (size == 0 || size >= sizeof path) {
        errno = size == 0 ? ENOENT : ENAMETOOLONG;
        return false;
    }
    memcpy(path, folder, size + 1);
    struct stat present;
    if (stat(path, &present) == 0)
        return true;
    for (size_t i = 1; i < size; i++)
        if (path[i] == '/' && path[i - 1] != '/' && !make_one(path, i))
            return false;
    return make_one(path, size);
}

/* Another process may be beginning a file just now, which takes it some milliseconds. A file system without such locks
 * goes without: SQLite's own keep the file whole. */
static bool lock_folder(int folder)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NANOSECONDS}, NULL);
    }
    return false;
}

lumen_status place_enter(const char *folder, place *where, lumen_error *error)
{
    where->lock = -1;
    if (!make_folders(folder))
        return fail(error, folder, "it could not be made");
    /* The path is made plain here once, since SQLite is told to follow no links. */
    if (realpath(folder, where->folder) == NULL)
        return fail(error, folder, "it could not be entered");
    int length = snprintf(where->file, sizeof where->file, "%s/%s", where->folder, FILE_NAME);
    if (length < 0 || (size_t)length + 64 >= sizeof where->file) {
        errno = ENAMETOOLONG;
        return fail(error, folder, "its name is too long");
    }
    if (access(where->folder, W_OK) != 0)
        return fail(error, folder, "it cannot be written to");
    where->lock = open(where->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (where->lock < 0)
        return fail(error, folder, "it could not be opened");
    if (!lock_folder(where->lock)) {
        place_unlock(where);
        return lumen_fail(error, LUMEN_ERROR_IO,
                          "the cache folder %.200s is held by another process; end it or choose another folder",
                          folder);
    }
    /* A file that is there is not opened here: closing it again would drop the locks that SQLite holds on it through
     * another connection of this process. */
    struct stat present;
    bool there = lstat(where->file, &present) == 0;
    if (!there) {
        int created = open(where->file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (created >= 0)
            close(created);
        there = created >= 0 && lstat(where->file, &present) == 0;
    }
    if (!there) {
        lumen_status status = fail(error, folder, "no file can be made in it");
        place_unlock(where);
        return status;
    }
    if (!S_ISREG(present.st_mode)) {
        place_unlock(where);
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s is no regular file; move it away", where->file);
    }
    where->device = present.st_dev;
    where->inode = present.st_ino;
    struct statvfs system;
    where->mappable = statvfs(where->folder, &system) == 0 && system.f_bsize >= MAPPED_BLOCK_BYTES;
    return LUMEN_OK;
}

void place_unlock(place *where)
{
    if (where->lock >= 0)
        close(where->lock);
    where->lock = -1;
}

/* Removes what was set aside before, so that a disk that goes on damaging files is not filled by them. */
static void remove_earlier(const place *where, const char *prefix)
{
    DIR *folder = opendir(where->folder);
    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
}

lumen_status place_set_aside(const place *where, const char *reason, char aside[PATH_MAX], lumen_error *error)
{
    char prefix[64], stamp[32], from[PATH_MAX], to[PATH_MAX];
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &parts);
    snprintf(prefix, sizeof prefix, "%s.%s-", FILE_NAME, reason);
    remove_earlier(where, prefix);
    if ((size_t)snprintf(aside, PATH_MAX, "%s.%s-%s", where->file, reason, stamp) + 8 >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return fail(error, where->folder, "its name is too long");
    }
    /* The logs go first: were one left beside the next file, it would be taken for that one's. */
    static const char *const logs[] = {"wal", "journal"};
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        snprintf(from, sizeof from, "%.*s-%s", PATH_MAX - 16, where->file, logs[i]);
        snprintf(to, sizeof to, "%.*s-%s", PATH_MAX - 16, aside, logs[i]);
        if (rename(from, to) != 0 && errno != ENOENT)
            return fail(error, where->folder, "the damaged file's log could not be renamed");
    }
    snprintf(from, sizeof from, "%.*s-shm", PATH_MAX - 16, where->file);
    if (unlink(from) != 0 && errno != ENOENT)
        return fail(error, where->folder, "the damaged file's index could not be removed");
    if (rename(where->file, aside) != 0 && errno != ENOENT)
        return fail(error, where->folder, "the damaged file could not be renamed");
    fsync(where->lock);
    return LUMEN_OK;
}

/*
 * place.h: the folder that the cache's file lies in.
 *
 *     place where;
 *     status = place_enter(folder, &where, &error);      // makes it, and locks it against others who would
 *     ... open where.file ...
 *     place_unlock(&where);
 *
 * While several processes use one file, only the one that holds the folder's lock may begin a new file or set one
 * aside. The lock is held for these moments alone.
 */
#ifndef LUMEN_CACHE_PLACE_H
#define LUMEN_CACHE_PLACE_H

#include <limits.h>
#include <sys/types.h>

#include "lumen.h"

typedef struct place {
    char folder[PATH_MAX];
    char file[PATH_MAX]; /* of the database, in the folder */
    dev_t device;        /* which file had that name */
    ino_t inode;
    bool mappable; /* a mapped file of this file system cannot run out of space while it is written to */
    int lock;      /* an open folder; -1: not locked */
} place;

/* Makes the folder (mode 0700, parents too) and the file (0600, empty) when they are missing. The file is then a
 * regular file, not a link. Errors: LUMEN_ERROR_IO. After a failure nothing is locked. */
lumen_status place_enter(const char *folder, place *where, lumen_error *error);
void place_unlock(place *where);

/* Renames the file and its logs to FILE.REASON-TIME, so that a new one can be begun. Only the newest of those that were
 * set aside for the same reason is kept. The folder is locked and nobody in this process has the file open. */
lumen_status place_set_aside(const place *where, const char *reason, char aside[PATH_MAX], lumen_error *error);

#endif

/* The part of a file that has arrived, and the hash of it. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weights/inside.h"

enum { BLOCK_BYTES = 1 << 20 };

/* ---- Hashes ----------------------------------------------------------------------------------------------------- */

static void write_digits(const struct sha256_ctx *hash, char digits[WEIGHTS_SHA256_DIGITS + 1])
{
    struct sha256_ctx last = *hash; /* a digest ends a hash; this one may go on */
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(&last, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(digits + 2 * i, 3, "%02x", digest[i]);
}

/* Adds what an open file holds from its start to the hash, and says how much that was. */
static lumen_status hash_all(int file, const char *path, weights_patience patience, void *user, struct sha256_ctx *hash,
                             uint64_t *size, lumen_error *error)
{
    unsigned char *block = malloc(BLOCK_BYTES);
    if (block == NULL)
        return lumen_fail_memory(error, "the hash of a file");
    lumen_status status = LUMEN_OK;
    sha256_init(hash);
    *size = 0;
    for (;;) {
        ssize_t got = pread(file, block, BLOCK_BYTES, (off_t)*size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = lumen_fail(error, LUMEN_ERROR_IO, "%.200s cannot be read: %s", path, strerror(errno));
        if (got <= 0)
            break;
        sha256_update(hash, (size_t)got, block);
        *size += (uint64_t)got;
        if (patience != NULL && !patience(user)) {
            status = lumen_fail(error, LUMEN_ERROR_CANCELLED, "stopped while %.200s was read", path);
            break;
        }
    }
    free(block);
    return status;
}

lumen_status weights_hash_file(const char *path, weights_patience patience, void *user,
                               char digits[WEIGHTS_SHA256_DIGITS + 1], lumen_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s cannot be opened: %s", path, strerror(errno));
    struct sha256_ctx hash;
    uint64_t size;
    lumen_status status = hash_all(file, path, patience, user, &hash, &size, error);
    close(file);
    if (status == LUMEN_OK)
        write_digits(&hash, digits);
    return status;
}

void weights_part_digest(const weights_part *part, char digits[WEIGHTS_SHA256_DIGITS + 1])
{
    write_digits(&part->hash, digits);
}

/* ---- Tags ------------------------------------------------------------------------------------------------------- */

static void read_tag(weights_part *part)
{
    FILE *file = fopen(part->tag_path, "re");
    if (file == NULL)
        return;
    if (fgets(part->tag, sizeof part->tag, file) == NULL)
        part->tag[0] = '\0';
    fclose(file);
    part->tag[strcspn(part->tag, "\n")] = '\0';
}

lumen_status weights_part_set_tag(weights_part *part, const char *tag, lumen_error *error)
{
    if (strcmp(part->tag, tag) == 0)
        return LUMEN_OK;
    snprintf(part->tag, sizeof part->tag, "%s", tag);
    FILE *file = tag[0] == '\0' ? NULL : fopen(part->tag_path, "we");
    bool good = tag[0] == '\0' ? unlink(part->tag_path) == 0 || errno == ENOENT
                               : file != NULL && fprintf(file, "%s\n", tag) > 0;
    if (file != NULL && fclose(file) != 0)
        good = false;
    return good ? LUMEN_OK
                : lumen_fail(error, LUMEN_ERROR_IO, "%.200s cannot be written: %s", part->tag_path, strerror(errno));
}

/* ---- Parts ------------------------------------------------------------------------------------------------------ */

static lumen_status open_file(weights_part *part, lumen_error *error)
{
    char folder[WEIGHTS_PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", part->path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL && slash != folder) {
        *slash = '\0';
        lumen_status status = weights_make_folders(folder, error);
        if (status != LUMEN_OK)
            return status;
    }
    part->file = open(part->part_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    return part->file >= 0
               ? LUMEN_OK
               : lumen_fail(error, LUMEN_ERROR_IO, "%.200s cannot be written: %s", part->part_path, strerror(errno));
}

lumen_status weights_part_open(const char *folder, const weights_file *file, weights_patience patience, void *user,
                               weights_part *out, lumen_error *error)
{
    *out = (weights_part){.file = -1};
    lumen_status status = weights_path(folder, file, out->path, sizeof out->path, error);
    if (status != LUMEN_OK)
        return status;
    snprintf(out->part_path, sizeof out->part_path, "%s" WEIGHTS_PART, out->path);
    snprintf(out->tag_path, sizeof out->tag_path, "%s" WEIGHTS_TAG, out->path);
    status = open_file(out, error);
    if (status != LUMEN_OK)
        return status;
    read_tag(out);
    status = hash_all(out->file, out->part_path, patience, user, &out->hash, &out->size, error);
    bool exact = file->bytes > 0 && !file->estimated;
    if (status == LUMEN_OK &&
        ((file->sha256 == NULL && out->tag[0] == '\0' && out->size > 0) || (exact && out->size > file->bytes)))
        status = weights_part_restart(out, error);
    if (status != LUMEN_OK) {
        close(out->file);
        out->file = -1;
    }
    return status;
}

void weights_part_close(weights_part *part)
{
    if (part->file < 0)
        return;
    close(part->file);
    part->file = -1;
    /* What has not begun leaves nothing behind. */
    if (part->size == 0) {
        unlink(part->part_path);
        unlink(part->tag_path);
    }
}

lumen_status weights_part_append(weights_part *part, const void *bytes, size_t size, lumen_error *error)
{
    const unsigned char *at = bytes;
    for (size_t left = size; left > 0;) {
        ssize_t written = pwrite(part->file, at, left, (off_t)part->size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return lumen_fail(error, LUMEN_ERROR_IO,
                              "%.200s cannot be written: %s; make room and pull again, which goes "
                              "on from there",
                              part->part_path, strerror(errno));
        sha256_update(&part->hash, (size_t)written, at);
        part->size += (uint64_t)written;
        at += written;
        left -= (size_t)written;
    }
    return LUMEN_OK;
}

lumen_status weights_part_restart(weights_part *part, lumen_error *error)
{
    if (ftruncate(part->file, 0) != 0)
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s cannot be emptied: %s", part->part_path, strerror(errno));
    part->size = 0;
    sha256_init(&part->hash);
    return weights_part_set_tag(part, "", error);
}

/* Without this a renamed file could be gone, or empty, after the power was. */
static void sync_folder(const char *path)
{
    char folder[WEIGHTS_PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[1] = '\0';
    int file = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return;
    fsync(file);
    close(file);
}

lumen_status weights_part_finish(weights_part *part, lumen_error *error)
{
    if (fsync(part->file) != 0)
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s cannot be written: %s; make room and pull again",
                          part->part_path, strerror(errno));
    if (rename(part->part_path, part->path) != 0)
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s cannot be renamed: %s", part->part_path, strerror(errno));
    unlink(part->tag_path);
    close(part->file);
    part->file = -1;
    sync_folder(part->path);
    return LUMEN_OK;
}

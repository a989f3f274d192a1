/* Any bytes as the cache's file. It is opened, read, written to and closed; what comes out of it as a shape has passed
 * the checksums. The file lies in memory (/dev/shm), so that a run takes about a millisecond. */

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void remove_files(const char *folder)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    char path[128];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(path, sizeof path, "%s/shapes.sqlite3%s", folder, endings[i]);
        unlink(path);
    }
}

static void put_file(const char *folder, const uint8_t *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/shapes.sqlite3", folder);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    close(file);
}

static void use(cache_disk *disk)
{
    uint64_t keys[16];
    size_t count = 0;
    lumen_error error;
    disk_found found;
    disk_recent(disk, keys, sizeof keys / sizeof *keys, &count, &error);
    for (size_t i = 0; i < count; i++) {
        if (disk_read(disk, keys[i], &found, &error) == DISK_FINE) {
            blob_release(found.packed);
            free(found.identity);
        }
    }
    blob *packed = blob_copy("a shape", 7);
    if (packed == NULL)
        return;
    disk_item items[2] = {{.key = 1, .identity = "one", .packed = packed, .last_used = 5},
                          {.key = count > 0 ? keys[0] : 2, .identity = "two", .packed = packed, .last_used = 6}};
    disk_use uses[1] = {{.key = count > 0 ? keys[count - 1] : 3, .last_used = 7}};
    static disk_change change;
    change = (disk_change){.items = items, .item_count = 2, .uses = uses, .use_count = 1};
    if (disk_write(disk, &change, &error) == DISK_FINE && items[0].fate == DISK_WRITTEN) {
        disk_outcome outcome = disk_read(disk, 1, &found, &error);
        if (outcome == DISK_FINE) {
            if (found.packed->size != packed->size || memcmp(found.packed->data, packed->data, packed->size) != 0)
                abort();
            blob_release(found.packed);
            free(found.identity);
        }
    }
    blob_release(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FILE_BYTES_MAX = 1 << 20 };
    char folder[64];
    if (size > FILE_BYTES_MAX)
        return 0;
    /* By the process's number, so that several fuzzers may run at once. */
    snprintf(folder, sizeof folder, "/dev/shm/lumen-fuzz-%d", (int)getpid());
    if (mkdir(folder, 0700) == 0)
        remove_files(folder);
    put_file(folder, data, size);
    cache_disk *disk = disk_create(folder, 1 << 18);
    lumen_error error;
    if (disk != NULL && disk_open(disk, &error) == DISK_FINE)
        use(disk);
    disk_destroy(disk);
    remove_files(folder);
    rmdir(folder);
    return 0;
}

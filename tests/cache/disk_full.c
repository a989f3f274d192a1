/*
 * disk_full.c: the cache on a real file system that is small, full, and read-only.
 *
 *     disk_full tmpfs | ext4 | ext4-1024
 *
 * Mounts one in a name space of its own, which takes root or a kernel that gives user name spaces to anyone; ends with
 * status 77, "skipped", where neither is to be had.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_fixture.h"

enum { SKIPPED = 77, MEGABYTE = 1 << 20, DISK_BYTES = 20 * MEGABYTE, SHAPES = 40, SIZE = 100000 };

static void end_skipped(const char *why)
{
    printf("# SKIP %s%s%s\n", why, errno == 0 ? "" : ": ", errno == 0 ? "" : strerror(errno));
    exit(SKIPPED);
}

static void write_text(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
        end_skipped("no user name space");
    close(file);
}

/* A name space where this process may mount, and whose mounts vanish with it. */
static void enter_own_mounts(void)
{
    if (unshare(CLONE_NEWNS) != 0) {
        char user[64], group[64];
        snprintf(user, sizeof user, "0 %u 1", (unsigned)getuid());
        snprintf(group, sizeof group, "0 %u 1", (unsigned)getgid());
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            end_skipped("no right to mount a file system");
        write_text("/proc/self/setgroups", "deny");
        write_text("/proc/self/uid_map", user);
        write_text("/proc/self/gid_map", group);
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        end_skipped("no right to mount a file system");
}

static void mount_small(const char *type, const char *image, const char *place)
{
    char text[1024];
    if (strcmp(type, "tmpfs") == 0) {
        snprintf(text, sizeof text, "size=%d,mode=0700", DISK_BYTES);
        if (mount("none", place, "tmpfs", 0, text) != 0)
            end_skipped("a small tmpfs cannot be mounted");
        return;
    }
    snprintf(text, sizeof text,
             "PATH=$PATH:/sbin:/usr/sbin; truncate -s %d '%s' && mkfs.ext4 -q -F -m 0 -b %s '%s' && "
             "mount -o loop '%s' '%s' 2>/dev/null",
             DISK_BYTES, image, strcmp(type, "ext4-1024") == 0 ? "1024" : "4096", image, image, place);
    errno = 0;
    if (system(text) != 0) {
        unlink(image);
        rmdir(place);
        errno = 0;
        end_skipped("a small ext4 cannot be made or mounted");
    }
}

/* A file that takes all space but `spare` bytes. */
static void fill(const char *path, long spare)
{
    static char zeros[4096];
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    while (write(file, zeros, sizeof zeros) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    fsync(file);
    struct stat filled;
    assert_int_equal(fstat(file, &filled), 0);
    assert_true(filled.st_size > spare);
    assert_int_equal(ftruncate(file, filled.st_size - spare), 0);
    close(file);
}

static void assert_all_found_in_memory(fixture *test, uint64_t first)
{
    char text[64];
    for (uint64_t seed = first; seed < first + SHAPES; seed++) {
        cache_entry *entry = cache_find(test->shapes, key_of(seed), make_identity(seed, text));
        assert_non_null(entry);
        cache_release(entry);
    }
}

static void show_a_full_disk(fixture *test, const char *filler)
{
    fixture_open_cache(test);
    wait_state(test, "ok");
    cache_entry *early = store(test, 500, SIZE);
    wait_stored(early);
    fill(filler, MEGABYTE);
    cache_entry *entries[SHAPES];
    for (uint64_t seed = 0; seed < SHAPES; seed++)
        entries[seed] = store(test, seed, SIZE);
    wait_state(test, "full");
    assert_false(figures_of(test).disk.connected);
    assert_int_equal(recorded_log_count(test->log, "does not work"), 1);
    /* It goes on in memory, and what is on disk can be read. */
    assert_all_found_in_memory(test, 0);
    blob *packed = cache_packed(test->shapes, early);
    assert_non_null(packed);
    blob_release(packed);
    cache_release(early);

    int stored_while_full = 0;
    for (uint64_t seed = 0; seed < SHAPES; seed++)
        stored_while_full += cache_is_stored(entries[seed]);
    assert_true(stored_while_full < SHAPES);
    /* Space comes back: the rest is written without anybody asking. */
    assert_int_equal(unlink(filler), 0);
    for (uint64_t seed = 0; seed < SHAPES; seed++) {
        wait_stored(entries[seed]);
        cache_release(entries[seed]);
    }
    wait_state(test, "ok");
    assert_int_equal(recorded_log_count(test->log, "works again"), 1);
    fixture_close_cache(test);
    fixture_open_cache(test);
    for (uint64_t seed = 0; seed < SHAPES; seed++)
        assert_true(is_there(test, seed, SIZE));
    assert_int_equal(figures_of(test).disk.faults, 0);
    fixture_close_cache(test);
    printf("full: said once, %d of %d stored meanwhile, all of them after\n", stored_while_full, SHAPES);
}

/* A cache that ends while the disk is full keeps what it called stored. While there is no space at all, even opening
 * the file to read it may not be possible. */
static void show_an_end_on_a_full_disk(fixture *test, const char *filler)
{
    bool stored[SHAPES];
    fixture_open_cache(test);
    wait_state(test, "ok");
    fill(filler, MEGABYTE);
    cache_entry *entries[SHAPES];
    for (uint64_t seed = 0; seed < SHAPES; seed++)
        entries[seed] = store(test, 100 + seed, SIZE);
    wait_state(test, "full");
    for (uint64_t seed = 0; seed < SHAPES; seed++) {
        stored[seed] = cache_is_stored(entries[seed]);
        cache_release(entries[seed]);
    }
    fixture_close_cache(test);
    fixture_open_cache(test);
    bool opened = figures_of(test).disk.connected;
    for (uint64_t seed = 0; seed < SHAPES && opened; seed++)
        if (stored[seed] && !is_there(test, 100 + seed, SIZE))
            fail_msg("seed %d was stored and is not there", 100 + (int)seed);
    fixture_close_cache(test);
    assert_int_equal(unlink(filler), 0);
    fixture_open_cache(test);
    wait_state(test, "ok");
    int there = 0, promised = 0;
    for (uint64_t seed = 0; seed < SHAPES; seed++) {
        bool found = is_there(test, 100 + seed, SIZE);
        there += found;
        promised += stored[seed];
        if (stored[seed] && !found)
            fail_msg("seed %d was stored and is not there", 100 + (int)seed);
    }
    assert_int_equal(figures_of(test).disk.faults, 0);
    fixture_close_cache(test);
    printf("an end while full: %d were called stored, %d are there, among them all of those (%s)\n", promised, there,
           opened ? "also while it was full" : "it could not be opened while it was full");
}

/* From the beginning: not even the file can be made. */
static void show_a_disk_full_at_the_start(fixture *test, const char *filler)
{
    char folder[96];
    snprintf(folder, sizeof folder, "%s/other", test->folder);
    test->options.folder = folder;
    fill(filler, 0);
    fixture_open_cache(test);
    assert_false(figures_of(test).disk.connected);
    cache_entry *entry = store(test, 1, SIZE);
    assert_false(cache_is_stored(entry));
    assert_int_equal(unlink(filler), 0);
    wait_stored(entry);
    cache_release(entry);
    fixture_close_cache(test);
    fixture_open_cache(test);
    assert_true(is_there(test, 1, SIZE));
    fixture_close_cache(test);
    test->options.folder = test->folder;
    printf("full at the start: recovered\n");
}

static void show_a_read_only_disk(fixture *test)
{
    /* While the cache has the file open, a kernel refuses to make its file system read-only: so it starts there. */
    if (mount(NULL, test->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0 &&
        mount(NULL, test->folder, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) != 0)
        end_skipped("the file system cannot be made read-only");
    fixture_open_cache(test);
    cache_figures figures = figures_of(test);
    assert_false(figures.disk.connected);
    if (strstr(figures.disk_state, "ead-only") == NULL && strstr(figures.disk_state, "readonly") == NULL)
        fail_msg("the state does not say it: %s", figures.disk_state);
    cache_entry *entry = store(test, 700, SIZE);
    assert_true(is_there(test, 700, SIZE));
    assert_false(cache_is_stored(entry));
    if (mount(NULL, test->folder, NULL, MS_REMOUNT, NULL) != 0 &&
        mount(NULL, test->folder, NULL, MS_REMOUNT | MS_BIND, NULL) != 0)
        fail_msg("the file system cannot be made writable: %s", strerror(errno));
    wait_stored(entry);
    cache_release(entry);
    fixture_close_cache(test);
    fixture_open_cache(test);
    assert_true(is_there(test, 700, SIZE));
    assert_true(is_there(test, 3, SIZE));
    fixture_close_cache(test);
    printf("read-only: said, and overcome (%s)\n", figures.disk_state);
}

int main(int count, char **arguments)
{
    const char *type = count > 1 ? arguments[1] : "tmpfs";
    fixture test;
    char filler[128], image[128];
    enter_own_mounts();
    fixture_start(&test);
    snprintf(filler, sizeof filler, "%s/filler", test.folder);
    snprintf(image, sizeof image, "%s.image", test.folder);
    mount_small(type, image, test.folder);
    show_a_full_disk(&test, filler);
    show_an_end_on_a_full_disk(&test, filler);
    show_a_disk_full_at_the_start(&test, filler);
    show_a_read_only_disk(&test);
    umount2(test.folder, MNT_DETACH);
    unlink(image);
    fixture_end(&test);
    return 0;
}

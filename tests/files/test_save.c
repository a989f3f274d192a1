#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/files.h"
#include "sample_shape.h"

/* ---- Help --------------------------------------------------------------------------------------- */

static buffer encode(const lumen_shape *shape, files_format format)
{
    buffer bytes;
    lumen_error error = {0};
    buffer_open(&bytes, FILES_BYTES_MAX);
    assert_int_equal(files_encode(shape, format, &bytes, &error), LUMEN_OK);
    return bytes;
}

/* A folder of its own for one test; leave_folder says that it must be empty again. */
static char *enter_folder(void)
{
    char *folder = strdup("/tmp/lumen-files-XXXXXX");
    if (folder == NULL || mkdtemp(folder) == NULL)
        abort(); /* gcc knows that this does not come back, which it does not know of an assertion */
    return folder;
}

static int count_entries(const char *folder)
{
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(listing);
    return count;
}

static void leave_folder(char *folder)
{
    assert_int_equal(rmdir(folder), 0);
    free(folder);
}

static void join(char *path, size_t size, const char *folder, const char *name)
{
    assert_true(snprintf(path, size, "%s/%s", folder, name) < (int)size);
}

/* ---- Writing --------------------------------------------------------------------------------------- */

static void the_ending_chooses_the_format(void **state)
{
    (void)state;
    files_format format = FILES_FORMATS;
    lumen_error error = {0};
    assert_int_equal(files_format_of("a/b.ply", &format, &error), LUMEN_OK);
    assert_int_equal(format, FILES_PLY);
    assert_int_equal(files_format_of("A.B.GLB", &format, &error), LUMEN_OK);
    assert_int_equal(format, FILES_GLB);
    assert_int_equal(files_format_of("x.png", &format, &error), LUMEN_OK);
    assert_int_equal(format, FILES_PNG);
    static const char *const unknown[] = {"horse", "horse.obj", ".ply", "a/.json", "", "horse.ply.gz", "ply"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_int_equal(files_format_of(unknown[i], &format, &error), LUMEN_ERROR_INVALID);
        assert_non_null(strstr(error.message, ".ply .glb .stl .json"));
    }
}

static void a_written_file_holds_the_bytes_and_the_usual_permissions(void **state)
{
    (void)state;
    char *folder = enter_folder(), path[256];
    lumen_shape *shape = sample_shape_make(SAMPLE_HORSE);
    lumen_error error = {0};
    join(path, sizeof path, folder, "horse.ply");
    /* The second time it replaces the first. */
    for (int round = 0; round < 2; round++)
        assert_int_equal(files_write(shape, path, &error), LUMEN_OK);
    assert_int_equal(count_entries(folder), 1);

    buffer expected = encode(shape, FILES_PLY);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    unsigned char *found = malloc(expected.size + 1);
    assert_non_null(found);
    assert_int_equal(fread(found, 1, expected.size + 1, file), expected.size);
    assert_memory_equal(found, expected.data, expected.size);
    fclose(file);
    free(found);

    struct stat facts;
    mode_t mask = umask(022);
    umask(mask);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0666 & ~mask);
    buffer_close(&expected);
    sample_shape_free(shape);
    unlink(path);
    leave_folder(folder);
}

static void assert_write_fails(const char *path, const char *reason)
{
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    lumen_error error = {0};
    assert_int_equal(files_write(shape, path, &error), LUMEN_ERROR_IO);
    assert_non_null(strstr(error.message, reason));
    sample_shape_free(shape);
}

static void a_folder_that_is_not_there_is_named_with_its_mend(void **state)
{
    (void)state;
    assert_write_fails("/tmp/lumen-no-such-folder/horse.ply", "/tmp/lumen-no-such-folder/horse.ply");
    assert_write_fails("/tmp/lumen-no-such-folder/horse.ply", "make the folder first");
    assert_write_fails("/dev/null/horse.ply", "not a folder");
}

static void a_name_that_is_a_folder_or_a_device_is_left_alone(void **state)
{
    (void)state;
    char *folder = enter_folder(), path[256], device[256];
    join(path, sizeof path, folder, "folder.ply");
    join(device, sizeof device, folder, "device.ply");
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(symlink("/dev/null", device), 0);
    assert_write_fails(path, "that is a folder");
    assert_write_fails(device, "device");
    assert_int_equal(count_entries(folder), 2);
    assert_int_equal(count_entries(path), 0);
    struct stat facts;
    assert_int_equal(stat("/dev/null", &facts), 0);
    assert_true(S_ISCHR(facts.st_mode));
    unlink(device);
    rmdir(path);
    leave_folder(folder);
}

static void a_disk_that_is_full_leaves_the_older_file_and_nothing_else(void **state)
{
    (void)state;
    char *folder = enter_folder(), path[256];
    join(path, sizeof path, folder, "tree.stl");
    FILE *older = fopen(path, "wb");
    assert_non_null(older);
    assert_true(fputs("older", older) >= 0);
    assert_int_equal(fclose(older), 0);

    /* A limit on the size of files stands for the disk: writing fails in the middle with EFBIG. */
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 10000;
    void (*usual)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_write_fails(path, "free some space");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, usual);

    char text[16] = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof text, file), 5);
    assert_string_equal(text, "older");
    fclose(file);
    assert_int_equal(count_entries(folder), 1);
    unlink(path);
    leave_folder(folder);
}

static void a_folder_that_may_not_be_written_to_stays_as_it_is(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip(); /* the superuser may write anywhere */
    char *folder = enter_folder(), path[256];
    join(path, sizeof path, folder, "tree.glb");
    assert_int_equal(chmod(folder, 0500), 0);
    assert_write_fails(path, "choose a folder that you may write to");
    assert_int_equal(count_entries(folder), 0);
    leave_folder(folder);
}

static void a_long_path_leaves_room_for_the_mend(void **state)
{
    (void)state;
    char path[4200];
    memset(path, 'x', sizeof path);
    memcpy(path, "/tmp/", 5);
    snprintf(path + 600, sizeof path - 600, "/horse.ply");
    assert_write_fails(path, "horse.ply could not be written");
    assert_write_fails(path, "choose a shorter name");
}

static void a_sheet_must_be_a_png(void **state)
{
    (void)state;
    char *folder = enter_folder(), path[256];
    lumen_shape *shape = sample_shape_make(SAMPLE_TREE);
    const lumen_shape *shapes[2] = {shape, shape};
    lumen_error error = {0};
    assert_int_equal(files_write_sheet(shapes, 2, 0, 0, "sheet.glb", &error), LUMEN_ERROR_INVALID);
    assert_int_equal(files_write_sheet(shapes, 2, 0, 0, "sheet", &error), LUMEN_ERROR_INVALID);
    join(path, sizeof path, folder, "none.png");
    assert_int_equal(files_write_sheet(shapes, 0, 0, 0, path, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(count_entries(folder), 0);
    join(path, sizeof path, folder, "sheet.png");
    assert_int_equal(files_write_sheet(shapes, 2, 0, 0, path, &error), LUMEN_OK);
    assert_int_equal(unlink(path), 0);
    sample_shape_free(shape);
    leave_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ending_chooses_the_format),
        cmocka_unit_test(a_written_file_holds_the_bytes_and_the_usual_permissions),
        cmocka_unit_test(a_folder_that_is_not_there_is_named_with_its_mend),
        cmocka_unit_test(a_name_that_is_a_folder_or_a_device_is_left_alone),
        cmocka_unit_test(a_disk_that_is_full_leaves_the_older_file_and_nothing_else),
        cmocka_unit_test(a_folder_that_may_not_be_written_to_stays_as_it_is),
        cmocka_unit_test(a_long_path_leaves_room_for_the_mend),
        cmocka_unit_test(a_sheet_must_be_a_png),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

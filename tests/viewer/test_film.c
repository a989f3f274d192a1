/* Films: what is written, and what happens when the encoder is missing, dies, or may not write. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "film/film.h"

enum { WIDTH = 48, HEIGHT = 32, FRAMES = 6 };

typedef struct folder {
    char path[64];
    char *old_path; /* PATH, as it was */
} folder;

static int make_folder(void **state)
{
    folder *place = calloc(1, sizeof *place);
    assert_non_null(place);
    snprintf(place->path, sizeof place->path, "/tmp/lumen-film-XXXXXX");
    assert_non_null(mkdtemp(place->path));
    const char *path = getenv("PATH");
    place->old_path = strdup(path != NULL ? path : "");
    *state = place;
    return 0;
}

static int count_files(const folder *place, bool remove)
{
    DIR *list = opendir(place->path);
    assert_non_null(list);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (remove)
            unlinkat(dirfd(list), entry->d_name, 0);
    }
    closedir(list);
    return count;
}

static int remove_folder(void **state)
{
    folder *place = *state;
    setenv("PATH", place->old_path, 1);
    count_files(place, true);
    rmdir(place->path);
    free(place->old_path);
    free(place);
    return 0;
}

static void name(const folder *place, const char *file, char path[128])
{
    snprintf(path, 128, "%s/%s", place->path, file);
}

/* A white bar that moves from left to right. */
static void draw(uint8_t pixels[WIDTH * HEIGHT * 4], int frame)
{
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        uint8_t light = i % WIDTH / 8 == frame ? 255 : 0;
        uint8_t *pixel = pixels + 4 * (size_t)i;
        pixel[0] = pixel[1] = pixel[2] = light;
        pixel[3] = 255;
    }
}

/* An `ffmpeg` of our own that does what `script` says, before the real one in the PATH. */
static void pretend(const folder *place, const char *script)
{
    char path[128], search[512];
    name(place, "ffmpeg", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    chmod(path, 0755);
    snprintf(search, sizeof search, "%s:%s", place->path, place->old_path);
    setenv("PATH", search, 1);
}

static bool there_is_ffmpeg(void)
{
    return system("ffmpeg -version >/dev/null 2>&1") == 0;
}

static void each_ending_makes_a_film_of_its_format(void **state)
{
    folder *place = *state;
    if (!there_is_ffmpeg())
        skip();
    static const struct {
        const char *file;
        const char *first;
        size_t length;
    } formats[] = {
        {"bar.webm", "\x1a\x45\xdf\xa3", 4}, {"bar.GIF", "GIF89a", 6}, {"-bar:2.png", "\x89PNG\r\n\x1a\n", 8}};
    uint8_t pixels[WIDTH * HEIGHT * 4];
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char path[128], bytes[8] = {0};
        name(place, formats[i].file, path);
        film *out;
        lumen_error error = {0};
        assert_int_equal(film_open(path, WIDTH, HEIGHT, 10, &out, &error), LUMEN_OK);
        for (int frame = 0; frame < FRAMES; frame++) {
            draw(pixels, frame);
            assert_int_equal(film_frame(out, pixels, &error), LUMEN_OK);
            assert_int_not_equal(access(path, F_OK), 0); /* whole or not at all */
        }
        if (film_finish(out, &error) != LUMEN_OK)
            fail_msg("%s", error.message);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        assert_int_equal(fread(bytes, 1, formats[i].length, file), formats[i].length);
        fclose(file);
        assert_memory_equal(bytes, formats[i].first, formats[i].length);
        assert_int_equal(count_files(place, false), (int)i + 1); /* nothing else is left */
    }
}

static void an_abandoned_film_leaves_no_file(void **state)
{
    folder *place = *state;
    pretend(place, "exec cat >/dev/null");
    char path[128];
    name(place, "bar.webm", path);
    film *out;
    lumen_error error = {0};
    uint8_t pixels[WIDTH * HEIGHT * 4] = {0};
    assert_int_equal(film_open(path, WIDTH, HEIGHT, 10, &out, &error), LUMEN_OK);
    assert_int_equal(film_frame(out, pixels, &error), LUMEN_OK);
    film_abandon(out);
    film_abandon(NULL);
    assert_int_equal(count_files(place, false), 1); /* the pretended ffmpeg */
}

static void a_missing_ffmpeg_is_told_with_the_mend(void **state)
{
    folder *place = *state;
    setenv("PATH", place->path, 1);
    char path[128];
    name(place, "bar.gif", path);
    film *out;
    lumen_error error = {0};
    assert_int_equal(film_open(path, WIDTH, HEIGHT, 10, &out, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_null(out);
    assert_non_null(strstr(error.message, "install ffmpeg"));
    assert_int_equal(count_files(place, false), 0);
}

static void the_last_words_of_a_failing_encoder_are_told(void **state)
{
    folder *place = *state;
    pretend(place, "cat >/dev/null; echo first >&2; echo 'the disk is made of cheese' >&2; exit 3");
    char path[128];
    name(place, "bar.webm", path);
    film *out;
    lumen_error error = {0};
    uint8_t pixels[WIDTH * HEIGHT * 4] = {0};
    assert_int_equal(film_open(path, WIDTH, HEIGHT, 10, &out, &error), LUMEN_OK);
    assert_int_equal(film_frame(out, pixels, &error), LUMEN_OK);
    assert_int_equal(film_finish(out, &error), LUMEN_ERROR_FAILED);
    assert_non_null(strstr(error.message, "the disk is made of cheese"));
    assert_null(strstr(error.message, "first"));
    assert_int_equal(count_files(place, false), 1);
}

static void an_encoder_that_dies_ends_in_an_error_and_no_signal(void **state)
{
    folder *place = *state;
    static const struct {
        const char *script, *says;
    } ends[] = {{"echo 'no such codec' >&2; exit 1", "no such codec"}, {"kill -9 $$", "signal 9"}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        pretend(place, ends[i].script);
        char path[128];
        name(place, "bar.webm", path);
        film *out;
        lumen_error error = {0};
        uint8_t *pixels = calloc(512 * 512, 4); /* more than any socket holds */
        assert_non_null(pixels);
        assert_int_equal(film_open(path, 512, 512, 10, &out, &error), LUMEN_OK);
        lumen_status status = LUMEN_OK;
        for (int frame = 0; frame < 8 && status == LUMEN_OK; frame++)
            status = film_frame(out, pixels, &error);
        assert_int_equal(status, LUMEN_ERROR_FAILED);
        assert_non_null(strstr(error.message, ends[i].says));
        assert_int_equal(film_frame(out, pixels, &error), LUMEN_ERROR_FAILED);
        assert_int_equal(film_finish(out, &error), LUMEN_ERROR_FAILED);
        assert_int_equal(count_files(place, false), 1);
        free(pixels);
    }
}

static void what_cannot_be_a_film_is_refused_before_any_work(void **state)
{
    folder *place = *state;
    static const struct {
        const char *file;
        uint32_t width, height, rate;
        lumen_status status;
    } wrong[] = {
        {"bar.avi", WIDTH, HEIGHT, 10, LUMEN_ERROR_INVALID}, {".webm", WIDTH, HEIGHT, 10, LUMEN_ERROR_INVALID},
        {"bar.webm", 0, HEIGHT, 10, LUMEN_ERROR_INVALID},    {"bar.webm", WIDTH, 100000, 10, LUMEN_ERROR_INVALID},
        {"bar.webm", WIDTH, HEIGHT, 0, LUMEN_ERROR_INVALID}, {"none/bar.webm", WIDTH, HEIGHT, 10, LUMEN_ERROR_IO},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char path[128];
        name(place, wrong[i].file, path);
        film *out;
        lumen_error error = {0};
        assert_int_equal(film_open(path, wrong[i].width, wrong[i].height, wrong[i].rate, &out, &error),
                         wrong[i].status);
        assert_null(out);
        assert_true(strlen(error.message) > 20);
    }
    film *out;
    lumen_error error = {0};
    assert_int_equal(film_open("/dev/null.webm/x.gif", WIDTH, HEIGHT, 10, &out, &error), LUMEN_ERROR_IO);
    assert_int_equal(count_files(place, false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_ending_makes_a_film_of_its_format, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(an_abandoned_film_leaves_no_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_missing_ffmpeg_is_told_with_the_mend, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_last_words_of_a_failing_encoder_are_told, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(an_encoder_that_dies_ends_in_an_error_and_no_signal, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_cannot_be_a_film_is_refused_before_any_work, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

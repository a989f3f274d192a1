/* The catalog of models, and where they lie. How they come is tests/command/check_pull.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "weights/weights.h"

/* ---- The models that Lumen knows ----------------------------------------------------------------------- */

static void every_model_is_described_in_full(void **state)
{
    (void)state;
    assert_true(weights_model_count() >= 3);
    for (size_t i = 0; i < weights_model_count(); i++) {
        const weights_model *model = weights_model_at(i);
        assert_ptr_equal(weights_model_of(model->name), model); /* no name is there twice */
        assert_true(strlen(model->licence) > 0 && strlen(model->terms) > 0 && strlen(model->purpose) > 0);
        assert_true(model->file_count > 0);
        for (size_t j = 0; j < model->file_count; j++) {
            const weights_file *file = &model->files[j];
            assert_true(file->bytes > 0);
            assert_true(file->sha256 == NULL || strlen(file->sha256) == 64);
            assert_true(file->sha256 == NULL || !file->estimated);
        }
    }
    assert_null(weights_model_at(weights_model_count()));
    assert_null(weights_model_of("no-such-model"));
}

static void what_turbo_needs_is_seven_gigabytes(void **state)
{
    (void)state;
    const weights_model *turbo = weights_model_of("sdxl-turbo");
    uint64_t bytes = 0;
    for (size_t i = 0; i < turbo->file_count; i++)
        bytes += turbo->files[i].bytes;
    assert_in_range(bytes, 6900000000, 7000000000);
    assert_true(turbo->accept);
}

/* ---- A list of the operator's -------------------------------------------------------------------------- */

static weights_catalog *open_catalog(const char *text)
{
    weights_catalog *catalog;
    lumen_error error = {0};
    if (weights_catalog_from_bytes("catalog", text, strlen(text), &catalog, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return catalog;
}

static void refuse(const char *text, const char *reason)
{
    weights_catalog *catalog;
    lumen_error error = {0};
    if (weights_catalog_from_bytes("catalog", text, strlen(text), &catalog, &error) == LUMEN_OK)
        fail_msg("%s is taken", text);
    assert_null(catalog);
    assert_int_equal(error.status, LUMEN_ERROR_INVALID);
    if (strstr(error.message, reason) == NULL || strstr(error.message, "catalog") == NULL)
        fail_msg("%s: %s; not a word of \"%s\"", text, error.message, reason);
}

#define SHA256       "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a"
#define MODEL(facts) "{\"models\":[{\"name\":\"tiny\",\"repository\":\"me/tiny\",\"licence\":\"MIT\"," facts "}]}"
#define FILES(facts) MODEL("\"files\":[" facts "]")

static void a_list_adds_models(void **state)
{
    (void)state;
    weights_catalog *catalog =
        open_catalog(FILES("{\"path\":\"a/b.bin\",\"bytes\":7,\"sha256\":\"" SHA256 "\"},{\"path\":\"c\"}"));
    assert_int_equal(weights_catalog_count(catalog), weights_model_count() + 1);
    const weights_model *tiny = weights_catalog_of(catalog, "tiny");
    assert_non_null(tiny);
    assert_ptr_equal(weights_catalog_at(catalog, weights_model_count()), tiny);
    assert_string_equal(tiny->revision, "main");
    assert_false(tiny->accept);
    assert_int_equal(tiny->file_count, 2);
    assert_int_equal(tiny->files[0].bytes, 7);
    assert_string_equal(tiny->files[0].sha256, SHA256);
    assert_int_equal(tiny->files[1].bytes, 0);
    assert_null(tiny->files[1].sha256);
    weights_catalog_close(catalog);
}

static void a_model_of_the_list_takes_the_place_of_ours(void **state)
{
    (void)state;
    static const char text[] =
        "{\"models\":["
        "{\"name\":\"sdxl-turbo\",\"repository\":\"a/b\",\"licence\":\"x\",\"files\":[{\"path\":\"a\"}]},"
        "{\"name\":\"sdxl-turbo\",\"repository\":\"c/d\",\"licence\":\"y\",\"files\":[{\"path\":\"b\"}]}]}";
    weights_catalog *catalog = open_catalog(text);
    assert_int_equal(weights_catalog_count(catalog), weights_model_count());
    assert_string_equal(weights_catalog_of(catalog, "sdxl-turbo")->repository, "c/d");
    assert_string_equal(weights_model_of("sdxl-turbo")->repository, "stabilityai/sdxl-turbo");
    weights_catalog_close(catalog);
}

static void without_a_list_ours_are_all(void **state)
{
    (void)state;
    weights_catalog *catalog;
    lumen_error error;
    assert_int_equal(weights_catalog_open(NULL, &catalog, &error), LUMEN_OK);
    assert_int_equal(weights_catalog_count(catalog), weights_model_count());
    weights_catalog_close(catalog);
    assert_int_equal(weights_catalog_open("/tmp/no/catalog.json", &catalog, &error), LUMEN_ERROR_IO);
}

static void a_list_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    refuse("", "catalog");
    refuse("[]", "models");
    refuse("{}", "models");
    refuse("{\"models\":{}}", "models");
    refuse("{\"models\":[7]}", "plain name");
    refuse("{\"models\":[{}]}", "plain name");
    refuse("{\"models\":[{\"name\":\"a/b\"}]}", "plain name");
    refuse("{\"models\":[{\"name\":\"..\"}]}", "plain name");
    refuse("{\"models\":[{\"name\":\"tiny\",\"repository\":\"../x\"}]}", "plain repository");
    refuse("{\"models\":[{\"name\":\"tiny\",\"repository\":\"me/tiny?x=\"}]}", "plain repository");
    refuse(MODEL("\"revision\":\"a/b\",\"files\":[{\"path\":\"a\"}]"), "revision");
    refuse("{\"models\":[{\"name\":\"tiny\",\"repository\":\"me/tiny\",\"files\":[{\"path\":\"a\"}]}]}", "licence");
    refuse(MODEL("\"terms\":\"\\u001b[2J\",\"files\":[{\"path\":\"a\"}]"), "plain words");
    refuse(MODEL("\"files\":[]"), "files");
    refuse(MODEL("\"files\":7"), "files");
    refuse(FILES("7"), "plain path");
    refuse(FILES("{\"path\":\"../a\"}"), "plain path");
    refuse(FILES("{\"path\":\"a/./b\"}"), "plain path");
    refuse(FILES("{\"path\":\"/a\"}"), "plain path");
    refuse(FILES("{\"path\":\"a.part\"}"), "plain path");
    refuse(FILES("{\"path\":\"a\"},{\"path\":\"a\"}"), "twice");
    refuse(FILES("{\"path\":\"a/b\"},{\"path\":\"a\"}"), "twice");
    refuse(FILES("{\"path\":\"a\",\"bytes\":0}"), "bytes");
    refuse(FILES("{\"path\":\"a\",\"bytes\":-1}"), "bytes");
    refuse(FILES("{\"path\":\"a\",\"bytes\":1.5}"), "bytes");
    refuse(FILES("{\"path\":\"a\",\"sha256\":\"00\"}"), "sha256");
    refuse(FILES("{\"path\":\"a\",\"sha256\":7}"), "sha256");
}

static void files_with_like_names_are_not_the_same(void **state)
{
    (void)state;
    weights_catalog_close(
        open_catalog(FILES("{\"path\":\"a\"},{\"path\":\"ab\"},{\"path\":\"b/a\"},{\"path\":\"b/ab\"}")));
}

/* ---- Where they lie ------------------------------------------------------------------------------------ */

static char folder[] = "/tmp/lumen-weights-XXXXXX";

static const char *folder_of(const char *named)
{
    static char path[WEIGHTS_PATH_BYTES];
    lumen_error error = {0};
    if (weights_folder(named, path, sizeof path, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return path;
}

static void the_folder_is_the_first_that_is_named(void **state)
{
    (void)state;
    setenv("HOME", "/home/me", 1);
    unsetenv("XDG_DATA_HOME");
    unsetenv("LUMEN_MODELS");
    assert_string_equal(folder_of(NULL), "/home/me/.local/share/lumen/models");
    setenv("XDG_DATA_HOME", "relative", 1); /* which is to be ignored */
    assert_string_equal(folder_of(NULL), "/home/me/.local/share/lumen/models");
    setenv("XDG_DATA_HOME", "/data", 1);
    assert_string_equal(folder_of(NULL), "/data/lumen/models");
    setenv("LUMEN_MODELS", "/models", 1);
    assert_string_equal(folder_of(NULL), "/models");
    assert_string_equal(folder_of("here//"), "here");
    assert_string_equal(folder_of("/"), "/");
    setenv("LUMEN_MODELS", "", 1); /* as good as none */
    assert_string_equal(folder_of(NULL), "/data/lumen/models");
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    char path[WEIGHTS_PATH_BYTES];
    lumen_error error = {0};
    assert_int_equal(weights_folder(NULL, path, sizeof path, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(weights_folder("", path, sizeof path, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(weights_folder("/a/long/name", path, 8, &error), LUMEN_ERROR_INVALID);
}

static void write_file(const char *name, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < size; i++)
        fputc('x', file);
    assert_int_equal(fclose(file), 0);
}

static void a_look_counts_what_is_here(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/tiny", folder);
    assert_int_equal(mkdir(path, 0777), 0);
    weights_catalog *catalog =
        open_catalog(FILES("{\"path\":\"whole\",\"bytes\":10},{\"path\":\"short\",\"bytes\":10},"
                           "{\"path\":\"begun\",\"bytes\":10},{\"path\":\"any\"},{\"path\":\"none\"}"));
    write_file("tiny/whole", 10);
    write_file("tiny/short", 9);
    write_file("tiny/begun.part", 4);
    write_file("tiny/any", 3);
    const weights_model *tiny = weights_catalog_of(catalog, "tiny");
    weights_state look;
    lumen_error error;
    assert_int_equal(weights_look(tiny, folder, &look, &error), LUMEN_OK);
    assert_string_equal(look.folder, path);
    assert_int_equal(look.present, 2);
    assert_int_equal(look.missing, 3);
    assert_int_equal(look.bytes_present, 13);
    assert_int_equal(look.bytes_missing, 20);
    assert_int_equal(look.bytes_partial, 4);
    assert_true(look.accepted);
    assert_true(weights_file_present(look.folder, &tiny->files[0]));
    assert_false(weights_file_present(look.folder, &tiny->files[1]));
    assert_int_equal(weights_path(look.folder, &tiny->files[0], path, sizeof path, &error), LUMEN_OK);
    assert_int_equal(access(path, R_OK), 0);
    weights_catalog_close(catalog);
}

static void an_accepted_licence_stays_accepted(void **state)
{
    (void)state;
    weights_catalog *catalog = open_catalog(MODEL("\"accept\":true,\"files\":[{\"path\":\"a\"}]"));
    const weights_model *tiny = weights_catalog_of(catalog, "tiny");
    char models[512];
    snprintf(models, sizeof models, "%s/deep/models", folder);
    weights_state look;
    lumen_error error;
    assert_int_equal(weights_look(tiny, models, &look, &error), LUMEN_OK);
    assert_false(look.accepted);
    assert_int_equal(weights_accept(tiny, models, &error), LUMEN_OK);
    assert_int_equal(weights_look(tiny, models, &look, &error), LUMEN_OK);
    assert_true(look.accepted);
    /* Another licence is another question. */
    weights_model stricter = *tiny;
    stricter.licence = "MIT, but stricter";
    assert_int_equal(weights_look(&stricter, models, &look, &error), LUMEN_OK);
    assert_false(look.accepted);
    weights_catalog_close(catalog);
}

static void offline_asks_nobody(void **state)
{
    (void)state;
    weights_catalog *catalog = open_catalog(FILES("{\"path\":\"a\",\"bytes\":10}"));
    char models[512];
    snprintf(models, sizeof models, "%s/nowhere", folder);
    weights_pull_options options = {.folder = models, .offline = true, .mirror = "http://127.0.0.1:9"};
    lumen_error error;
    assert_int_equal(weights_pull(weights_catalog_of(catalog, "tiny"), &options, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_int_not_equal(access(models, F_OK), 0); /* and leaves no trace */
    weights_catalog_close(catalog);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_is_described_in_full),
        cmocka_unit_test(what_turbo_needs_is_seven_gigabytes),
        cmocka_unit_test(a_list_adds_models),
        cmocka_unit_test(a_model_of_the_list_takes_the_place_of_ours),
        cmocka_unit_test(without_a_list_ours_are_all),
        cmocka_unit_test(a_list_that_makes_no_sense_is_refused),
        cmocka_unit_test(files_with_like_names_are_not_the_same),
        cmocka_unit_test(the_folder_is_the_first_that_is_named),
        cmocka_unit_test(a_look_counts_what_is_here),
        cmocka_unit_test(an_accepted_licence_stays_accepted),
        cmocka_unit_test(offline_asks_nobody),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

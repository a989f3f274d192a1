/* The process that hosts all engines that run networks, as the service sees it: small models of the official layout,
 * and this very program as the host. */

#include "../host/host_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../networks/made_up.h"
#include "base/clock.h"
#include "host/lumen_networks.h"
#include "partcrafter/partcrafter_engine.h"
#include "picture/picture.h"
#include "pipeline/pipeline.h"
#include "shape/pack.h"
#include "small_models.h"

enum { LIBRARY, CUTTER, ENCODER, MAKER, PAINTER, ALL_MODELS };

/* All models, with the parts of a tree. */
static char folder[256];

static int make_models(void **state)
{
    (void)state;
    make_test_folder(folder, sizeof folder);
    write_small_models(folder, &tree_of_ellipsoids);
    return 0;
}

static int remove_models(void **state)
{
    (void)state;
    remove_test_folder(folder);
    return 0;
}

/* ---- Hosts ------------------------------------------------------------------------------------------------ */

typedef struct network_fixture {
    fixture set;
    host_engines offered;
    char budget[32];
} network_fixture;

static lumen_status offer(const char *place, const char *budget, host_engines *out, lumen_error *error)
{
    const lumen_networks_options options = {.models = place, .memory_budget = strtoull(budget, NULL, 10)};
    return lumen_networks_offer(&options, out, error);
}

static void open_networks(network_fixture *all, const char *place, uint64_t memory_budget)
{
    lumen_error error = {0};
    *all = (network_fixture){0};
    snprintf(all->budget, sizeof all->budget, "%" PRIu64, memory_budget);
    if (offer(place, all->budget, &all->offered, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    const char *const arguments[] = {"test_network_host", "network-host", place, all->budget, NULL};
    open_hosts_of(&all->set, &all->offered, arguments, 1);
}

static void close_networks(network_fixture *all)
{
    close_hosts(&all->set);
    lumen_networks_withdraw(&all->offered);
}

static bool be_a_network_host(int count, char **arguments, int *status)
{
    host_engines offered;
    lumen_error error;
    if (count != 5 || strcmp(arguments[1], "network-host") != 0)
        return false;
    *status = 1;
    if (offer(arguments[2], arguments[3], &offered, &error) == LUMEN_OK) {
        *status = host_main(&offered, atoi(arguments[4]));
        lumen_networks_withdraw(&offered);
    }
    return true;
}

/* ---- Reports ---------------------------------------------------------------------------------------------- */

/* Each only after those before it. */
static void assert_in_order(const host_report *report)
{
    for (size_t i = 1; i < report->model_count; i++)
        if (report->models[i].state != MODEL_WAITING && !report->models[i - 1].available)
            fail_msg("%s came before %s", report->models[i].name, report->models[i - 1].name);
}

static bool have_all_loaded(const host_report *report)
{
    bool loaded = report->ready;
    assert_in_order(report);
    for (size_t i = 0; i < report->model_count; i++) {
        loaded = loaded && report->models[i].state == MODEL_LOADED;
        assert_int_not_equal(report->models[i].state, MODEL_FAILED);
    }
    return loaded;
}

static bool are_all_staged(const host_report *report)
{
    bool staged = report->ready;
    assert_in_order(report);
    for (size_t i = 0; i < report->model_count; i++)
        staged = staged && report->models[i].state == (i == LIBRARY ? MODEL_LOADED : MODEL_STAGED);
    return staged;
}

static bool has_maker_failed(const host_report *report)
{
    return report->ready && report->models[MAKER].state == MODEL_FAILED &&
           report->models[PAINTER].state == MODEL_LOADED;
}

/* ---- Orders ----------------------------------------------------------------------------------------------- */

/* Quick: the diffusion of these models comes to the same in any number of steps. */
static executor_work shape_of(const char *text)
{
    executor_work work = work_for("partcrafter", text);
    work.order.request.quality = LUMEN_QUALITY_FAST;
    work.order.request.steps = 2;
    work.order.request.tokens = 16;
    return work;
}

static void run_well(network_fixture *all, executor_work *work)
{
    run_one(&all->set, 0, work);
    if (work->status != LUMEN_OK)
        fail_msg("%s", work->error.message);
}

/* That it is the tree of small_models.h, whose parts have their names. */
static void assert_is_the_tree(const executor_work *work)
{
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    if (shape_unpack(work->packed->data, work->packed->size, &shape, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    assert_string_equal(shape->pipeline, "partcrafter");
    assert_int_equal(shape->part_count, tree_of_ellipsoids.count);
    for (size_t i = 0; i < tree_of_ellipsoids.count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < shape->part_count; k++)
            found = found || strcmp(shape->part_names[k], tree_names[i]) == 0;
        if (!found)
            fail_msg("no part is called %s", tree_names[i]);
    }
    assert_non_null(shape->part_confidence);
    lumen_shape_free(shape);
}

static void assert_makes_the_tree(network_fixture *all)
{
    executor_work work = shape_of("tree");
    run_well(all, &work);
    assert_is_the_tree(&work);
    forget(&work);
}

/* ---- The tests -------------------------------------------------------------------------------------------- */

static void models_load_lightest_first_and_make_named_parts(void **state)
{
    (void)state;
    static const char *const names[] = {"procedural", "rmbg-1.4", "dinov2", "partcrafter", "sdxl-turbo"};
    static const char *const stages[] = {"image", "cutout", "encode", "part_diffusion", "surface", "naming"};
    network_fixture all;
    open_networks(&all, folder, 0);
    assert_int_equal(all.offered.engine_count, 2);
    assert_string_equal(all.offered.engines[0].name, "partcrafter");
    assert_string_equal(all.offered.engines[1].name, "sdxl-turbo");
    host_report before = wait_for_report(&all.set, 0, have_all_loaded);
    assert_int_equal(before.model_count, ALL_MODELS);
    for (size_t i = 0; i < ALL_MODELS; i++) {
        assert_string_equal(before.models[i].name, names[i]);
        assert_true(before.models[i].bytes > 0);
    }
    assert_true(host_engine_ready(all.set.hosts, "partcrafter"));
    executor_work work = shape_of("tree");
    run_well(&all, &work);
    assert_is_the_tree(&work);
    /* Nothing was loaded for it: its first stage is that of its own work. */
    assert_true(work.stage_count >= 6);
    for (int i = 0; i < 6; i++)
        assert_string_equal(work.stages[i], stages[i]);
    forget(&work);
    host_report after = report_of(&all.set, 0);
    for (size_t i = 0; i < ALL_MODELS; i++) {
        assert_int_equal(after.models[i].state, MODEL_LOADED);
        assert_int_equal(after.models[i].bytes, before.models[i].bytes);
    }
    close_networks(&all);
}

static void shapes_and_pictures_come_from_one_process(void **state)
{
    (void)state;
    network_fixture all;
    picture_photograph painted = {0};
    lumen_error error = {0};
    open_networks(&all, folder, 0);
    executor_work paint = work_for("sdxl-turbo", "tree"), nothing = work_for("sdxl-turbo", "  ");
    run_well(&all, &paint);
    if (picture_read("the painting", paint.packed->data, paint.packed->size, 0, &painted, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    assert_int_equal(painted.color.width, 512);
    assert_int_equal(painted.color.height, 512);
    /* The painting as the start of a shape that gets its names from the text. */
    executor_work work = shape_of("tree");
    work.order.request.image = paint.packed->data;
    work.order.request.image_size = paint.packed->size;
    run_well(&all, &work);
    assert_is_the_tree(&work);
    forget(&work);
    /* And of one that nobody says a word about. */
    work.order.request.text = NULL;
    work.order.request.num_parts = 2;
    work = (executor_work){.order = work.order};
    run_well(&all, &work);
    forget(&work);
    run_one(&all.set, 0, &nothing);
    assert_int_equal(nothing.status, LUMEN_ERROR_INVALID);
    assert_int_equal(report_of(&all.set, 0).starts, 1);
    picture_photograph_free(&painted);
    forget(&paint);
    close_networks(&all);
}

static void a_cancel_ends_the_diffusion_within_a_block(void **state)
{
    (void)state;
    network_fixture all;
    running one;
    open_networks(&all, folder, 0);
    wait_for_report(&all.set, 0, have_all_loaded);
    executor_work work = shape_of("tree");
    work.order.request.steps = 1000; /* minutes, if it were not called off */
    work.order.request.tokens = 1024;
    work.awaited = "part_diffusion";
    begin(&one, &all.set, &work);
    wait_for_stage(&work);
    const double called_off = clock_now_seconds();
    atomic_store(&work.cancelled, true);
    pthread_join(one.thread, NULL);
    assert_int_equal(work.status, LUMEN_ERROR_CANCELLED);
    assert_true(clock_now_seconds() - called_off < 10.0);
    assert_string_equal(work.stages[work.stage_count - 1], "part_diffusion");
    assert_makes_the_tree(&all);
    assert_int_equal(report_of(&all.set, 0).starts, 1); /* it was asked, not ended */
    close_networks(&all);
}

static void a_cancel_ends_the_wait_for_models_that_load(void **state)
{
    (void)state;
    network_fixture all;
    open_networks(&all, folder, 0);
    executor_work work = shape_of("tree");
    atomic_store(&work.cancelled, true);
    run_one(&all.set, 0, &work);
    assert_int_equal(work.status, LUMEN_ERROR_CANCELLED);
    wait_for_report(&all.set, 0, have_all_loaded);
    assert_int_equal(report_of(&all.set, 0).starts, 1);
    close_networks(&all);
}

/* The first half of a file, as a download that broke off leaves it. */
static void write_half(const char *from, const char *to)
{
    struct stat facts;
    FILE *read = fopen(from, "rbe"), *written = fopen(to, "wbe");
    assert_true(read != NULL && written != NULL);
    assert_int_equal(stat(from, &facts), 0);
    for (off_t i = 0; i < facts.st_size / 2; i++)
        assert_int_not_equal(putc(getc(read), written), EOF);
    assert_int_equal(fclose(written), 0);
    fclose(read);
}

static void a_damaged_file_fails_its_engine_alone(void **state)
{
    (void)state;
    network_fixture all;
    char path[512], whole[600];
    snprintf(path, sizeof path, "%s/partcrafter/transformer/diffusion_pytorch_model.safetensors", folder);
    snprintf(whole, sizeof whole, "%s.whole", path);
    assert_int_equal(rename(path, whole), 0);
    write_half(whole, path);
    open_networks(&all, folder, 0);
    host_report report = wait_for_report(&all.set, 0, has_maker_failed);
    assert_non_null(strstr(report.models[MAKER].reason, "safetensors"));
    assert_false(host_engine_ready(all.set.hosts, "partcrafter"));
    assert_true(host_engine_ready(all.set.hosts, "sdxl-turbo"));
    executor_work work = shape_of("tree"), paint = work_for("sdxl-turbo", "tree");
    run_one(&all.set, 0, &work);
    assert_int_equal(work.status, LUMEN_ERROR_UNAVAILABLE);
    assert_non_null(strstr(work.error.message, "the model partcrafter did not load"));
    assert_non_null(strstr(work.error.message, "download"));
    run_well(&all, &paint);
    forget(&paint);
    assert_int_equal(report_of(&all.set, 0).crashes, 0);
    close_networks(&all);
    assert_int_equal(rename(whole, path), 0);
}

static partcrafter_engine_needs measure(const lumen_request *wanted)
{
    static words_phrase phrase;
    lumen *library = NULL;
    partcrafter_engine_needs needs;
    lumen_error error = {0};
    const engine_request request = {.phrase = &phrase,
                                    .quality = wanted->quality,
                                    .num_parts = wanted->num_parts,
                                    .steps = wanted->steps,
                                    .tokens = wanted->tokens};
    assert_int_equal(words_parse("tree", NULL, &phrase, &error), LUMEN_OK);
    assert_int_equal(lumen_open(&(lumen_options){.models = folder}, &library, &error), LUMEN_OK);
    if (partcrafter_engine_measure(pipeline_engine(library, "partcrafter"), &request, &needs, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    lumen_close(library);
    return needs;
}

static void under_a_budget_for_stages_models_are_staged_and_work(void **state)
{
    (void)state;
    network_fixture all;
    executor_work work = shape_of("tree"), paint = work_for("sdxl-turbo", "tree");
    open_networks(&all, folder, measure(&work.order.request).peak[PARTCRAFTER_HOLDS_ALL] - 1);
    wait_for_report(&all.set, 0, are_all_staged);
    assert_true(host_engine_ready(all.set.hosts, "partcrafter") && host_engine_ready(all.set.hosts, "sdxl-turbo"));
    run_well(&all, &work);
    assert_is_the_tree(&work);
    forget(&work);
    run_well(&all, &paint);
    forget(&paint);
    host_report report = report_of(&all.set, 0);
    for (size_t i = CUTTER; i < ALL_MODELS; i++)
        assert_true(report.models[i].state == MODEL_STAGED && report.models[i].bytes == 0);
    close_networks(&all);
}

/* What is planned with before there is a request. */
static const lumen_request usual = {.quality = LUMEN_QUALITY_STANDARD, .num_parts = LUMEN_REQUEST_PARTS_MAX};

static void what_a_request_made_room_for_is_told(void **state)
{
    (void)state;
    network_fixture all;
    const uint64_t budget = measure(&usual).peak[PARTCRAFTER_HOLDS_ALL];
    executor_work work = shape_of("tree");
    lumen_request *large = &work.order.request;
    large->quality = LUMEN_QUALITY_STANDARD;
    large->tokens = 512;
    while (measure(large).peak[PARTCRAFTER_HOLDS_ALL] <= budget && large->tokens < 2048)
        large->tokens += 64;
    open_networks(&all, folder, budget);
    wait_for_report(&all.set, 0, have_all_loaded);
    run_well(&all, &work); /* needs more beside the networks */
    forget(&work);
    wait_for_report(&all.set, 0, are_all_staged);
    assert_makes_the_tree(&all); /* needs less, and so they stay */
    wait_for_report(&all.set, 0, have_all_loaded);
    close_networks(&all);
}

static void a_folder_of_sdxl_turbo_alone_offers_pictures(void **state)
{
    (void)state;
    network_fixture all;
    host_engines nothing;
    lumen_error error = {0};
    char alone[256], from[400], to[400];
    make_test_folder(alone, sizeof alone);
    assert_int_equal(offer(alone, "0", &nothing, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "lumen pull sdxl-turbo rmbg-1.4 partcrafter"));
    assert_int_equal(nothing.engine_count, 0);
    snprintf(from, sizeof from, "%s/sdxl-turbo", folder);
    snprintf(to, sizeof to, "%s/sdxl-turbo", alone);
    assert_int_equal(symlink(from, to), 0);
    open_networks(&all, alone, 0);
    assert_int_equal(all.offered.engine_count, 1);
    assert_int_equal(all.offered.model_count, 1);
    host_report report = wait_for_report(&all.set, 0, have_all_loaded);
    assert_string_equal(report.models[0].name, "sdxl-turbo");
    executor_work paint = work_for("sdxl-turbo", "tree"), work = shape_of("tree");
    run_well(&all, &paint);
    forget(&paint);
    run_one(&all.set, 0, &work);
    assert_error(&work, LUMEN_ERROR_UNAVAILABLE, "there is no engine partcrafter in this program");
    close_networks(&all);
    remove_test_folder(alone);
}

int main(int count, char **arguments)
{
    int status;
    if (be_a_network_host(count, arguments, &status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_load_lightest_first_and_make_named_parts),
        cmocka_unit_test(shapes_and_pictures_come_from_one_process),
        cmocka_unit_test(a_cancel_ends_the_diffusion_within_a_block),
        cmocka_unit_test(a_cancel_ends_the_wait_for_models_that_load),
        cmocka_unit_test(a_damaged_file_fails_its_engine_alone),
        cmocka_unit_test(under_a_budget_for_stages_models_are_staged_and_work),
        cmocka_unit_test(what_a_request_made_room_for_is_told),
        cmocka_unit_test(a_folder_of_sdxl_turbo_alone_offers_pictures),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}

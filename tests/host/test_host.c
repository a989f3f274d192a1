/* Engines in processes of their own: what the service sees of them when they work, fail, crash, hang and lie. */

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "host_engines.h"
#include "shape/pack.h"

/* ---- A work, as the executor would have it
 * ---------------------------------------------------------------------------- */

enum { STAGES_MAX = 32 };

struct executor_work {
    executor_order order;
    atomic_bool cancelled;
    atomic_int steps; /* progress messages so far */
    bool finished;
    lumen_status status;
    blob *packed;
    lumen_error error;
    char stages[STAGES_MAX][EXECUTOR_STAGE_BYTES];
    int stage_count;
};

const executor_order *executor_work_order(const executor_work *work)
{
    return &work->order;
}

bool executor_work_cancelled(const executor_work *work)
{
    return atomic_load(&work->cancelled);
}

void executor_work_progress(executor_work *work, const char *stage, double fraction)
{
    assert_true(fraction >= 0.0 && fraction <= 1.0);
    if (work->stage_count == 0 ||
        (work->stage_count < STAGES_MAX && strcmp(work->stages[work->stage_count - 1], stage) != 0))
        snprintf(work->stages[work->stage_count++], EXECUTOR_STAGE_BYTES, "%s", stage);
    atomic_fetch_add(&work->steps, 1);
}

void executor_work_finish(executor_work *work, lumen_status status, blob *packed, const lumen_error *error)
{
    assert_false(work->finished);
    work->finished = true;
    work->status = status;
    work->packed = blob_keep(packed);
    if (error != NULL)
        work->error = *error;
}

static executor_work work_for(const char *engine, const char *text)
{
    return (executor_work){.order = {.engine = engine, .batch_max = 1, .request = {.text = text, .engine = "auto"}}};
}

static void forget(executor_work *work)
{
    blob_release(work->packed);
}

/* ---- A set of hosts
 * --------------------------------------------------------------------------------------------------------- */

typedef struct fixture {
    host_set *hosts;
    executor_backend backend;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t changes;
} fixture;

static void note_change(void *user)
{
    fixture *set = user;
    pthread_mutex_lock(&set->lock);
    set->changes++;
    pthread_cond_broadcast(&set->moved);
    pthread_mutex_unlock(&set->lock);
}

static void open_hosts(fixture *set, const char *mode, uint32_t slots)
{
    *set = (fixture){0};
    pthread_mutex_init(&set->lock, NULL);
    pthread_cond_init(&set->moved, NULL);
    const char *const arguments[] = {"test_host", "engine-host", mode, NULL};
    const host_options options = {
        .program = "/proc/self/exe",
        .arguments = arguments,
        .offered = &test_offers,
        .slots = slots,
        .changed = note_change,
        .user = set,
    };
    lumen_error error;
    if (host_set_open(&options, &set->hosts, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    set->backend = host_backend(set->hosts);
}

static void close_hosts(fixture *set)
{
    host_set_close(set->hosts);
    pthread_cond_destroy(&set->moved);
    pthread_mutex_destroy(&set->lock);
}

static host_report report_of(fixture *set, uint32_t slot)
{
    host_report report;
    host_read_report(set->hosts, slot, &report);
    return report;
}

static void fail_with(const host_report *report)
{
    char states[256] = "";
    for (size_t i = 0; i < report->model_count; i++)
        snprintf(states + strlen(states), sizeof states - strlen(states), ", %s %s", report->models[i].name,
                 model_state_name(report->models[i].state));
    fail_msg("process %d, ready %d, starts %u, crashes %u, last end '%s'%s", report->process, report->ready,
             report->starts, report->crashes, report->last_end, states);
}

/* Waits until a slot's report is as wished; every change is told, so that nothing is slept through. */
static host_report wait_for_report(fixture *set, uint32_t slot, bool (*wished)(const host_report *report))
{
    host_report report;
    pthread_mutex_lock(&set->lock);
    for (;;) {
        uint64_t seen = set->changes;
        pthread_mutex_unlock(&set->lock);
        report = report_of(set, slot);
        pthread_mutex_lock(&set->lock);
        if (wished(&report))
            break;
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 20;
        while (set->changes == seen)
            if (pthread_cond_timedwait(&set->moved, &set->lock, &until) != 0)
                fail_with(&report);
    }
    pthread_mutex_unlock(&set->lock);
    return report;
}

static bool is_ready(const host_report *report)
{
    return report->ready;
}

static bool has_loaded(const host_report *report)
{
    return report->ready && report->model_count == 2 && report->models[0].state == MODEL_LOADED &&
           report->models[1].state == MODEL_FAILED;
}

static bool was_started_again(const host_report *report)
{
    return report->starts >= 2 && report->ready;
}

static bool has_ended_thrice(const host_report *report)
{
    return report->crashes >= 3;
}

static void run_one(fixture *set, uint32_t slot, executor_work *work)
{
    set->backend.run(set->backend.self, slot, &work, 1);
    assert_true(work->finished);
}

/* Runs one on a thread of its own, as a slot does. */
typedef struct running {
    fixture *set;
    executor_work *work;
    pthread_t thread;
} running;

static void *run_in_thread(void *argument)
{
    running *mine = argument;
    run_one(mine->set, 0, mine->work);
    return NULL;
}

static void begin(running *mine, fixture *set, executor_work *work)
{
    *mine = (running){.set = set, .work = work};
    pthread_create(&mine->thread, NULL, run_in_thread, mine);
}

static void wait_for_progress(executor_work *work)
{
    while (atomic_load(&work->steps) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void assert_works(fixture *set)
{
    executor_work work = work_for("echo", "cat");
    run_one(set, 0, &work);
    if (work.status != LUMEN_OK)
        fail_msg("%s", work.error.message);
    forget(&work);
}

static void assert_error(const executor_work *work, lumen_status status, const char *message)
{
    assert_int_equal(work->status, status);
    assert_null(work->packed);
    assert_string_equal(work->error.message, message);
}

/* ---- Work
 * ---------------------------------------------------------------------------------------------------------------------
 */

static void a_shape_comes_through_a_host_to_the_byte(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("echo", "a horse galloping");
    work.order.request.verb = "fly";
    work.order.request.seed = UINT64_MAX - 5;
    work.order.request.points = 300;
    work.order.request.quality = LUMEN_QUALITY_FAST;
    work.order.request.num_parts = 3;
    run_one(&set, 0, &work);
    assert_int_equal(work.status, LUMEN_OK);

    lumen *library;
    lumen_shape *here, *there;
    lumen_error error;
    assert_int_equal(lumen_open(NULL, &library, &error), LUMEN_OK);
    assert_int_equal(lumen_generate(library, &work.order.request, &here, &error), LUMEN_OK);
    assert_int_equal(shape_unpack(work.packed->data, work.packed->size, &there, &error), LUMEN_OK);
    assert_int_equal(there->point_count, 300);
    assert_memory_equal(there->positions, here->positions, 300 * 3 * sizeof(float));
    assert_memory_equal(there->part_ids, here->part_ids, 300);
    assert_string_equal(there->key, here->key);
    assert_string_equal(there->verb, "fly");
    assert_int_equal(there->seed, UINT64_MAX - 5);
    lumen_shape_free(there);
    lumen_shape_free(here);
    lumen_close(library);
    forget(&work);
    assert_true(report_of(&set, 0).resident_bytes > 100000);
    close_hosts(&set);
}

static void a_large_shape_comes_through_too(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("echo", "dragon");
    work.order.request.points = LUMEN_POINTS_MAX;
    work.order.request.quality = LUMEN_QUALITY_HIGH;
    run_one(&set, 0, &work);
    assert_int_equal(work.status, LUMEN_OK);
    assert_true(work.packed->size > (2u << 20));
    lumen_shape *shape;
    lumen_error error;
    assert_int_equal(shape_unpack(work.packed->data, work.packed->size, &shape, &error), LUMEN_OK);
    assert_int_equal(shape->point_count, LUMEN_POINTS_MAX);
    lumen_shape_free(shape);
    forget(&work);
    close_hosts(&set);
}

static void models_are_reported_and_engines_ready_by_them(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 2);
    host_report report = wait_for_report(&set, 1, has_loaded);
    assert_string_equal(report.models[0].name, "library");
    assert_int_equal(report.models[0].bytes, 12345);
    assert_true(report.models[0].available);
    assert_string_equal(report.models[1].name, "missing");
    assert_true(report.models[1].fallback);
    assert_string_equal(report.models[1].reason, "its file is not there; run lumen pull");
    assert_true(report.process > 0);
    assert_int_equal(report.starts, 1);
    assert_string_equal(report.last_end, "");
    assert_true(host_engine_ready(set.hosts, "echo"));
    assert_false(host_engine_ready(set.hosts, "unloadable"));
    assert_false(host_engine_ready(set.hosts, "nobody"));
    close_hosts(&set);
}

static void progress_comes_through_by_stages(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("steps", "cat");
    wait_for_report(&set, 0, has_loaded);
    run_one(&set, 0, &work);
    assert_int_equal(work.status, LUMEN_OK);
    static const char *const stages[] = {"one", "two", "three", "sculpt", "done"};
    assert_int_equal(work.stage_count, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(work.stages[i], stages[i]);
    forget(&work);
    close_hosts(&set);
}

static void a_batch_runs_together_and_each_gets_its_own(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    static const char *const texts[] = {"cat", "bad", "tree", "car"};
    executor_work works[4];
    executor_work *pointers[4];
    for (size_t i = 0; i < 4; i++) {
        works[i] = work_for("batch", texts[i]);
        pointers[i] = &works[i];
    }
    set.backend.run(set.backend.self, 0, pointers, 4);
    for (size_t i = 0; i < 4; i++) {
        if (i == 1) {
            assert_error(&works[i], LUMEN_ERROR_FAILED, "a bad one");
            continue;
        }
        lumen_shape *shape;
        lumen_error error;
        assert_int_equal(works[i].status, LUMEN_OK);
        assert_int_equal(shape_unpack(works[i].packed->data, works[i].packed->size, &shape, &error), LUMEN_OK);
        assert_string_equal(shape->text, texts[i]);
        assert_int_equal(shape->seed, 4); /* this engine says so how many it made at once */
        lumen_shape_free(shape);
        forget(&works[i]);
    }
    close_hosts(&set);
}

static void an_engine_without_its_model_is_unavailable(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("unloadable", "cat"), other = work_for("nobody", "cat");
    run_one(&set, 0, &work);
    assert_error(&work, LUMEN_ERROR_UNAVAILABLE,
                 "the model missing did not load: its file is not there; run lumen pull");
    run_one(&set, 0, &other);
    assert_error(&other, LUMEN_ERROR_UNAVAILABLE, "there is no engine nobody in this program");
    close_hosts(&set);
}

static void a_text_beyond_all_bounds_is_refused(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    size_t size = (size_t)1 << 20;
    char *text = malloc(size);
    memset(text, 'x', size);
    text[size - 1] = '\0';
    executor_work work = work_for("echo", text);
    run_one(&set, 0, &work);
    assert_int_equal(work.status, LUMEN_ERROR_INVALID);
    assert_works(&set);
    free(text);
    close_hosts(&set);
}

/* ---- Faults
 * --------------------------------------------------------------------------------------------------------------------
 */

static void a_failure_comes_with_its_reason_in_utf8(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("fail", "cat"), silent = work_for("silent", "cat");
    run_one(&set, 0, &work);
    assert_error(&work, LUMEN_ERROR_FAILED, "no idea for ??, caf\xc3\xa9");
    run_one(&set, 0, &silent);
    assert_error(&silent, LUMEN_ERROR_FAILED, "the engine failed and did not say why");
    assert_int_equal(report_of(&set, 0).crashes, 0);
    close_hosts(&set);
}

static void a_crash_fails_its_order_and_the_next_one_works(void **state)
{
    (void)state;
    static const struct {
        const char *engine, *message;
    } ways[] = {
        {"segfault", "the engine ended with signal 11 (Segmentation fault); the next request gets a new one"},
        {"abort", "the engine ended with signal 6 (Aborted); the next request gets a new one"},
        {"exit", "the engine ended with exit status 3; the next request gets a new one"},
        {"half", "the engine ended with signal 9 (Killed); the next request gets a new one"},
    };
    fixture set;
    open_hosts(&set, "normal", 1);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        wait_for_report(&set, 0, has_loaded);
        executor_work work = work_for(ways[i].engine, "cat");
        run_one(&set, 0, &work);
        assert_error(&work, LUMEN_ERROR_FAILED, ways[i].message);
        assert_true(host_engine_ready(set.hosts, "echo")); /* its successor counts */
        assert_works(&set);
        assert_int_equal(report_of(&set, 0).crashes, i + 1);
        assert_int_equal(report_of(&set, 0).starts, i + 2);
    }
    assert_string_equal(report_of(&set, 0).last_end, "signal 9 (Killed)");
    close_hosts(&set);
}

static void nonsense_from_a_host_ends_it(void **state)
{
    (void)state;
    static const char *const engines[] = {"garbage", "liar"};
    fixture set;
    open_hosts(&set, "normal", 1);
    for (size_t i = 0; i < 2; i++) {
        executor_work work = work_for(engines[i], "cat");
        run_one(&set, 0, &work);
        assert_int_equal(work.status, LUMEN_ERROR_FAILED);
        assert_non_null(strstr(work.error.message, "was ended; the next request gets a new one"));
        assert_works(&set);
    }
    close_hosts(&set);
}

static void a_death_is_seen_though_the_socket_stays_open(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("orphan", "cat");
    run_one(&set, 0, &work);
    assert_error(&work, LUMEN_ERROR_FAILED,
                 "the engine ended with signal 11 (Segmentation fault); the next request gets a new one");
    assert_works(&set);
    close_hosts(&set);
}

static void a_cancel_reaches_the_engine(void **state)
{
    (void)state;
    fixture set;
    running one;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("slow", "cat");
    wait_for_report(&set, 0, has_loaded);
    begin(&one, &set, &work);
    wait_for_progress(&work);
    atomic_store(&work.cancelled, true);
    pthread_join(one.thread, NULL);
    assert_error(&work, LUMEN_ERROR_CANCELLED, "called off after all");
    assert_works(&set);
    assert_int_equal(report_of(&set, 0).starts, 1);
    close_hosts(&set);
}

static void a_cancel_ends_the_wait_for_a_model(void **state)
{
    (void)state;
    fixture set;
    running one;
    open_hosts(&set, "stuck", 1);
    executor_work work = work_for("echo", "cat");
    begin(&one, &set, &work);
    wait_for_progress(&work);
    assert_string_equal(work.stages[0], "loading models");
    atomic_store(&work.cancelled, true);
    pthread_join(one.thread, NULL);
    assert_error(&work, LUMEN_ERROR_CANCELLED, "nobody waits for the models any more");
    assert_false(host_engine_ready(set.hosts, "echo"));
    assert_int_equal(report_of(&set, 0).starts, 1);
    close_hosts(&set); /* with a load under way: two seconds, then SIGKILL */
}

static void an_order_called_off_early_never_reaches_an_engine(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "dies", 1);
    executor_work work = work_for("echo", "cat");
    atomic_store(&work.cancelled, true);
    run_one(&set, 0, &work);
    assert_error(&work, LUMEN_ERROR_CANCELLED, "called off before an engine could begin");
    close_hosts(&set);
}

static void one_that_hangs_is_killed_and_the_next_one_works(void **state)
{
    (void)state;
    fixture set;
    running one;
    open_hosts(&set, "normal", 1);
    host_report before = wait_for_report(&set, 0, has_loaded);
    set.backend.kill(set.backend.self, 0); /* idle: nothing to end */
    executor_work work = work_for("hang", "cat");
    atomic_store(&work.cancelled, false);
    begin(&one, &set, &work);
    while (report_of(&set, 0).kills == 0) { /* no effect until the order is in its hands */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        set.backend.kill(set.backend.self, 0);
    }
    pthread_join(one.thread, NULL);
    assert_error(&work, LUMEN_ERROR_FAILED, "the engine hung and was ended; the next request gets a new one");
    assert_works(&set);
    host_report after = report_of(&set, 0);
    assert_int_not_equal(after.process, before.process);
    assert_int_equal(after.kills, 1);
    assert_int_equal(after.crashes, 0);
    close_hosts(&set);
}

/* ---- Life and death
 * ---------------------------------------------------------------------------------------------------------- */

static void one_killed_while_idle_is_started_again(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    host_report before = wait_for_report(&set, 0, has_loaded);
    kill(before.process, SIGKILL);
    host_report after = wait_for_report(&set, 0, was_started_again);
    assert_int_not_equal(after.process, before.process);
    assert_int_equal(after.crashes, 1);
    assert_string_equal(after.last_end, "signal 9 (Killed)");
    assert_works(&set);
    close_hosts(&set);
}

static void polite_signals_are_for_the_service_alone(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    host_report before = wait_for_report(&set, 0, is_ready);
    kill(before.process, SIGINT);
    kill(before.process, SIGTERM);
    kill(before.process, SIGHUP);
    assert_works(&set);
    assert_int_equal(report_of(&set, 0).process, before.process);
    close_hosts(&set);
}

static void one_that_cannot_begin_is_started_ever_more_slowly(void **state)
{
    (void)state;
    static const char *const modes[] = {"dies", "crashes", "stranger"};
    static const char *const ends[] = {"exit status 7", "signal 6 (Aborted)", "signal 9 (Killed)"};
    for (size_t i = 0; i < 3; i++) {
        fixture set;
        open_hosts(&set, modes[i], 1);
        host_report report = wait_for_report(&set, 0, has_ended_thrice);
        assert_string_equal(report.last_end, ends[i]);
        assert_int_equal(report.starts, 3);
        assert_false(host_engine_ready(set.hosts, "echo"));
        executor_work work = work_for("echo", "cat");
        run_one(&set, 0, &work);
        assert_int_equal(work.status, LUMEN_ERROR_UNAVAILABLE);
        assert_non_null(strstr(work.error.message, ends[i]));
        close_hosts(&set);
    }
}

static void a_program_that_is_not_there_is_no_catastrophe(void **state)
{
    (void)state;
    const char *const arguments[] = {"nobody", NULL};
    const host_options options = {
        .program = "/nowhere/at/all", .arguments = arguments, .offered = &test_offers, .slots = 1};
    host_set *hosts;
    lumen_error error;
    host_report report = {0};
    assert_int_equal(host_set_open(&options, &hosts, &error), LUMEN_OK);
    while (report.last_end[0] == '\0')
        host_read_report(hosts, 0, &report);
    assert_string_equal(report.last_end, "not started: No such file or directory");
    host_set_close(hosts);
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static void nothing_is_left_when_the_set_is_closed(void **state)
{
    (void)state;
    size_t descriptors = count_descriptors();
    for (int round = 0; round < 2; round++) {
        fixture set;
        open_hosts(&set, "normal", 3);
        pid_t processes[3];
        for (uint32_t i = 0; i < 3; i++)
            processes[i] = wait_for_report(&set, i, is_ready).process;
        executor_work work = work_for("segfault", "cat");
        run_one(&set, 2, &work);
        close_hosts(&set);
        for (uint32_t i = 0; i < 3; i++)
            assert_true(kill(processes[i], 0) != 0 && errno == ESRCH);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(count_descriptors(), descriptors);
    }
}

static void a_host_has_no_descriptors_of_the_service(void **state)
{
    (void)state;
    int leaked[2];
    assert_int_equal(pipe(leaked), 0); /* without close-on-exec, as some library would */
    fixture set;
    open_hosts(&set, "normal", 1);
    host_report report = wait_for_report(&set, 0, is_ready);
    char path[64], target[64];
    for (int descriptor = 0; descriptor < 2; descriptor++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", report.process, descriptor);
        ssize_t size = readlink(path, target, sizeof target - 1);
        assert_true(size > 0);
        target[size] = '\0';
        assert_string_equal(target, "/dev/null");
    }
    snprintf(path, sizeof path, "/proc/%d/fd/%d", report.process, leaked[1]);
    ssize_t size = readlink(path, target, sizeof target - 1);
    assert_true(size < 0 || strncmp(target, "pipe:", 5) != 0);
    close_hosts(&set);
    close(leaked[0]);
    close(leaked[1]);
}

/* The service in a process of its own, which tells its host's number and then has work that never ends. */
static int be_a_service(int tell)
{
    fixture set;
    open_hosts(&set, "normal", 1);
    host_report report = wait_for_report(&set, 0, has_loaded);
    if (write(tell, &report.process, sizeof report.process) != (ssize_t)sizeof report.process)
        return 1;
    executor_work work = work_for("hang", "cat");
    run_one(&set, 0, &work);
    return 0;
}

static void a_killed_service_takes_its_hosts_along(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    /* So that the orphan becomes ours, and can be waited for. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t service = fork();
    if (service == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", ends[1]);
        execl("/proc/self/exe", "test_host", "service", number, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    int host = 0;
    assert_int_equal(read(ends[0], &host, sizeof host), sizeof host);
    kill(service, SIGKILL);
    int status;
    assert_int_equal(waitpid(service, &status, 0), service);
    assert_int_equal(waitpid(host, &status, 0), host);
    assert_true(WIFSIGNALED(status) || WIFEXITED(status));
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    close(ends[0]);
}

/* ---- Many at once
 * ---------------------------------------------------------------------------------------------------------------- */

typedef struct slot_thread {
    fixture *set;
    uint32_t slot;
    int done, failed;
} slot_thread;

static void *work_in_slot(void *argument)
{
    slot_thread *mine = argument;
    static const char *const engines[] = {"echo", "fail", "steps", "echo", "segfault", "echo"};
    for (int i = 0; i < 12; i++) {
        executor_work work = work_for(engines[i % 6], i % 2 == 0 ? "cat" : "tree");
        work.order.request.quality = LUMEN_QUALITY_FAST;
        run_one(mine->set, mine->slot, &work);
        mine->done += work.status == LUMEN_OK;
        mine->failed += work.status == LUMEN_ERROR_FAILED;
        forget(&work);
    }
    return NULL;
}

static void slots_work_side_by_side_and_crash_for_themselves(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 3);
    slot_thread slots[3];
    pthread_t threads[3];
    for (uint32_t i = 0; i < 3; i++) {
        slots[i] = (slot_thread){.set = &set, .slot = i};
        pthread_create(&threads[i], NULL, work_in_slot, &slots[i]);
    }
    for (uint32_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(slots[i].done, 8);
        assert_int_equal(slots[i].failed, 4);
        assert_int_equal(report_of(&set, i).crashes, 2);
    }
    close_hosts(&set);
}

int main(int count, char **arguments)
{
    if (count == 4 && strcmp(arguments[1], "engine-host") == 0)
        return be_a_host(arguments[2], atoi(arguments[3]));
    if (count == 3 && strcmp(arguments[1], "service") == 0)
        return be_a_service(atoi(arguments[2]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shape_comes_through_a_host_to_the_byte),
        cmocka_unit_test(a_large_shape_comes_through_too),
        cmocka_unit_test(models_are_reported_and_engines_ready_by_them),
        cmocka_unit_test(progress_comes_through_by_stages),
        cmocka_unit_test(a_batch_runs_together_and_each_gets_its_own),
        cmocka_unit_test(an_engine_without_its_model_is_unavailable),
        cmocka_unit_test(a_text_beyond_all_bounds_is_refused),
        cmocka_unit_test(a_failure_comes_with_its_reason_in_utf8),
        cmocka_unit_test(a_crash_fails_its_order_and_the_next_one_works),
        cmocka_unit_test(nonsense_from_a_host_ends_it),
        cmocka_unit_test(a_death_is_seen_though_the_socket_stays_open),
        cmocka_unit_test(a_cancel_reaches_the_engine),
        cmocka_unit_test(a_cancel_ends_the_wait_for_a_model),
        cmocka_unit_test(an_order_called_off_early_never_reaches_an_engine),
        cmocka_unit_test(one_that_hangs_is_killed_and_the_next_one_works),
        cmocka_unit_test(one_killed_while_idle_is_started_again),
        cmocka_unit_test(polite_signals_are_for_the_service_alone),
        cmocka_unit_test(one_that_cannot_begin_is_started_ever_more_slowly),
        cmocka_unit_test(a_program_that_is_not_there_is_no_catastrophe),
        cmocka_unit_test(nothing_is_left_when_the_set_is_closed),
        cmocka_unit_test(a_host_has_no_descriptors_of_the_service),
        cmocka_unit_test(a_killed_service_takes_its_hosts_along),
        cmocka_unit_test(slots_work_side_by_side_and_crash_for_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How hosts are started, started again, and ended; and what is left of them. */

#include "host_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

static bool was_started_again(const host_report *report)
{
    return report->starts >= 2 && report->ready;
}

static bool has_ended_thrice(const host_report *report)
{
    return report->crashes >= 3;
}

/* ---- Life and death ------------------------------------------------------------------------------------------- */

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

static void orders_do_not_hurry_one_that_cannot_load(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "crashes", 1);
    executor_work work;
    for (int i = 0; i < 10; i++) {
        work = work_for("echo", "cat");
        run_one(&set, 0, &work);
        assert_true(work.status == LUMEN_ERROR_FAILED || work.status == LUMEN_ERROR_UNAVAILABLE);
    }
    assert_int_equal(work.status, LUMEN_ERROR_UNAVAILABLE);
    assert_int_equal(report_of(&set, 0).starts, 3);
    close_hosts(&set);
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

static void the_kernel_rather_takes_a_host_than_the_service(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    host_report report = wait_for_report(&set, 0, is_ready);
    char path[64];
    int score = 0;
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", report.process);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &score), 1);
    fclose(file);
    assert_int_equal(score, 500);
    close_hosts(&set);
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

/* The service in a process of its own, which has work that never ends and then tells its host's number. */
static int be_a_service(int tell)
{
    fixture set;
    running one;
    open_hosts(&set, "normal", 1);
    host_report report = wait_for_report(&set, 0, has_loaded);
    executor_work work = work_for("hang", "cat");
    begin(&one, &set, &work);
    wait_for_progress(&work);
    if (write(tell, &report.process, sizeof report.process) != (ssize_t)sizeof report.process)
        return 1;
    pthread_join(one.thread, NULL);
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
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    close(ends[0]);
}

int main(int count, char **arguments)
{
    int status;
    if (was_host(count, arguments, &status))
        return status;
    if (count == 3 && strcmp(arguments[1], "service") == 0)
        return be_a_service(atoi(arguments[2]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_killed_while_idle_is_started_again),
        cmocka_unit_test(polite_signals_are_for_the_service_alone),
        cmocka_unit_test(one_that_cannot_begin_is_started_ever_more_slowly),
        cmocka_unit_test(orders_do_not_hurry_one_that_cannot_load),
        cmocka_unit_test(a_program_that_is_not_there_is_no_catastrophe),
        cmocka_unit_test(nothing_is_left_when_the_set_is_closed),
        cmocka_unit_test(the_kernel_rather_takes_a_host_than_the_service),
        cmocka_unit_test(a_host_has_no_descriptors_of_the_service),
        cmocka_unit_test(a_killed_service_takes_its_hosts_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

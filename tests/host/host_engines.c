#include "host_engines.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "host/protocol.h"

/* A host has one library and one socket, and the engines here reach for both. */
static lumen *library;
static int the_socket = -1;
static bool crash_at_load, stuck_at_load;

/* A sanitizer would catch the signal and exit instead; and the thread that loads has signals blocked. */
static _Noreturn void die_of(int signal_number)
{
    signal(signal_number, SIG_DFL);
    kill(getpid(), signal_number);
    for (;;)
        pause();
}

static void sleep_milliseconds(long milliseconds)
{
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000}, NULL);
}

static _Noreturn void hang(void)
{
    for (;;)
        pause();
}

/* ---- Models --------------------------------------------------------------------------------------------------- */

static lumen_status load_library(void *self, uint64_t *bytes, lumen_error *error)
{
    (void)self;
    *bytes = 12345;
    if (crash_at_load)
        die_of(SIGABRT);
    if (stuck_at_load)
        hang();
    return lumen_open(NULL, &library, error);
}

static void unload_library(void *self)
{
    (void)self;
    lumen_close(library);
}

static lumen_status load_never(void *self, uint64_t *bytes, lumen_error *error)
{
    (void)self;
    (void)bytes;
    return lumen_fail(error, LUMEN_ERROR_IO, "its file is not there; run lumen pull");
}

static void unload_nothing(void *self)
{
    (void)self;
}

static const model models_here[] = {
    {.name = "library", .bytes = 1000, .load = load_library, .unload = unload_library},
    {.name = "missing", .bytes = 2000, .fallback = true, .load = load_never, .unload = unload_nothing},
};

static const char *const library_model[] = {"library", NULL};
static const char *const missing_model[] = {"missing", NULL};

/* ---- Engines -------------------------------------------------------------------------------------------------- */

static void sculpt(const lumen_request *request, lumen_shape **shape, lumen_status *status, lumen_error *error)
{
    lumen_request plain = *request;
    plain.engine = "procedural";
    *status = lumen_generate(library, &plain, shape, error);
}

static void echo(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes, lumen_status *statuses,
                 lumen_error *errors)
{
    (void)self;
    for (size_t i = 0; i < count; i++)
        sculpt(&requests[i], &shapes[i], &statuses[i], &errors[i]);
}

static void steps(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes, lumen_status *statuses,
                  lumen_error *errors)
{
    static const char *const stages[] = {"one", "two", "three"};
    for (size_t i = 0; i < 3; i++)
        requests[0].progress(requests[0].progress_user, stages[i], (double)i / 3.0);
    echo(self, requests, count, shapes, statuses, errors);
}

static void slow(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes, lumen_status *statuses,
                 lumen_error *errors)
{
    (void)self;
    (void)count;
    shapes[0] = NULL;
    for (int i = 0; i < 10000; i++) {
        if (!requests[0].progress(requests[0].progress_user, "slow", i / 10000.0)) {
            statuses[0] = lumen_fail(&errors[0], LUMEN_ERROR_CANCELLED, "called off after all");
            return;
        }
        sleep_milliseconds(1);
    }
    statuses[0] = lumen_fail(&errors[0], LUMEN_ERROR_FAILED, "nobody called it off");
}

static void fail(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes, lumen_status *statuses,
                 lumen_error *errors)
{
    (void)self;
    (void)requests;
    for (size_t i = 0; i < count; i++) {
        shapes[i] = NULL;
        statuses[i] = lumen_fail(&errors[i], LUMEN_ERROR_FAILED, "no idea for \xff\n, caf\xc3\xa9");
    }
}

static void be_silent(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes,
                      lumen_status *statuses, lumen_error *errors)
{
    (void)self;
    (void)requests;
    (void)errors;
    for (size_t i = 0; i < count; i++) {
        shapes[i] = NULL;
        statuses[i] = LUMEN_OK; /* and yet there is no shape */
    }
}

static void crash(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes, lumen_status *statuses,
                  lumen_error *errors)
{
    (void)count;
    (void)shapes;
    (void)statuses;
    (void)errors;
    const char *how = self;
    requests[0].progress(requests[0].progress_user, how, 0.0);
    if (strcmp(how, "segfault") == 0) {
        die_of(SIGSEGV);
    } else if (strcmp(how, "abort") == 0) {
        die_of(SIGABRT);
    } else if (strcmp(how, "exit") == 0) {
        _exit(3);
    } else if (strcmp(how, "garbage") == 0) {
        send(the_socket, "Segmentation fault? What segmentation fault?", 44, 0);
    } else if (strcmp(how, "liar") == 0) {
        buffer bytes;
        buffer_open(&bytes, 4096);
        host_write_failure(&bytes, 999, 0, 0, LUMEN_ERROR_FAILED, "of another order");
        send(the_socket, bytes.data, bytes.size, 0);
        buffer_close(&bytes);
    } else if (strcmp(how, "half") == 0) {
        buffer bytes;
        buffer_open(&bytes, 4096);
        host_write_shape(&bytes, 1, 0, 0, 100000);
        buffer_fill(&bytes, 7, 1000);
        send(the_socket, bytes.data, bytes.size, 0);
        die_of(SIGKILL);
    } else if (strcmp(how, "orphan") == 0) {
        char byte;
        if (fork() == 0) {
            while (read(the_socket, &byte, 1) > 0) /* until the service hangs up */
                continue;
            _exit(0);
        }
        die_of(SIGSEGV);
    }
    hang();
}

static void together(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes,
                     lumen_status *statuses, lumen_error *errors)
{
    (void)self;
    for (size_t i = 0; i < count; i++) {
        lumen_request counted = requests[i];
        counted.seed = count;
        if (strcmp(counted.text, "bad") == 0)
            statuses[i] = lumen_fail(&errors[i], LUMEN_ERROR_FAILED, "a bad one");
        else
            sculpt(&counted, &shapes[i], &statuses[i], &errors[i]);
    }
}

/* A file that says what came of the request. */
static lumen_status look(void *self, const lumen_request *request, buffer *out, lumen_error *error)
{
    (void)self;
    if (request->image == NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "there is no picture to look at");
    buffer_print(out, "%s %u %u %g %d ", request->text != NULL ? request->text : "-", request->steps, request->tokens,
                 (double)request->guidance, (int)request->extraction);
    buffer_append(out, request->image, request->image_size);
    return LUMEN_OK;
}

#define CRASHING(how)                                                                                                  \
    {                                                                                                                  \
        .name = how, .batch_max = 1, .models = library_model, .generate = crash, .self = how                           \
    }

static const host_engine engines_here[] = {
    {.name = "echo", .batch_max = 1, .models = library_model, .generate = echo},
    {.name = "steps", .batch_max = 1, .models = library_model, .generate = steps},
    {.name = "slow", .batch_max = 1, .models = library_model, .generate = slow},
    {.name = "fail", .batch_max = 1, .models = library_model, .generate = fail},
    {.name = "silent", .batch_max = 1, .models = library_model, .generate = be_silent},
    CRASHING("segfault"),
    CRASHING("abort"),
    CRASHING("exit"),
    CRASHING("hang"),
    CRASHING("garbage"),
    CRASHING("liar"),
    CRASHING("half"),
    CRASHING("orphan"),
    {.name = "look", .batch_max = 1, .models = library_model, .make_file = look},
    {.name = "batch", .batch_max = 4, .models = library_model, .generate = together},
    {.name = "unloadable", .batch_max = 1, .models = missing_model, .generate = echo},
};

const host_engines test_offers = {
    .models = models_here,
    .model_count = sizeof models_here / sizeof *models_here,
    .engines = engines_here,
    .engine_count = sizeof engines_here / sizeof *engines_here,
};

int be_a_host(const char *mode, int descriptor)
{
    the_socket = descriptor;
    if (strcmp(mode, "dies") == 0)
        return 7;
    if (strcmp(mode, "stranger") == 0) {
        buffer bytes;
        buffer_open(&bytes, 4096);
        host_write_hello(&bytes, "0.0.0-other");
        send(the_socket, bytes.data, bytes.size, 0);
        hang();
    }
    crash_at_load = strcmp(mode, "crashes") == 0;
    stuck_at_load = strcmp(mode, "stuck") == 0;
    return host_main(&test_offers, descriptor);
}

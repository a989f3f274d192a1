#include "host/host.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "host/internal.h"

/* The number that spawn.c gives to the host's end of the socket. */
static const char DESCRIPTOR_NUMBER[] = "3";

/* ---- Opening -------------------------------------------------------------------------------------------------- */

static lumen_status check_options(const host_options *options, size_t *argument_count, lumen_error *error)
{
    if (options->slots == 0 || options->slots > HOST_SLOTS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%u engine processes; choose 1 to %d", options->slots,
                          HOST_SLOTS_MAX);
    if (options->offered->model_count > MODELS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%zu models are more than %d", options->offered->model_count,
                          MODELS_MAX);
    for (size_t i = 0; i < options->offered->model_count; i++)
        if (strlen(options->offered->models[i].name) >= MODEL_NAME_BYTES)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "the name of the model %s is too long",
                              options->offered->models[i].name);
    *argument_count = 0;
    while (options->arguments[*argument_count] != NULL)
        if (++*argument_count > HOST_ARGUMENTS_MAX)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "an engine process takes at most %d arguments",
                              HOST_ARGUMENTS_MAX);
    return LUMEN_OK;
}

static bool open_slot(host_set *set, uint32_t index)
{
    host_slot *slot = &set->slots[index];
    pthread_condattr_t monotonic;
    *slot = (host_slot){.set = set, .index = index, .socket = -1};
    host_forget_models(slot);
    buffer_open(&slot->out, HOST_FRAME_HEAD_BYTES + HOST_ORDERS_BYTES_MAX + 4096);
    if (!host_reader_open(&slot->reader, HOST_SIDE_SERVICE))
        return false;
    if (pthread_mutex_init(&slot->lock, NULL) != 0) {
        host_reader_close(&slot->reader);
        return false;
    }
    bool opened = pthread_condattr_init(&monotonic) == 0;
    if (opened) {
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        opened = pthread_cond_init(&slot->moved, &monotonic) == 0;
        pthread_condattr_destroy(&monotonic);
    }
    if (!opened) {
        pthread_mutex_destroy(&slot->lock);
        host_reader_close(&slot->reader);
    }
    return opened;
}

static void close_slot(host_slot *slot)
{
    pthread_cond_destroy(&slot->moved);
    pthread_mutex_destroy(&slot->lock);
    host_reader_close(&slot->reader);
    buffer_close(&slot->out);
}

/* Everything but the thread. What is there already is told by slot_count and the descriptors. */
static lumen_status open_parts(host_set *set, lumen_error *error)
{
    set->watch = epoll_create1(EPOLL_CLOEXEC);
    set->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    if (set->watch < 0 || set->wake < 0 || epoll_ctl(set->watch, EPOLL_CTL_ADD, set->wake, &event) != 0)
        return lumen_fail(
            error, LUMEN_ERROR_IO,
            "the engine processes cannot be watched: no descriptors are left; raise the limit (ulimit -n)");
    for (uint32_t i = 0; i < set->options.slots; i++) {
        if (!open_slot(set, i))
            return lumen_fail_memory(error, "the slots of the engines");
        set->slot_count++;
    }
    return LUMEN_OK;
}

/* Signals are for the program's own threads. The supervisor lives as long as the set: a host asks the kernel to be
 * killed when the thread that started it ends. */
static int start_supervisor(host_set *set)
{
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    int failure = pthread_create(&set->supervisor, NULL, host_supervise, set);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

static void free_set(host_set *set)
{
    for (uint32_t i = 0; i < set->slot_count; i++)
        close_slot(&set->slots[i]);
    if (set->watch >= 0)
        close(set->watch);
    if (set->wake >= 0)
        close(set->wake);
    pthread_mutex_destroy(&set->lock);
    free(set);
}

lumen_status host_set_open(const host_options *options, host_set **out, lumen_error *error)
{
    *out = NULL;
    size_t argument_count;
    lumen_status status = check_options(options, &argument_count, error);
    if (status != LUMEN_OK)
        return status;
    host_set *set = calloc(1, sizeof *set);
    if (set == NULL || pthread_mutex_init(&set->lock, NULL) != 0) {
        free(set);
        return lumen_fail_memory(error, "the engine processes");
    }
    set->options = *options;
    memcpy(set->arguments, options->arguments, argument_count * sizeof *set->arguments);
    set->arguments[argument_count] = DESCRIPTOR_NUMBER;
    status = open_parts(set, error);
    if (status == LUMEN_OK && start_supervisor(set) != 0)
        status = lumen_fail_memory(error, "the thread that watches the engines");
    if (status != LUMEN_OK) {
        free_set(set);
        return status;
    }
    *out = set;
    return LUMEN_OK;
}

void host_set_close(host_set *set)
{
    if (set == NULL)
        return;
    pthread_mutex_lock(&set->lock);
    set->stopping = true;
    pthread_mutex_unlock(&set->lock);
    host_wake_supervisor(set);
    pthread_join(set->supervisor, NULL);
    free_set(set);
}

/* ---- The backend ---------------------------------------------------------------------------------------------- */

/* Under the lock the process cannot be reaped, so that its number cannot have become another's. */
static void kill_slot(void *self, uint32_t index)
{
    host_set *set = self;
    if (index >= set->slot_count)
        return;
    host_slot *slot = &set->slots[index];
    pthread_mutex_lock(&slot->lock);
    if (slot->running && !slot->stopped && slot->report.process > 0) {
        slot->stopped = slot->forced = true;
        slot->report.kills++;
        kill(slot->report.process, SIGKILL);
    }
    pthread_mutex_unlock(&slot->lock);
}

executor_backend host_backend(host_set *hosts)
{
    return (executor_backend){.self = hosts, .run = host_run, .kill = kill_slot};
}

/* ---- Reports -------------------------------------------------------------------------------------------------- */

void host_read_report(host_set *hosts, uint32_t index, host_report *report)
{
    *report = (host_report){0};
    if (index >= hosts->slot_count)
        return;
    host_slot *slot = &hosts->slots[index];
    pthread_mutex_lock(&slot->lock);
    *report = slot->report;
    pthread_mutex_unlock(&slot->lock);
}

/* A process that takes the place of one that could work counts as what that one was: orders wait for it, and it loads
 * on demand. So a crash does not make the service unavailable, unless crash follows crash. */
static bool has_model(const host_slot *slot, const char *name)
{
    for (size_t i = 0; i < slot->report.model_count; i++)
        if (strcmp(slot->report.models[i].name, name) == 0)
            return slot->report.models[i].available || (slot->early_ends == 0 && slot->was_available[i]);
    return false;
}

static bool can_serve(const host_slot *slot, const host_engine *engine)
{
    bool ready = slot->report.ready || (slot->early_ends == 0 && slot->ends > 0);
    for (size_t k = 0; ready && engine->models != NULL && engine->models[k] != NULL; k++)
        ready = has_model(slot, engine->models[k]);
    return ready;
}

const host_engine *host_find_engine(const host_engines *offered, const char *name)
{
    for (size_t i = 0; offered != NULL && i < offered->engine_count; i++)
        if (strcmp(offered->engines[i].name, name) == 0)
            return &offered->engines[i];
    return NULL;
}

bool host_engine_ready(host_set *hosts, const char *name)
{
    const host_engine *engine = host_find_engine(hosts->options.offered, name);
    bool ready = false;
    for (uint32_t i = 0; i < hosts->slot_count && engine != NULL && !ready; i++) {
        pthread_mutex_lock(&hosts->slots[i].lock);
        ready = can_serve(&hosts->slots[i], engine);
        pthread_mutex_unlock(&hosts->slots[i].lock);
    }
    return ready;
}

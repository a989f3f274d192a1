#include "models/models.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "words/unicode.h"

static const double RETRY_SECONDS = 30.0;
static const double ASK_SECONDS = 0.02; /* between two calls of go_on */
enum { RETRY_DOUBLINGS_MAX = 5 };

typedef struct entry {
    model is;
    model_report report;
    uint64_t last_used; /* a tick of `all->clock` */
    double retry_at;    /* of a failed one; 0: never */
    uint32_t failures;  /* in a row */
    bool turn_came;     /* the background loading has looked at it */
} entry;

/* Someone who waits in models_acquire. Lives on that thread's stack; the room's thread fills in the answer. */
typedef struct request {
    struct request *next;
    size_t indices[MODELS_MAX];
    size_t count;
    bool answered;
    lumen_status status;
    lumen_error *error;
} request;

struct models {
    pthread_mutex_t lock;
    pthread_cond_t work;     /* for the room's thread: a request, a release, start, stop */
    pthread_cond_t answered; /* for those who wait in acquire, and for close */
    pthread_t thread;

    /* Under the lock. */
    entry entries[MODELS_MAX];
    size_t count;
    request *first, *last; /* in the order of asking */
    size_t waiting;        /* threads inside models_acquire */
    uint64_t clock;
    bool background; /* models_start_loading was called */
    bool stopping;

    /* Constant. */
    size_t order[MODELS_MAX]; /* of the background loading: lightest first, fallbacks last */
    uint64_t budget;
    double retry_seconds;
    models_listener listener;
};

const char *model_state_name(model_state state)
{
    switch (state) {
    case MODEL_WAITING: return "waiting";
    case MODEL_LOADING: return "loading";
    case MODEL_LOADED: return "loaded";
    case MODEL_RELEASED: return "released";
    case MODEL_FAILED: return "failed";
    }
    return "unknown";
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Waits until a time of now_seconds; 0: for ever. With the lock. */
static void wait_until(models *all, pthread_cond_t *condition, double until)
{
    if (until <= 0.0) {
        pthread_cond_wait(condition, &all->lock);
        return;
    }
    struct timespec at = {.tv_sec = (time_t)until};
    at.tv_nsec = (long)((until - (double)at.tv_sec) * 1e9);
    pthread_cond_timedwait(condition, &all->lock, &at);
}

static double mebibytes(uint64_t bytes)
{
    return (double)bytes / (1024.0 * 1024.0);
}

/* Memory that this machine could still give, 0 when it does not say. */
static uint64_t available_bytes(void)
{
    unsigned long long kibibytes = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %llu kB", &kibibytes) == 1)
            break;
    fclose(file);
    return (uint64_t)kibibytes * 1024;
}

/* ---- Telling: on the room's thread, without the lock ---------------------------------------------------------- */

static void tell(const models *all, log_severity severity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(const models *all, log_severity severity, const char *format, ...)
{
    if (all->listener.told == NULL)
        return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    all->listener.told(all->listener.user, severity, text);
}

static void announce(const models *all, size_t index, const model_report *report)
{
    if (all->listener.changed != NULL)
        all->listener.changed(all->listener.user, index, report);
}

/* ---- The budget ------------------------------------------------------------------------------------------------ */

static bool is_there(const entry *one)
{
    return one->report.state == MODEL_LOADED;
}

static uint64_t loaded_bytes(const models *all)
{
    uint64_t total = 0;
    for (size_t i = 0; i < all->count; i++)
        if (is_there(&all->entries[i]))
            total += all->entries[i].report.bytes;
    return total;
}

static bool fits(const models *all, uint64_t more)
{
    uint64_t used = loaded_bytes(all);
    return all->budget == 0 || (used <= all->budget && more <= all->budget - used);
}

/* The one that nobody uses and was used longest ago; MODELS_MAX for none. */
static size_t longest_unused(const models *all)
{
    size_t oldest = MODELS_MAX;
    for (size_t i = 0; i < all->count; i++) {
        const entry *one = &all->entries[i];
        if (is_there(one) && one->report.users == 0 &&
            (oldest == MODELS_MAX || one->last_used < all->entries[oldest].last_used))
            oldest = i;
    }
    return oldest;
}

/* Unloads one. Called with the lock, gives it up meanwhile. */
static void release_one(models *all, size_t index)
{
    entry *one = &all->entries[index];
    one->report.state = MODEL_RELEASED;
    model_report report = one->report;
    pthread_mutex_unlock(&all->lock);
    one->is.unload(one->is.self);
    announce(all, index, &report);
    tell(all, LOG_INFO, "the model %s is released: %.1f MiB", report.name, mebibytes(report.bytes));
    pthread_mutex_lock(&all->lock);
}

/* ---- Loading --------------------------------------------------------------------------------------------------- */

static void set_failed(entry *one, const char *reason, double retry_at)
{
    one->report.state = MODEL_FAILED;
    one->report.available = false;
    one->retry_at = retry_at;
    size_t length = unicode_cut(reason, strlen(reason), sizeof one->report.reason - 1);
    memcpy(one->report.reason, reason, length);
    one->report.reason[length] = '\0';
}

static bool is_too_large(const models *all, uint64_t bytes, lumen_error *error)
{
    if (all->budget == 0 || bytes <= all->budget)
        return false;
    lumen_fail(error, LUMEN_ERROR_UNAVAILABLE, "it needs %.1f MiB, the memory budget is %.1f MiB; raise the budget",
               mebibytes(bytes), mebibytes(all->budget));
    return true;
}

/* Writes down how a load ended. With the lock. */
static void note_load(models *all, entry *one, lumen_status status, uint64_t bytes, const char *reason, bool too_large)
{
    if (status == LUMEN_OK) {
        one->report.state = MODEL_LOADED;
        one->report.available = true;
        one->report.bytes = bytes;
        one->last_used = ++all->clock;
        one->failures = 0;
        return;
    }
    uint32_t doublings = one->failures < RETRY_DOUBLINGS_MAX ? one->failures : RETRY_DOUBLINGS_MAX;
    one->failures++;
    set_failed(one, reason, too_large ? 0.0 : now_seconds() + all->retry_seconds * (double)(1u << doublings));
}

static void tell_load(const models *all, const model_report *report, uint64_t total)
{
    char budget[48] = "";
    if (all->budget != 0)
        snprintf(budget, sizeof budget, " of %.1f", mebibytes(all->budget));
    if (report->state == MODEL_LOADED)
        tell(all, LOG_INFO, "the model %s is loaded: %.1f MiB in %.3f s; all models %.1f%s MiB, free %.1f MiB",
             report->name, mebibytes(report->bytes), report->load_seconds, mebibytes(total), budget,
             mebibytes(available_bytes()));
    else
        tell(all, LOG_ERROR, "the model %s did not load: %s", report->name, report->reason);
}

/* Loads one. Called with the lock, gives it up meanwhile. */
static void load_one(models *all, size_t index)
{
    entry *one = &all->entries[index];
    one->report.state = MODEL_LOADING;
    one->report.reason[0] = '\0';
    one->turn_came = true;
    model_report report = one->report;
    pthread_mutex_unlock(&all->lock);
    announce(all, index, &report);

    uint64_t bytes = report.bytes;
    lumen_error error = {0};
    double start = now_seconds();
    lumen_status status = one->is.load(one->is.self, &bytes, &error);
    double seconds = now_seconds() - start;
    bool too_large = status == LUMEN_OK && is_too_large(all, bytes, &error);
    if (too_large) {
        one->is.unload(one->is.self);
        status = LUMEN_ERROR_UNAVAILABLE;
    }

    pthread_mutex_lock(&all->lock);
    one->report.load_seconds = seconds;
    note_load(all, one, status, bytes, error.message[0] != '\0' ? error.message : lumen_status_name(status), too_large);
    report = one->report;
    uint64_t total = loaded_bytes(all);
    pthread_mutex_unlock(&all->lock);
    announce(all, index, &report);
    tell_load(all, &report, total);
    pthread_mutex_lock(&all->lock);
}

/* The next of the background loading that has not had its turn; MODELS_MAX for none. */
static size_t next_in_background(const models *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (!all->entries[all->order[i]].turn_came)
            return all->order[i];
    return MODELS_MAX;
}

/* What does not fit is left for the day when it is acquired. With the lock, gives it up meanwhile. */
static void load_in_background(models *all, size_t index)
{
    entry *one = &all->entries[index];
    one->turn_came = true;
    if (fits(all, one->report.bytes)) {
        load_one(all, index);
        return;
    }
    lumen_error error;
    bool never = is_too_large(all, one->report.bytes, &error);
    if (never) {
        set_failed(one, error.message, 0.0);
    } else {
        one->report.state = MODEL_RELEASED;
        one->report.available = true;
        one->report.reason[0] = '\0';
    }
    model_report report = one->report;
    pthread_mutex_unlock(&all->lock);
    announce(all, index, &report);
    if (never)
        tell_load(all, &report, 0);
    else
        tell(all, LOG_INFO, "the model %s does not fit beside the others (%.1f MiB); it is loaded on demand",
             report.name, mebibytes(report.bytes));
    pthread_mutex_lock(&all->lock);
}

/* ---- Requests --------------------------------------------------------------------------------------------------- */

static bool holds_index(const request *one, size_t index)
{
    for (size_t i = 0; i < one->count; i++)
        if (one->indices[i] == index)
            return true;
    return false;
}

static bool all_there(const models *all, const request *one)
{
    for (size_t i = 0; i < one->count; i++)
        if (!is_there(&all->entries[one->indices[i]]))
            return false;
    return true;
}

static void hold_all(models *all, const request *one)
{
    for (size_t i = 0; i < one->count; i++) {
        all->entries[one->indices[i]].report.users++;
        all->entries[one->indices[i]].last_used = ++all->clock;
    }
}

static void release_all(models *all, const request *one)
{
    for (size_t i = 0; i < one->count; i++) {
        all->entries[one->indices[i]].report.users--;
        all->entries[one->indices[i]].last_used = ++all->clock;
    }
    pthread_cond_signal(&all->work);
}

/* Why a request can never be met; false when it can. */
static bool is_hopeless(const models *all, request *one)
{
    uint64_t total = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (!holds_index(one, i))
            continue;
        const model_report *report = &all->entries[i].report;
        total += report->bytes;
        if (report->state == MODEL_FAILED) {
            one->status = lumen_fail(one->error, LUMEN_ERROR_UNAVAILABLE, "the model %s did not load: %s", report->name,
                                     report->reason);
            return true;
        }
    }
    if (all->budget != 0 && total > all->budget) {
        one->status = lumen_fail(one->error, LUMEN_ERROR_UNAVAILABLE,
                                 "the models need %.1f MiB together, the memory budget is %.1f MiB; raise the budget",
                                 mebibytes(total), mebibytes(all->budget));
        return true;
    }
    return false;
}

/* The first request is over; the next one takes hold of its models. */
static void leave_line(models *all)
{
    all->first = all->first->next;
    if (all->first == NULL)
        all->last = NULL;
    else
        hold_all(all, all->first);
}

/* Brings the first request one step further. False when it must wait until something is released. The models that it
 * needs count as used from the start, so that none of them is released for another of them. */
static bool advance(models *all, request *one)
{
    if (!is_hopeless(all, one)) {
        size_t missing = MODELS_MAX;
        for (size_t i = 0; i < one->count && missing == MODELS_MAX; i++)
            if (!is_there(&all->entries[one->indices[i]]))
                missing = one->indices[i];
        if (missing == MODELS_MAX) {
            one->status = LUMEN_OK;
        } else if (fits(all, all->entries[missing].report.bytes)) {
            load_one(all, missing);
            return true;
        } else {
            size_t unused = longest_unused(all);
            if (unused == MODELS_MAX)
                return false;
            release_one(all, unused);
            return true;
        }
    }
    if (one->status != LUMEN_OK)
        release_all(all, one);
    leave_line(all);
    one->answered = true;
    pthread_cond_broadcast(&all->answered);
    return true;
}

/* ---- The room's thread --------------------------------------------------------------------------------------------
 */

/* The failed one whose time has come, and the time of the next (0: none). */
static size_t next_to_retry(const models *all, double *when)
{
    *when = 0.0;
    size_t due = MODELS_MAX;
    double now = now_seconds();
    for (size_t i = 0; i < all->count; i++) {
        const entry *one = &all->entries[i];
        if (one->report.state != MODEL_FAILED || one->retry_at <= 0.0)
            continue;
        if (one->retry_at <= now)
            due = i;
        if (*when <= 0.0 || one->retry_at < *when)
            *when = one->retry_at;
    }
    return due;
}

static void *serve(void *argument)
{
    models *all = argument;
    pthread_mutex_lock(&all->lock);
    while (!all->stopping) {
        double retry_at;
        size_t due = next_to_retry(all, &retry_at);
        size_t index;
        if (all->first != NULL) {
            if (!advance(all, all->first))
                wait_until(all, &all->work, 0.0);
        } else if (!fits(all, 0) && (index = longest_unused(all)) != MODELS_MAX) {
            release_one(all, index); /* some took more than they had said */
        } else if (all->background && (index = next_in_background(all)) != MODELS_MAX) {
            load_in_background(all, index);
        } else if (due != MODELS_MAX) {
            load_in_background(all, due);
        } else {
            wait_until(all, &all->work, retry_at);
        }
    }
    for (request *one = all->first; one != NULL; one = one->next) {
        if (one == all->first)
            release_all(all, one);
        one->status = lumen_fail(one->error, LUMEN_ERROR_CANCELLED, "the models are being closed");
        one->answered = true;
    }
    all->first = all->last = NULL;
    pthread_cond_broadcast(&all->answered);
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

/* ---- Opening and closing --------------------------------------------------------------------------------------------
 */

static lumen_status check_list(const models_options *options, lumen_error *error)
{
    if (options->count > MODELS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%zu models are more than %d; leave some out", options->count,
                          MODELS_MAX);
    for (size_t i = 0; i < options->count; i++) {
        const char *name = options->list[i].name;
        if (name == NULL || name[0] == '\0' || strlen(name) >= MODEL_NAME_BYTES)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "the model %zu needs a name of 1 to %d bytes", i,
                              MODEL_NAME_BYTES - 1);
        for (size_t k = 0; k < i; k++)
            if (strcmp(options->list[k].name, name) == 0)
                return lumen_fail(error, LUMEN_ERROR_INVALID, "two models are called %s; rename one", name);
    }
    return LUMEN_OK;
}

static bool goes_before(const model *a, const model *b)
{
    return a->fallback != b->fallback ? !a->fallback : a->bytes < b->bytes;
}

static void fill_entries(models *all, const models_options *options)
{
    all->count = options->count;
    for (size_t i = 0; i < options->count; i++) {
        entry *one = &all->entries[i];
        one->is = options->list[i];
        one->report.state = MODEL_WAITING;
        one->report.fallback = one->is.fallback;
        one->report.bytes = one->is.bytes;
        memcpy(one->report.name, one->is.name, strlen(one->is.name) + 1);
        size_t place = i;
        for (; place > 0 && goes_before(&one->is, &options->list[all->order[place - 1]]); place--)
            all->order[place] = all->order[place - 1];
        all->order[place] = i;
    }
}

static bool open_locks(models *all)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    bool mutex = pthread_mutex_init(&all->lock, NULL) == 0;
    bool work = pthread_cond_init(&all->work, &monotonic) == 0;
    bool answered = pthread_cond_init(&all->answered, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    if (mutex && work && answered)
        return true;
    if (answered)
        pthread_cond_destroy(&all->answered);
    if (work)
        pthread_cond_destroy(&all->work);
    if (mutex)
        pthread_mutex_destroy(&all->lock);
    return false;
}

static void close_locks(models *all)
{
    pthread_cond_destroy(&all->answered);
    pthread_cond_destroy(&all->work);
    pthread_mutex_destroy(&all->lock);
}

/* The room's thread takes no signals: they are for the program's own threads. */
static int start_thread(models *all)
{
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    int failure = pthread_create(&all->thread, NULL, serve, all);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

lumen_status models_open(const models_options *options, models **out, lumen_error *error)
{
    *out = NULL;
    lumen_status status = check_list(options, error);
    if (status != LUMEN_OK)
        return status;
    models *all = calloc(1, sizeof *all);
    if (all == NULL)
        return lumen_fail_memory(error, "the models");
    fill_entries(all, options);
    all->budget = options->budget_bytes;
    all->retry_seconds = options->retry_seconds > 0.0 ? options->retry_seconds : RETRY_SECONDS;
    all->listener = options->listener;
    if (!open_locks(all)) {
        free(all);
        return lumen_fail_memory(error, "the models");
    }
    if (start_thread(all) != 0) {
        close_locks(all);
        free(all);
        return lumen_fail_memory(error, "the thread that loads models");
    }
    *out = all;
    return LUMEN_OK;
}

void models_start_loading(models *all)
{
    pthread_mutex_lock(&all->lock);
    all->background = true;
    pthread_cond_signal(&all->work);
    pthread_mutex_unlock(&all->lock);
}

void models_close(models *all)
{
    if (all == NULL)
        return;
    pthread_mutex_lock(&all->lock);
    all->stopping = true;
    pthread_cond_signal(&all->work);
    pthread_mutex_unlock(&all->lock);
    pthread_join(all->thread, NULL);
    pthread_mutex_lock(&all->lock);
    while (all->waiting > 0)
        pthread_cond_wait(&all->answered, &all->lock);
    pthread_mutex_unlock(&all->lock);
    for (size_t i = 0; i < all->count; i++)
        if (is_there(&all->entries[i]))
            all->entries[i].is.unload(all->entries[i].is.self);
    close_locks(all);
    free(all);
}

/* ---- Using
 * ----------------------------------------------------------------------------------------------------------- */

static lumen_status find_all(const models *all, const char *const *names, size_t count, request *found,
                             lumen_error *error)
{
    if (count > MODELS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%zu models at once are more than %d", count, MODELS_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t index = 0;
        while (index < all->count && strcmp(all->entries[index].is.name, names[i]) != 0)
            index++;
        if (index == all->count)
            return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE, "there is no model %s in this program", names[i]);
        found->indices[found->count++] = index;
    }
    return LUMEN_OK;
}

/* Takes a request that is not answered yet out of the line. */
static void withdraw(models *all, request *mine)
{
    request *before = NULL;
    for (request *one = all->first; one != mine; one = one->next)
        before = one;
    if (before == NULL) {
        release_all(all, mine);
        leave_line(all);
    } else {
        before->next = mine->next;
        if (all->last == mine)
            all->last = before;
    }
}

/* Stands in line until the room's thread has answered or go_on says no. With the lock. */
static lumen_status stand_in_line(models *all, request *mine, bool (*go_on)(void *user), void *user)
{
    if (all->last != NULL) {
        all->last->next = mine;
    } else {
        all->first = mine;
        hold_all(all, mine);
    }
    all->last = mine;
    all->waiting++;
    pthread_cond_signal(&all->work);
    while (!mine->answered) {
        wait_until(all, &all->answered, go_on != NULL ? now_seconds() + ASK_SECONDS : 0.0);
        if (mine->answered || go_on == NULL)
            continue;
        pthread_mutex_unlock(&all->lock);
        bool on = go_on(user);
        pthread_mutex_lock(&all->lock);
        if (!on && !mine->answered) {
            withdraw(all, mine);
            mine->answered = true;
            mine->status = lumen_fail(mine->error, LUMEN_ERROR_CANCELLED, "nobody waits for the models any more");
        }
    }
    all->waiting--;
    if (all->stopping)
        pthread_cond_broadcast(&all->answered); /* models_close waits for the last to leave */
    return mine->status;
}

lumen_status models_acquire(models *all, const char *const *names, size_t count, bool (*go_on)(void *user), void *user,
                            lumen_error *error)
{
    request mine = {.error = error};
    lumen_status status = find_all(all, names, count, &mine, error);
    if (status != LUMEN_OK)
        return status;
    pthread_mutex_lock(&all->lock);
    if (all->stopping)
        status = lumen_fail(error, LUMEN_ERROR_CANCELLED, "the models are being closed");
    else if (all->first == NULL && all_there(all, &mine))
        hold_all(all, &mine);
    else
        /* Behind those who asked before, also when its own are there: who waits for room would wait for ever while
         * others took turns at using what must go. */
        status = stand_in_line(all, &mine, go_on, user);
    pthread_mutex_unlock(&all->lock);
    return status;
}

void models_release(models *all, const char *const *names, size_t count)
{
    request mine = {0};
    if (find_all(all, names, count, &mine, NULL) != LUMEN_OK)
        return;
    pthread_mutex_lock(&all->lock);
    release_all(all, &mine);
    pthread_mutex_unlock(&all->lock);
}

size_t models_read(models *all, model_report *reports, size_t room)
{
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->count && i < room; i++)
        reports[i] = all->entries[i].report;
    size_t count = all->count;
    pthread_mutex_unlock(&all->lock);
    return count;
}

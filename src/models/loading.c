#include "base/clock.h"
#include "models/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "words/unicode.h"

enum { RETRY_DOUBLINGS_MAX = 5 };

void models_wait(models *all, pthread_cond_t *condition, double until)
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

/* ---- The budget ----------------------------------------------------------------------------------------------- */

bool models_is_there(const entry *one)
{
    return one->report.state == MODEL_LOADED || one->report.state == MODEL_STAGED;
}

static uint64_t loaded_bytes(const models *all)
{
    uint64_t total = 0;
    for (size_t i = 0; i < all->count; i++)
        if (all->entries[i].report.state == MODEL_LOADED)
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
        if (one->report.state == MODEL_LOADED && one->report.users == 0 &&
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

/* ---- Loading -------------------------------------------------------------------------------------------------- */

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

static void set_there(entry *one, uint64_t bytes)
{
    one->report.state = bytes > 0 ? MODEL_LOADED : MODEL_STAGED;
    one->report.bytes = bytes;
}

/* Writes down how a load ended. With the lock. */
static void note_load(models *all, entry *one, lumen_status status, uint64_t bytes, const char *reason, bool too_large)
{
    if (status == LUMEN_OK) {
        set_there(one, bytes);
        one->report.available = true;
        one->last_used = ++all->clock;
        one->failures = 0;
        return;
    }
    uint32_t doublings = one->failures < RETRY_DOUBLINGS_MAX ? one->failures : RETRY_DOUBLINGS_MAX;
    one->failures++;
    set_failed(one, reason, too_large ? 0.0 : clock_now_seconds() + all->retry_seconds * (double)(1u << doublings));
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
    else if (report->state == MODEL_STAGED)
        tell(all, LOG_INFO, "the model %s is there, and is loaded when it has work", report->name);
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
    double start = clock_now_seconds();
    lumen_status status = one->is.load(one->is.self, &bytes, &error);
    double seconds = clock_now_seconds() - start;
    bool too_large = status == LUMEN_OK && is_too_large(all, bytes, &error);
    if (too_large) {
        one->is.unload(one->is.self);
        status = LUMEN_ERROR_UNAVAILABLE;
    }

    pthread_mutex_lock(&all->lock);
    one->report.load_seconds = seconds;
    for (size_t i = 0; i < all->count; i++)
        all->entries[i].worked = true; /* an engine may have given others back for it */
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

/* ---- Requests ------------------------------------------------------------------------------------------------- */

static bool holds_index(const request *one, size_t index)
{
    for (size_t i = 0; i < one->count; i++)
        if (one->indices[i] == index)
            return true;
    return false;
}

void models_hold(models *all, const request *one)
{
    for (size_t i = 0; i < one->count; i++) {
        all->entries[one->indices[i]].report.users++;
        all->entries[one->indices[i]].last_used = ++all->clock;
    }
}

void models_let_go(models *all, const request *one)
{
    for (size_t i = 0; i < one->count; i++) {
        all->entries[one->indices[i]].report.users--;
        all->entries[one->indices[i]].worked = true;
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

void models_leave_line(models *all)
{
    all->first = all->first->next;
    if (all->first == NULL)
        all->last = NULL;
    else
        models_hold(all, all->first);
}

/* Brings the first request one step further. False when it must wait until something is released. The models that it
 * needs count as used from the start, so that none of them is released for another of them. */
static bool advance(models *all, request *one)
{
    if (!is_hopeless(all, one)) {
        size_t missing = MODELS_MAX;
        for (size_t i = 0; i < one->count && missing == MODELS_MAX; i++)
            if (!models_is_there(&all->entries[one->indices[i]]))
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
        models_let_go(all, one);
    models_leave_line(all);
    one->answered = true;
    pthread_cond_broadcast(&all->answered);
    return true;
}

/* ---- The room's thread ---------------------------------------------------------------------------------------- */

/* The failed one whose time has come, and the time of the next (0: none). */
static size_t next_to_retry(const models *all, double *when)
{
    *when = 0.0;
    size_t due = MODELS_MAX;
    double now = clock_now_seconds();
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

/* One that has worked since it was asked last what it holds; MODELS_MAX for none. */
static size_t next_to_ask(const models *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->entries[i].worked && all->entries[i].is.held != NULL && models_is_there(&all->entries[i]))
            return i;
    return MODELS_MAX;
}

/* With the lock, gives it up meanwhile. */
static void ask_held(models *all, size_t index)
{
    entry *one = &all->entries[index];
    one->worked = false;
    pthread_mutex_unlock(&all->lock);
    const uint64_t bytes = one->is.held(one->is.self);
    pthread_mutex_lock(&all->lock);
    const bool changed = bytes != one->report.bytes;
    set_there(one, bytes);
    const model_report report = one->report;
    if (!changed)
        return;
    pthread_mutex_unlock(&all->lock);
    announce(all, index, &report);
    pthread_mutex_lock(&all->lock);
}

void *models_serve(void *argument)
{
    models *all = argument;
    pthread_mutex_lock(&all->lock);
    while (!all->stopping) {
        double retry_at;
        size_t due = next_to_retry(all, &retry_at);
        size_t index;
        if ((index = next_to_ask(all)) != MODELS_MAX) {
            ask_held(all, index);
        } else if (all->first != NULL) {
            if (!advance(all, all->first))
                models_wait(all, &all->work, 0.0);
        } else if (!fits(all, 0) && (index = longest_unused(all)) != MODELS_MAX) {
            release_one(all, index); /* some took more than they had said */
        } else if (all->background && (index = next_in_background(all)) != MODELS_MAX) {
            load_in_background(all, index);
        } else if (due != MODELS_MAX) {
            load_in_background(all, due);
        } else {
            models_wait(all, &all->work, retry_at);
        }
    }
    for (request *one = all->first; one != NULL; one = one->next) {
        if (one == all->first)
            models_let_go(all, one);
        one->status = lumen_fail(one->error, LUMEN_ERROR_CANCELLED, "the models are being closed");
        one->answered = true;
    }
    all->first = all->last = NULL;
    pthread_cond_broadcast(&all->answered);
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

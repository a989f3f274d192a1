#include "base/clock.h"
#include "models/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const double RETRY_SECONDS = 30.0;
static const double ASK_SECONDS = 0.02; /* between two calls of go_on */

const char *model_state_name(model_state state)
{
    switch (state) {
    case MODEL_WAITING: return "waiting";
    case MODEL_LOADING: return "loading";
    case MODEL_LOADED: return "loaded";
    case MODEL_STAGED: return "staged";
    case MODEL_RELEASED: return "released";
    case MODEL_FAILED: return "failed";
    }
    return "unknown";
}

/* ---- Opening and closing -------------------------------------------------------------------------------------- */

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
    int failure = pthread_create(&all->thread, NULL, models_serve, all);
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
        if (models_is_there(&all->entries[i]))
            all->entries[i].is.unload(all->entries[i].is.self);
    close_locks(all);
    free(all);
}

/* ---- Using ---------------------------------------------------------------------------------------------------- */

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

static bool all_there(const models *all, const request *one)
{
    for (size_t i = 0; i < one->count; i++)
        if (!models_is_there(&all->entries[one->indices[i]]))
            return false;
    return true;
}

/* Takes a request that is not answered yet out of the line. */
static void withdraw(models *all, request *mine)
{
    request *before = NULL;
    for (request *one = all->first; one != mine; one = one->next)
        before = one;
    if (before == NULL) {
        models_let_go(all, mine);
        models_leave_line(all);
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
        models_hold(all, mine);
    }
    all->last = mine;
    all->waiting++;
    pthread_cond_signal(&all->work);
    while (!mine->answered) {
        models_wait(all, &all->answered, go_on != NULL ? clock_now_seconds() + ASK_SECONDS : 0.0);
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
        models_hold(all, &mine);
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
    models_let_go(all, &mine);
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

/*
 * models.h: the life of what an engine must load before it can work.
 *
 *     models_options options = {.list = list, .count = 2, .budget_bytes = 8ull << 30, .listener = listener};
 *     status = models_open(&options, &all, &error);
 *     models_start_loading(all);                     // in the background, lightest first
 *     status = models_acquire(all, names, n, NULL, NULL, &error);   // loads on demand; they stay while in use
 *     ... use them ...
 *     models_release(all, names, n);
 *     models_close(all);
 *
 * Models are loaded one after another, lightest first, by a thread of the room's own, as long as the memory budget
 * lasts. What does not fit is loaded when it is acquired: others that nobody uses are released for it, longest unused
 * first, and never one that is in use. Acquiring waits until the model is there. A load that failed is tried again
 * later, ever more rarely. After each load the memory that it took, the total and what is free are told.
 *
 * An engine may load and give back by itself, as it works: the load of such a model makes sure that it can be loaded,
 * and says 0 bytes. Then it is *staged*: it is there, holds nothing now, and is never released for another.
 *
 * All functions may be called from any thread. All loading and unloading happens on the room's thread, so that a
 * model's functions never run at once.
 */
#ifndef LUMEN_MODELS_MODELS_H
#define LUMEN_MODELS_MODELS_H

#include "log/log.h"

typedef struct models models;

/* One thing to load. `self` is the model's own. */
typedef struct model {
    const char *name; /* "procedural", "sdxl-turbo-unet" */
    uint64_t bytes;   /* what it will need, by estimate, for the order and the budget */
    bool fallback;    /* loaded after all others, for the fallback engine */
    lumen_status (*load)(void *self, uint64_t *bytes, lumen_error *error); /* sets the bytes that it really took */
    void (*unload)(void *self);                                            /* after each load that went well */
    /* What it holds now, where that changes as its engine works; 0: staged. Asked after each release of it, and after
     * each load of any. May be NULL. */
    uint64_t (*held)(void *self);
    void *self;
} model;

typedef enum model_state {
    MODEL_WAITING,
    MODEL_LOADING,
    MODEL_LOADED,
    MODEL_STAGED, /* loaded while it works, and given back after */
    MODEL_RELEASED,
    MODEL_FAILED
} model_state;

enum { MODELS_MAX = 32, MODEL_NAME_BYTES = 48 };

typedef struct model_report {
    char name[MODEL_NAME_BYTES];
    model_state state;
    bool fallback;
    bool available; /* loaded, staged, or comes when it is acquired; false until its first turn has come, and after a
                       failure */
    uint64_t bytes; /* as measured at the last load, 0 while it is staged; before, the estimate */
    double load_seconds;
    uint32_t users;   /* acquired now */
    char reason[192]; /* why it failed; "" otherwise */
} model_report;

const char *model_state_name(model_state state); /* "waiting", "loading", "loaded", "staged", ... */

/* Who hears of changes: called on the room's thread, one at a time, without locks; may call models_read and nothing
 * else of the room. Each function may be NULL. */
typedef struct models_listener {
    void (*changed)(void *user, size_t index, const model_report *report); /* `index` into the list */
    void (*told)(void *user, log_severity severity, const char *text);     /* one line for the log */
    void *user;
} models_listener;

typedef struct models_options {
    const model *list; /* copied; the names and what `self` means stay the caller's */
    size_t count;
    uint64_t budget_bytes; /* 0: no bound */
    double retry_seconds;  /* until a load that failed is tried again, doubled each time up to 32 times; 0: 30 */
    models_listener listener;
} models_options;

/* Errors: LUMEN_ERROR_INVALID (too many, names that are equal, empty or too long), LUMEN_ERROR_MEMORY. */
lumen_status models_open(const models_options *options, models **out, lumen_error *error);

/* Returns at once. Until this is called only what is acquired is loaded. */
void models_start_loading(models *all);

/* Makes the models there and holds them. All or none. A thread that holds some must not acquire more: two that wait
 * for each other's would wait for ever. `go_on` (may be NULL) is asked some fifty times a second while this waits; when
 * it returns false the wait ends, though not a load under way. Errors: LUMEN_ERROR_UNAVAILABLE (a load failed, or they
 * can never fit; the message says which and why), LUMEN_ERROR_CANCELLED (by go_on, or the room is closing). */
lumen_status models_acquire(models *all, const char *const *names, size_t count, bool (*go_on)(void *user), void *user,
                            lumen_error *error);

/* The same names that were acquired. */
void models_release(models *all, const char *const *names, size_t count);

/* Fills `reports` (at most `room`) in the order of the list; returns how many there are. */
size_t models_read(models *all, model_report *reports, size_t room);

/* Ends waiting acquires (LUMEN_ERROR_CANCELLED), waits for a load under way, unloads everything. Nothing may be held;
 * NULL is fine. */
void models_close(models *all);

#endif

/*
 * models.h: the life of what an engine must load before it can work.
 *
 *     models *all;
 *     status = models_open(list, count, budget_bytes, log, changed, user, &all, &error);
 *     models_start_loading(all);                     // in the background, lightest first
 *     status = models_acquire(all, names, n, &error);   // loads on demand; they stay while in use
 *     ... use them ...
 *     models_release(all, names, n);
 *     models_close(all);
 *
 * Models are loaded one after another, lightest first, by a thread of the room's own, as long as the memory budget
 * lasts. What does not fit is loaded when it is acquired: others that nobody uses are released for it, longest unused
 * first, and never one that is in use. Acquiring waits until the model is there. After each load the memory that it
 * took, the total and what is free are logged.
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
    void (*unload)(void *self);
    void *self;
} model;

typedef enum model_state { MODEL_WAITING, MODEL_LOADING, MODEL_LOADED, MODEL_RELEASED, MODEL_FAILED } model_state;

enum { MODELS_MAX = 32, MODEL_NAME_BYTES = 48 };

typedef struct model_report {
    char name[MODEL_NAME_BYTES];
    model_state state;
    bool fallback;
    uint64_t bytes;
    double load_seconds;
    uint32_t users;   /* acquired now */
    char reason[192]; /* why it failed; "" otherwise */
} model_report;

const char *model_state_name(model_state state); /* "waiting", "loading", "loaded", "released", "failed" */

/* `list` is copied; budget 0: no bound. `changed` (may be NULL) is called after every change of a state, without locks.
 */
lumen_status models_open(const model *list, size_t count, uint64_t budget_bytes, log_sink *log,
                         void (*changed)(void *user, const model_report *report), void *user, models **out,
                         lumen_error *error);
void models_start_loading(models *all);

/* Makes the models there and holds them. All or none. Errors: LUMEN_ERROR_UNAVAILABLE (a load failed, or it can never
 * fit; the message says which and why), LUMEN_ERROR_CANCELLED when the room is closing. */
lumen_status models_acquire(models *all, const char *const *names, size_t count, lumen_error *error);
void models_release(models *all, const char *const *names, size_t count);

/* Fills `reports` (at most `room`) in the order of the list; returns how many there are. */
size_t models_read(models *all, model_report *reports, size_t room);

/* Waits for a load under way, unloads everything. Nothing may be acquired. */
void models_close(models *all);

#endif

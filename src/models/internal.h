/*
 * internal.h: what the files of the models room share.
 *
 *     models.c     opening, closing, acquiring: the side of those who call
 *     loading.c    the room's own thread: what is loaded next, what makes room for it
 */
#ifndef LUMEN_MODELS_INTERNAL_H
#define LUMEN_MODELS_INTERNAL_H

#include <pthread.h>

#include "models/models.h"

typedef struct entry {
    model is;
    model_report report;
    uint64_t last_used; /* a tick of `all->clock` */
    double retry_at;    /* of a failed one; 0: never */
    uint32_t failures;  /* in a row */
    bool turn_came;     /* the background loading has looked at it */
    bool worked;        /* was let go of, and has not been asked since what it holds */
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

/* Waits until a time of models_now; 0: for ever. With the lock. */
void models_wait(models *all, pthread_cond_t *condition, double until);

bool models_is_there(const entry *one); /* loaded or staged */

/* A request takes hold of its models, lets go of them. With the lock. */
void models_hold(models *all, const request *one);
void models_let_go(models *all, const request *one);

/* The first request in line is over; the next one takes hold of its models. With the lock. */
void models_leave_line(models *all);

/* The life of the room's thread. */
void *models_serve(void *all);

#endif

/*
 * internal.h: what the files of this room share.
 *
 *     executor.c   opening, closing, the clock
 *     flights.c    the table of flights, their lists, how one ends
 *     parties.c    joining, leaving, calling back
 *     lookup.c     the lookup threads and admission
 *     slots.c      the queue, batches, the threads of the slots, what backends call
 *     deadlines.c  the heap of the parties' deadlines
 *     watchdog.c   the thread that minds deadlines, hung slots and news of progress
 *     figures.c    reading the figures
 *
 * One lock guards everything here that is not said to be otherwise. No hook, callback or backend is ever called with
 * it. A function whose comment says "lets go of the lock" is called with the lock and returns with it, and has given it
 * away in between: what its caller knew before must be looked at again. All others that take objects of this file are
 * called with the lock and keep it.
 *
 * Who holds what:
 *
 *     executor   the opener until executor_close, and each ticket
 *     ticket     its owner until executor_leave, and each thread that has it in a list or calls one of its callbacks
 *     flight     the table as long as it is under way, then the aftermath of its end; the lookup thread or slot that
 *                works on it; each ticket that has not been told the end yet
 *
 * Parties' callbacks are called by the executor's own threads alone, never from within executor_join or executor_leave,
 * so a thread is in at most one callback at a time, and executor_stop has seen the last of them once it has joined its
 * threads.
 */
#ifndef LUMEN_EXECUTOR_INTERNAL_H
#define LUMEN_EXECUTOR_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "executor/executor.h"

typedef struct executor_work flight; /* what backends know as work */
typedef struct executor_ticket ticket;

/* Nanoseconds of the monotonic clock. */
typedef int64_t moment;

#define MOMENT_NEVER INT64_MAX
#define MOMENT_AWAKE INT64_MIN

enum { SLOTS_MAX = 64, LOOKUP_THREADS_MAX = 64, CHANGED_EVERY_MILLISECONDS = 100 };

moment moment_now(void);
moment moment_after(moment start, double seconds); /* never overflows; what is not above 0 adds nothing */
double seconds_between(moment start, moment end);

/* Waits until the moment at most; false when it is over. */
bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, moment until);

/* The beginning of `text` that fits into `size` bytes with its end, cut between characters of UTF-8. */
void text_begin(char *out, size_t size, const char *text);

/* ---- Flights ----------------------------------------------------------------------------------------------------- */

/* Flights in their order. */
typedef struct flight_list {
    flight *first, *last;
    uint32_t count;
} flight_list;

typedef struct slot slot;

struct executor_work {
    executor *all;
    executor_order order;  /* never changes; its texts lie behind this struct, its picture is a reference */
    atomic_bool cancelled; /* the one thing that is read without the lock */
    uint32_t references;
    executor_state state;
    flight *next_in_bucket;
    flight_list *list; /* the lookups or the queue; NULL: neither */
    flight *previous, *next;
    flight *next_ended;
    ticket *first_party, *last_party; /* those who wait for it, in the order in which they came */
    uint32_t party_count;
    uint32_t listeners; /* of them, those who want to hear of changes */
    uint32_t position;  /* in the queue, unless all->positions_stale */
    uint32_t told_position;
    bool changed;  /* and listeners have not been called since */
    bool finished; /* the backend has said so, or is about to be heard */
    bool reached_queue;
    slot *slot; /* that runs it */
    moment created, queued, began;
    double fraction;
    size_t stage; /* that it is in: an index of outcome.stages, or EXECUTOR_STAGES_MAX when none has begun */
    moment stage_began;
    executor_outcome outcome; /* grows while it is under way, immutable once it is over */
    char texts[];
};

/* What is to be done once a step under the lock has been taken: hooks and callbacks. */
typedef struct aftermath {
    flight *ended;
    ticket *first, *last; /* to be told */
} aftermath;

flight *flight_create(executor *all, const executor_order *order); /* NULL: no memory */
flight *flight_find(const executor *all, uint64_t key, const char *identity);

/* Into the table and the list of lookups. The table takes the reference of the maker. */
void flight_enter(flight *one);

/* Ends a flight that is not over: takes it out of table and list, calls it off in the backend, and leaves the rest to
 * the aftermath. `error` may be NULL with EXECUTOR_DONE, for which outcome.result has been set. */
void flight_end(flight *one, executor_end end, const lumen_error *error, aftermath *after);

/* Lets go of the lock when the last reference goes with a result. */
void flight_release(flight *one);

void flight_list_append(flight_list *list, flight *one);
void flight_list_remove(flight *one);

/* Listeners of the flight should be called. */
void flight_has_changed(flight *one);

/* Observes what ended and tells the parties. Lets go of the lock. */
void aftermath_run(executor *all, aftermath *after);

/* ---- Parties ----------------------------------------------------------------------------------------------------- */

struct executor_ticket {
    executor *all;
    executor_party party; /* deadline_seconds is never 0 */
    uint32_t references;
    flight *flight; /* until the party has been told the end, or left */
    ticket *previous, *next;
    ticket *next_told, *next_changed; /* lists in the hands of one thread each */
    moment deadline;
    size_t heap_index; /* into all->deadlines, or SIZE_MAX */
    bool attached;     /* among the parties of its flight */
    bool waiting;      /* counted in all->parties */
    bool carries;      /* its flight: it started it, or was admitted for it */
    bool over;         /* there is an end to be told */
    bool told;         /* or being told */
    bool left;
    bool calling; /* a callback runs, on the thread `caller` */
    bool awaited; /* and executor_leave waits for its return */
    pthread_t caller;
    bool alone;           /* its end is not the flight's: */
    executor_end own_end; /* REFUSED, or EXPIRED or FAILED by its own deadline */
    double retry_seconds;
    executor_status last; /* once it is over */
};

/* Takes a party from its flight with an end of its own, to be told in the aftermath. When it was the last, that is the
 * end of the flight too. */
void party_end_alone(ticket *party, executor_end end, double retry_seconds, aftermath *after);

/* Takes a party from its flight and its deadline from the heap. */
void party_detach(ticket *party);

/* Marks that the party's flight is over and adds the party to those who are told. */
void party_is_over(ticket *party, aftermath *after);

/* Around each call of a callback or hook that is given the party's `user`. The call itself is made without the lock;
 * party_call_end tells the end if it came meanwhile, and so lets go of the lock. False: the party left, is over, or
 * another thread is calling it. */
bool party_call_begin(ticket *party);
void party_call_end(ticket *party);

/* Tells the end unless the party left or another thread is in a callback of it, which then tells it. Lets go of the
 * lock. */
void party_tell(ticket *party);

ticket *ticket_keep(ticket *party);
void ticket_release(ticket *party);

/* ---- Slots ------------------------------------------------------------------------------------------------------- */

struct slot {
    executor *all;
    uint32_t number;
    pthread_t thread;
    bool busy;
    flight *works[EXECUTOR_BATCH_MAX];
    uint32_t count;
    uint32_t wanted;     /* of them, those that are not over */
    moment began;        /* of this run */
    moment progress_at;  /* last sign of life */
    moment unwanted;     /* since when nobody wants anything of this run */
    moment kill_at;      /* MOMENT_NEVER as long as something is wanted */
    bool returned;       /* the backend has, from this run */
    bool killing;        /* backend->kill is being called: the next run must wait */
    bool killed;         /* this run was */
    bool stall_reported; /* of this silence */
    char stage[EXECUTOR_STAGE_BYTES];
};

void *slot_main(void *argument); /* a slot */
void queue_append(flight *one);
void queue_remove(flight *one);
void queue_number(executor *all);               /* makes the positions right */
void slot_lost_interest(flight *one);           /* a flight that it runs is over */
void flight_stage_end(flight *one, moment now); /* adds up the stage that it was in */

/* ---- Lookups, deadlines, watchdog -------------------------------------------------------------------------------- */

void *lookup_main(void *argument); /* the executor */

/* A heap of tickets by deadline. Room is made before a ticket enters, so that entering cannot fail. */
typedef struct deadline_heap {
    ticket **items;
    size_t count, capacity;
} deadline_heap;

bool deadlines_make_room(deadline_heap *heap);
void deadlines_add(deadline_heap *heap, ticket *party);
void deadlines_remove(deadline_heap *heap, ticket *party);
ticket *deadlines_first(const deadline_heap *heap); /* NULL: none */

void *watchdog_main(void *argument);          /* the executor */
void watchdog_by(executor *all, moment when); /* it should look again, then at the latest */

/* ---- The executor ------------------------------------------------------------------------------------------------ */

struct executor {
    executor_options options; /* never changes; every 0 has been replaced; device is a copy */
    moment grace, stall;      /* in nanoseconds */
    char device[32];

    pthread_mutex_t lock;
    pthread_cond_t lookup_wanted;
    pthread_cond_t queue_filled;
    pthread_cond_t watch;
    pthread_cond_t settled; /* a callback or kill that someone waits for has returned; all is over; nobody is leaving */

    uint32_t references;
    bool stopping;   /* no new orders */
    bool cancel_all; /* the watchdog ends every flight */
    bool quit;       /* lookups and slots end when they have nothing to do */
    bool watch_quit;

    flight **buckets;
    size_t bucket_mask;
    uint32_t flights; /* in the table */
    flight_list lookups, queue;
    uint32_t looking_up; /* the list and those in the hands of a thread */
    uint32_t running;
    bool positions_stale;
    uint32_t parties;   /* that wait for an answer */
    uint32_t listeners; /* parties of flights that want to hear of changes */
    uint32_t leaving;   /* calls of executor_leave under way */
    size_t image_bytes; /* of the pictures of flights, also of those that are over but not forgotten */

    deadline_heap deadlines;
    moment watch_at; /* when the watchdog wakes by itself; MOMENT_AWAKE: it is awake */
    bool news;       /* some flight has changed */
    moment news_at;  /* listeners are not called again before */

    struct {
        uint64_t joined, shared, found, started, done, failed, cancelled, expired, refused, full, killed, batches;
    } counts;

    slot *slots;
    pthread_t watchdog;
    pthread_t lookup_threads[LOOKUP_THREADS_MAX];
    uint32_t slots_started, lookups_started;
    bool watchdog_started;
    bool stopped; /* read and written by the one who stops and closes alone */
};

/* Unlocks, and frees the executor when nobody refers to it any more. */
void executor_unlock(executor *all);

#endif

/*
 * executor.h: the one place where work waits for a device, runs on it, is shared, and is called off.
 *
 *     executor_options options = {.backend = &backend, .hooks = hooks, .slots = 2, .queue_max = 1024, ...};
 *     status = executor_open(&options, &all, &error);
 *     ticket = executor_join(all, &order, &party, &refusal);       // NULL: refusal says why (full, stopping)
 *     ... party.finished(user, &outcome) comes once, from a thread of the executor ...
 *     executor_leave(ticket);                                       // instead: I need it no more
 *     executor_stop(all, 30.0);                                     // drains, then cancels what is left
 *     ... whoever could still call executor_join ends ...
 *     executor_close(all, 0.0);
 *
 * A *flight* is one piece of work under one key and identity; everyone who joins an equal order while it is under way
 * shares it (single-flight) and gets the same result. A flight goes through
 *
 *     looking up  ->  queued  ->  running  ->  over
 *
 * Looking up asks the hook `lookup` on a thread of its own (a cache on disk), so that callers of executor_join never
 * block. If that finds nothing, the parties are asked for admission in the order in which they came (the rate limit
 * of work that reaches an engine): the first that is admitted carries the flight, the others ride with it; a party that
 * was asked and refused is told so, and if nobody is admitted the flight ends. Then the flight waits in the bounded
 * queue of the device. A device has slots; each slot is a thread that takes the oldest flight and runs it on the
 * backend, together with others of the same engine where that engine batches (batch_max).
 *
 * Deadlines run from joining, for each party its own: when it has passed the party is answered, EXECUTOR_EXPIRED while
 * its flight was looked up or queued, EXECUTOR_FAILED when it ran. A flight whose last party has left or been answered
 * ends: it is removed from the queue, or cancelled in the backend, which sees executor_work_cancelled. An equal order
 * that comes then starts a flight of its own. A backend that is still running `grace_seconds` after nobody wants
 * anything of its run any more is hung: `backend->kill` is asked to end it (again
 * after every further grace), and its parties have had their answer already; the figures name the slot from half the
 * grace on. A running flight that makes no progress
 * for `stall_seconds` is named too. Both are logged.
 *
 * All functions may be called from any thread. Party callbacks come from threads of the executor, one at a time for a
 * party, and without locks held; they may call executor_join and executor_leave. They should be quick, since a slot, a
 * lookup or the watch over deadlines waits meanwhile, and must not call executor_stop. Two callbacks that leave each
 * other's tickets at the same time would wait for each other for ever.
 */
#ifndef LUMEN_EXECUTOR_EXECUTOR_H
#define LUMEN_EXECUTOR_EXECUTOR_H

#include "base/blob.h"
#include "log/log.h"

typedef struct executor executor;
typedef struct executor_ticket executor_ticket;
typedef struct executor_work executor_work;

enum { EXECUTOR_STAGE_BYTES = 48, EXECUTOR_STAGES_MAX = 16, EXECUTOR_BATCH_MAX = 16 };

/* ---- Orders ------------------------------------------------------------------------------------------------------ */

/* What to make. Everything is copied by executor_join, but for the picture, which is shared. */
typedef struct executor_order {
    uint64_t key;
    const char *identity;  /* compared when keys are equal */
    const char *engine;    /* name of the engine that will do it: orders of one engine may be batched */
    uint32_t batch_max;    /* 1: this engine takes one at a time */
    lumen_request request; /* text, verb and engine are copied; progress and image are ignored */
    blob *image;           /* of the request; kept as long as the work is known, and the caller keeps its own
                              reference; NULL: none. Works see it in their request */
} executor_order;

/* ---- Outcomes ---------------------------------------------------------------------------------------------------- */

typedef enum executor_end {
    EXECUTOR_DONE,       /* result is there */
    EXECUTOR_FAILED,     /* the engine failed, crashed, or took longer than the deadline; error says it */
    EXECUTOR_CANCELLED,  /* by the executor's end; for hooks.observed also because everybody left */
    EXECUTOR_EXPIRED,    /* was looked up or queued until its deadline */
    EXECUTOR_REFUSED,    /* not admitted: too fast */
    EXECUTOR_UNAVAILABLE /* the engine is not loaded (LUMEN_ERROR_UNAVAILABLE from the backend) */
} executor_end;

typedef struct executor_stage_time {
    char stage[EXECUTOR_STAGE_BYTES];
    double seconds;
} executor_stage_time;

typedef struct executor_outcome {
    executor_end end;
    void *result;      /* a reference of the receiver's own, from hooks.keep; NULL unless EXECUTOR_DONE */
    lumen_error error; /* unless EXECUTOR_DONE */
    bool found;        /* the lookup had it: nothing was computed */
    bool shared;       /* another party carried the flight */
    double lookup_seconds, queue_seconds, run_seconds, retry_seconds; /* retry: hint of EXECUTOR_REFUSED */
    executor_stage_time stages[EXECUTOR_STAGES_MAX];                  /* of the run, in the order of their beginnings */
    size_t stage_count;
} executor_outcome;

/* One who waits. Callbacks may be NULL except finished. */
typedef struct executor_party {
    void (*finished)(void *user, const executor_outcome *outcome); /* once, unless executor_leave came first */
    /* Position, stage or percent may be new: read the status. At most ten times a second, but the last change is always
     * told, unless `finished` comes first. Like `finished` it may come before executor_join has returned: who needs the
     * ticket for it reads the status once by themselves then. */
    void (*changed)(void *user);
    double deadline_seconds; /* 0: the executor's */
    void *user;
} executor_party;

typedef enum executor_state { EXECUTOR_LOOKING_UP, EXECUTOR_QUEUED, EXECUTOR_RUNNING, EXECUTOR_OVER } executor_state;

typedef struct executor_status {
    executor_state state;
    uint32_t position; /* 1: next; 0: not queued */
    char stage[EXECUTOR_STAGE_BYTES];
    double fraction; /* of the run, 0 to 1 */
} executor_status;

typedef enum executor_refusal {
    EXECUTOR_ACCEPTED,
    EXECUTOR_QUEUE_FULL,
    EXECUTOR_STOPPING,
    EXECUTOR_NO_MEMORY
} executor_refusal;

/* Joins the flight of the order, or starts it. NULL with a reason, and then no callback comes; the callback may already
 * have come when this returns. The ticket stays valid until executor_leave, which must be called once for every
 * ticket, also after `finished`. */
executor_ticket *executor_join(executor *all, const executor_order *order, const executor_party *party,
                               executor_refusal *refusal);

/* Gives the ticket back; NULL is fine. When this returns, no callback of the party is running, nor hooks.admit with its
 * `user`, and none will come (unless it is called from within that very callback). So it may wait for a callback: do
 * not hold a lock that the callback takes. */
void executor_leave(executor_ticket *ticket);

void executor_read_status(executor_ticket *ticket, executor_status *status);

/* ---- What it stands on ------------------------------------------------------------------------------------------- */

typedef struct executor_hooks {
    void *user;
    /* The stored result of an order, or NULL. May block: it runs on the lookup threads. NULL hook: nothing is stored.
     */
    void *(*lookup)(void *user, const executor_order *order);
    /* May the party with this `user` of executor_party use the engine? False sets *retry_seconds. NULL hook: always. */
    bool (*admit)(void *user, void *party_user, double *retry_seconds);
    /* Turns what the backend made into the result. NULL with an error: the flight failed. */
    void *(*store)(void *user, const executor_order *order, blob *packed, lumen_error *error);
    void *(*keep)(void *user, void *result);
    void (*release)(void *user, void *result);
    /* A flight that reached the queue is over: for metrics. NULL hook: nobody listens. */
    void (*observed)(void *user, const executor_order *order, const executor_outcome *outcome);
} executor_hooks;

/* Runs work on a device. */
typedef struct executor_backend {
    void *self;
    /* Runs `count` works of one engine in slot `slot` and returns when each has been finished by executor_work_finish.
     * Called from the slot's own thread only. */
    void (*run)(void *self, uint32_t slot, executor_work *const *works, size_t count);
    /* Ends what hangs in a slot, so that `run` returns soon. From another thread, and the next run of the slot begins
     * only after it has returned; `run` may return at the same time. NULL: it cannot. */
    void (*kill)(void *self, uint32_t slot);
} executor_backend;

/* For backends, on the slot's thread. */
const executor_order *executor_work_order(const executor_work *work);
bool executor_work_cancelled(const executor_work *work); /* an atomic read */
void executor_work_progress(executor_work *work, const char *stage, double fraction);
/* Once per work: what comes later counts for nothing, and a work that has none when `run` returns has failed. `packed`
 * is the packed shape when status is LUMEN_OK (the caller keeps its reference); otherwise error says why. Stores the
 * result and calls the parties back before it returns. */
void executor_work_finish(executor_work *work, lumen_status status, blob *packed, const lumen_error *error);

typedef struct executor_options {
    executor_backend backend;
    executor_hooks hooks;
    const char *device;      /* its name in logs and figures: "cpu" */
    uint32_t slots;          /* 1..64 */
    uint32_t queue_max;      /* flights that may be looked up or wait; 0: 1,024 */
    size_t image_bytes_max;  /* that the pictures of all flights may hold; beyond, joining with one is refused as if
                                the queue were full; 0: no bound */
    uint32_t lookup_threads; /* 0: 2 */
    double deadline_seconds; /* 0: 300 */
    double grace_seconds;    /* 0: 5 */
    double stall_seconds;    /* 0: 60 */
    log_sink *log;
} executor_options;

lumen_status executor_open(const executor_options *options, executor **out, lumen_error *error);

/* Takes no new orders, lets what is there finish for at most `seconds`, cancels the rest (EXECUTOR_CANCELLED), kills
 * what hangs. When it returns, every party has been called back, every run and lookup has returned, and no hook is
 * called any more. So a backend that hangs and cannot be killed holds it up for ever. All other functions may go on
 * being called from any thread: joining is refused. A second call has nothing left to do. */
void executor_stop(executor *all, double seconds);

/* Stops if that is yet to be done, and gives the memory back: at once, or with the last ticket that is left. From its
 * return on, functions that take the executor may be called only by someone who holds a ticket. NULL is fine. */
void executor_close(executor *all, double seconds);

/* ---- Figures ----------------------------------------------------------------------------------------------------- */

typedef struct executor_slot_figures {
    bool busy, stalled, hung;
    char stage[EXECUTOR_STAGE_BYTES];
    char text[64]; /* the beginning of what it works on */
    char engine[32];
    double seconds;       /* since the run began */
    double quiet_seconds; /* since the last progress */
} executor_slot_figures;

typedef struct executor_figures {
    uint32_t looking_up, queued, running; /* flights */
    uint32_t parties;                     /* that wait for their answer */
    uint64_t image_bytes;                 /* of the pictures that flights hold */
    uint32_t slots;
    /* Since the start: parties that joined and of them those who shared a flight under way; flights that the lookup
     * had, flights that began to run; flights by their end (`failed` with UNAVAILABLE, `done` with `found`); parties
     * that were not admitted, and those turned away because the queue was full; runs that hung and were killed; runs of
     * more than one flight. */
    uint64_t joined, shared, found, started, done, failed, cancelled, expired, refused, full, killed, batches;
    double oldest_queued_seconds;
    executor_slot_figures slot[64];
} executor_figures;

void executor_read_figures(executor *all, executor_figures *figures);

#endif

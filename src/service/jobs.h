/*
 * jobs.h: work that nobody holds a connection open for. POST /jobs starts it, its address tells how it goes.
 *
 *     job *one = job_create(jobs, &client, key);                 // NULL: too many are under way, or no memory
 *     executor_party party = job_party(one, again, false);
 *     job_started(one, executor_join(work, &order, &party, &refusal));
 *     job_release(one);
 *     ...
 *     job *same = job_find(jobs, id);                            // by another request, until its time is over
 *
 * A job is live until it is done, failed or cancelled; an ended one is remembered for JOB_SECONDS, or, when
 * JOBS_MAX are known, until a newer one needs its place. Its result is told with it as long as all results together
 * hold less than JOB_RESULT_BYTES_MAX; an older one is to be had from /shapes. Counted references; all functions may be
 * called from any thread.
 */
#ifndef LUMEN_SERVICE_JOBS_H
#define LUMEN_SERVICE_JOBS_H

#include <jansson.h>

#include "executor/executor.h"
#include "http/http.h"
#include "service/client.h"
#include "service/random_id.h"

enum {
    JOBS_MAX = 4096,
    JOBS_OF_CLIENT_MAX = 1024,
    JOB_STREAMS_MAX = 16,
    JOB_SECONDS = 600,
    JOB_REASON_BYTES = 200,
    JOB_KEEP_ALIVE_SECONDS = 15
};

/* Results of ended jobs hold at most so much together. */
#define JOB_RESULT_BYTES_MAX ((size_t)64 << 20)

typedef struct job job;
typedef struct job_table job_table;

typedef enum job_state { JOB_LIVE, JOB_DONE, JOB_FAILED, JOB_CANCELLED } job_state;

/* Who asked, at the head of whatever is a party of the executor: the rate limit of engine work counts by it. */
typedef struct requester {
    client_address client;
    bool admitted; /* it has been counted already: what is done for it now is done in the place of what failed */
} requester;

/* What a job that is done has to show: the JSON of a shape, shared with the cache and with other jobs, in which "true"
 * stands at `flag` behind "cached": . */
typedef struct job_result {
    http_content *json; /* NULL: none */
    size_t flag;
    bool cached; /* as far as this job is concerned */
} job_result;

/* What is done in the place of what failed: `result`, which is there already (json is not NULL; the job takes it over),
 * or else what the ticket stands for. */
typedef struct job_instead {
    job_result result;
    executor_ticket *ticket;
} job_instead;

/* `result_of` keeps what an outcome that is done has to show; `ended` hears of every outcome before the job does;
 * `release` gives the outcome's result back. `again`, for a job that has something to begin again with, may do it in
 * another way after an outcome that is not done: job_is_replaced, then joining an executor with `party`; false: the job
 * ends with that outcome. It is called within the party's `finished`, and at most once for a job. */
typedef struct job_hooks {
    job_result (*result_of)(void *user, const executor_outcome *outcome);
    void (*ended)(void *user, const executor_outcome *outcome);
    void (*release)(void *user, void *result);
    bool (*again)(void *user, job *one, const void *again, const executor_outcome *outcome, const executor_party *party,
                  job_instead *instead);
    void *user;
} job_hooks;

/* `ids` stays the caller's. NULL when memory runs out. */
job_table *job_table_create(const job_hooks *hooks, random_ids *ids);

/* Every job must have ended. NULL is fine. */
void job_table_destroy(job_table *all);
size_t job_table_count(job_table *all);

/* Forgets what is over, sends keep-alives, closes the streams of clients that left. To be called about once a second.
 */
void job_table_tick(job_table *all);

/* NULL when JOBS_MAX jobs, or JOBS_OF_CLIENT_MAX of this client, are under way, or memory runs out. */
job *job_create(job_table *all, const client_address *client, uint64_t key);
job *job_find(job_table *all, const char *id);
void job_release(job *one);

/* The party that joins the executor for a job. `again` (may be NULL) goes to the hook of that name and is the job's to
 * give to free(). `with_image`: the order has a picture, which may turn out to be at fault. */
executor_party job_party(job *one, void *again, bool with_image);

/* Says why "auto" does without a better engine (ASCII; "" is none), and the key of the shape that there will be. */
void job_is_replaced(job *one, uint64_t key, const char *reason);

/* Hands the ticket over after joining. NULL: joining failed, and the job is forgotten as if it had never been. */
void job_started(job *one, executor_ticket *ticket);

/* Ends a job at once with what was in the cache; the result's content is kept. */
void job_finish_cached(job *one, const job_result *result);

const char *job_id(const job *one);

/* Calls the work off. False when the job had ended before: *state says how. */
bool job_cancel(job *one, job_state *state);

/* Appends {"id", "status", "position", "stage", "percent", "key", "created", ...} with the result's object when asked.
 * False when memory runs out. */
bool job_write(job *one, bool with_result, buffer *out);

/* Opens the stream of a job's events on an exchange. False when too many are open on it: nothing has been answered
 * then. The job is kept for the stream's life. */
bool job_open_stream(job *one, http_exchange *exchange, const http_header *headers, size_t count);

#endif

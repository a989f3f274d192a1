#include "service/jobs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "files/json.h"
#include "service/answer.h"

enum { BUCKETS = 1024 };

typedef struct job_stream {
    http_stream *stream; /* NULL: a free place */
    uint64_t next_event;
} job_stream;

struct job {
    requester who; /* first: it is the executor's party */
    job_table *table;
    atomic_size_t references;
    char id[RANDOM_ID_BYTES];
    char key[17];
    char created[32];
    job *next_in_bucket;
    job *older, *newer; /* the order of creation */

    pthread_mutex_t lock;
    job_state state;
    executor_ticket *ticket;
    executor_ticket *second; /* of what is done in the place of what failed */
    void *again;             /* for that; NULL: nothing can be, or it has been begun */
    bool with_image;
    char reason[JOB_REASON_BYTES];
    uint64_t ended_ns, spoken_ns;
    job_result result; /* JOB_DONE */
    char error_type[32];
    char error_message[sizeof((lumen_error *)0)->message];
    job_stream streams[JOB_STREAMS_MAX];
};

struct job_table {
    job_hooks hooks;
    random_ids *ids;
    pthread_mutex_t lock; /* of the lists alone; never taken while a job's own lock is held */
    job *buckets[BUCKETS];
    job *oldest, *newest;
    size_t count;
    job *visited[JOBS_MAX]; /* by job_table_tick, which one thread alone calls */
};

/* ---- The table ------------------------------------------------------------------------------------------------- */

job_table *job_table_create(const job_hooks *hooks, random_ids *ids)
{
    job_table *all = calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    all->hooks = *hooks;
    all->ids = ids;
    pthread_mutex_init(&all->lock, NULL);
    return all;
}

static size_t bucket_of(const char *id)
{
    return (size_t)(fnv1a(FNV_START, id, strlen(id)) % BUCKETS);
}

/* Takes a job out of the lists; the reference of the table is the caller's then. The table's lock is held. */
static void unlink_job(job_table *all, job *one)
{
    job **at = &all->buckets[bucket_of(one->id)];
    while (*at != one)
        at = &(*at)->next_in_bucket;
    *at = one->next_in_bucket;
    *(one->older != NULL ? &one->older->newer : &all->oldest) = one->newer;
    *(one->newer != NULL ? &one->newer->older : &all->newest) = one->older;
    all->count--;
}

static void link_job(job_table *all, job *one)
{
    job **bucket = &all->buckets[bucket_of(one->id)];
    one->next_in_bucket = *bucket;
    *bucket = one;
    one->older = all->newest;
    *(all->newest != NULL ? &all->newest->newer : &all->oldest) = one;
    all->newest = one;
    all->count++;
}

size_t job_table_count(job_table *all)
{
    pthread_mutex_lock(&all->lock);
    size_t count = all->count;
    pthread_mutex_unlock(&all->lock);
    return count;
}

void job_table_destroy(job_table *all)
{
    if (all == NULL)
        return;
    while (all->oldest != NULL) {
        job *one = all->oldest;
        unlink_job(all, one);
        job_release(one);
    }
    pthread_mutex_destroy(&all->lock);
    free(all);
}

/* ---- One job ---------------------------------------------------------------------------------------------------- */

static job *keep(job *one)
{
    atomic_fetch_add(&one->references, 1);
    return one;
}

void job_release(job *one)
{
    if (one == NULL || atomic_fetch_sub(&one->references, 1) != 1)
        return;
    http_content_release(one->result.json);
    pthread_mutex_destroy(&one->lock);
    free(one->again);
    free(one);
}

/* Makes room by forgetting the oldest job that has ended. The table's lock is held. Returns it, or NULL. */
static job *forget_one(job_table *all)
{
    for (job *one = all->oldest; one != NULL; one = one->newer) {
        pthread_mutex_lock(&one->lock);
        bool ended = one->state != JOB_LIVE;
        pthread_mutex_unlock(&one->lock);
        if (ended) {
            unlink_job(all, one);
            return one;
        }
    }
    return NULL;
}

/* The client's jobs that are under way. The table's lock is held. */
static size_t count_live(const job_table *all, const client_address *client)
{
    size_t count = 0;
    for (job *one = all->oldest; one != NULL; one = one->newer) {
        if (memcmp(&one->who.client, client, sizeof *client) != 0)
            continue;
        pthread_mutex_lock(&one->lock);
        count += one->state == JOB_LIVE;
        pthread_mutex_unlock(&one->lock);
    }
    return count;
}

job *job_create(job_table *all, const client_address *client, uint64_t key)
{
    job *one = calloc(1, sizeof *one);
    if (one == NULL)
        return NULL;
    one->who.client = *client;
    one->table = all;
    atomic_init(&one->references, 2); /* the caller's and the table's */
    random_ids_take(all->ids, one->id);
    snprintf(one->key, sizeof one->key, "%016llx", (unsigned long long)key);
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(one->created, sizeof one->created, "%Y-%m-%dT%H:%M:%SZ", &utc);
    one->spoken_ns = clock_now_ns();
    pthread_mutex_init(&one->lock, NULL);

    job *forgotten = NULL;
    pthread_mutex_lock(&all->lock);
    bool room = count_live(all, client) < JOBS_OF_CLIENT_MAX &&
                (all->count < JOBS_MAX || (forgotten = forget_one(all)) != NULL);
    if (room)
        link_job(all, one);
    pthread_mutex_unlock(&all->lock);
    job_release(forgotten);
    if (room)
        return one;
    pthread_mutex_destroy(&one->lock);
    free(one);
    return NULL;
}

job *job_find(job_table *all, const char *id)
{
    pthread_mutex_lock(&all->lock);
    job *one = all->buckets[bucket_of(id)];
    while (one != NULL && strcmp(one->id, id) != 0)
        one = one->next_in_bucket;
    if (one != NULL)
        keep(one);
    pthread_mutex_unlock(&all->lock);
    return one;
}

const char *job_id(const job *one)
{
    return one->id;
}

/* ---- What a job says of itself ---------------------------------------------------------------------------------- */

/* The job's lock is held. */
static bool write_status(job *one, bool with_result, buffer *out)
{
    executor_status status = {.state = EXECUTOR_LOOKING_UP};
    executor_ticket *under_way = one->second != NULL ? one->second : one->ticket;
    if (one->state == JOB_LIVE && under_way != NULL)
        executor_read_status(under_way, &status);
    bool running = status.state == EXECUTOR_RUNNING || status.state == EXECUTOR_OVER;
    static const char *const names[] = {"", "done", "failed", "cancelled"};
    const char *name = one->state != JOB_LIVE ? names[one->state] : running ? "running" : "queued";
    double percent = one->state == JOB_DONE ? 100.0 : running ? status.fraction * 100.0 : 0.0;
    json_t *object =
        json_pack("{s:s, s:s, s:i, s:o, s:f, s:s, s:s}", "id", one->id, "status", name, "position",
                  (int)status.position, "stage", files_json_text(one->state == JOB_LIVE ? status.stage : ""), "percent",
                  percent, "key", one->key, "created", one->created);
    if (object != NULL && one->state == JOB_DONE)
        json_object_set_new(object, "result_url", json_sprintf("/shapes/%s.json", one->key));
    if (object != NULL && one->reason[0] != '\0')
        json_object_set_new(object, "fallback_reason", json_string(one->reason));
    if (object != NULL && one->state == JOB_FAILED)
        json_object_set_new(
            object, "error",
            json_pack("{s:o, s:s}", "error", files_json_text(one->error_message), "type", one->error_type));
    bool written = files_json_dump(object, ANSWER_DIGITS, out) && !buffer_failed(out);
    json_decref(object);
    if (!written || !with_result || one->result.json == NULL)
        return written;
    /* The result is JSON text already: it goes in before the closing brace. */
    const blob *json = http_content_body(one->result.json);
    size_t behind = one->result.flag + 4; /* "true" */
    out->size--;
    buffer_text(out, ",\"result\":");
    buffer_append(out, json->data, one->result.flag);
    buffer_text(out, one->result.cached ? "true" : "false");
    buffer_append(out, json->data + behind, json->size - behind);
    buffer_text(out, "}");
    return !buffer_failed(out);
}

bool job_write(job *one, bool with_result, buffer *out)
{
    pthread_mutex_lock(&one->lock);
    bool written = write_status(one, with_result, out);
    pthread_mutex_unlock(&one->lock);
    return written;
}

/* ---- Streams of events
 * -------------------------------------------------------------------------------------------------- */

static void close_stream(job *one, job_stream *to)
{
    http_stream_close(to->stream);
    to->stream = NULL;
    job_release(one); /* never the last reference: the caller has one */
}

/* Sends the state of things to one stream, and ends it when the job has ended. The job's lock is held. */
static void tell(job *one, job_stream *to)
{
    static const char *const events[] = {"status", "done", "failed", "cancelled"};
    buffer event, data;
    buffer_open(&event, 64 << 10);
    buffer_open(&data, 32 << 10);
    write_status(one, false, &data);
    buffer_print(&event, "id: %llu\nevent: %s\ndata: ", (unsigned long long)++to->next_event, events[one->state]);
    buffer_append(&event, data.data, data.size);
    buffer_text(&event, "\n\n");
    bool sent = !buffer_failed(&event) && !buffer_failed(&data) && http_stream_send(to->stream, event.data, event.size);
    buffer_close(&event);
    buffer_close(&data);
    if (!sent || one->state != JOB_LIVE)
        close_stream(one, to);
}

static void tell_all(job *one)
{
    one->spoken_ns = clock_now_ns();
    for (size_t i = 0; i < JOB_STREAMS_MAX; i++)
        if (one->streams[i].stream != NULL)
            tell(one, &one->streams[i]);
}

bool job_open_stream(job *one, http_exchange *exchange, const http_header *headers, size_t count)
{
    pthread_mutex_lock(&one->lock);
    job_stream *place = NULL;
    for (size_t i = 0; i < JOB_STREAMS_MAX && place == NULL; i++)
        if (one->streams[i].stream == NULL)
            place = &one->streams[i];
    if (place != NULL) {
        *place = (job_stream){.stream = http_stream_open(exchange, 200, headers, count)};
        if (place->stream != NULL) {
            keep(one);
            tell(one, place);
        }
    }
    pthread_mutex_unlock(&one->lock);
    return place != NULL;
}

/* ---- Its course
 * ------------------------------------------------------------------------------------------------------------ */

/* Ends a live job; the lock is held. Returns the ticket, which the caller leaves without the lock. */
static executor_ticket *end(job *one, job_state state)
{
    one->state = state;
    one->ended_ns = clock_now_ns();
    tell_all(one);
    executor_ticket *ticket = one->ticket;
    one->ticket = NULL;
    return ticket;
}

/* Leaves the first ticket of a job that has ended, and then the second: the callback of the first, which may just be
 * making it, has returned by then. Without the lock. */
static void leave(job *one, executor_ticket *first)
{
    executor_leave(first);
    pthread_mutex_lock(&one->lock);
    executor_ticket *second = one->second;
    one->second = NULL;
    pthread_mutex_unlock(&one->lock);
    executor_leave(second);
}

static void finish(job *one, const job_result *result)
{
    pthread_mutex_lock(&one->lock);
    bool live = one->state == JOB_LIVE;
    executor_ticket *ticket = NULL;
    if (live) {
        one->result = *result;
        ticket = end(one, JOB_DONE);
    }
    pthread_mutex_unlock(&one->lock);
    leave(one, ticket);
    if (!live)
        http_content_release(result->json);
}

static void fail(job *one, const executor_outcome *outcome)
{
    const char *type, *message;
    answer_describe_outcome(outcome, &type, &message, NULL);
    if (one->with_image && answer_is_image_at_fault(outcome))
        type = "InvalidRequestError";
    pthread_mutex_lock(&one->lock);
    executor_ticket *ticket = NULL;
    if (one->state == JOB_LIVE) {
        snprintf(one->error_type, sizeof one->error_type, "%s", type);
        snprintf(one->error_message, sizeof one->error_message, "%s", message);
        ticket = end(one, JOB_FAILED);
    }
    pthread_mutex_unlock(&one->lock);
    leave(one, ticket);
}

static executor_party party_of(job *one);

/* True when something is done in the place of what failed. From the callback of the first ticket. */
static bool begin_again(job *one, const executor_outcome *outcome)
{
    const job_hooks *hooks = &one->table->hooks;
    pthread_mutex_lock(&one->lock);
    void *again = one->state == JOB_LIVE ? one->again : NULL;
    if (again != NULL)
        one->again = NULL;
    pthread_mutex_unlock(&one->lock);
    if (again == NULL)
        return false;
    const executor_party party = party_of(one);
    job_instead instead = {0};
    bool begun = hooks->again(hooks->user, one, again, outcome, &party, &instead);
    free(again);
    if (!begun)
        return false;
    /* It may have ended already, by the second ticket's callback on another thread. */
    pthread_mutex_lock(&one->lock);
    one->second = instead.ticket; /* left by whoever leaves the first one, when this callback has returned */
    if (one->state == JOB_LIVE && instead.ticket != NULL)
        tell_all(one);
    pthread_mutex_unlock(&one->lock);
    if (instead.ticket == NULL)
        finish(one, &instead.result);
    return true;
}

static void finished(void *user, const executor_outcome *outcome)
{
    job *one = user;
    const job_hooks *hooks = &one->table->hooks;
    keep(one); /* leaving the ticket lets go whoever waits to give this job up */
    if (outcome->end == EXECUTOR_DONE || !begin_again(one, outcome)) {
        hooks->ended(hooks->user, outcome);
        if (outcome->end == EXECUTOR_DONE) {
            const job_result result = hooks->result_of(hooks->user, outcome);
            finish(one, &result);
        } else {
            fail(one, outcome);
        }
    }
    if (outcome->result != NULL)
        hooks->release(hooks->user, outcome->result);
    job_release(one);
}

static void changed(void *user)
{
    job *one = user;
    pthread_mutex_lock(&one->lock);
    if (one->state == JOB_LIVE && one->ticket != NULL)
        tell_all(one);
    pthread_mutex_unlock(&one->lock);
}

static executor_party party_of(job *one)
{
    return (executor_party){.finished = finished, .changed = changed, .user = one};
}

executor_party job_party(job *one, void *again, bool with_image)
{
    one->again = again;
    one->with_image = with_image;
    return party_of(one);
}

void job_is_replaced(job *one, uint64_t key, const char *reason)
{
    pthread_mutex_lock(&one->lock);
    snprintf(one->key, sizeof one->key, "%016llx", (unsigned long long)key);
    snprintf(one->reason, sizeof one->reason, "%s", reason);
    pthread_mutex_unlock(&one->lock);
}

void job_started(job *one, executor_ticket *ticket)
{
    if (ticket == NULL) {
        job_table *all = one->table;
        pthread_mutex_lock(&all->lock);
        unlink_job(all, one);
        pthread_mutex_unlock(&all->lock);
        job_release(one);
        return;
    }
    pthread_mutex_lock(&one->lock);
    bool live = one->state == JOB_LIVE;
    if (live) {
        one->ticket = ticket;
        tell_all(one);
    }
    pthread_mutex_unlock(&one->lock);
    if (!live)
        leave(one, ticket);
}

void job_finish_cached(job *one, const job_result *result)
{
    const job_result mine = {.json = http_content_keep(result->json), .flag = result->flag, .cached = result->cached};
    finish(one, &mine);
}

bool job_cancel(job *one, job_state *state)
{
    pthread_mutex_lock(&one->lock);
    *state = one->state;
    executor_ticket *ticket = one->state == JOB_LIVE ? end(one, JOB_CANCELLED) : NULL;
    pthread_mutex_unlock(&one->lock);
    leave(one, ticket);
    return *state == JOB_LIVE;
}

/* ---- Time passes
 * --------------------------------------------------------------------------------------------------------------- */

static void tick_streams(job *one)
{
    static const char keep_alive[] = ": keep-alive\n\n";
    uint64_t now = clock_now_ns();
    pthread_mutex_lock(&one->lock);
    bool speak = clock_seconds_between(one->spoken_ns, now) >= (double)JOB_KEEP_ALIVE_SECONDS;
    if (speak)
        one->spoken_ns = now;
    for (size_t i = 0; i < JOB_STREAMS_MAX; i++) {
        job_stream *to = &one->streams[i];
        if (to->stream == NULL)
            continue;
        /* Nothing at all is sent too, to learn whether the client is still there. */
        if (!http_stream_send(to->stream, keep_alive, speak ? sizeof keep_alive - 1 : 0))
            close_stream(one, to);
    }
    pthread_mutex_unlock(&one->lock);
}

/* Whether a job is over for good. Lets go of its result when those of newer jobs have used up the `room` for them. */
static bool has_passed(job *one, uint64_t now, size_t *room)
{
    http_content *dropped = NULL;
    pthread_mutex_lock(&one->lock);
    bool passed = one->state != JOB_LIVE && clock_seconds_between(one->ended_ns, now) > (double)JOB_SECONDS;
    size_t bytes = one->result.json == NULL ? 0 : http_content_body(one->result.json)->size;
    if (bytes > *room) {
        dropped = one->result.json;
        one->result.json = NULL;
    } else {
        *room -= bytes;
    }
    pthread_mutex_unlock(&one->lock);
    http_content_release(dropped);
    return passed;
}

void job_table_tick(job_table *all)
{
    uint64_t now = clock_now_ns();
    size_t room = JOB_RESULT_BYTES_MAX, visited = 0;
    job *passed = NULL; /* a list by next_in_bucket */
    pthread_mutex_lock(&all->lock);
    for (job *one = all->newest, *older; one != NULL; one = older) {
        older = one->older;
        if (has_passed(one, now, &room)) {
            unlink_job(all, one);
            one->next_in_bucket = passed;
            passed = one;
        } else {
            all->visited[visited++] = keep(one);
        }
    }
    pthread_mutex_unlock(&all->lock);
    while (passed != NULL) {
        job *next = passed->next_in_bucket;
        job_release(passed);
        passed = next;
    }
    /* Streams are spoken to without the table's lock. */
    for (size_t i = 0; i < visited; i++) {
        tick_streams(all->visited[i]);
        job_release(all->visited[i]);
    }
}

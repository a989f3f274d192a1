#include "cache/writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"

enum { BATCH_ITEMS = 64, BATCH_BYTES = 16 << 20, REMOVALS_MAX = 64, USES_MAX = 4096 };

static const uint64_t SECOND = 1000000000;
static const double RETRY_SECONDS = 30.0;
static const uint64_t NOTE_SECONDS = 30; /* how often the file learns what was used */
static const uint64_t CLOSE_SECONDS = 10;
static const size_t PENDING_BYTES_MAX = (size_t)256 << 20;

/* One entry that waits. The bytes are held here as well, since the entry may lose them to another writing. */
typedef struct waiting_entry {
    struct waiting_entry *next;
    cache_entry *entry;
    blob *packed;
    uint64_t added_at;
} waiting_entry;

typedef enum disk_state {
    STATE_OK,
    STATE_STALLED, /* the file is open and can be read, but takes nothing: no space, or another process writes */
    STATE_DOWN     /* shut */
} disk_state;

struct cache_writer {
    cache_memory *memory;
    cache_disk *disk;
    log_sink *log;
    size_t pending_bytes_max;
    uint64_t retry_nanoseconds;
    pthread_t thread;
    atomic_uint_least64_t losses;

    pthread_mutex_t lock; /* guards everything down to the next remark */
    pthread_cond_t changed;
    waiting_entry *first, *last;
    size_t waiting_items, waiting_bytes;
    disk_removal removals[REMOVALS_MAX];
    size_t removal_count;
    disk_outcome reported; /* DISK_FINE: nobody complained */
    lumen_error report;
    bool closing;
    bool overflowed; /* something found no room here; it may still be in memory when there is some */
    bool overflow_told;
    disk_state state;
    char state_text[256];
    uint64_t writes, dropped, faults, evictions, collisions;

    /* The thread's own, and before it starts the opener's. */
    uint64_t retry_at, note_at, noted_until, progress_at, set_aside_at;
    bool gave_up; /* while closing */
    bool again;   /* the file is still to be made smaller */
    disk_change change;
    memory_use *used;
    disk_use *uses;
};

/* ---- State ------------------------------------------------------------------------------------------------ */

/* Says once that the tier works or not. The reason counts as the same while its beginning is. */
static void enter_state(cache_writer *writer, disk_state state, const char *text)
{
    pthread_mutex_lock(&writer->lock);
    bool changed = state != writer->state || strncmp(text, writer->state_text, sizeof writer->state_text - 1) != 0;
    disk_state before = writer->state;
    writer->state = state;
    snprintf(writer->state_text, sizeof writer->state_text, "%s", text);
    pthread_mutex_unlock(&writer->lock);
    if (state == STATE_OK && before != STATE_OK)
        log_write(writer->log, LOG_INFO, "the disk cache works again", LOG_NO_FIELDS);
    else if (state != STATE_OK && changed)
        log_write(writer->log, LOG_WARNING, "the disk cache does not work; shapes are kept in memory alone",
                  LOG_FIELDS(log_text("reason", text)));
}

static bool is_closing(cache_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    bool closing = writer->closing;
    pthread_mutex_unlock(&writer->lock);
    return closing;
}

static void count_fault(cache_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->faults++;
    pthread_mutex_unlock(&writer->lock);
}

static void enter_trouble(cache_writer *writer, disk_state state, const char *text)
{
    if (state == STATE_DOWN)
        disk_shut(writer->disk);
    writer->retry_at = clock_now_ns() + writer->retry_nanoseconds;
    writer->gave_up = is_closing(writer);
    count_fault(writer);
    enter_state(writer, state, text);
}

static void lose_all(cache_writer *writer)
{
    atomic_fetch_add(&writer->losses, 1);
    memory_set_all_lost(writer->memory);
}

/* ---- Opening ------------------------------------------------------------------------------------------------ */

/* Renames the file so that the next opening begins a new one. A disk that damages every file would keep us busy with
 * that: so it is not done again before it is time to try again. */
static bool set_aside(cache_writer *writer, const char *reason, lumen_error *error)
{
    char aside[PATH_MAX] = "";
    uint64_t now = clock_now_ns();
    if (writer->set_aside_at != 0 && now - writer->set_aside_at < writer->retry_nanoseconds)
        return false;
    disk_outcome outcome = disk_set_aside(writer->disk, reason, aside, error);
    if (outcome == DISK_FINE)
        log_write(writer->log, LOG_ERROR, "the cache file was set aside and a new one is begun",
                  LOG_FIELDS(log_text("reason", reason), log_text("file", aside)));
    if (outcome != DISK_FINE && outcome != DISK_GONE)
        return false;
    writer->set_aside_at = now;
    lose_all(writer);
    return true;
}

/* Opens the file, as often as it takes. Another version's file is set aside only when this program starts: so the
 * newest of two programs on one folder has it, and the other does not take it back. */
static void open_file(cache_writer *writer, bool at_start)
{
    lumen_error error = {0};
    disk_outcome outcome = disk_open(writer->disk, &error);
    if ((outcome == DISK_CORRUPT && set_aside(writer, "corrupt", &error)) ||
        (outcome == DISK_OTHER_VERSION && at_start && set_aside(writer, "version", &error)))
        outcome = disk_open(writer->disk, &error);
    if (outcome == DISK_FINE)
        enter_state(writer, STATE_OK, "ok");
    else
        enter_trouble(writer, STATE_DOWN, error.message);
}

/* What follows from an outcome of reading or writing. */
static void look_after(cache_writer *writer, disk_outcome outcome, lumen_error *error)
{
    switch (outcome) {
    case DISK_CORRUPT:
        count_fault(writer);
        if (set_aside(writer, "corrupt", error))
            open_file(writer, false);
        else
            enter_trouble(writer, STATE_DOWN, error->message);
        break;
    case DISK_GONE:
        log_write(writer->log, LOG_WARNING, "the cache file was removed; a new one is begun", LOG_NO_FIELDS);
        disk_shut(writer->disk);
        lose_all(writer);
        open_file(writer, false);
        break;
    case DISK_BUSY:
        enter_trouble(writer, STATE_STALLED, error->message);
        if (writer->retry_at > clock_now_ns() + SECOND)
            writer->retry_at = clock_now_ns() + SECOND;
        writer->gave_up = false; /* it may well end before the time is up */
        break;
    case DISK_FULL: enter_trouble(writer, STATE_STALLED, error->message); break;
    default: enter_trouble(writer, STATE_DOWN, error->message); break;
    }
}

/* ---- What waits ------------------------------------------------------------------------------------------------ */

/* With the lock held. Takes over the reference to `packed`. False when there is no room. */
static bool add_waiting(cache_writer *writer, cache_entry *entry, blob *packed)
{
    waiting_entry *item = NULL;
    if (packed == NULL || entry->waiting || entry->unstorable || cache_is_stored(entry)) {
        blob_release(packed);
        return true;
    }
    entry->unstorable = packed->size > writer->pending_bytes_max;
    if (packed->size <= writer->pending_bytes_max - writer->waiting_bytes)
        item = malloc(sizeof *item);
    if (item == NULL) {
        writer->overflowed = true;
        blob_release(packed);
        return false;
    }
    *item = (waiting_entry){.entry = cache_keep(entry), .packed = packed, .added_at = clock_now_ns()};
    entry->waiting = true;
    *(writer->last != NULL ? &writer->last->next : &writer->first) = item;
    writer->last = item;
    writer->waiting_items++;
    writer->waiting_bytes += packed->size;
    return true;
}

void writer_add(cache_writer *writer, cache_entry *entry)
{
    blob *packed = memory_packed(writer->memory, entry);
    pthread_mutex_lock(&writer->lock);
    bool added = add_waiting(writer, entry, packed);
    bool tell = !added && !writer->overflow_told;
    writer->dropped += !added;
    writer->overflow_told = writer->overflow_told || !added;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    if (tell)
        log_write(writer->log, LOG_WARNING, "too much waits for the disk; new shapes are kept in memory alone",
                  LOG_NO_FIELDS);
}

static void visit_packed(void *user, cache_entry *entry)
{
    cache_writer *writer = user;
    pthread_mutex_lock(&writer->lock);
    add_waiting(writer, entry, blob_keep(entry->packed));
    pthread_mutex_unlock(&writer->lock);
}

/* Has what found no room before written after all, as far as memory still has it. */
static void add_from_memory(cache_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    bool wanted = writer->overflowed && writer->waiting_bytes <= writer->pending_bytes_max / 2;
    if (wanted)
        writer->overflowed = writer->overflow_told = false;
    pthread_mutex_unlock(&writer->lock);
    if (wanted)
        memory_each_packed(writer->memory, visit_packed, writer);
}

static void free_waiting(waiting_entry *item)
{
    cache_release(item->entry);
    blob_release(item->packed);
    free(item);
}

/* ---- One round --------------------------------------------------------------------------------------------------- */

/* Times are kept as microseconds since 1970 in the file, and on the monotonic clock in memory. */
static int64_t wall_time(uint64_t monotonic)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t microseconds = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    return microseconds - (int64_t)((clock_now_ns() - monotonic) / 1000);
}

static size_t gather_uses(cache_writer *writer)
{
    size_t count = memory_uses(writer->memory, writer->noted_until, writer->used, USES_MAX);
    for (size_t i = 0; i < count; i++)
        writer->uses[i] = (disk_use){.key = writer->used[i].key, .last_used = wall_time(writer->used[i].used_at)};
    return count;
}

/* Takes the oldest of what waits; with the lock held. Where the disk is full, one at a time: a little space may do. */
static size_t gather_items(cache_writer *writer, waiting_entry **batch, disk_item *items)
{
    size_t count = 0, bytes = 0, room = writer->state == STATE_OK ? BATCH_ITEMS : 1;
    while (writer->first != NULL && count < room && bytes < BATCH_BYTES) {
        waiting_entry *item = writer->first;
        writer->first = item->next;
        if (writer->first == NULL)
            writer->last = NULL;
        writer->waiting_items--;
        writer->waiting_bytes -= item->packed->size;
        bytes += item->packed->size;
        items[count] = (disk_item){.key = item->entry->key,
                                   .identity = item->entry->identity,
                                   .packed = item->packed,
                                   .last_used = wall_time(item->added_at)};
        batch[count++] = item;
    }
    return count;
}

/* Tells the entries what became of them; what could not be written goes back to the front. */
static void settle_items(cache_writer *writer, waiting_entry **batch, const disk_item *items, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        waiting_entry *item = batch[i];
        if (items[i].fate == DISK_WRITTEN)
            memory_set_stored(writer->memory, item->entry);
        if (items[i].fate == DISK_COLLIDED)
            log_write(writer->log, LOG_WARNING, "two identities have the same key; the second is not stored",
                      LOG_FIELDS(log_text("identity", item->entry->identity)));
        pthread_mutex_lock(&writer->lock);
        writer->writes += items[i].fate == DISK_WRITTEN;
        writer->collisions += items[i].fate == DISK_COLLIDED;
        writer->dropped += items[i].fate == DISK_TOO_LARGE;
        item->entry->waiting = items[i].fate == DISK_NOT_YET;
        item->entry->unstorable = items[i].fate == DISK_COLLIDED || items[i].fate == DISK_TOO_LARGE;
        if (items[i].fate == DISK_NOT_YET) {
            item->next = writer->first;
            writer->first = item;
            if (writer->last == NULL)
                writer->last = item;
            writer->waiting_items++;
            writer->waiting_bytes += item->packed->size;
        }
        pthread_mutex_unlock(&writer->lock);
        if (items[i].fate != DISK_NOT_YET)
            free_waiting(item);
    }
}

/* What a transaction that was committed means for memory: what is lost first, since a key may have left the file and
 * come back. */
static void settle_losses(cache_writer *writer, const disk_change *change)
{
    if (change->evicted_count + change->removed_count > 0)
        atomic_fetch_add(&writer->losses, 1);
    for (size_t i = 0; i < change->evicted_count; i++)
        memory_set_lost(writer->memory, change->evicted[i]);
    for (size_t i = 0; i < change->removal_count; i++)
        memory_set_lost(writer->memory, change->removals[i].key);
    pthread_mutex_lock(&writer->lock);
    writer->evictions += change->evicted_count;
    pthread_mutex_unlock(&writer->lock);
}

static void write_round(cache_writer *writer)
{
    waiting_entry *batch[BATCH_ITEMS];
    disk_item items[BATCH_ITEMS];
    disk_removal removals[REMOVALS_MAX];
    disk_change *change = &writer->change;
    lumen_error error = {0};
    uint64_t began = clock_now_ns(), bytes_before = disk_bytes(writer->disk);
    bool due = began >= writer->note_at;

    pthread_mutex_lock(&writer->lock);
    due = due || writer->closing;
    change->items = items;
    change->item_count = gather_items(writer, batch, items);
    change->removals = removals;
    change->removal_count = writer->removal_count;
    memcpy(removals, writer->removals, writer->removal_count * sizeof *removals);
    writer->removal_count = 0;
    pthread_mutex_unlock(&writer->lock);
    /* Before rows must leave, the file learns which ones were used. */
    bool notes = due || disk_is_nearly_full(writer->disk);
    change->uses = writer->uses;
    change->use_count = notes ? gather_uses(writer) : 0;

    disk_outcome outcome = disk_write(writer->disk, change, &error);
    if (outcome == DISK_FINE) {
        settle_losses(writer, change);
        writer->noted_until = notes ? began : writer->noted_until;
        writer->note_at = due ? began + NOTE_SECONDS * SECOND : writer->note_at;
        writer->progress_at = clock_now_ns();
        writer->again =
            disk_is_overfull(writer->disk) && (change->evicted_count > 0 || disk_bytes(writer->disk) < bytes_before);
    }
    settle_items(writer, batch, items, change->item_count);
    if (outcome == DISK_FINE) {
        enter_state(writer, STATE_OK, "ok");
        add_from_memory(writer);
    } else {
        look_after(writer, outcome, &error);
    }
}

static void step(cache_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    disk_outcome reported = writer->reported;
    lumen_error report = writer->report;
    writer->reported = DISK_FINE;
    pthread_mutex_unlock(&writer->lock);
    if (reported != DISK_FINE && writer->state != STATE_DOWN)
        look_after(writer, reported, &report);
    if (writer->state == STATE_DOWN && (clock_now_ns() >= writer->retry_at || is_closing(writer)))
        open_file(writer, false);
    if (writer->state == STATE_STALLED)
        disk_tidy(writer->disk);
    if (writer->state != STATE_DOWN)
        write_round(writer);
}

/* ---- The thread ------------------------------------------------------------------------------------------------- */

/* With the lock held. */
static bool has_work(const cache_writer *writer, uint64_t now)
{
    if (writer->closing || writer->reported != DISK_FINE)
        return true;
    if (writer->state != STATE_OK)
        return now >= writer->retry_at;
    return writer->first != NULL || writer->removal_count > 0 || writer->again || now >= writer->note_at;
}

/* With the lock held. One last round at least, which notes what was used. */
static bool is_done(const cache_writer *writer, bool had_last_round, uint64_t now)
{
    return writer->closing && had_last_round &&
           (writer->first == NULL || writer->gave_up || now > writer->progress_at + CLOSE_SECONDS * SECOND);
}

static void *run(void *argument)
{
    cache_writer *writer = argument;
    bool had_last_round = false;
    pthread_mutex_lock(&writer->lock);
    for (;;) {
        uint64_t now = clock_now_ns();
        if (is_done(writer, had_last_round, now))
            break;
        if (!has_work(writer, now)) {
            uint64_t until = writer->state == STATE_OK ? writer->note_at : writer->retry_at;
            struct timespec due = {.tv_sec = (time_t)(until / SECOND), .tv_nsec = (long)(until % SECOND)};
            pthread_cond_timedwait(&writer->changed, &writer->lock, &due);
            continue;
        }
        if (writer->closing && !had_last_round) {
            had_last_round = true;
            writer->progress_at = now; /* from now on it has some time without progress */
        }
        pthread_mutex_unlock(&writer->lock);
        step(writer);
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

static bool start(cache_writer *writer)
{
    /* Signals are for the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&writer->thread, NULL, run, writer) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* ---- Opening and closing ---------------------------------------------------------------------------------------- */

static void destroy(cache_writer *writer)
{
    while (writer->first != NULL) {
        waiting_entry *item = writer->first;
        writer->first = item->next;
        free_waiting(item);
    }
    disk_destroy(writer->disk);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    free(writer->used);
    free(writer->uses);
    free(writer);
}

lumen_status writer_open(const cache_options *options, cache_memory *memory, cache_writer **out, lumen_error *error)
{
    *out = NULL;
    cache_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return lumen_fail_memory(error, "the cache");
    double retry = options->retry_seconds > 0.0 ? options->retry_seconds : RETRY_SECONDS;
    writer->memory = memory;
    writer->log = options->log;
    writer->pending_bytes_max = options->pending_bytes_max > 0 ? options->pending_bytes_max : PENDING_BYTES_MAX;
    writer->retry_nanoseconds = (uint64_t)(retry * (double)SECOND);
    writer->noted_until = clock_now_ns();
    writer->note_at = writer->noted_until + NOTE_SECONDS * SECOND;
    snprintf(writer->state_text, sizeof writer->state_text, "ok");
    atomic_init(&writer->losses, 0);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->changed, &clock);
    pthread_condattr_destroy(&clock);
    writer->disk = disk_create(options->folder, options->disk_bytes_max);
    writer->used = malloc(USES_MAX * sizeof *writer->used);
    writer->uses = malloc(USES_MAX * sizeof *writer->uses);
    if (writer->disk != NULL && writer->used != NULL && writer->uses != NULL) {
        open_file(writer, true);
        writer->again = writer->state == STATE_OK && disk_is_overfull(writer->disk);
        if (start(writer)) {
            *out = writer;
            return LUMEN_OK;
        }
    }
    destroy(writer);
    return lumen_fail_memory(error, "the cache");
}

void writer_close(cache_writer *writer)
{
    if (writer == NULL)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->closing = true;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    if (writer->waiting_items > 0)
        log_write(
            writer->log, LOG_WARNING, "shapes were not written to the disk cache",
            LOG_FIELDS(log_integer("count", (int64_t)writer->waiting_items), log_text("reason", writer->state_text)));
    destroy(writer);
}

/* ---- For those who read -------------------------------------------------------------------------------- */

cache_disk *writer_disk(cache_writer *writer)
{
    return writer->disk;
}

uint64_t writer_losses(const cache_writer *writer)
{
    return atomic_load(&writer->losses);
}

void writer_report(cache_writer *writer, uint64_t key, disk_outcome outcome, const disk_found *found,
                   const lumen_error *error)
{
    pthread_mutex_lock(&writer->lock);
    writer->faults++;
    if (outcome == DISK_BAD_ROW) {
        if (writer->removal_count < REMOVALS_MAX)
            writer->removals[writer->removal_count++] = (disk_removal){.key = key, .checksum = found->checksum};
    } else if (outcome != DISK_BUSY && outcome != DISK_SHUT && error->status != LUMEN_ERROR_MEMORY) {
        writer->reported = outcome;
        writer->report = *error;
    }
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    if (outcome == DISK_BAD_ROW)
        log_write(writer->log, LOG_WARNING, "a stored shape is damaged and is removed",
                  LOG_FIELDS(log_text("reason", error->message)));
}

void writer_read_figures(cache_writer *writer, cache_figures *figures)
{
    pthread_mutex_lock(&writer->lock);
    figures->disk.connected = writer->state == STATE_OK;
    figures->disk.evictions = writer->evictions;
    figures->disk.collisions = writer->collisions;
    figures->disk.faults = writer->faults;
    figures->pending_items = writer->waiting_items;
    figures->pending_bytes = writer->waiting_bytes;
    figures->writes = writer->writes;
    figures->writes_dropped = writer->dropped;
    snprintf(figures->disk_state, sizeof figures->disk_state, "%s", writer->state_text);
    pthread_mutex_unlock(&writer->lock);
    figures->disk.items = disk_items(writer->disk);
    figures->disk.bytes = disk_bytes(writer->disk);
}

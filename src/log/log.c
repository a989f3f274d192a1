#include "log/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "log/line.h"

enum {
    WAITING_BYTES = 1 << 20,      /* lines that may wait while others are being written */
    GATHER_NANOSECONDS = 5000000, /* how long lines gather between two writes under load */
    POLL_MILLISECONDS = 100,
    CLOSE_MILLISECONDS = 2000 /* how long log_close waits for a reader that takes nothing */
};

/* What the writer is doing, so that a caller makes the system call of waking it only where that is of use. */
typedef enum writer_state { WRITER_IDLE, WRITER_GATHERING, WRITER_WRITING } writer_state;

struct log_sink {
    int descriptor;
    log_line_style style;
    log_severity least;
    pthread_t writer;
    atomic_bool closing;
    atomic_uint_fast64_t dropped;
    uint64_t told; /* of those; the writer's own */
    int patience;  /* polls in vain that remain after closing; the writer's own */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    writer_state state;
    bool urgent;   /* write before the time of gathering is over */
    char *waiting; /* WAITING_BYTES, filled by the callers */
    char *writing; /* the same, the writer's; the two change places */
    size_t waiting_size;
};

/* ---- The writer's side --------------------------------------------------------------------------------- */

static size_t count_lines(const char *bytes, size_t size)
{
    size_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += bytes[i] == '\n';
    return lines;
}

/* As many whole lines as one write can put into a pipe at once; the rest of a line that was begun, alone. */
static size_t next_piece(const char *bytes, size_t size)
{
    size_t limit = size < LOG_LINE_BYTES ? size : LOG_LINE_BYTES;
    const char *end = memrchr(bytes, '\n', limit);
    return end != NULL ? (size_t)(end - bytes) + 1 : limit;
}

/* Writes whole lines, waiting for a slow reader as long as the sink is open. A pipe that polls ready takes PIPE_BUF
 * bytes, so that write(2) does not block, unless another process fills it in between. Returns how many bytes were
 * written. */
static size_t write_lines(log_sink *log, const char *bytes, size_t size)
{
    size_t written = 0;
    while (written < size && log->patience > 0) {
        struct pollfd ready = {.fd = log->descriptor, .events = POLLOUT};
        ssize_t count = 0;
        if (poll(&ready, 1, POLL_MILLISECONDS) > 0)
            count = write(log->descriptor, bytes + written, next_piece(bytes + written, size - written));
        if (count > 0) {
            written += (size_t)count;
            continue;
        }
        if (count < 0 && errno != EINTR && errno != EAGAIN)
            break;
        if (count < 0 && errno == EAGAIN)
            poll(NULL, 0, POLL_MILLISECONDS); /* said to be ready, and is not: a nap instead of a race */
        if (atomic_load(&log->closing))
            log->patience--;
    }
    return written;
}

static void tell_dropped(log_sink *log, uint64_t count)
{
    log_line line;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    log_field field = log_integer("lines", (int64_t)count);
    log_line_write(&line, log->style, &now, LOG_WARNING, "log lines were dropped: the reader of the log is too slow",
                   &field, 1);
    write_lines(log, line.bytes, line.size);
}

static void write_batch(log_sink *log, size_t size)
{
    size_t written = write_lines(log, log->writing, size);
    if (written < size)
        atomic_fetch_add(&log->dropped, count_lines(log->writing + written, size - written));
    uint64_t dropped = atomic_load(&log->dropped);
    if (dropped > log->told) {
        tell_dropped(log, dropped - log->told);
        log->told = dropped; /* whether or not it could be told: a log that is gone must not keep the thread busy */
    }
}

/* Waits for lines: at once after a time of silence, else until enough have gathered. With the lock held. */
static void await_lines(log_sink *log)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += GATHER_NANOSECONDS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    log->state = WRITER_GATHERING;
    int waited = 0;
    while (waited == 0 && !log->urgent && !atomic_load(&log->closing))
        waited = pthread_cond_timedwait(&log->wake, &log->lock, &until);
    log->state = WRITER_IDLE;
    while (log->waiting_size == 0 && !atomic_load(&log->closing))
        pthread_cond_wait(&log->wake, &log->lock);
    log->state = WRITER_WRITING;
}

static void *run_writer(void *argument)
{
    log_sink *log = argument;
    pthread_mutex_lock(&log->lock);
    while (log->waiting_size > 0 || !atomic_load(&log->closing)) {
        char *batch = log->waiting;
        size_t size = log->waiting_size;
        log->waiting = log->writing;
        log->writing = batch;
        log->waiting_size = 0;
        log->urgent = false;
        pthread_mutex_unlock(&log->lock);
        write_batch(log, size);
        pthread_mutex_lock(&log->lock);
        await_lines(log);
    }
    pthread_mutex_unlock(&log->lock);
    write_batch(log, 0); /* what was dropped meanwhile is told */
    return NULL;
}

/* ---- Opening and closing ------------------------------------------------------------------------------- */

static log_line_style choose_style(const log_options *options)
{
    bool terminal = isatty(options->descriptor) == 1;
    if (options->format == LOG_FORMAT_JSON || (options->format == LOG_FORMAT_AUTO && !terminal))
        return LOG_LINE_JSON;
    const char *no_color = getenv("NO_COLOR"); /* no-color.org */
    return terminal && (no_color == NULL || *no_color == 0) ? LOG_LINE_COLOR : LOG_LINE_PLAIN;
}

/* The writer takes no signals: those of the program are for its own threads, and a reader that left is an error of
 * write(2) here, not the end of the process. */
static int start_writer(log_sink *log)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&log->writer, NULL, run_writer, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

lumen_status log_open(const log_options *options, log_sink **out, lumen_error *error)
{
    *out = NULL;
    log_sink *log = calloc(1, sizeof *log);
    if (log == NULL)
        return lumen_fail_memory(error, "the log");
    log->descriptor = options->descriptor;
    log->style = choose_style(options);
    log->least = options->least;
    log->patience = CLOSE_MILLISECONDS / POLL_MILLISECONDS;
    log->state = WRITER_WRITING; /* the thread looks for lines before it first waits */
    pthread_mutex_init(&log->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&log->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    log->waiting = malloc(WAITING_BYTES);
    log->writing = malloc(WAITING_BYTES);
    if (log->waiting != NULL && log->writing != NULL && start_writer(log) == 0) {
        *out = log;
        return LUMEN_OK;
    }
    free(log->waiting);
    free(log->writing);
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->lock);
    free(log);
    return lumen_fail_memory(error, "the log");
}

void log_close(log_sink *log)
{
    if (log == NULL)
        return;
    pthread_mutex_lock(&log->lock);
    atomic_store(&log->closing, true);
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->writer, NULL);
    free(log->waiting);
    free(log->writing);
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

/* ---- The callers' side --------------------------------------------------------------------------------- */

bool log_wants(const log_sink *log, log_severity severity)
{
    return log != NULL && severity >= log->least;
}

void log_write(log_sink *log, log_severity severity, const char *message, const log_field *fields, size_t count)
{
    if (!log_wants(log, severity))
        return;
    log_line line;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    log_line_write(&line, log->style, &now, severity, message, fields, count);

    pthread_mutex_lock(&log->lock);
    if (line.size > WAITING_BYTES - log->waiting_size) {
        atomic_fetch_add(&log->dropped, 1);
    } else {
        memcpy(log->waiting + log->waiting_size, line.bytes, line.size);
        log->waiting_size += line.size;
    }
    /* What may be a program's last words does not wait for more to gather. */
    bool urgent = severity == LOG_ERROR || log->waiting_size > WAITING_BYTES / 2;
    bool wake = log->state == WRITER_IDLE || (log->state == WRITER_GATHERING && urgent && !log->urgent);
    log->urgent = log->urgent || urgent;
    if (log->state == WRITER_IDLE)
        log->patience = CLOSE_MILLISECONDS / POLL_MILLISECONDS;
    log->state = WRITER_WRITING; /* it is awake now: the next caller need not wake it again */
    pthread_mutex_unlock(&log->lock);
    if (wake)
        pthread_cond_signal(&log->wake);
}

uint64_t log_dropped(const log_sink *log)
{
    return log == NULL ? 0 : atomic_load(&log->dropped);
}

/*
 * log.h: one line per event, a JSON object for machines or colored text for a terminal.
 *
 *     log_sink *log;
 *     status = log_open(&(log_options){.descriptor = 2, .format = LOG_FORMAT_AUTO}, &log, &error);
 *     log_write(log, LOG_WARNING, "the cache folder is read-only",
 *               LOG_FIELDS(log_text("folder", path), log_integer("errno", errno)));
 *     log_close(log);                                      // writes what is left
 *
 * Lines are gathered in memory and written by a thread of the sink's own, so that a slow terminal or disk never
 * delays the caller: after a silence at once, under load every 5 ms, an error always at once. When more than a megabyte
 * waits, further lines are dropped, counted, and the count is told once there is room again. A process that is killed
 * loses the lines of its last 5 ms. A NULL sink is silence: every function takes it. All functions may be called from
 * any thread.
 *
 * A line is at most 4 KiB, so that processes which share a pipe (the service and its engine hosts) never mix theirs; a
 * text of more than 1.5 KiB is cut, and "cut": true says so. Nothing in a text can break a line or steer a terminal.
 */
#ifndef LUMEN_LOG_LOG_H
#define LUMEN_LOG_LOG_H

#include "lumen.h"

typedef struct log_sink log_sink;

typedef enum log_severity { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR } log_severity;

typedef enum log_format {
    LOG_FORMAT_AUTO, /* text on a terminal, JSON elsewhere */
    LOG_FORMAT_JSON,
    LOG_FORMAT_TEXT /* colored on a terminal, unless NO_COLOR is set in the environment */
} log_format;

typedef struct log_options {
    int descriptor; /* where to write, blocking or not; stays the caller's */
    log_format format;
    log_severity least; /* what is less severe is not written */
} log_options;

/* One fact of an event. Texts may hold anything; a byte that is not UTF-8 is written as \xff. */
typedef struct log_field {
    const char *name; /* snake_case, plain ASCII */
    enum { LOG_FIELD_TEXT, LOG_FIELD_INTEGER, LOG_FIELD_REAL, LOG_FIELD_BOOLEAN } kind;
    const char *text; /* NULL: the field is left out */
    int64_t integer;
    double real;
} log_field;

static inline log_field log_text(const char *name, const char *text)
{
    return (log_field){.name = name, .kind = LOG_FIELD_TEXT, .text = text};
}

static inline log_field log_integer(const char *name, int64_t value)
{
    return (log_field){.name = name, .kind = LOG_FIELD_INTEGER, .integer = value};
}

static inline log_field log_real(const char *name, double value)
{
    return (log_field){.name = name, .kind = LOG_FIELD_REAL, .real = value};
}

static inline log_field log_boolean(const char *name, bool value)
{
    return (log_field){.name = name, .kind = LOG_FIELD_BOOLEAN, .integer = value};
}

#define LOG_FIELDS(...)                                                                                                \
    ((const log_field[]){__VA_ARGS__}), (sizeof((const log_field[]){__VA_ARGS__}) / sizeof(log_field))
#define LOG_NO_FIELDS NULL, 0

/* Errors: LUMEN_ERROR_MEMORY. */
lumen_status log_open(const log_options *options, log_sink **out, lumen_error *error);

/* Writes what waits and gives everything back; NULL is fine. Gives up on a reader that takes nothing for 2 seconds. No
 * other call may be using the sink. */
void log_close(log_sink *log);

/* Whether a line of this severity would be written: spares the work of gathering costly fields. */
bool log_wants(const log_sink *log, log_severity severity);

/* A line: {"time": RFC 3339 in UTC with milliseconds, "severity": "INFO", "message": ..., fields...}; as text:
 * 08:16:12.345 INFO    message name=value name="a value". Reals that are no numbers are null. */
void log_write(log_sink *log, log_severity severity, const char *message, const log_field *fields, size_t count);

/* Lines lost so far because the reader of the log was too slow or is gone. */
uint64_t log_dropped(const log_sink *log);

#endif

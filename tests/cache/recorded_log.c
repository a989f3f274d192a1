#include "recorded_log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 512, LINE_BYTES = 1024 };

struct log_sink {
    pthread_mutex_t lock;
    size_t count;
    char lines[LINES_MAX][LINE_BYTES];
};

log_sink *recorded_log_open(void)
{
    log_sink *log = calloc(1, sizeof *log);
    if (log == NULL)
        abort();
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void recorded_log_close(log_sink *log)
{
    pthread_mutex_destroy(&log->lock);
    free(log);
}

void log_write(log_sink *log, log_severity severity, const char *message, const log_field *fields, size_t count)
{
    (void)severity;
    if (log == NULL)
        return;
    pthread_mutex_lock(&log->lock);
    if (log->count < LINES_MAX) {
        char *line = log->lines[log->count++];
        size_t at = (size_t)snprintf(line, LINE_BYTES, "%s", message);
        for (size_t i = 0; i < count && at < LINE_BYTES; i++)
            if (fields[i].text != NULL)
                at += (size_t)snprintf(line + at, LINE_BYTES - at, " | %s", fields[i].text);
    }
    pthread_mutex_unlock(&log->lock);
}

size_t recorded_log_count(log_sink *log, const char *text)
{
    size_t found = 0;
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->count; i++)
        found += strstr(log->lines[i], text) != NULL;
    pthread_mutex_unlock(&log->lock);
    return found;
}

void recorded_log_print(log_sink *log)
{
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->count; i++)
        fprintf(stderr, "log: %s\n", log->lines[i]);
    pthread_mutex_unlock(&log->lock);
}

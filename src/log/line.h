/*
 * line.h: one event as one line of bytes, for a machine (JSON) or for a person (text).
 *
 *     log_line line;
 *     log_line_write(&line, LOG_LINE_JSON, &now, LOG_INFO, "listening", fields, count);
 *     write(descriptor, line.bytes, line.size);                    // ends with a newline
 *
 * A line is at most PIPE_BUF bytes of Linux, so that one write(2) puts it whole into a pipe that several processes
 * share. A text takes at most 1.5 KiB of it. What does not fit is cut at a character or left out, and
 * "cut": true (" ..." in text) says so.
 */
#ifndef LUMEN_LOG_LINE_H
#define LUMEN_LOG_LINE_H

#include <time.h>

#include "log/log.h"

enum { LOG_LINE_BYTES = 4096 };

typedef enum log_line_style {
    LOG_LINE_JSON,
    LOG_LINE_PLAIN,
    LOG_LINE_COLOR /* with the escape sequences of a terminal */
} log_line_style;

typedef struct log_line {
    size_t size;
    char bytes[LOG_LINE_BYTES];
} log_line;

void log_line_write(log_line *line, log_line_style style, const struct timespec *now, log_severity severity,
                    const char *message, const log_field *fields, size_t count);

#endif

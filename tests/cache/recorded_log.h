/*
 * recorded_log.h: a log that only remembers, so that a test can ask what was said and how often. It stands in for
 * src/log, with the same functions.
 */
#ifndef LUMEN_TESTS_RECORDED_LOG_H
#define LUMEN_TESTS_RECORDED_LOG_H

#include "log/log.h"

log_sink *recorded_log_open(void);
void recorded_log_close(log_sink *log);

/* How many lines hold `text` in their message or in a field. */
size_t recorded_log_count(log_sink *log, const char *text);

/* For a person, when a test failed. */
void recorded_log_print(log_sink *log);

#endif

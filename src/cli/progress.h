/*
 * progress.h: one line on a terminal that says how far a list is; nothing in a pipe.
 */
#ifndef LUMEN_CLI_PROGRESS_H
#define LUMEN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct progress_bar {
    bool shown;
    size_t total;
    double started; /* seconds */
    double drawn;   /* when the line was last drawn */
} progress_bar;

/* Shows a bar on standard error when that is a terminal, `wanted`, and there is more than one thing to do. */
void progress_open(progress_bar *bar, size_t total, bool wanted);

/* `done` of the total are done; `label` is what is next. */
void progress_show(progress_bar *bar, size_t done, const char *label);

/* The same in bytes, of a `total` that may still grow, at a rate in bytes a second. */
void progress_show_bytes(progress_bar *bar, uint64_t done, uint64_t total, double rate, const char *label);

/* Takes the line away, before anything else is printed or at the end. */
void progress_clear(const progress_bar *bar);

#endif

/*
 * failing.h: allocations that fail on purpose.
 *
 *     failing_begin(n, FAILING_OWN);        // the n-th piece of memory asked for from now on is refused, 0 the first
 *     status = ...;
 *     reached = failing_end();              // none is any more; false: fewer than n + 1 were asked for
 *
 * Counted is what the rooms of this program ask of the C library and the system: the linker turns their malloc, calloc,
 * realloc, reallocarray, aligned_alloc, strdup, mmap and fopen to the functions here (meson.build). What shared
 * libraries ask for themselves (oneDNN, OpenMP, the C library) does not come here; Jansson is asked to, where a test
 * says so. The operators' question before each piece (failing_allow) counts as well: it stands for pieces that are made
 * inside oneDNN and for activations, whose arena has all its addresses from the start.
 */
#ifndef TESTS_NETWORKS_FAILING_H
#define TESTS_NETWORKS_FAILING_H

#include <stdbool.h>
#include <stddef.h>

typedef enum failing_who { FAILING_OWN, FAILING_OWN_AND_JSON } failing_who;

void failing_begin(size_t nth, failing_who who);
bool failing_end(void);

/* For operators_options and sdxl_turbo_options. */
bool failing_allow(void *user, size_t bytes);

/* Between these two nothing counts: for what a test makes for itself meanwhile. */
void failing_pause(void);
void failing_resume(void);

#endif

/*
 * refuse.h: a piece of work from which each piece of memory is taken in turn.
 *
 *     static lumen_status open_it(void *path, lumen_error *error) { ... }
 *     assert_true(refuse_each(open_it, path, FAILING_OWN) > 20);
 *
 * Each time there must be an error of memory with a message; under AddressSanitizer nothing may be left behind.
 */
#ifndef TESTS_NETWORKS_REFUSE_H
#define TESTS_NETWORKS_REFUSE_H

#include "failing.h"
#include "networks/layers.h"

/* One piece of work that may run out of memory, and leaves nothing behind. */
typedef lumen_status attempt(void *user, lumen_error *error);

/* Refuses each piece of memory in turn, until the work needs no more. Returns how many it needs, about. The second
 * takes one of `stride` pieces only, for what takes long. */
size_t refuse_each(attempt *work, void *user, failing_who who);
size_t refuse_every(size_t stride, attempt *work, void *user, failing_who who);

/* made_up's weights (made_up.h), whose making takes memory of the test's own, which does not count: they are made once
 * for all attempts, until they are forgotten. */
extern const weight_source quiet_weights;
void forget_quiet_weights(void);

#endif

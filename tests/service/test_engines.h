/*
 * test_engines.h: engines for testing the service: they wait, fail, crash and hang, and otherwise sculpt what the
 * procedural engine does. The answer's pipeline names them.
 *
 *     test-1ms, test-100ms, test-5s   wait so long in stage "wait", then sculpt
 *     test-fail                       fails
 *     test-crash                      abort()
 *     test-hang                       never returns, and does not hear a cancel
 *
 *     static const serve_program program = {.offer = test_engines_offer, .open_library = test_engines_open_library};
 */
#ifndef LUMEN_TESTS_TEST_ENGINES_H
#define LUMEN_TESTS_TEST_ENGINES_H

#include "host/host.h"

/* As lumen_engines_offer and lumen_engines_open_library, with the engines above. One library a process. */
lumen_status test_engines_offer(const char *concepts, host_engines *out, lumen_error *error);
lumen_status test_engines_open_library(const char *concepts, const char *folder, uint64_t memory_budget, lumen **out,
                                       lumen_error *error);

#endif

/*
 * error.h: how every room of Lumen reports a failure.
 *
 *     if (count > limit)
 *         return lumen_fail(error, LUMEN_ERROR_INVALID, "%s has %zu rows, more than %zu; split it", name, count,
 * limit);
 *
 * A message names the thing, the reason and the mend.
 */
#ifndef LUMEN_BASE_ERROR_H
#define LUMEN_BASE_ERROR_H

#include "lumen.h"

/* Writes the message into `error` (may be NULL) and returns `status`, so that a caller can return it on. */
lumen_status lumen_fail(lumen_error *error, lumen_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The usual message for an allocation that failed. `what` names what was being made. */
lumen_status lumen_fail_memory(lumen_error *error, const char *what);

#endif

/*
 * job_routes.h: what the service's table of jobs asks of the rest of it (job_hooks of jobs.h).
 */
#ifndef LUMEN_SERVICE_JOB_ROUTES_H
#define LUMEN_SERVICE_JOB_ROUTES_H

#include "service/internal.h"

/* What a job has to show of a shape. */
job_result job_result_of_entry(const cache_entry *entry, bool found);

/* job_hooks.again, with the service as `user`. */
bool job_begin_again(void *user, job *one, const void *again, const executor_outcome *outcome,
                     const executor_party *party, job_instead *instead);

#endif

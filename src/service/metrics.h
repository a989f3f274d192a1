/*
 * metrics.h: counters, gauges and histograms, as JSON and in the Prometheus text format.
 *
 *     metrics *all = metrics_create();
 *     metric *requests = metrics_counter(all, "lumen_requests_total", "Requests answered.", "route", "status", NULL);
 *     metric_series *one = metric_with(requests, "/generate", "200");          // looked up once, then kept
 *     metric_add(one, 1);
 *     metric *stages = metrics_histogram(all, "lumen_stage_seconds", "Time in a stage.", bounds, n, "stage", NULL);
 *     metric_observe(metric_with(stages, "mesh"), 0.0021);
 *     metric_set(metric_with(loaded, "procedural"), 1);
 *     metrics_prometheus(all, &buffer);                                        // text exposition 0.0.4
 *
 * Adding and observing are atomic and take no lock: a few nanoseconds, for counters and histograms in one of several
 * cells between which threads are spread. metric_with takes a lock only for a series that is new and may be called from
 * any thread: its series lives as long as the registry. A metric holds at most 256 series; the one beyond is a series
 * whose labels are all "other", so that no client can grow the memory. Values of labels are cut to 95 bytes, made valid
 * UTF-8, and escaped on the way out. Metrics are made before the registry is shared.
 *
 * Who reads while others write sees each number at some moment, not all at the same one; a histogram's count is always
 * the sum of its buckets.
 */
#ifndef LUMEN_SERVICE_METRICS_H
#define LUMEN_SERVICE_METRICS_H

#include "base/buffer.h"

typedef struct metrics metrics;
typedef struct metric metric;
typedef struct metric_series metric_series;

enum { METRIC_LABELS_MAX = 4, METRIC_BOUNDS_MAX = 24, METRIC_SERIES_MAX = 256 };

metrics *metrics_create(void);
void metrics_destroy(metrics *all);

/* Label names follow, at most METRIC_LABELS_MAX, ended by NULL. Names and help live as long as the registry (string
 * constants). A metric without labels has its one series, at zero, from the beginning. `bounds` rise; the last bucket,
 * up to infinity, comes by itself. NULL when memory runs out or limits are passed: every function takes a NULL metric
 * or series and does nothing. */
metric *metrics_counter(metrics *all, const char *name, const char *help, ...) __attribute__((sentinel));
metric *metrics_gauge(metrics *all, const char *name, const char *help, ...) __attribute__((sentinel));
metric *metrics_histogram(metrics *all, const char *name, const char *help, const double *bounds, size_t bound_count,
                          ...) __attribute__((sentinel));

/* The series with these label values (const char *, as many as there are labels; NULL is ""). */
metric_series *metric_with(metric *of, ...);

void metric_add(metric_series *series, double amount); /* counters and gauges */
/* Gauges; and counters that are kept elsewhere and mirrored, which then nobody adds to. */
void metric_set(metric_series *series, double value);
void metric_observe(metric_series *series, double value); /* histograms; a NaN is no observation */

/* For tests and for JSON. */
double metric_value(const metric_series *series); /* of a histogram: the count */
double metric_sum(const metric_series *series);   /* of a histogram */
/* By linear interpolation in its bucket, as Prometheus does it; the last bound for what lies beyond; 0 without values.
 */
double metric_quantile(const metric_series *series, double q);

/* Calls `each` for every series of a metric, in the order in which they were made: its label values in order. */
void metric_each(metric *of, void (*each)(void *user, const char *const *values, metric_series *series), void *user);

/* Appends the text exposition format 0.0.4. */
void metrics_prometheus(metrics *all, buffer *out);

#endif

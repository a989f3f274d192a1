/* What is counted and observed comes out again, exactly, in the text that Prometheus reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>

#include "service/metrics.h"

static void check_text(metrics *all, const char *expected)
{
    buffer out;
    buffer_open(&out, 1u << 20);
    metrics_prometheus(all, &out);
    buffer_u8(&out, 0);
    assert_false(buffer_failed(&out));
    assert_string_equal((const char *)out.data, expected);
    buffer_close(&out);
}

static void counters_gauges_and_histograms_are_written_as_prometheus_reads_them(void **state)
{
    (void)state;
    static const double bounds[] = {0.005, 0.1, 1.0};
    metrics *all = metrics_create();
    metric *requests = metrics_counter(all, "lumen_requests_total", "Requests answered.", "route", "status", NULL);
    metric *depth = metrics_gauge(all, "lumen_queue_depth", "Flights that wait.", NULL);
    metric *stages = metrics_histogram(all, "lumen_stage_seconds", "Time in a stage.", bounds, 3, "stage", NULL);
    metric_add(metric_with(requests, "/generate", "200"), 2);
    metric_add(metric_with(requests, "/health", "200"), 1);
    metric_add(metric_with(requests, "/generate", "200"), 1);
    metric_set(metric_with(depth), 7);
    metric_add(metric_with(depth), -2.5);
    metric_observe(metric_with(stages, "mesh"), 0.005); /* a bound belongs to its bucket */
    metric_observe(metric_with(stages, "mesh"), 0.0625);
    metric_observe(metric_with(stages, "mesh"), 3.0);
    check_text(all, "# HELP lumen_requests_total Requests answered.\n"
                    "# TYPE lumen_requests_total counter\n"
                    "lumen_requests_total{route=\"/generate\",status=\"200\"} 3\n"
                    "lumen_requests_total{route=\"/health\",status=\"200\"} 1\n"
                    "# HELP lumen_queue_depth Flights that wait.\n"
                    "# TYPE lumen_queue_depth gauge\n"
                    "lumen_queue_depth 4.5\n"
                    "# HELP lumen_stage_seconds Time in a stage.\n"
                    "# TYPE lumen_stage_seconds histogram\n"
                    "lumen_stage_seconds_bucket{stage=\"mesh\",le=\"0.005\"} 1\n"
                    "lumen_stage_seconds_bucket{stage=\"mesh\",le=\"0.1\"} 2\n"
                    "lumen_stage_seconds_bucket{stage=\"mesh\",le=\"1\"} 2\n"
                    "lumen_stage_seconds_bucket{stage=\"mesh\",le=\"+Inf\"} 3\n"
                    "lumen_stage_seconds_sum{stage=\"mesh\"} 3.0675\n"
                    "lumen_stage_seconds_count{stage=\"mesh\"} 3\n");
    metrics_destroy(all);
}

static void a_metric_without_labels_is_there_from_the_beginning(void **state)
{
    (void)state;
    static const double bounds[] = {1.0};
    metrics *all = metrics_create();
    metrics_counter(all, "lumen_crashes_total", "Crashes.", NULL);
    metrics_histogram(all, "lumen_seconds", "Seconds.", bounds, 1, NULL);
    check_text(all, "# HELP lumen_crashes_total Crashes.\n# TYPE lumen_crashes_total counter\nlumen_crashes_total 0\n"
                    "# HELP lumen_seconds Seconds.\n# TYPE lumen_seconds histogram\n"
                    "lumen_seconds_bucket{le=\"1\"} 0\nlumen_seconds_bucket{le=\"+Inf\"} 0\n"
                    "lumen_seconds_sum 0\nlumen_seconds_count 0\n");
    metrics_destroy(all);
}

static void label_values_are_escaped_and_made_valid(void **state)
{
    (void)state;
    metrics *all = metrics_create();
    metric *one = metrics_gauge(all, "lumen_model_loaded", "A \\ and\na new line, \"quoted\".", "model", NULL);
    char value[200];
    memset(value, 'x', sizeof value);
    memcpy(value, "a\"b\\c\nd\xff\xc3\xa9\xe2\x82", 12);
    value[94] = '\xc3'; /* a character of two bytes where the value is cut */
    value[95] = '\xa9';
    value[199] = 0;
    metric_set(metric_with(one, value), 1);
    metric_set(metric_with(one, NULL), 2);
    char expected[512];
    snprintf(expected, sizeof expected,
             "# HELP lumen_model_loaded A \\\\ and\\na new line, \"quoted\".\n# TYPE lumen_model_loaded gauge\n"
             "lumen_model_loaded{model=\"a\\\"b\\\\c\\nd?\xc3\xa9??%.*s\"} 1\n"
             "lumen_model_loaded{model=\"\"} 2\n",
             94 - 12, value + 12);
    check_text(all, expected);
    metrics_destroy(all);
}

static void numbers_come_out_as_they_went_in(void **state)
{
    (void)state;
    metrics *all = metrics_create();
    metric *one = metrics_gauge(all, "g", "G.", "n", NULL);
    static const struct {
        double value;
        const char *text;
    } numbers[] = {
        {0.1, "0.1"},   {1.0 / 3.0, "0.3333333333333333"}, {123456789012.0, "123456789012"}, {1e21, "1e+21"},
        {-0.5, "-0.5"}, {(double)INFINITY, "+Inf"},        {-(double)INFINITY, "-Inf"},      {(double)NAN, "NaN"}};
    char expected[1024] = "# HELP g G.\n# TYPE g gauge\n";
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", i);
        metric_set(metric_with(one, name), numbers[i].value);
        size_t length = strlen(expected);
        snprintf(expected + length, sizeof expected - length, "g{n=\"%zu\"} %s\n", i, numbers[i].text);
    }
    check_text(all, expected);
    metrics_destroy(all);
}

static void equal_labels_are_one_series(void **state)
{
    (void)state;
    metrics *all = metrics_create();
    metric *one = metrics_counter(all, "c_total", "C.", "a", "b", NULL);
    metric_series *series = metric_with(one, "x", "yz");
    assert_ptr_equal(metric_with(one, "x", "yz"), series);
    assert_ptr_not_equal(metric_with(one, "xy", "z"), series); /* the same letters, other values */
    assert_ptr_not_equal(metric_with(one, "x", ""), series);
    metrics_destroy(all);
}

static void no_client_can_make_more_series_than_there_may_be(void **state)
{
    (void)state;
    metrics *all = metrics_create();
    metric *one = metrics_counter(all, "c_total", "C.", "path", "method", NULL);
    for (int i = 0; i < METRIC_SERIES_MAX; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i);
        metric_add(metric_with(one, path, "GET"), 1);
    }
    metric_series *other = metric_with(one, "/one too many", "GET");
    assert_ptr_equal(metric_with(one, "/and another", "PUT"), other);
    assert_ptr_equal(metric_with(one, "other", "other"), other);
    metric_add(other, 5);
    assert_true(metric_value(metric_with(one, "/17", "GET")) == 1.0); /* the first ones are still themselves */
    assert_true(metric_value(other) == 5.0);
    buffer out;
    buffer_open(&out, 1u << 20);
    metrics_prometheus(all, &out);
    buffer_u8(&out, 0);
    assert_non_null(strstr((const char *)out.data, "c_total{path=\"other\",method=\"other\"} 5\n"));
    buffer_close(&out);
    metrics_destroy(all);
}

static void collect_sum(void *user, const char *const *values, metric_series *series)
{
    double *sums = user;
    sums[values[0][0] - '0'] += metric_value(series);
}

static void each_series_can_be_visited(void **state)
{
    (void)state;
    metrics *all = metrics_create();
    metric *one = metrics_counter(all, "c_total", "C.", "class", "route", NULL);
    metric_add(metric_with(one, "2", "/"), 1);
    metric_add(metric_with(one, "2", "/generate"), 2);
    metric_add(metric_with(one, "5", "/generate"), 4);
    double sums[10] = {0};
    metric_each(one, collect_sum, sums);
    assert_true(sums[2] == 3.0 && sums[5] == 4.0);
    metrics_destroy(all);
}

static void quantiles_lie_where_prometheus_finds_them(void **state)
{
    (void)state;
    static const double bounds[] = {1.0, 2.0, 4.0};
    metrics *all = metrics_create();
    metric_series *one = metric_with(metrics_histogram(all, "h", "H.", bounds, 3, NULL));
    assert_true(metric_quantile(one, 0.5) == 0.0); /* nothing observed */
    for (int i = 0; i < 10; i++) {
        metric_observe(one, 0.5);
        metric_observe(one, 3.0);
    }
    assert_float_equal(metric_quantile(one, 0.25), 0.5, 1e-12); /* the middle of the first bucket */
    assert_float_equal(metric_quantile(one, 0.5), 1.0, 1e-12);
    assert_float_equal(metric_quantile(one, 0.75), 3.0, 1e-12); /* the middle of the third */
    assert_float_equal(metric_quantile(one, 1.0), 4.0, 1e-12);
    for (int i = 0; i < 980; i++)
        metric_observe(one, 1e9);
    assert_float_equal(metric_quantile(one, 0.99), 4.0, 1e-12); /* beyond the last bound */
    assert_true(metric_value(one) == 1000.0);
    assert_true(metric_sum(one) == 980e9 + 35.0);
    metric_observe(one, (double)NAN);
    assert_true(metric_value(one) == 1000.0);
    metrics_destroy(all);
}

static void nothing_in_gives_nothing_out(void **state)
{
    (void)state;
    metric_add(NULL, 1);
    metric_set(NULL, 1);
    metric_observe(NULL, 1);
    assert_true(metric_value(NULL) == 0.0 && metric_sum(NULL) == 0.0 && metric_quantile(NULL, 0.5) == 0.0);
    assert_null(metric_with(NULL, "x"));
    assert_null(metrics_counter(NULL, "c_total", "C.", NULL));
    metric_each(NULL, collect_sum, NULL);
    metrics_destroy(NULL);
}

/* ---- Threads ------------------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 20000 };

typedef struct crowd {
    metrics *all;
    metric *counter, *gauge, *histogram;
} crowd;

static void *count_up(void *argument)
{
    crowd *here = argument;
    for (int i = 0; i < ROUNDS; i++) {
        char route[8];
        snprintf(route, sizeof route, "%d", i % 50);
        metric_add(metric_with(here->counter, route), 1);
        metric_add(metric_with(here->gauge), i % 2 == 0 ? 1 : -1);
        metric_observe(metric_with(here->histogram), 0.25);
    }
    return NULL;
}

static void *read_on(void *argument)
{
    crowd *here = argument;
    buffer out;
    buffer_open(&out, 1u << 20);
    for (int i = 0; i < 50; i++) {
        out.size = 0;
        metrics_prometheus(here->all, &out);
    }
    buffer_close(&out);
    return NULL;
}

static void sum_up(void *user, const char *const *values, metric_series *series)
{
    (void)values;
    *(double *)user += metric_value(series);
}

static void many_threads_lose_no_count(void **state)
{
    (void)state;
    static const double bounds[] = {0.1, 1.0};
    crowd here = {.all = metrics_create()};
    here.counter = metrics_counter(here.all, "c_total", "C.", "route", NULL);
    here.gauge = metrics_gauge(here.all, "g", "G.", NULL);
    here.histogram = metrics_histogram(here.all, "h", "H.", bounds, 2, NULL);
    pthread_t threads[THREADS + 1];
    for (int i = 0; i <= THREADS; i++)
        pthread_create(&threads[i], NULL, i < THREADS ? count_up : read_on, &here);
    for (int i = 0; i <= THREADS; i++)
        pthread_join(threads[i], NULL);
    double sum = 0.0;
    metric_each(here.counter, sum_up, &sum);
    assert_true(sum == THREADS * ROUNDS);
    assert_true(metric_value(metric_with(here.gauge)) == 0.0);
    assert_true(metric_value(metric_with(here.histogram)) == THREADS * ROUNDS);
    assert_true(metric_sum(metric_with(here.histogram)) == 0.25 * (double)(THREADS * ROUNDS));
    metrics_destroy(here.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_gauges_and_histograms_are_written_as_prometheus_reads_them),
        cmocka_unit_test(a_metric_without_labels_is_there_from_the_beginning),
        cmocka_unit_test(label_values_are_escaped_and_made_valid),
        cmocka_unit_test(numbers_come_out_as_they_went_in),
        cmocka_unit_test(equal_labels_are_one_series),
        cmocka_unit_test(no_client_can_make_more_series_than_there_may_be),
        cmocka_unit_test(each_series_can_be_visited),
        cmocka_unit_test(quantiles_lie_where_prometheus_finds_them),
        cmocka_unit_test(nothing_in_gives_nothing_out),
        cmocka_unit_test(many_threads_lose_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

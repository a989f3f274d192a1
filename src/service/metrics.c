#include "service/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/random.h"

enum {
    METRICS_MAX = 128,
    STRIPES = 16,     /* cells of a series that threads share out between them */
    VALUE_BYTES = 96, /* of a label's value and its zero */
    CACHE_LINE = 64
};

typedef enum metric_kind { COUNTER, GAUGE, HISTOGRAM } metric_kind;

/* A number that many threads add to. Doubles have no atomic addition, so they are exchanged as long as it takes. */
typedef struct cell {
    _Alignas(CACHE_LINE) _Atomic double sum; /* the value of a counter or gauge */
    atomic_uint_fast64_t buckets[];          /* of a histogram: `bound_count` + 1, each for itself */
} cell;

struct metric_series {
    const metric *of;
    unsigned char *cells;
    char *values[METRIC_LABELS_MAX];
};

struct metric {
    metric_kind kind;
    const char *name, *help;
    const char *labels[METRIC_LABELS_MAX];
    size_t label_count;
    double bounds[METRIC_BOUNDS_MAX];
    size_t bound_count;
    size_t stripes, cell_bytes;

    pthread_mutex_t lock;                   /* taken to add a series; finding one needs none */
    atomic_size_t count;                    /* series that may be read */
    uint64_t hashes[METRIC_SERIES_MAX + 1]; /* of their values */
    metric_series *series[METRIC_SERIES_MAX + 1];
};

struct metrics {
    metric *list[METRICS_MAX];
    size_t count;
};

/* ---- Cells --------------------------------------------------------------------------------------------- */

static cell *cell_at(const metric_series *series, size_t stripe)
{
    return (cell *)(void *)(series->cells + stripe * series->of->cell_bytes);
}

/* Each thread keeps to one stripe, so that two which count the same thing seldom wait for each other's cache line.
 * Where two threads meet in a stripe the sums are right all the same. */
static cell *own_cell(const metric_series *series)
{
    return cell_at(series, series->of->stripes == 1 ? 0 : random_hash((uintptr_t)pthread_self()) % STRIPES);
}

static void add_to(_Atomic double *sum, double amount)
{
    double before = atomic_load_explicit(sum, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(sum, &before, before + amount, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

void metric_add(metric_series *series, double amount)
{
    if (series != NULL && series->of->kind != HISTOGRAM)
        add_to(&own_cell(series)->sum, amount);
}

void metric_set(metric_series *series, double value)
{
    if (series == NULL || series->of->kind == HISTOGRAM)
        return;
    for (size_t i = 1; i < series->of->stripes; i++)
        atomic_store_explicit(&cell_at(series, i)->sum, 0.0, memory_order_relaxed);
    atomic_store_explicit(&cell_at(series, 0)->sum, value, memory_order_relaxed);
}

void metric_observe(metric_series *series, double value)
{
    if (series == NULL || series->of->kind != HISTOGRAM || isnan(value))
        return;
    const metric *of = series->of;
    size_t bucket = 0;
    while (bucket < of->bound_count && value > of->bounds[bucket])
        bucket++;
    cell *mine = own_cell(series);
    atomic_fetch_add_explicit(&mine->buckets[bucket], 1, memory_order_relaxed);
    add_to(&mine->sum, value);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

double metric_sum(const metric_series *series)
{
    double sum = 0.0;
    for (size_t i = 0; series != NULL && i < series->of->stripes; i++)
        sum += atomic_load_explicit(&cell_at(series, i)->sum, memory_order_relaxed);
    return sum;
}

/* Adds up the buckets of a histogram; counts[i] are the values up to bounds[i] alone. Returns how many there are. */
static uint64_t read_buckets(const metric_series *series, uint64_t counts[METRIC_BOUNDS_MAX + 1])
{
    uint64_t total = 0;
    memset(counts, 0, (METRIC_BOUNDS_MAX + 1) * sizeof counts[0]);
    for (size_t i = 0; i < series->of->stripes; i++)
        for (size_t k = 0; k <= series->of->bound_count; k++) {
            uint64_t count = atomic_load_explicit(&cell_at(series, i)->buckets[k], memory_order_relaxed);
            counts[k] += count;
            total += count;
        }
    return total;
}

double metric_value(const metric_series *series)
{
    uint64_t counts[METRIC_BOUNDS_MAX + 1];
    if (series == NULL || series->of->kind != HISTOGRAM)
        return metric_sum(series);
    return (double)read_buckets(series, counts);
}

double metric_quantile(const metric_series *series, double q)
{
    uint64_t counts[METRIC_BOUNDS_MAX + 1];
    if (series == NULL || series->of->kind != HISTOGRAM || series->of->bound_count == 0)
        return 0.0;
    const metric *of = series->of;
    uint64_t total = read_buckets(series, counts);
    if (total == 0)
        return 0.0;
    double rank = q * (double)total, below = 0.0;
    for (size_t i = 0; i < of->bound_count; i++) {
        double count = (double)counts[i];
        if (count > 0.0 && below + count >= rank) {
            double low = i > 0 ? of->bounds[i - 1] : of->bounds[0] > 0.0 ? 0.0 : of->bounds[0];
            double share = rank > below ? (rank - below) / count : 0.0;
            return low + (of->bounds[i] - low) * share;
        }
        below += count;
    }
    return of->bounds[of->bound_count - 1]; /* beyond the last bound nothing more is known */
}

/* ---- Series -------------------------------------------------------------------------------------------- */

static uint64_t hash_values(const char *const *values, size_t count)
{
    uint64_t hash = FNV_START;
    for (size_t i = 0; i < count; i++)
        hash = fnv1a(hash, values[i], strlen(values[i]) + 1);
    return hash;
}

/* The series with these values among the first `count`. */
static metric_series *find_series(const metric *of, size_t count, uint64_t hash, const char *const *values)
{
    for (size_t i = 0; i < count; i++) {
        size_t equal = 0;
        if (of->hashes[i] != hash)
            continue;
        while (equal < of->label_count && strcmp(of->series[i]->values[equal], values[equal]) == 0)
            equal++;
        if (equal == of->label_count)
            return of->series[i];
    }
    return NULL;
}

static void free_series(metric_series *series)
{
    if (series == NULL)
        return;
    for (size_t i = 0; i < METRIC_LABELS_MAX; i++)
        free(series->values[i]);
    free(series->cells);
    free(series);
}

static metric_series *make_series(const metric *of, const char *const *values)
{
    metric_series *series = calloc(1, sizeof *series);
    if (series == NULL)
        return NULL;
    series->of = of;
    /* Positive zero is all bits clear, as a double and as a count. */
    series->cells = aligned_alloc(CACHE_LINE, of->stripes * of->cell_bytes);
    bool whole = series->cells != NULL;
    if (whole)
        memset(series->cells, 0, of->stripes * of->cell_bytes);
    for (size_t i = 0; i < of->label_count && whole; i++)
        whole = (series->values[i] = strdup(values[i])) != NULL;
    if (whole)
        return series;
    free_series(series);
    return NULL;
}

/* Finds or adds a series. The arrays only grow, and what stands below `count` never changes: readers need no lock. */
static metric_series *series_of(metric *of, const char *const *values)
{
    static const char *const others[METRIC_LABELS_MAX] = {"other", "other", "other", "other"};
    uint64_t hash = hash_values(values, of->label_count);
    metric_series *one = find_series(of, atomic_load_explicit(&of->count, memory_order_acquire), hash, values);
    if (one != NULL)
        return one;
    pthread_mutex_lock(&of->lock);
    size_t count = atomic_load_explicit(&of->count, memory_order_relaxed);
    one = find_series(of, count, hash, values);
    if (one == NULL && count >= METRIC_SERIES_MAX) {
        hash = hash_values(others, of->label_count);
        values = others;
        one = find_series(of, count, hash, values);
    }
    if (one == NULL && (one = make_series(of, values)) != NULL) {
        of->hashes[count] = hash;
        of->series[count] = one;
        atomic_store_explicit(&of->count, count + 1, memory_order_release);
    }
    pthread_mutex_unlock(&of->lock);
    return one;
}

/* Copies a label's value as the format wants it: valid UTF-8, each byte that is not as a question mark, and not longer
 * than a label should be. */
static void copy_value(char out[VALUE_BYTES], const char *value)
{
    size_t size = 0, left = strnlen(value, VALUE_BYTES);
    while (left > 0) {
        utf8proc_int32_t character;
        utf8proc_ssize_t taken = 1;
        if ((unsigned char)*value >= 0x80) /* most values are plain ASCII, and this runs for every request */
            taken =
                utf8proc_iterate((const utf8proc_uint8_t *)value, (utf8proc_ssize_t)(left < 4 ? left : 4), &character);
        size_t length = taken > 0 ? (size_t)taken : 1;
        if (size + length >= VALUE_BYTES)
            break;
        for (size_t i = 0; i < length; i++)
            out[size++] = taken > 0 ? value[i] : '?';
        value += length;
        left -= length;
    }
    out[size] = 0;
}

metric_series *metric_with(metric *of, ...)
{
    if (of == NULL)
        return NULL;
    char copies[METRIC_LABELS_MAX][VALUE_BYTES];
    const char *values[METRIC_LABELS_MAX];
    va_list arguments;
    va_start(arguments, of);
    for (size_t i = 0; i < of->label_count; i++) {
        const char *value = va_arg(arguments, const char *);
        copy_value(copies[i], value == NULL ? "" : value);
        values[i] = copies[i];
    }
    va_end(arguments);
    return series_of(of, values);
}

void metric_each(metric *of, void (*each)(void *user, const char *const *values, metric_series *series), void *user)
{
    size_t count = of == NULL ? 0 : atomic_load_explicit(&of->count, memory_order_acquire);
    for (size_t i = 0; i < count; i++) {
        const char *values[METRIC_LABELS_MAX] = {0};
        for (size_t k = 0; k < of->label_count; k++)
            values[k] = of->series[i]->values[k];
        each(user, values, of->series[i]);
    }
}

/* ---- The registry -------------------------------------------------------------------------------------- */

metrics *metrics_create(void)
{
    return calloc(1, sizeof(metrics));
}

void metrics_destroy(metrics *all)
{
    if (all == NULL)
        return;
    for (size_t i = 0; i < all->count; i++) {
        metric *one = all->list[i];
        for (size_t k = 0; k < METRIC_SERIES_MAX + 1; k++)
            free_series(one->series[k]);
        pthread_mutex_destroy(&one->lock);
        free(one);
    }
    free(all);
}

static size_t round_to_line(size_t bytes)
{
    return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static metric *add_metric(metrics *all, metric_kind kind, const char *name, const char *help, const double *bounds,
                          size_t bound_count, va_list labels)
{
    if (all == NULL || all->count == METRICS_MAX || bound_count > METRIC_BOUNDS_MAX)
        return NULL;
    metric *one = calloc(1, sizeof *one);
    if (one == NULL)
        return NULL;
    one->kind = kind;
    one->name = name;
    one->help = help;
    for (const char *label; one->label_count < METRIC_LABELS_MAX && (label = va_arg(labels, const char *)) != NULL;)
        one->labels[one->label_count++] = label;
    if (bound_count > 0)
        memcpy(one->bounds, bounds, bound_count * sizeof bounds[0]);
    one->bound_count = bound_count;
    one->stripes = kind == GAUGE ? 1 : STRIPES;
    one->cell_bytes =
        round_to_line(offsetof(cell, buckets) + (kind == HISTOGRAM ? bound_count + 1 : 0) * sizeof(uint64_t));
    pthread_mutex_init(&one->lock, NULL);
    all->list[all->count++] = one;
    if (one->label_count == 0)
        series_of(one, NULL); /* the only one there can be is there from the beginning, at zero */
    return one;
}

metric *metrics_counter(metrics *all, const char *name, const char *help, ...)
{
    va_list labels;
    va_start(labels, help);
    metric *one = add_metric(all, COUNTER, name, help, NULL, 0, labels);
    va_end(labels);
    return one;
}

metric *metrics_gauge(metrics *all, const char *name, const char *help, ...)
{
    va_list labels;
    va_start(labels, help);
    metric *one = add_metric(all, GAUGE, name, help, NULL, 0, labels);
    va_end(labels);
    return one;
}

metric *metrics_histogram(metrics *all, const char *name, const char *help, const double *bounds, size_t bound_count,
                          ...)
{
    va_list labels;
    va_start(labels, bound_count);
    metric *one = add_metric(all, HISTOGRAM, name, help, bounds, bound_count, labels);
    va_end(labels);
    return one;
}

/* ---- The text format 0.0.4 ----------------------------------------------------------------------------- */

static void write_escaped(buffer *out, const char *text, bool quotes)
{
    for (; *text != 0; text++) {
        size_t harmless = strcspn(text, quotes ? "\\\n\"" : "\\\n");
        buffer_append(out, text, harmless);
        text += harmless;
        if (*text == 0)
            return;
        buffer_text(out, *text == '\n' ? "\\n" : *text == '"' ? "\\\"" : "\\\\");
    }
}

/* The shortest digits that give the same number again. */
static void write_number(buffer *out, double value)
{
    char text[32];
    if (isnan(value) || isinf(value)) {
        buffer_text(out, isnan(value) ? "NaN" : value > 0.0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buffer_text(out, text);
}

/* name_suffix{label="value",...,le="bound"} */
static void write_name(buffer *out, const metric_series *series, const char *suffix, const double *bound)
{
    const metric *of = series->of;
    const char *before = "{";
    buffer_text(out, of->name);
    buffer_text(out, suffix);
    for (size_t i = 0; i < of->label_count; i++) {
        buffer_text(out, before);
        buffer_text(out, of->labels[i]);
        buffer_text(out, "=\"");
        write_escaped(out, series->values[i], true);
        buffer_text(out, "\"");
        before = ",";
    }
    if (bound != NULL) {
        buffer_text(out, before);
        buffer_text(out, "le=\"");
        write_number(out, *bound);
        buffer_text(out, "\"");
    }
    buffer_text(out, of->label_count > 0 || bound != NULL ? "} " : " ");
}

static void write_line(buffer *out, const metric_series *series, const char *suffix, const double *bound, double value)
{
    write_name(out, series, suffix, bound);
    write_number(out, value);
    buffer_text(out, "\n");
}

static void write_histogram(buffer *out, const metric_series *series)
{
    const metric *of = series->of;
    uint64_t counts[METRIC_BOUNDS_MAX + 1];
    uint64_t total = read_buckets(series, counts), below = 0;
    double infinite = (double)INFINITY;
    for (size_t i = 0; i < of->bound_count; i++) {
        below += counts[i];
        write_line(out, series, "_bucket", &of->bounds[i], (double)below);
    }
    write_line(out, series, "_bucket", &infinite, (double)total);
    write_line(out, series, "_sum", NULL, metric_sum(series));
    write_line(out, series, "_count", NULL, (double)total);
}

void metrics_prometheus(metrics *all, buffer *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (size_t i = 0; all != NULL && i < all->count; i++) {
        const metric *one = all->list[i];
        buffer_text(out, "# HELP ");
        buffer_text(out, one->name);
        buffer_text(out, " ");
        write_escaped(out, one->help, false);
        buffer_text(out, "\n# TYPE ");
        buffer_text(out, one->name);
        buffer_text(out, " ");
        buffer_text(out, kinds[one->kind]);
        buffer_text(out, "\n");
        size_t count = atomic_load_explicit(&one->count, memory_order_acquire);
        for (size_t k = 0; k < count; k++) {
            if (one->kind == HISTOGRAM)
                write_histogram(out, one->series[k]);
            else
                write_line(out, one->series[k], "", NULL, metric_sum(one->series[k]));
        }
    }
}

/* Filling a cache of this machine: the shapes are made here, by as many threads as were asked for. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "cache/cache.h"
#include "cli/commands.h"
#include "cli/pregenerate.h"
#include "cli/serve_options.h"
#include "cli/text_list.h"
#include "pipeline/pipeline.h"
#include "shape/pack.h"

enum {
    WINDOW = 32,               /* shapes of one thread that may wait for the disk at once */
    PATIENCE_SECONDS = 10,     /* how long the disk may do nothing at all */
    POLL_NANOSECONDS = 2000000 /* the cache has nothing to wait on, so its progress is asked for */
};

/* ---- What the threads share ------------------------------------------------------------------------------- */

typedef struct workshop {
    pregenerate_work *work;
    lumen *library;
    cache *shapes;
    bool *skipped; /* texts that are reported already */
    atomic_size_t next;
    atomic_bool over; /* nothing more is begun */
} workshop;

/* Nothing is served from here, so there is no answer to prepare; but a row that does not unpack is no shape. */
static lumen_status check_packed(void *user, uint64_t key, const blob *packed, void **answer, size_t *answer_bytes,
                                 lumen_error *error)
{
    (void)user;
    (void)key;
    lumen_shape *shape = NULL;
    lumen_status status = shape_unpack(packed->data, packed->size, &shape, error);
    lumen_shape_free(shape);
    *answer = NULL;
    *answer_bytes = 0;
    return status;
}

static void discard_nothing(void *user, void *answer)
{
    (void)user;
    (void)answer;
}

static lumen_request request_of(const pregenerate_options *options, const char *text)
{
    return (lumen_request){.text = text, .quality = options->quality, .points = options->points, .seed = options->seed};
}

/* ---- Waiting for the disk ----------------------------------------------------------------------------------- */

/* Shapes that were made and are not yet known to be on disk. One thread's own. */
typedef struct window {
    cache_entry *entries[WINDOW];
    const pregenerate_text *texts[WINDOW];
    size_t count;
} window;

/* Reports what has reached the disk; returns how many are left. */
static size_t confirm(workshop *shop, window *waiting)
{
    size_t left = 0;
    for (size_t i = 0; i < waiting->count; i++) {
        if (cache_is_stored(waiting->entries[i])) {
            pregenerate_report(shop->work, waiting->texts[i], PREGENERATE_MADE, NULL);
            cache_release(waiting->entries[i]);
        } else {
            waiting->entries[left] = waiting->entries[i];
            waiting->texts[left++] = waiting->texts[i];
        }
    }
    waiting->count = left;
    return left;
}

/* The disk does not take shapes: nothing more is made. What was not reported counts as failed. */
static void give_up(workshop *shop, const char *reason)
{
    if (atomic_exchange(&shop->over, true))
        return;
    pthread_mutex_lock(&shop->work->lock);
    progress_clear(&shop->work->bar);
    complain(EXIT_FAILED, "shapes cannot be stored: %s; mend that, then run lumen again", reason);
    pthread_mutex_unlock(&shop->work->lock);
}

/* Waits until everything in the window is on disk. Since other threads and other programs write too, only a time
 * without any progress says that it never will be. */
static void settle(workshop *shop, window *waiting)
{
    cache_figures figures = {.disk = {.connected = true}};
    const struct timespec pause = {.tv_nsec = POLL_NANOSECONDS};
    const size_t patience = (size_t)PATIENCE_SECONDS * (1000000000 / POLL_NANOSECONDS);
    uint64_t writes = 0;
    for (size_t idle = 0; idle < patience && confirm(shop, waiting) > 0 && !atomic_load(&shop->over); idle++) {
        nanosleep(&pause, NULL);
        cache_read_figures(shop->shapes, &figures);
        idle = figures.writes != writes ? 0 : idle;
        writes = figures.writes;
    }
    if (waiting->count > 0 && !figures.disk.connected)
        give_up(shop, figures.disk_state);
    for (size_t i = 0; i < waiting->count; i++) {
        if (!atomic_load(&shop->over))
            pregenerate_report(shop->work, waiting->texts[i], PREGENERATE_FAILED,
                               "the cache does not take the shape; its warning above says why");
        cache_release(waiting->entries[i]);
    }
    waiting->count = 0;
}

/* ---- The work --------------------------------------------------------------------------------------------------- */

/* Makes a shape and gives it to the cache; NULL with an error. */
static cache_entry *make(workshop *shop, const lumen_request *request, const pipeline_plan *plan, lumen_error *error)
{
    lumen_shape *shape = NULL;
    cache_entry *entry = NULL;
    blob *packed = NULL;
    buffer bytes;
    buffer_open(&bytes, SHAPE_PACK_BYTES_MAX);
    if (lumen_generate(shop->library, request, &shape, error) == LUMEN_OK &&
        shape_pack(shape, &bytes, error) == LUMEN_OK) {
        packed = blob_from_buffer(&bytes);
        if (packed == NULL)
            lumen_fail_memory(error, "a shape");
        else
            entry = cache_store(shop->shapes, plan->key, plan->identity, packed, error);
    }
    blob_release(packed);
    buffer_close(&bytes);
    lumen_shape_free(shape);
    return entry;
}

static void work_on(workshop *shop, const pregenerate_text *text, window *waiting)
{
    lumen_error error;
    pipeline_plan plan;
    const lumen_request request = request_of(shop->work->options, text->text);
    if (pipeline_plan_request(shop->library, &request, &plan, &error) != LUMEN_OK) {
        pregenerate_report(shop->work, text, PREGENERATE_FAILED, error.message);
        return;
    }
    cache_entry *entry = cache_load(shop->shapes, plan.key, plan.identity);
    if (entry != NULL && cache_is_stored(entry)) {
        cache_release(entry);
        pregenerate_report(shop->work, text, PREGENERATE_THERE, NULL);
        return;
    }
    if (entry == NULL)
        entry = make(shop, &request, &plan, &error);
    if (entry == NULL) {
        pregenerate_report(shop->work, text, PREGENERATE_FAILED, error.message);
        return;
    }
    waiting->entries[waiting->count] = entry;
    waiting->texts[waiting->count++] = text;
    if (waiting->count == WINDOW)
        settle(shop, waiting);
}

static void *thread_main(void *user)
{
    workshop *shop = user;
    window waiting = {0};
    size_t index;
    while (!atomic_load(&shop->over) && (index = atomic_fetch_add(&shop->next, 1)) < shop->work->count)
        if (!shop->skipped[index])
            work_on(shop, &shop->work->texts[index], &waiting);
    settle(shop, &waiting);
    return NULL;
}

/* ---- Texts that mean the same ----------------------------------------------------------------------------------- */

typedef struct keyed {
    uint64_t key;
    size_t index;
} keyed;

static int compare_keyed(const void *left, const void *right)
{
    const keyed *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Understands every text before any is made: what means nothing is told in the order of the list, and of texts that
 * mean the same one is made. False when memory runs out. */
static bool plan_all(workshop *shop)
{
    pregenerate_work *work = shop->work;
    keyed *planned = calloc(work->count, sizeof *planned);
    size_t count = 0;
    shop->skipped = calloc(work->count, sizeof *shop->skipped);
    if (planned == NULL || shop->skipped == NULL) {
        free(planned);
        complain(EXIT_FAILED, "memory ran out while reading the list; split it");
        return false;
    }
    for (size_t i = 0; i < work->count; i++) {
        lumen_error error;
        pipeline_plan plan;
        const lumen_request request = request_of(work->options, work->texts[i].text);
        if (pipeline_plan_request(shop->library, &request, &plan, &error) == LUMEN_OK) {
            planned[count++] = (keyed){.key = plan.key, .index = i};
        } else {
            shop->skipped[i] = true;
            pregenerate_report(work, &work->texts[i], PREGENERATE_FAILED, error.message);
        }
    }
    qsort(planned, count, sizeof *planned, compare_keyed);
    for (size_t i = 1; i < count; i++)
        shop->skipped[planned[i].index] = planned[i].key == planned[i - 1].key;
    for (size_t i = 1; i < count; i++)
        if (shop->skipped[planned[i].index])
            pregenerate_report(work, &work->texts[planned[i].index], PREGENERATE_THERE, NULL);
    free(planned);
    return true;
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

static bool run_threads(workshop *shop)
{
    pthread_t threads[64];
    uint32_t wanted = shop->work->options->parallel;
    uint32_t started = 0;
    while (started < wanted && started < sizeof threads / sizeof *threads && started < shop->work->count &&
           pthread_create(&threads[started], NULL, thread_main, shop) == 0)
        started++;
    if (started == 0) {
        complain(EXIT_FAILED, "no thread could be started; allow this user more of them");
        return false;
    }
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return !atomic_load(&shop->over);
}

/* Opens the cache; false after a complaint. What the file may grow to is the business of the service that uses it, so
 * nothing is evicted here. */
static bool open_cache(workshop *shop, const char *folder, log_sink *log)
{
    lumen_error error;
    if (folder == NULL || strcmp(folder, "none") == 0) {
        complain(EXIT_USAGE, "there is no cache folder to fill (%s); give one with --cache-dir, or --server",
                 folder == NULL ? "HOME is not set" : "LUMEN_CACHE_DIR is 'none'");
        return false;
    }
    const cache_options options = {.folder = folder,
                                   .memory_items_max = 64,
                                   .memory_bytes_max = 16 << 20,
                                   .disk_bytes_max = INT64_MAX,
                                   .log = log,
                                   .prepare = check_packed,
                                   .discard = discard_nothing};
    if (cache_open(&options, &shop->shapes, &error) != LUMEN_OK) {
        complain(EXIT_FAILED, "%s", error.message);
        return false;
    }
    cache_figures figures;
    cache_read_figures(shop->shapes, &figures);
    if (!figures.disk.connected)
        complain(EXIT_FAILED, "the cache in %s cannot be used: %s; choose another with --cache-dir", folder,
                 figures.disk_state);
    return figures.disk.connected;
}

bool pregenerate_into_cache(pregenerate_work *work)
{
    workshop shop = {.work = work};
    log_sink *log = NULL;
    char *concepts = NULL;
    char *usual = NULL;
    lumen_error error;
    bool good = false;
    const char *concepts_name = work->options->concepts;
    if (concepts_name != NULL && (concepts = read_whole_file(concepts_name)) == NULL)
        return false;
    const char *folder = work->options->cache_dir;
    if (folder == NULL)
        folder = usual = usual_cache_folder();
    const lumen_options opening = {.concepts = concepts, .concepts_name = concepts_name};
    if (log_open(&(log_options){.descriptor = 2, .format = LOG_FORMAT_TEXT, .least = LOG_WARNING}, &log, &error) !=
            LUMEN_OK ||
        lumen_open(&opening, &shop.library, &error) != LUMEN_OK)
        complain(EXIT_FAILED, "%s", error.message);
    else
        good = open_cache(&shop, folder, log) && plan_all(&shop) && run_threads(&shop);
    cache_close(shop.shapes);
    lumen_close(shop.library);
    log_close(log);
    free(shop.skipped);
    free(usual);
    free(concepts);
    return good;
}

/* Making a model complete: a few transfers at a time, in one thread. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "weights/inside.h"

enum {
    PARALLEL_USUAL = 3,
    PARALLEL_MAX = 16,
    ATTEMPTS_USUAL = 5,
    STALL_USUAL = 30,
    POLL_MILLISECONDS = 100,
    HUB_BYTES = 1024
};

static const double progress_seconds = 0.1, rate_seconds = 0.5;

typedef struct pull {
    const weights_model *model;
    const weights_pull_options *options;
    weights_state state;
    char hub[HUB_BYTES];
    weights_connection all;
    CURLM *transfers;
    weights_transfer *slots;
    unsigned slot_count;
    size_t next; /* file to look at */
    /* The rate, over the last seconds. */
    double rate, rated_at;
    uint64_t rated_received;
    double shown_at;
    bool stopped; /* by the caller */
    int lock;
} pull;

/* ---- Before anything is asked ----------------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static lumen_status choose_hub(pull *work, lumen_error *error)
{
    const char *hub = work->options->mirror;
    if (hub == NULL)
        hub = environment("LUMEN_MODEL_HUB");
    if (hub == NULL)
        hub = WEIGHTS_HUB;
    size_t length = strlen(hub);
    while (length > 0 && hub[length - 1] == '/')
        length--;
    bool good = (strncmp(hub, "http://", 7) == 0 || strncmp(hub, "https://", 8) == 0) && length < sizeof work->hub;
    for (size_t i = 0; i < length && good; i++)
        good = hub[i] > ' ' && hub[i] <= '~' && strchr("?#\"<>\\", hub[i]) == NULL;
    if (!good)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%.100s is no address of a model hub; write http:// or https:// and a host", hub);
    memcpy(work->hub, hub, length);
    work->hub[length] = '\0';
    return LUMEN_OK;
}

/* Whether what is sent to the hub can be read by nobody on the way. */
static bool is_private(const char *hub)
{
    static const char *const here[] = {"127.0.0.1", "localhost", "[::1]"};
    if (strncmp(hub, "https://", 8) == 0)
        return true;
    const char *host = hub + strlen("http://");
    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
        size_t length = strlen(here[i]);
        if (strncasecmp(host, here[i], length) == 0 &&
            (host[length] == ':' || host[length] == '/' || host[length] == '\0'))
            return true;
    }
    return false;
}

static lumen_status choose_token(pull *work, lumen_error *error)
{
    const char *token = work->options->token;
    if (token == NULL)
        token = environment("LUMEN_HUB_TOKEN");
    if (token == NULL)
        token = environment("HF_TOKEN");
    if (token == NULL || token[0] == '\0' || !is_private(work->hub))
        return LUMEN_OK;
    char header[1024];
    int length = snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    for (const char *at = token; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            length = -1;
    if (length < 0 || (size_t)length >= sizeof header)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the token of the model hub has characters that no token has; look at LUMEN_HUB_TOKEN");
    work->all.headers = curl_slist_append(NULL, header);
    return work->all.headers != NULL ? LUMEN_OK : lumen_fail_memory(error, "a transfer");
}

static lumen_status lock_folder(pull *work, lumen_error *error)
{
    char path[WEIGHTS_PATH_BYTES + 16];
    lumen_status status = weights_make_folders(work->state.folder, error);
    if (status != LUMEN_OK)
        return status;
    snprintf(path, sizeof path, "%s/.pull.lock", work->state.folder);
    work->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (work->lock < 0)
        return lumen_fail(error, LUMEN_ERROR_IO, "%.200s cannot be written: %s", path, strerror(errno));
    if (flock(work->lock, LOCK_EX | LOCK_NB) == 0)
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_IO, "%.200s is being pulled already; wait for that", work->state.folder);
}

static lumen_status check_space(const pull *work, lumen_error *error)
{
    struct statvfs facts;
    uint64_t missing = work->state.bytes_missing, partial = work->state.bytes_partial;
    if (statvfs(work->state.folder, &facts) != 0 || partial >= missing)
        return LUMEN_OK; /* unknown is not too little */
    uint64_t room = (uint64_t)facts.f_bavail * facts.f_frsize;
    if (missing - partial <= room)
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_IO,
                      "%.60s needs %llu MB more, and %.150s has room for %llu MB; make room or choose another folder",
                      work->model->name, (unsigned long long)((missing - partial) / 1000000), work->state.folder,
                      (unsigned long long)(room / 1000000));
}

/* ---- While it goes on ------------------------------------------------------------------------------------------- */

/* Tells the caller how far it is. False when the caller wants to stop. */
static bool tell(pull *work)
{
    double now = clock_now_seconds();
    if (work->stopped || now - work->shown_at < progress_seconds)
        return !work->stopped;
    work->shown_at = now;
    if (now - work->rated_at >= rate_seconds) {
        double latest = (double)(work->all.received - work->rated_received) / (now - work->rated_at);
        work->rate = work->rate == 0.0 ? latest : 0.75 * work->rate + 0.25 * latest;
        work->rated_at = now;
        work->rated_received = work->all.received;
    }
    const weights_pull_options *options = work->options;
    if (options->progress != NULL)
        work->stopped =
            !options->progress(options->progress_user, work->all.moved, work->all.done, work->all.total, work->rate);
    return !work->stopped;
}

/* While a file is hashed, which may take seconds, the other transfers go on. What ends meanwhile waits. */
static bool go_on_meanwhile(void *user)
{
    pull *work = user;
    int running;
    if (work->transfers != NULL)
        curl_multi_perform(work->transfers, &running);
    return tell(work);
}

/* ---- Files that are there --------------------------------------------------------------------------------------- */

/* Files whose bytes are not what they should be are taken away, to be fetched anew. */
static lumen_status verify_files(pull *work, lumen_error *error)
{
    for (size_t i = 0; i < work->model->file_count; i++) {
        const weights_file *file = &work->model->files[i];
        char path[WEIGHTS_PATH_BYTES], digits[WEIGHTS_SHA256_DIGITS + 1];
        if (file->sha256 == NULL || !weights_file_present(work->state.folder, file))
            continue;
        work->all.moved = file->path;
        lumen_status status = weights_path(work->state.folder, file, path, sizeof path, error);
        if (status == LUMEN_OK)
            status = weights_hash_file(path, go_on_meanwhile, work, digits, error);
        if (status != LUMEN_OK)
            return status;
        if (strcmp(digits, file->sha256) == 0)
            continue;
        if (work->options->offline)
            return lumen_fail(error, LUMEN_ERROR_INVALID,
                              "%.200s is not what it should be: its SHA-256 is %.16s..., not %.16s...; pull it without "
                              "--offline",
                              path, digits, file->sha256);
        if (unlink(path) != 0)
            return lumen_fail(error, LUMEN_ERROR_IO, "%.200s is wrong and cannot be removed: %s", path,
                              strerror(errno));
    }
    return LUMEN_OK;
}

/* ---- Transfers -------------------------------------------------------------------------------------------------- */

/* Gives free slots the files that are missing. */
static lumen_status fill_slots(pull *work, lumen_error *error)
{
    for (unsigned i = 0; i < work->slot_count; i++) {
        while (work->slots[i].state == TRANSFER_FREE && work->next < work->model->file_count) {
            const weights_file *file = &work->model->files[work->next++];
            if (weights_file_present(work->state.folder, file))
                continue;
            work->all.moved = file->path;
            lumen_status status = weights_transfer_open(&work->all, work->state.folder, file, go_on_meanwhile, work,
                                                        &work->slots[i], error);
            if (status != LUMEN_OK)
                return status;
        }
    }
    return LUMEN_OK;
}

static lumen_status begin_waiting(pull *work, lumen_error *error)
{
    for (unsigned i = 0; i < work->slot_count; i++) {
        weights_transfer *transfer = &work->slots[i];
        if (transfer->state != TRANSFER_PAUSED || clock_now_seconds() < transfer->not_before)
            continue;
        lumen_status status = weights_transfer_begin(transfer, error);
        if (status != LUMEN_OK)
            return status;
        if (transfer->state == TRANSFER_RUNNING &&
            curl_multi_add_handle(work->transfers, transfer->handle) != CURLM_OK) {
            transfer->state = TRANSFER_PAUSED;
            return lumen_fail_memory(error, "a transfer");
        }
    }
    return LUMEN_OK;
}

static lumen_status end_finished(pull *work, lumen_error *error)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(work->transfers, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE)
            continue;
        /* The message is gone when its handle is taken away. */
        CURLcode code = message->data.result;
        char *mine = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &mine);
        weights_transfer *transfer = (weights_transfer *)(void *)mine;
        curl_multi_remove_handle(work->transfers, transfer->handle);
        transfer->state = TRANSFER_PAUSED;
        lumen_status status = weights_transfer_end(transfer, code, error);
        if (status != LUMEN_OK)
            return status;
    }
    return LUMEN_OK;
}

/* Whether anything is left to do, after what is done has been put away. */
static bool is_busy(pull *work)
{
    bool busy = work->next < work->model->file_count;
    for (unsigned i = 0; i < work->slot_count; i++) {
        if (work->slots[i].state == TRANSFER_DONE)
            weights_transfer_close(&work->slots[i]);
        busy = busy || work->slots[i].state != TRANSFER_FREE;
    }
    return busy;
}

static lumen_status transfer_all(pull *work, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    work->rated_at = clock_now_seconds();
    while (status == LUMEN_OK && is_busy(work)) {
        int running;
        if (!tell(work))
            return lumen_fail(error, LUMEN_ERROR_CANCELLED,
                              "stopped; what has arrived stays, and pulling again goes on from there");
        status = fill_slots(work, error);
        if (status == LUMEN_OK)
            status = begin_waiting(work, error);
        if (status == LUMEN_OK && curl_multi_perform(work->transfers, &running) != CURLM_OK)
            status = lumen_fail_memory(error, "a transfer");
        if (status == LUMEN_OK)
            status = end_finished(work, error);
        if (status == LUMEN_OK && is_busy(work))
            curl_multi_poll(work->transfers, NULL, 0, POLL_MILLISECONDS, NULL);
    }
    return status;
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

static lumen_status make_transfers(pull *work, lumen_error *error)
{
    const weights_pull_options *options = work->options;
    unsigned wanted = options->parallel == 0 ? PARALLEL_USUAL : options->parallel;
    work->slot_count = wanted < PARALLEL_MAX ? wanted : PARALLEL_MAX;
    work->slots = calloc(work->slot_count, sizeof *work->slots);
    work->all.model = work->model;
    work->all.hub = work->hub;
    work->all.attempts = options->attempts == 0 ? ATTEMPTS_USUAL : options->attempts;
    work->all.stall_seconds = options->stall_seconds == 0 ? STALL_USUAL : options->stall_seconds;
    work->all.total = work->state.bytes_missing;
    work->all.moved = "";
    if (work->slots == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return lumen_fail_memory(error, "the transfers");
    work->transfers = curl_multi_init();
    if (work->transfers == NULL) {
        curl_global_cleanup();
        return lumen_fail_memory(error, "the transfers");
    }
    /* A connection for each file: one that they shared would be no faster than one file. */
    curl_multi_setopt(work->transfers, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return LUMEN_OK;
}

static void close_transfers(pull *work)
{
    for (unsigned i = 0; i < work->slot_count && work->slots != NULL; i++) {
        if (work->slots[i].state == TRANSFER_RUNNING)
            curl_multi_remove_handle(work->transfers, work->slots[i].handle);
        weights_transfer_close(&work->slots[i]);
    }
    if (work->transfers != NULL) {
        curl_multi_cleanup(work->transfers);
        curl_global_cleanup();
    }
    curl_slist_free_all(work->all.headers);
    free(work->slots);
}

static lumen_status fetch_missing(pull *work, lumen_error *error)
{
    lumen_status status = check_space(work, error);
    if (status == LUMEN_OK)
        status = weights_accept(work->model, work->options->folder, error);
    if (status == LUMEN_OK)
        status = choose_hub(work, error);
    if (status == LUMEN_OK)
        status = make_transfers(work, error);
    if (status == LUMEN_OK)
        status = choose_token(work, error);
    if (status == LUMEN_OK)
        status = transfer_all(work, error);
    close_transfers(work);
    return status;
}

/* What must be so before anything is written. */
static lumen_status check_leave(const pull *work, lumen_error *error)
{
    const weights_model *model = work->model;
    if (work->options->offline)
        return lumen_fail(
            error, LUMEN_ERROR_UNAVAILABLE,
            "%zu of the %zu files of %.60s are not in %.150s, and this is offline; pull it with a network",
            work->state.missing, model->file_count, model->name, work->state.folder);
    if (!work->state.accepted && !work->options->accept_licence)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the licence of %.60s (%.100s) has not been accepted; read it, then add --accept-licence",
                          model->name, model->licence);
    return LUMEN_OK;
}

lumen_status weights_pull(const weights_model *model, const weights_pull_options *options, lumen_error *error)
{
    pull work = {.model = model, .options = options, .lock = -1, .all.moved = ""};
    lumen_status status = weights_look(model, options->folder, &work.state, error);
    if (status == LUMEN_OK && options->verify)
        status = verify_files(&work, error);
    if (status == LUMEN_OK && options->verify)
        status = weights_look(model, options->folder, &work.state, error);
    if (status != LUMEN_OK || work.state.missing == 0)
        return status;
    status = check_leave(&work, error);
    if (status == LUMEN_OK)
        status = lock_folder(&work, error);
    /* Another pull may have ended meanwhile. */
    if (status == LUMEN_OK)
        status = weights_look(model, options->folder, &work.state, error);
    if (status == LUMEN_OK && work.state.missing > 0)
        status = fetch_missing(&work, error);
    if (work.lock >= 0)
        close(work.lock);
    return status;
}

/* One file over HTTP: what is asked for, which answers are believed, and when it is worth asking again.
 *
 * The hub answers for small files itself and sends on, by a redirection, to another host for large ones. A part of an
 * earlier answer is completed by a Range. Whether the answer is about the same bytes is then seen by its ETag and its
 * total, and in the end by the SHA-256. A server that ignores Range sends everything, and the part begins anew. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "weights/inside.h"

enum {
    CONNECT_SECONDS = 15,
    REDIRECTIONS_MAX = 8,
    MEANINGFUL_BYTES = 1 << 20, /* an answer that brought so many is no failure, even when it breaks off */
    STALL_BYTES = 256,          /* a second; fewer are a stall */
    BUFFER_BYTES = 512 << 10,
    IGNORED_MAX = 64 << 10,
    ADDRESS_BYTES = 4096
};

static const double pause_max = 60.0; /* seconds, whatever Retry-After says */

/* ---- Bytes counted ---------------------------------------------------------------------------------------------- */

static lumen_status restart(weights_transfer *transfer, lumen_error *error)
{
    transfer->all->done -= transfer->part.size;
    transfer->resumed = false;
    return weights_part_restart(&transfer->part, error);
}

static void expect(weights_transfer *transfer, uint64_t bytes)
{
    transfer->all->total = transfer->all->total - transfer->expected + bytes;
    transfer->expected = bytes;
    transfer->certain = true;
}

/* ---- Refusals --------------------------------------------------------------------------------------------------- */

/* Says why what came is not taken, and whether to ask once more. */
static void refuse(weights_transfer *transfer, bool again, lumen_status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void refuse(weights_transfer *transfer, bool again, lumen_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(transfer->reason.message, sizeof transfer->reason.message, format, arguments);
    va_end(arguments);
    transfer->reason.status = status;
    transfer->answer.refused = true;
    transfer->again = again;
}

/* ---- Headers ---------------------------------------------------------------------------------------------------- */

/* The value of a header of this name (in lower case, with its colon), without white space around it, or NULL. */
static const char *header_value(const char *line, size_t size, const char *name, size_t *length)
{
    size_t at = strlen(name);
    if (size < at || strncasecmp(line, name, at) != 0)
        return NULL;
    while (at < size && (line[at] == ' ' || line[at] == '\t'))
        at++;
    while (size > at && ((unsigned char)line[size - 1] <= ' '))
        size--;
    *length = size - at;
    return line + at;
}

/* A tag is kept in a file of one line: only what is printable, and whole. */
static void take_tag(weights_answer *answer, const char *value, size_t length)
{
    if (length >= sizeof answer->tag)
        return;
    for (size_t i = 0; i < length; i++)
        if (value[i] < ' ' || value[i] > '~')
            return;
    memcpy(answer->tag, value, length);
    answer->tag[length] = '\0';
}

/* The hub names large files by their SHA-256, in quotes. Only what the hub itself says counts. */
static void take_linked_tag(weights_transfer *transfer, const char *value, size_t length)
{
    if (transfer->answer.hop != 1 || transfer->file->sha256 != NULL || length != WEIGHTS_SHA256_DIGITS + 2 ||
        value[0] != '"' || value[length - 1] != '"')
        return;
    for (size_t i = 0; i < WEIGHTS_SHA256_DIGITS; i++)
        if (strchr("0123456789abcdef", value[i + 1]) == NULL)
            return;
    memcpy(transfer->sha256, value + 1, WEIGHTS_SHA256_DIGITS);
    transfer->sha256[WEIGHTS_SHA256_DIGITS] = '\0';
}

static uint64_t read_number(const char *text, size_t length, size_t *used)
{
    uint64_t number = 0;
    for (*used = 0; *used < length && text[*used] >= '0' && text[*used] <= '9'; ++*used)
        if (number < UINT64_MAX / 10 - 1)
            number = number * 10 + (uint64_t)(text[*used] - '0');
    return number;
}

/* "bytes 100-199/200" */
static void take_range(weights_answer *answer, const char *value, size_t length)
{
    static const char unit[] = "bytes ";
    const char *slash = memchr(value, '/', length);
    size_t used;
    if (length < sizeof unit || strncasecmp(value, unit, sizeof unit - 1) != 0 || slash == NULL)
        return;
    answer->range_from = read_number(value + sizeof unit - 1, length - (sizeof unit - 1), &used);
    answer->range_total = used == 0 ? 0 : read_number(slash + 1, length - (size_t)(slash + 1 - value), &used);
}

static size_t take_header(char *bytes, size_t size, size_t count, void *user)
{
    weights_transfer *transfer = user;
    weights_answer *answer = &transfer->answer;
    size_t total = size * count, length;
    const char *value;
    if (total >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        *answer = (weights_answer){.hop = answer->hop + 1};
    else if ((value = header_value(bytes, total, "etag:", &length)) != NULL)
        take_tag(answer, value, length);
    else if ((value = header_value(bytes, total, "content-range:", &length)) != NULL)
        take_range(answer, value, length);
    else if ((value = header_value(bytes, total, "x-linked-etag:", &length)) != NULL)
        take_linked_tag(transfer, value, length);
    return total;
}

/* ---- Body ------------------------------------------------------------------------------------------------------- */

static long status_of(const weights_transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* A body of the whole file. What was there of it is of no use. */
static void look_at_whole(weights_transfer *transfer)
{
    lumen_error error;
    if (restart(transfer, &error) != LUMEN_OK)
        refuse(transfer, false, error.status, "%s", error.message);
}

/* A body that goes on from what is there. */
static void look_at_range(weights_transfer *transfer)
{
    const weights_answer *answer = &transfer->answer;
    weights_part *part = &transfer->part;
    lumen_error error;
    bool other = part->tag[0] != '\0' && answer->tag[0] != '\0' && strcmp(part->tag, answer->tag) != 0;
    if (answer->range_from >= answer->range_total || answer->range_from != transfer->asked_from || other) {
        refuse(transfer, true, LUMEN_ERROR_IO, "%s", other ? "the file has changed" : "another range was sent");
        if (restart(transfer, &error) != LUMEN_OK)
            refuse(transfer, false, error.status, "%s", error.message);
        return;
    }
    transfer->resumed = transfer->resumed || part->size > 0;
}

static void look_at_size(weights_transfer *transfer, long status)
{
    curl_off_t length = -1;
    curl_easy_getinfo(transfer->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    uint64_t total = status == 206 ? transfer->answer.range_total : length > 0 ? (uint64_t)length : 0;
    if (total == 0)
        return;
    if (transfer->certain && total != transfer->expected)
        refuse(transfer, false, LUMEN_ERROR_INVALID,
               "the server has a file of %llu bytes, which should have %llu; it is not the one that Lumen knows",
               (unsigned long long)total, (unsigned long long)transfer->expected);
    else
        expect(transfer, total);
}

/* Before the first byte of a body. */
static void look_at_answer(weights_transfer *transfer)
{
    long status = status_of(transfer);
    weights_answer *answer = &transfer->answer;
    lumen_error error;
    answer->looked_at = true;
    if (status != 200 && status != 206)
        return; /* the end of the transfer says what that means */
    if (status == 200)
        look_at_whole(transfer);
    else
        look_at_range(transfer);
    if (!answer->refused)
        look_at_size(transfer, status);
    if (!answer->refused && transfer->part.size == 0 &&
        weights_part_set_tag(&transfer->part, answer->tag, &error) != LUMEN_OK)
        refuse(transfer, false, error.status, "%s", error.message);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    weights_transfer *transfer = user;
    weights_connection *all = transfer->all;
    size_t total = size * count;
    long status = status_of(transfer);
    if (!transfer->answer.looked_at)
        look_at_answer(transfer);
    if (transfer->answer.refused)
        return 0;
    if (status != 200 && status != 206) { /* what the server says about its refusal, for a while */
        transfer->answer.ignored += total;
        return transfer->answer.ignored <= IGNORED_MAX ? total : 0;
    }
    if (transfer->certain && total > transfer->expected - transfer->part.size) {
        refuse(transfer, false, LUMEN_ERROR_INVALID,
               "more came than its %llu bytes; it is not the file that Lumen knows",
               (unsigned long long)transfer->expected);
        return 0;
    }
    lumen_error error;
    uint64_t before = transfer->part.size;
    lumen_status written = weights_part_append(&transfer->part, bytes, total, &error);
    all->done += transfer->part.size - before;
    all->received += total;
    all->moved = transfer->file->path;
    if (written == LUMEN_OK)
        return total;
    refuse(transfer, false, error.status, "%s", error.message);
    return 0;
}

/* ---- Beginning -------------------------------------------------------------------------------------------------- */

lumen_status weights_transfer_open(weights_connection *all, const char *folder, const weights_file *file,
                                   weights_patience patience, void *user, weights_transfer *out, lumen_error *error)
{
    *out = (weights_transfer){.all = all, .file = file, .expected = file->bytes};
    out->certain = file->bytes > 0 && !file->estimated;
    if (file->sha256 != NULL)
        memcpy(out->sha256, file->sha256, sizeof out->sha256);
    lumen_status status = weights_part_open(folder, file, patience, user, &out->part, error);
    if (status != LUMEN_OK)
        return status;
    out->handle = curl_easy_init();
    if (out->handle == NULL) {
        weights_part_close(&out->part);
        return lumen_fail_memory(error, "a transfer");
    }
    all->done += out->part.size;
    out->resumed = out->part.size > 0;
    out->state = TRANSFER_PAUSED;
    return LUMEN_OK;
}

void weights_transfer_close(weights_transfer *transfer)
{
    if (transfer->state == TRANSFER_FREE)
        return;
    curl_easy_cleanup(transfer->handle);
    weights_part_close(&transfer->part);
    transfer->state = TRANSFER_FREE;
}

static bool set_up(weights_transfer *transfer, const char *address, const char *range)
{
    CURL *handle = transfer->handle;
    const weights_connection *all = transfer->all;
    /* A secure hub may not lead to an insecure one. */
    const char *protocols = strncmp(all->hub, "https:", 6) == 0 ? "https" : "http,https";
    curl_easy_reset(handle);
    return curl_easy_setopt(handle, CURLOPT_URL, address) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, protocols) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_MAXREDIRS, (long)REDIRECTIONS_MAX) == CURLE_OK &&
           /* The library sends an Authorization of ours to the first host alone. */
           curl_easy_setopt(handle, CURLOPT_UNRESTRICTED_AUTH, 0L) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_HTTPHEADER, all->headers) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_RANGE, range) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_USERAGENT, "lumen/" LUMEN_VERSION) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->fault) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES) == CURLE_OK &&
           curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)all->stall_seconds) == CURLE_OK;
}

/* All bytes are there. */
static lumen_status complete(weights_transfer *transfer, lumen_error *error);

lumen_status weights_transfer_begin(weights_transfer *transfer, lumen_error *error)
{
    const weights_connection *all = transfer->all;
    const weights_model *model = all->model;
    if (transfer->certain && transfer->part.size == transfer->expected)
        return complete(transfer, error);
    char address[ADDRESS_BYTES], range[32];
    int length = snprintf(address, sizeof address, "%s/%s/resolve/%s/%s", all->hub, model->repository, model->revision,
                          transfer->file->path);
    snprintf(range, sizeof range, "%llu-", (unsigned long long)transfer->part.size);
    if (length < 0 || (size_t)length >= sizeof address)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the address of %.200s is too long", transfer->file->path);
    if (!set_up(transfer, address, transfer->part.size > 0 ? range : NULL))
        return lumen_fail_memory(error, "a transfer");
    transfer->asked_from = transfer->part.size;
    transfer->answer = (weights_answer){0};
    transfer->fault[0] = '\0';
    transfer->state = TRANSFER_RUNNING;
    return LUMEN_OK;
}

/* ---- Ending ----------------------------------------------------------------------------------------------------- */

/* Another attempt after a pause, while there are some left. */
static lumen_status try_again(weights_transfer *transfer, const char *reason, lumen_error *error)
{
    const weights_connection *all = transfer->all;
    curl_off_t wanted = 0;
    curl_easy_getinfo(transfer->handle, CURLINFO_RETRY_AFTER, &wanted);
    if (transfer->part.size >= transfer->asked_from + MEANINGFUL_BYTES)
        transfer->failures = 0;
    if (++transfer->failures >= all->attempts)
        return lumen_fail(
            error, LUMEN_ERROR_IO,
            "%.100s of %.60s did not arrive, in %u attempts: %.120s; pull again later, which goes on from "
            "there",
            transfer->file->path, all->hub, all->attempts, reason);
    double pause = 0.5;
    for (unsigned i = 1; i < transfer->failures && pause < pause_max; i++)
        pause *= 2.0;
    pause = (double)wanted > pause ? (double)wanted : pause;
    transfer->not_before = clock_now_seconds() + (pause < pause_max ? pause : pause_max);
    transfer->state = TRANSFER_PAUSED;
    return LUMEN_OK;
}

static lumen_status complete(weights_transfer *transfer, lumen_error *error)
{
    char digits[WEIGHTS_SHA256_DIGITS + 1];
    weights_part_digest(&transfer->part, digits);
    if (transfer->sha256[0] == '\0' || strcmp(transfer->sha256, digits) == 0) {
        lumen_status status = weights_part_finish(&transfer->part, error);
        if (status == LUMEN_OK)
            transfer->state = TRANSFER_DONE;
        return status;
    }
    /* A file that was put together from two answers may be of two versions. */
    bool together = transfer->resumed && !transfer->was_wrong;
    transfer->was_wrong = true;
    lumen_status status = restart(transfer, error);
    if (status != LUMEN_OK)
        return status;
    if (together)
        return try_again(transfer, "the bytes were wrong", error);
    return lumen_fail(error, LUMEN_ERROR_INVALID,
                      "%.100s of %.60s is not what it should be: its SHA-256 is %.16s..., not %.16s...; it was thrown "
                      "away, try another mirror (LUMEN_MODEL_HUB)",
                      transfer->file->path, transfer->all->hub, digits, transfer->sha256);
}

static lumen_status end_of_status(weights_transfer *transfer, long code, lumen_error *error)
{
    const weights_model *model = transfer->all->model;
    const char *hub = transfer->all->hub, *path = transfer->file->path;
    char reason[64];
    snprintf(reason, sizeof reason, "the server answered %ld", code);
    switch (code) {
    case 401:
    case 403:
        return lumen_fail(
            error, LUMEN_ERROR_INVALID,
            "%.60s keeps %.80s to itself (%ld): sign in at %.60s/%.80s, accept its terms, make a token in "
            "the settings of your account, and set LUMEN_HUB_TOKEN to it",
            hub, path, code, hub, model->repository);
    case 404:
    case 410:
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.60s has no %.100s in %.80s at revision %.40s (%ld)", hub, path,
                          model->repository, model->revision, code);
    case 416: {
        lumen_status status = restart(transfer, error);
        return status == LUMEN_OK ? try_again(transfer, reason, error) : status;
    }
    case 408:
    case 429: return try_again(transfer, reason, error);
    default:
        return code >= 500 ? try_again(transfer, reason, error)
                           : lumen_fail(error, LUMEN_ERROR_IO, "%.60s answers %ld for %.100s; is it a model hub?", hub,
                                        code, path);
    }
}

static lumen_status end_of_connection(weights_transfer *transfer, CURLcode code, lumen_error *error)
{
    const char *reason = transfer->fault[0] != '\0' ? transfer->fault : curl_easy_strerror(code);
    switch (code) {
    case CURLE_OUT_OF_MEMORY: return lumen_fail_memory(error, "a transfer");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return lumen_fail(error, LUMEN_ERROR_IO, "%.100s of %.60s cannot be fetched: %.150s", transfer->file->path,
                          transfer->all->hub, reason);
    default: return try_again(transfer, reason, error);
    }
}

lumen_status weights_transfer_end(weights_transfer *transfer, CURLcode code, lumen_error *error)
{
    if (code == CURLE_OK && !transfer->answer.looked_at)
        look_at_answer(transfer); /* a body without a byte */
    if (transfer->answer.refused) {
        if (transfer->again)
            return try_again(transfer, transfer->reason.message, error);
        return lumen_fail(error, transfer->reason.status, "%.120s: %.240s", transfer->file->path,
                          transfer->reason.message);
    }
    long status = status_of(transfer);
    bool good = status == 200 || status == 206;
    if (code != CURLE_OK && (good || transfer->answer.ignored <= IGNORED_MAX))
        return end_of_connection(transfer, code, error);
    if (!good)
        return end_of_status(transfer, status, error);
    if (transfer->part.size == 0)
        return try_again(transfer, "nothing came", error);
    if (transfer->certain && transfer->part.size < transfer->expected)
        return try_again(transfer, "the answer ended early", error);
    return complete(transfer, error);
}

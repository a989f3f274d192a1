/* Filling the cache of a running service: each text is asked for over HTTP, a few at a time.
 *
 * A slot is one transfer, and keeps its text until that is made or has failed. What passes by itself (429, 503, a
 * service that restarts) is asked for again after the time that the service names, or after a growing pause; only when
 * nothing at all has succeeded for --wait seconds is the whole given up. */

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/buffer.h"
#include "cli/commands.h"
#include "cli/pregenerate.h"

enum {
    ADDRESS_BYTES = 2048,
    REASON_BYTES = 512,
    ANSWER_KEPT = 8192,    /* bytes of an answer: errors are short, and shapes are not looked at */
    ANSWER_MAX = 64 << 20, /* bytes after which something is wrong */
    CONNECT_SECONDS = 10,
    REQUEST_SECONDS = 330, /* a little more than the service's own deadline */
    PAUSE_MAX = 60,        /* seconds, whatever Retry-After says */
    POLL_MILLISECONDS = 250
};

typedef struct slot {
    CURL *transfer;
    const pregenerate_text *text; /* NULL: free */
    bool running;
    uint32_t refusals; /* of this text, one after the other */
    double not_before;
    char *body;
    buffer answer; /* its beginning */
    size_t answer_size;
    char tier[16]; /* X-Lumen-Cache */
    char fault[CURL_ERROR_SIZE];
    char refusal[REASON_BYTES]; /* why the text is asked for again */
} slot;

typedef struct client {
    pregenerate_work *work;
    char generate[ADDRESS_BYTES];
    char ready[ADDRESS_BYTES];
    struct curl_slist *headers;
    CURLM *transfers;
    slot slots[64];
    size_t slot_count;
    size_t next;       /* text to begin */
    double not_before; /* no transfer begins earlier: the service asked for a pause */
    double last_good;  /* when the service last did what it was asked for */
    bool over;         /* nothing more will be begun */
} client;

/* ---- Answers ------------------------------------------------------------------------------------------ */

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    slot *mine = user;
    size_t total = size * count;
    size_t room = ANSWER_KEPT - mine->answer.size;
    buffer_append(&mine->answer, bytes, total < room ? total : room);
    mine->answer_size += total;
    return mine->answer_size <= ANSWER_MAX ? total : 0;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *user)
{
    static const char name[] = "x-lumen-cache:";
    slot *mine = user;
    size_t total = size * count;
    size_t at = sizeof name - 1;
    if (total <= at || strncasecmp(bytes, name, at) != 0)
        return total;
    while (at < total && bytes[at] == ' ')
        at++;
    size_t length = 0;
    for (; at < total && isalpha((unsigned char)bytes[at]) && length + 1 < sizeof mine->tier; at++)
        mine->tier[length++] = bytes[at];
    mine->tier[length] = '\0';
    return total;
}

/* What an answer says is wrong, for people: {"error": ...}, {"detail": [{"msg": ...}]}, or only its status. What came
 * from outside is printed as plain characters. */
static void read_reason(const slot *from, long status, char reason[REASON_BYTES])
{
    json_t *answer = json_loadb((const char *)from->answer.data, from->answer.size, 0, NULL);
    const char *text = json_string_value(json_object_get(answer, "error"));
    if (text == NULL)
        text = json_string_value(json_object_get(json_array_get(json_object_get(answer, "detail"), 0), "msg"));
    if (text != NULL)
        snprintf(reason, REASON_BYTES, "the service answered %ld: %s", status, text);
    else
        snprintf(reason, REASON_BYTES, "the service answered %ld without a reason; look into its log", status);
    for (char *at = reason; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = ' ';
    json_decref(answer);
}

/* ---- Slots ---------------------------------------------------------------------------------------------- */

/* The request of a text as JSON, or NULL with a reason: the text is no UTF-8, or memory ran out. The caller frees
 * it. */
static char *make_body(const pregenerate_options *options, const char *text)
{
    static const char *const qualities[] = {
        [LUMEN_QUALITY_STANDARD] = "standard", [LUMEN_QUALITY_FAST] = "fast", [LUMEN_QUALITY_HIGH] = "high"};
    char *body = NULL;
    json_t *request = json_pack("{s:s}", "text", text);
    bool good = request != NULL;
    if (good && options->quality_given)
        good = json_object_set_new(request, "quality", json_string(qualities[options->quality])) == 0;
    if (good)
        good = json_object_set_new(request, "points", json_integer(options->points)) == 0;
    if (good && options->seed != 0)
        good = json_object_set_new(request, "seed", json_integer((json_int_t)options->seed)) == 0;
    if (good)
        body = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    return body;
}

static void report(client *all, slot *mine, pregenerate_outcome outcome, const char *reason)
{
    pregenerate_report(all->work, mine->text, outcome, reason);
    free(mine->body);
    mine->body = NULL;
    mine->text = NULL;
    mine->refusals = 0;
    mine->not_before = 0.0;
}

/* What every transfer has in common. False when memory runs out. */
static bool prepare_transfer(client *all, slot *mine, const char *address)
{
    CURL *transfer = mine->transfer;
    buffer_open(&mine->answer, ANSWER_KEPT);
    return curl_easy_setopt(transfer, CURLOPT_URL, address) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_HTTPHEADER, all->headers) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_WRITEDATA, mine) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_HEADERDATA, mine) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_ERRORBUFFER, mine->fault) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_PRIVATE, mine) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_TIMEOUT, (long)REQUEST_SECONDS) == CURLE_OK &&
           /* A redirection would take the key to another place. */
           curl_easy_setopt(transfer, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
}

static void forget_answer(slot *mine)
{
    mine->answer.size = 0;
    mine->answer_size = 0;
    mine->tier[0] = '\0';
    mine->fault[0] = '\0';
}

/* Begins the transfer of a slot that has a text. */
static void begin(client *all, slot *mine)
{
    forget_answer(mine);
    if (mine->body == NULL)
        mine->body = make_body(all->work->options, mine->text->text);
    if (mine->body == NULL)
        report(all, mine, PREGENERATE_FAILED, "the text is not UTF-8; write it as UTF-8");
    else if (curl_easy_setopt(mine->transfer, CURLOPT_POSTFIELDS, mine->body) != CURLE_OK ||
             curl_multi_add_handle(all->transfers, mine->transfer) != CURLM_OK)
        report(all, mine, PREGENERATE_FAILED, "memory ran out; free some and run lumen again");
    else
        mine->running = true;
}

/* ---- What an answer means ---------------------------------------------------------------------------------- */

/* Nothing more is begun; what runs may end. */
static void give_up(client *all, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void give_up(client *all, const char *format, ...)
{
    char reason[2 * ADDRESS_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    if (!all->over) {
        progress_clear(&all->work->bar);
        complain(EXIT_FAILED, "%s", reason);
    }
    all->over = true;
}

/* The text is asked for again in a while. `whole` pauses all slots. */
static void come_back(client *all, slot *mine, double pause, bool whole)
{
    double now = clock_now_seconds();
    pause = pause < (double)PAUSE_MAX ? pause : (double)PAUSE_MAX;
    mine->refusals++;
    mine->not_before = now + pause;
    if (whole && all->not_before < now + pause)
        all->not_before = now + pause;
}

static void judge(client *all, slot *mine, CURLcode result)
{
    char reason[REASON_BYTES];
    long status = 0;
    curl_off_t wait = 0;
    curl_easy_getinfo(mine->transfer, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(mine->transfer, CURLINFO_RETRY_AFTER, &wait);
    /* 502 and 504 come from a proxy whose service is away. */
    bool busy = result == CURLE_OK && (status == 429 || status == 502 || status == 503 || status == 504);
    /* The same code stands for a connection that took too long and for an answer that did. */
    curl_off_t connected = 0;
    curl_easy_getinfo(mine->transfer, CURLINFO_CONNECT_TIME_T, &connected);
    bool too_slow = result == CURLE_OPERATION_TIMEDOUT && connected > 0;
    if (result == CURLE_OK && status == 200) {
        all->last_good = clock_now_seconds();
        bool cached = strcmp(mine->tier, "memory") == 0 || strcmp(mine->tier, "stored") == 0;
        report(all, mine, cached ? PREGENERATE_THERE : PREGENERATE_MADE, NULL);
    } else if (busy) {
        come_back(all, mine, wait > 0 ? (double)wait : 1.0, true);
        read_reason(mine, status, mine->refusal);
    } else if (result != CURLE_OK && result != CURLE_WRITE_ERROR && !too_slow) {
        /* No connection, or one that broke: 0.5 s, 1 s, 2 s, ... */
        come_back(all, mine, 0.5 * (double)(1u << (mine->refusals < 6 ? mine->refusals : 6)), false);
        snprintf(mine->refusal, sizeof mine->refusal, "%s",
                 mine->fault[0] != '\0' ? mine->fault : curl_easy_strerror(result));
    } else if (result != CURLE_OK) {
        report(all, mine, PREGENERATE_FAILED,
               result == CURLE_WRITE_ERROR ? "the answer of the service is far too large for a shape"
                                           : "the service did not answer in time; look into its log");
    } else if (status == 401 || status == 403) {
        give_up(all, all->work->options->key != NULL
                         ? "the service did not accept the key in LUMEN_API_KEY; set the one that it was started with"
                         : "the service wants a key; set LUMEN_API_KEY to it");
    } else if (status == 404 || status == 405 || (status >= 300 && status < 400)) {
        give_up(all, "%s answered %ld, so this is no Lumen service; check the address", all->generate, status);
    } else {
        read_reason(mine, status, reason);
        report(all, mine, PREGENERATE_FAILED, reason);
    }
}

/* ---- The loop -------------------------------------------------------------------------------------------------- */

/* Begins what may begin now. Returns how many transfers run. */
static size_t fill_slots(client *all)
{
    double now = clock_now_seconds();
    size_t running = 0;
    for (size_t i = 0; i < all->slot_count; i++) {
        slot *mine = &all->slots[i];
        if (!mine->running && mine->text == NULL && all->next < all->work->count && !all->over)
            mine->text = &all->work->texts[all->next++];
        if (!mine->running && mine->text != NULL && !all->over && now >= mine->not_before && now >= all->not_before)
            begin(all, mine);
        running += mine->running;
    }
    return running;
}

static bool any_left(const client *all)
{
    bool left = all->next < all->work->count && !all->over;
    for (size_t i = 0; i < all->slot_count; i++)
        left = left || all->slots[i].running || (all->slots[i].text != NULL && !all->over);
    return left;
}

/* Gives up when the service has refused everything for too long. */
static void watch_patience(client *all)
{
    double patience = (double)all->work->options->wait_seconds;
    const slot *refused = NULL;
    for (size_t i = 0; i < all->slot_count; i++)
        if (all->slots[i].text != NULL && all->slots[i].refusals > 0)
            refused = &all->slots[i];
    if (refused == NULL || clock_now_seconds() - all->last_good <= patience)
        return;
    give_up(all, "%s has made nothing for %.0f s (%.300s); see to it, or give more time with --wait", all->generate,
            patience, refused->refusal);
}

static bool run_transfers(client *all)
{
    all->last_good = clock_now_seconds();
    while (any_left(all)) {
        size_t running = fill_slots(all);
        int still;
        if (curl_multi_perform(all->transfers, &still) != CURLM_OK ||
            curl_multi_poll(all->transfers, NULL, 0, POLL_MILLISECONDS / 5, NULL) != CURLM_OK) {
            give_up(all, "the transfers failed for want of memory; free some and run lumen again");
            return false;
        }
        int waiting;
        for (CURLMsg *told; (told = curl_multi_info_read(all->transfers, &waiting)) != NULL;) {
            if (told->msg != CURLMSG_DONE)
                continue;
            CURLcode result = told->data.result;
            void *user = NULL;
            curl_easy_getinfo(told->easy_handle, CURLINFO_PRIVATE, &user);
            slot *mine = user;
            curl_multi_remove_handle(all->transfers, mine->transfer);
            mine->running = false;
            judge(all, mine, result);
        }
        if (running == 0 && !all->over)
            watch_patience(all);
    }
    return !all->over;
}

/* ---- Readiness -------------------------------------------------------------------------------------------------- */

/* Asks until the service says that it can make shapes. */
static bool wait_until_ready(client *all)
{
    slot *mine = &all->slots[0];
    const uint32_t patience = all->work->options->wait_seconds;
    const double last_try = clock_now_seconds() + (double)patience;
    if (curl_easy_setopt(mine->transfer, CURLOPT_URL, all->ready) != CURLE_OK ||
        curl_easy_setopt(mine->transfer, CURLOPT_HTTPGET, 1L) != CURLE_OK ||
        curl_easy_setopt(mine->transfer, CURLOPT_TIMEOUT, (long)CONNECT_SECONDS) != CURLE_OK) {
        give_up(all, "memory ran out; free some and run lumen again");
        return false;
    }
    for (;;) {
        forget_answer(mine);
        long status = 0;
        CURLcode result = curl_easy_perform(mine->transfer);
        curl_easy_getinfo(mine->transfer, CURLINFO_RESPONSE_CODE, &status);
        const char *fault = mine->fault[0] != '\0' ? mine->fault : curl_easy_strerror(result);
        if (result == CURLE_OK && status == 200)
            return true;
        if (result == CURLE_OK && status != 503 && status != 429 && status != 502 && status != 504) {
            give_up(all, "%s answered %ld, so this is no Lumen service; check the address", all->ready, status);
            return false;
        }
        if (result == CURLE_URL_MALFORMAT || result == CURLE_PEER_FAILED_VERIFICATION) {
            give_up(all, "%s cannot be asked: %s; check the address", all->ready, fault);
            return false;
        }
        if (clock_now_seconds() >= last_try && result == CURLE_OK) {
            give_up(all, "%s was not ready within %u s (status %ld); look into its log, or give more time with --wait",
                    all->ready, patience, status);
            return false;
        }
        if (clock_now_seconds() >= last_try) {
            give_up(all, "%s cannot be reached: %s; start `lumen serve` or check the address", all->ready, fault);
            return false;
        }
        progress_show(&all->work->bar, 0, "waiting for the service");
        nanosleep(&(struct timespec){.tv_nsec = POLL_MILLISECONDS * 1000000L}, NULL);
    }
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

static bool append_header(client *all, const char *header)
{
    struct curl_slist *longer = curl_slist_append(all->headers, header);
    if (longer != NULL)
        all->headers = longer;
    return longer != NULL;
}

/* False after a complaint. */
static bool prepare(client *all)
{
    const pregenerate_options *options = all->work->options;
    int length = (int)strnlen(options->server, ADDRESS_BYTES);
    while (length > 0 && options->server[length - 1] == '/')
        length--;
    bool web = strncasecmp(options->server, "http://", 7) == 0 || strncasecmp(options->server, "https://", 8) == 0;
    if (!web || length + 32 > ADDRESS_BYTES) {
        complain(EXIT_USAGE, "--server is '%.200s'; give an address such as http://127.0.0.1:8080", options->server);
        return false;
    }
    snprintf(all->generate, sizeof all->generate, "%.*s/generate", length, options->server);
    snprintf(all->ready, sizeof all->ready, "%.*s/health/ready", length, options->server);

    char key[1024] = "";
    if (options->key != NULL) {
        int size = snprintf(key, sizeof key, "X-API-Key: %s", options->key);
        bool plain = size > 0 && (size_t)size < sizeof key;
        for (const char *at = key; *at != '\0'; at++)
            plain = plain && (unsigned char)*at >= ' ' && *at != 127;
        if (!plain) {
            complain(EXIT_USAGE, "the key in LUMEN_API_KEY is too long or holds a control character; set another");
            return false;
        }
    }
    bool good = append_header(all, "Content-Type: application/json") &&
                append_header(all, "Accept: application/octet-stream") && append_header(all, "Expect:") &&
                (key[0] == '\0' || append_header(all, key));
    all->transfers = good ? curl_multi_init() : NULL;
    good = all->transfers != NULL;
    size_t wanted = options->parallel < all->work->count ? options->parallel : all->work->count;
    while (good && all->slot_count < wanted) {
        slot *mine = &all->slots[all->slot_count];
        mine->transfer = curl_easy_init();
        all->slot_count += mine->transfer != NULL;
        good = mine->transfer != NULL && prepare_transfer(all, mine, all->generate);
    }
    if (!good)
        complain(EXIT_FAILED, "memory ran out before the first text; free some and run lumen again");
    return good;
}

/* The first slot asked whether the service is ready; it makes shapes from here on. */
static bool turn_to_work(client *all)
{
    slot *mine = &all->slots[0];
    forget_answer(mine);
    bool good = curl_easy_setopt(mine->transfer, CURLOPT_URL, all->generate) == CURLE_OK &&
                curl_easy_setopt(mine->transfer, CURLOPT_TIMEOUT, (long)REQUEST_SECONDS) == CURLE_OK;
    for (size_t i = 0; i < all->slot_count; i++)
        good = good && curl_easy_setopt(all->slots[i].transfer, CURLOPT_POST, 1L) == CURLE_OK;
    if (!good)
        give_up(all, "memory ran out; free some and run lumen again");
    return good;
}

static void close_client(client *all)
{
    for (size_t i = 0; i < all->slot_count; i++) {
        slot *mine = &all->slots[i];
        if (mine->running)
            curl_multi_remove_handle(all->transfers, mine->transfer);
        curl_easy_cleanup(mine->transfer);
        buffer_close(&mine->answer);
        free(mine->body);
    }
    curl_multi_cleanup(all->transfers);
    curl_slist_free_all(all->headers);
}

bool pregenerate_into_service(pregenerate_work *work)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        complain(EXIT_FAILED, "libcurl could not begin its work; check that it is installed whole");
        return false;
    }
    client *all = calloc(1, sizeof *all);
    bool good = false;
    if (all == NULL) {
        complain(EXIT_FAILED, "memory ran out before the first text; free some and run lumen again");
    } else {
        all->work = work;
        good = prepare(all) && wait_until_ready(all) && turn_to_work(all) && run_transfers(all);
        close_client(all);
    }
    free(all);
    curl_global_cleanup();
    return good;
}

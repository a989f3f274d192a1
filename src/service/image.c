/* POST /debug/generate-image: the picture that network engines work from, painted by a process of its own. */

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/random.h"
#include "service/answer.h"
#include "service/generate.h"
#include "words/words.h"

enum { IDENTITY_BYTES = WORDS_TEXT_BYTES + 64 };

/* ---- The queue -------------------------------------------------------------------------------------------------- */

/* Equal requests at once are painted once; nothing is kept for later. */
static void *store(void *user, const executor_order *order, blob *packed, lumen_error *error)
{
    (void)user;
    (void)order;
    http_content *picture = answer_make_content(packed, "image/png", NULL, 0);
    if (picture == NULL)
        lumen_fail_memory(error, "a picture");
    return picture;
}

static void *keep_picture(void *user, void *picture)
{
    (void)user;
    return http_content_keep(picture);
}

static void release_picture(void *user, void *picture)
{
    (void)user;
    http_content_release(picture);
}

lumen_status images_open(service *running, lumen_error *error)
{
    const service_options *options = &running->options;
    if (options->networks == NULL || !options->debug_routes)
        return LUMEN_OK;
    const host_options hosts = {.program = options->program,
                                .arguments = options->network_arguments,
                                .offered = options->networks,
                                .slots = 1,
                                .memory_budget_bytes = options->memory_budget_bytes,
                                .log = running->log};
    lumen_status status = host_set_open(&hosts, &running->network_hosts, error);
    if (status != LUMEN_OK)
        return status;
    const executor_options work = {.backend = host_backend(running->network_hosts),
                                   .hooks = {.user = running,
                                             .admit = service_admit,
                                             .store = store,
                                             .keep = keep_picture,
                                             .release = release_picture,
                                             .observed = service_observed},
                                   .device = SERVICE_DEVICE,
                                   .slots = 1,
                                   .queue_max = options->queue_max,
                                   .deadline_seconds = options->request_seconds,
                                   .log = running->log};
    return executor_open(&work, &running->network_work, error);
}

/* ---- The route -------------------------------------------------------------------------------------------------- */

/* From a thread of the executor. */
static void finish_picture(void *user, const executor_outcome *outcome)
{
    visit *one = user;
    http_content *picture = outcome->result;
    if (!atomic_exchange(&one->settled, true)) {
        one->outcome = *outcome;
        one->has_outcome = true;
        observe_outcome(&one->service->seen, outcome);
        if (outcome->end == EXECUTOR_DONE)
            answer_content(one, 200, picture, NULL, 0);
        else
            answer_outcome_error(one, outcome);
    }
    http_content_release(picture);
}

/* Why nothing can be painted now. */
static void answer_no_painter(visit *one)
{
    service *running = one->service;
    static const double loading_seconds = 5.0, missing_seconds = 60.0;
    if (running->network_hosts == NULL) {
        const char *why = running->options.no_networks;
        answer_error(one, 503, "ModelNotLoadedError", missing_seconds, "%s",
                     why != NULL ? why : "no engine that paints pictures is part of this service");
        return;
    }
    host_report report;
    host_read_report(running->network_hosts, 0, &report);
    const model_report *painter = &report.models[0];
    if (report.model_count > 0 && painter->state == MODEL_FAILED)
        answer_error(one, 503, "ModelNotLoadedError", missing_seconds, "the model %s did not load: %s", painter->name,
                     painter->reason);
    else
        answer_error(one, 503, "ModelNotLoadedError", loading_seconds,
                     "the weights of the model that paints are being loaded; try again in a moment");
}

void handle_debug_image(visit *one)
{
    service *running = one->service;
    service_order body;
    order_faults faults;
    lumen_error error;
    words_phrase phrase;
    size_t size;
    const void *bytes = http_body(one->exchange, &size);
    order_status found = order_read_image(bytes, size, &body, &faults, &error);
    if (found != ORDER_GOOD) {
        generate_answer_faults(one, found, &faults, &error);
        return;
    }
    lumen_request request = order_request(&body);
    if (words_parse(request.text, request.verb, &phrase, &error) != LUMEN_OK) {
        answer_lumen_error(one, &error);
        return;
    }
    const host_engines *painters = running->options.networks;
    if (running->network_hosts == NULL || !host_engine_ready(running->network_hosts, painters->engines[0].name)) {
        answer_no_painter(one);
        return;
    }
    /* Texts that lead to the same prompt make the same picture. */
    char identity[IDENTITY_BYTES];
    int length = snprintf(identity, sizeof identity, "%s\n%" PRIu64 "\n%u", phrase.prompt, request.seed,
                          request.image_steps > 0 ? request.image_steps : 1);
    const executor_order order = {.key = fnv1a(FNV_START, identity, (size_t)length),
                                  .identity = identity,
                                  .engine = painters->engines[0].name,
                                  .batch_max = 1,
                                  .request = request};
    generate_wait(one, running->network_work, &order, finish_picture);
}

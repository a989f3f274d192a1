/* POST /debug/generate-image: the picture that network engines work from, painted by the process of the networks. */

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/random.h"
#include "service/answer.h"
#include "service/generate.h"
#include "words/words.h"

enum { IDENTITY_BYTES = WORDS_TEXT_BYTES + 64 };

/* ---- The route -------------------------------------------------------------------------------------------------- */

/* From a thread of the executor. */
static void finish_picture(void *user, const executor_outcome *outcome)
{
    visit *one = user;
    work_result *made = outcome->result;
    if (!atomic_exchange(&one->settled, true)) {
        one->outcome = *outcome;
        one->has_outcome = true;
        observe_outcome(&one->service->seen, outcome);
        if (outcome->end == EXECUTOR_DONE)
            answer_content(one, 200, made->picture, NULL, 0);
        else
            answer_outcome_error(one, outcome);
    }
    work_result_release(made);
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
    const char *painter = works_painter(running);
    if (!works_can(one, painter != NULL ? painter : "sdxl-turbo"))
        return;
    /* Texts that lead to the same prompt make the same picture. Equal requests at once are painted once; nothing is
     * kept for later. */
    char identity[IDENTITY_BYTES];
    int length = snprintf(identity, sizeof identity, "%s\n%" PRIu64 "\n%u", phrase.prompt, request.seed,
                          request.image_steps > 0 ? request.image_steps : 1);
    const executor_order order = {.key = fnv1a(FNV_START, identity, (size_t)length),
                                  .identity = identity,
                                  .engine = painter,
                                  .batch_max = 1,
                                  .request = request};
    generate_wait(one, running->network_work, &order, finish_picture);
}

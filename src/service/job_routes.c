/* The routes of /jobs. */

#include "service/job_routes.h"

#include <stdlib.h>
#include <string.h>

#include "service/answer.h"
#include "service/generate.h"

static job *find(visit *one)
{
    char id[RANDOM_ID_BYTES + 1];
    visit_segment(one, "/jobs/", id, sizeof id);
    job *found = random_id_is_one(id) ? job_find(one->service->jobs, id) : NULL;
    if (found == NULL)
        answer_error(one, 404, "NotFoundError", 0.0, "there is no such job; it may have ended more than %d minutes ago",
                     JOB_SECONDS / 60);
    return found;
}

static void answer_job(visit *one, unsigned status, job *asked, bool with_result)
{
    buffer body;
    buffer_open(&body, (size_t)16 << 20);
    if (job_write(asked, with_result, &body))
        answer_buffer(one, status, "application/json", &body, NULL, 0);
    else
        answer_error(one, 500, "GenerationFailedError", 0.0, "memory ran out; try again later");
    buffer_close(&body);
}

/* {"id", "status", "url", "events_url"} and the address to ask. */
static void answer_accepted(visit *one, const job *made)
{
    char url[64], events[80];
    buffer body;
    buffer_open(&body, 1024);
    snprintf(url, sizeof url, "/jobs/%s", job_id(made));
    snprintf(events, sizeof events, "%s/events", url);
    const http_header location = {"Location", url};
    buffer_print(&body, "{\"id\":\"%s\",\"status\":\"queued\",\"url\":\"%s\",\"events_url\":\"%s\"}", job_id(made), url,
                 events);
    answer_buffer(one, 202, "application/json", &body, &location, 1);
    buffer_close(&body);
}

job_result job_result_of_entry(const cache_entry *entry, bool found)
{
    const shape_answer *answer = cache_answer(entry);
    return (job_result){.json = http_content_keep(answer->json), .flag = answer->json_flag, .cached = found};
}

bool job_begin_again(void *user, job *one, const void *again, const executor_outcome *outcome,
                     const executor_party *party, job_instead *instead)
{
    service *running = user;
    generate_plan plan;
    lumen_error error;
    if (!generate_has_failed(outcome) || generate_plan_again(running, again, outcome, &plan, &error) != LUMEN_OK)
        return false;
    requester *who = party->user;
    who->admitted = true;
    char reason[JOB_REASON_BYTES];
    generate_write_reason(outcome->error.message, reason, sizeof reason);
    job_is_replaced(one, plan.order.key, reason);
    cache_entry *entry = cache_find(running->shapes, plan.order.key, plan.order.identity);
    if (entry != NULL)
        instead->result = job_result_of_entry(entry, true);
    else
        instead->ticket = executor_join(plan.work, &plan.order, party, NULL);
    cache_release(entry);
    return instead->result.json != NULL || instead->ticket != NULL;
}

static void start_job(visit *one, const generate_plan *plan)
{
    service *running = one->service;
    cache_entry *entry = cache_find(running->shapes, plan->order.key, plan->order.identity);
    if (entry == NULL && !works_can(one, plan->order.engine))
        return;
    job *made = job_create(running->jobs, &one->who.client, plan->order.key);
    if (made == NULL) {
        cache_release(entry);
        answer_error(one, 503, "QueueFullError", 2.0, "too many jobs are under way; wait for some of them to end");
        return;
    }
    job_is_replaced(made, plan->order.key, one->fallback);
    if (entry != NULL) {
        const job_result result = job_result_of_entry(entry, true);
        job_finish_cached(made, &result);
        http_content_release(result.json);
        cache_release(entry);
        answer_accepted(one, made);
    } else {
        executor_party party = job_party(made, generate_keep_for_again(plan), plan->body.image != NULL);
        executor_refusal refusal;
        executor_ticket *ticket = executor_join(plan->work, &plan->order, &party, &refusal);
        job_started(made, ticket);
        if (ticket != NULL)
            answer_accepted(one, made);
        else
            generate_answer_refusal(one, refusal);
    }
    job_release(made);
}

void handle_job_post(visit *one)
{
    generate_plan plan;
    if (!generate_read(one, &plan))
        return;
    start_job(one, &plan);
    generate_release(&plan);
}

void handle_job_get(visit *one)
{
    job *asked = find(one);
    if (asked != NULL)
        answer_job(one, 200, asked, true);
    job_release(asked);
}

void handle_job_events(visit *one)
{
    job *asked = find(one);
    if (asked == NULL)
        return;
    static const http_header own[] = {{"Content-Type", "text/event-stream"},
                                      {"Cache-Control", "no-store"},
                                      {"X-Content-Type-Options", "nosniff"},
                                      {"Vary", "Origin"}};
    enum { OWN = sizeof own / sizeof *own };
    http_header headers[OWN + ANSWER_VISIT_HEADERS];
    memcpy(headers, own, sizeof own);
    size_t count = OWN + answer_visit_headers(one, headers + OWN);
    if (strcmp(http_method(one->exchange), "HEAD") == 0)
        answer_buffer(one, 200, "text/event-stream", &(buffer){0}, NULL, 0);
    else if (!job_open_stream(asked, one->exchange, headers, count))
        answer_error(one, 503, "QueueFullError", 5.0, "%d clients listen to this job already; ask its address instead",
                     JOB_STREAMS_MAX);
    job_release(asked);
}

void handle_job_delete(visit *one)
{
    job *asked = find(one);
    if (asked == NULL)
        return;
    job_state before;
    if (job_cancel(asked, &before))
        answer_job(one, 200, asked, false);
    else if (before == JOB_CANCELLED)
        answer_error(one, 410, "JobGoneError", 0.0, "the job was cancelled before");
    else
        answer_error(one, 409, "JobFinishedError", 0.0, "the job has ended: there is nothing left to cancel");
    job_release(asked);
}

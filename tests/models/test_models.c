/* The life of models, shown with models that only pretend: each records what was done to it, and in which order. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "models/models.h"

enum { FAKES = 6, EVENTS_MAX = 512 };

/* What all fakes of a test write into. */
typedef struct record {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    char events[EVENTS_MAX][64]; /* "load a", "unload a" */
    size_t event_count;
    size_t changes; /* calls of the listener */
    model_state last[FAKES];
    uint64_t bytes[FAKES];
    char told[EVENTS_MAX]; /* the last line */
    bool gate_closed;      /* loads wait until it is opened */
} record;

typedef struct fake {
    record *into;
    const char *name;
    uint64_t really; /* bytes that it turns out to take; 0: as estimated */
    int failures;    /* so many loads fail first */
    bool staged;     /* holds nothing while it does not work */
    bool there;      /* read and written by the room's thread alone */
} fake;

static void record_open(record *into)
{
    memset(into, 0, sizeof *into);
    pthread_mutex_init(&into->lock, NULL);
    pthread_cond_init(&into->moved, NULL);
}

static void record_event(record *into, const char *what, const char *name)
{
    pthread_mutex_lock(&into->lock);
    if (into->event_count < EVENTS_MAX)
        snprintf(into->events[into->event_count++], sizeof into->events[0], "%s %s", what, name);
    pthread_cond_broadcast(&into->moved);
    pthread_mutex_unlock(&into->lock);
}

static lumen_status load_fake(void *self, uint64_t *bytes, lumen_error *error)
{
    fake *one = self;
    record_event(one->into, "load", one->name);
    pthread_mutex_lock(&one->into->lock);
    while (one->into->gate_closed)
        pthread_cond_wait(&one->into->moved, &one->into->lock);
    pthread_mutex_unlock(&one->into->lock);
    if (one->failures > 0) {
        one->failures--;
        return lumen_fail(error, LUMEN_ERROR_IO, "%s.safetensors is not there; run lumen pull", one->name);
    }
    assert_false(one->there);
    one->there = true;
    if (one->really != 0 || one->staged)
        *bytes = one->really;
    return LUMEN_OK;
}

static void unload_fake(void *self)
{
    fake *one = self;
    assert_true(one->there);
    one->there = false;
    record_event(one->into, "unload", one->name);
}

static uint64_t held_by_fake(void *self)
{
    const fake *one = self;
    pthread_mutex_lock(&one->into->lock);
    const uint64_t bytes = one->really;
    pthread_mutex_unlock(&one->into->lock);
    return bytes;
}

static void note_change(void *user, size_t index, const model_report *report)
{
    record *into = user;
    pthread_mutex_lock(&into->lock);
    into->changes++;
    into->last[index] = report->state;
    into->bytes[index] = report->bytes;
    pthread_cond_broadcast(&into->moved);
    pthread_mutex_unlock(&into->lock);
}

static void note_line(void *user, log_severity severity, const char *text)
{
    (void)severity;
    record *into = user;
    pthread_mutex_lock(&into->lock);
    snprintf(into->told, sizeof into->told, "%s", text);
    pthread_cond_broadcast(&into->moved);
    pthread_mutex_unlock(&into->lock);
}

static void wait_for_state(record *into, size_t index, model_state state)
{
    pthread_mutex_lock(&into->lock);
    while (into->last[index] != state)
        pthread_cond_wait(&into->moved, &into->lock);
    pthread_mutex_unlock(&into->lock);
}

static void wait_for_bytes(record *into, size_t index, uint64_t bytes)
{
    pthread_mutex_lock(&into->lock);
    while (into->last[index] != MODEL_LOADED || into->bytes[index] != bytes)
        pthread_cond_wait(&into->moved, &into->lock);
    pthread_mutex_unlock(&into->lock);
}

static void wait_for_event(record *into, const char *event)
{
    pthread_mutex_lock(&into->lock);
    for (size_t at = 0;; at++) {
        while (at == into->event_count)
            pthread_cond_wait(&into->moved, &into->lock);
        if (strcmp(into->events[at], event) == 0)
            break;
    }
    pthread_mutex_unlock(&into->lock);
}

static void set_gate(record *into, bool closed)
{
    pthread_mutex_lock(&into->lock);
    into->gate_closed = closed;
    pthread_cond_broadcast(&into->moved);
    pthread_mutex_unlock(&into->lock);
}

/* All events so far as one line. */
static const char *events(record *into)
{
    static char line[EVENTS_MAX * 16];
    line[0] = '\0';
    pthread_mutex_lock(&into->lock);
    for (size_t i = 0; i < into->event_count; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), "%s%s", i == 0 ? "" : ", ", into->events[i]);
    pthread_mutex_unlock(&into->lock);
    return line;
}

static model model_of(fake *one, record *into, uint64_t bytes)
{
    one->into = into;
    return (model){.name = one->name, .bytes = bytes, .load = load_fake, .unload = unload_fake, .self = one};
}

static models *open_models(record *into, const model *list, size_t count, uint64_t budget)
{
    models *all = NULL;
    lumen_error error;
    const models_options options = {
        .list = list,
        .count = count,
        .budget_bytes = budget,
        .retry_seconds = 0.02,
        .listener = {.changed = note_change, .told = note_line, .user = into},
    };
    assert_int_equal(models_open(&options, &all, &error), LUMEN_OK);
    return all;
}

static const char *const a_name[] = {"a"}, *const b_name[] = {"b"}, *const both_names[] = {"a", "b"};

static void models_load_lightest_first_and_fallbacks_last(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake heavy = {.name = "heavy"}, fallback = {.name = "fallback"}, light = {.name = "light"};
    model list[] = {model_of(&heavy, &into, 300), model_of(&fallback, &into, 1), model_of(&light, &into, 10)};
    list[1].fallback = true;
    models *all = open_models(&into, list, 3, 0);
    model_report reports[3];
    assert_int_equal(models_read(all, reports, 3), 3);
    assert_int_equal(reports[0].state, MODEL_WAITING);
    assert_false(reports[0].available);
    models_start_loading(all);
    wait_for_state(&into, 1, MODEL_LOADED);
    assert_string_equal(events(&into), "load light, load heavy, load fallback");
    models_read(all, reports, 3);
    assert_string_equal(reports[1].name, "fallback");
    assert_true(reports[1].fallback && reports[1].available && reports[1].load_seconds >= 0.0);
    models_close(all);
    assert_false(heavy.there || fallback.there || light.there);
}

static void what_does_not_fit_the_budget_comes_when_it_is_needed(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a"}, b = {.name = "b"};
    const model list[] = {model_of(&a, &into, 60), model_of(&b, &into, 70)};
    models *all = open_models(&into, list, 2, 100);
    models_start_loading(all);
    wait_for_state(&into, 1, MODEL_RELEASED);
    model_report reports[2];
    models_read(all, reports, 2);
    assert_true(reports[1].available);
    assert_string_equal(events(&into), "load a");
    lumen_error error;
    assert_int_equal(models_acquire(all, b_name, 1, NULL, NULL, &error), LUMEN_OK);
    assert_string_equal(events(&into), "load a, unload a, load b");
    models_read(all, reports, 2);
    assert_int_equal(reports[0].state, MODEL_RELEASED);
    assert_true(reports[0].available);
    assert_int_equal(reports[1].users, 1);
    models_release(all, b_name, 1);
    models_close(all);
}

static void the_longest_unused_is_released_first(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a"}, b = {.name = "b"}, c = {.name = "c"};
    const model list[] = {model_of(&a, &into, 40), model_of(&b, &into, 40), model_of(&c, &into, 40)};
    const char *const c_name[] = {"c"};
    models *all = open_models(&into, list, 3, 100);
    lumen_error error;
    assert_int_equal(models_acquire(all, both_names, 2, NULL, NULL, &error), LUMEN_OK);
    models_release(all, both_names, 2);
    assert_int_equal(models_acquire(all, a_name, 1, NULL, NULL, &error), LUMEN_OK);
    models_release(all, a_name, 1);
    assert_int_equal(models_acquire(all, c_name, 1, NULL, NULL, &error), LUMEN_OK);
    assert_string_equal(events(&into), "load a, load b, unload b, load c");
    models_release(all, c_name, 1);
    models_close(all);
}

typedef struct user_thread {
    models *all;
    const char *const *names;
    size_t count;
    lumen_status status;
    lumen_error error;
} user_thread;

static void *acquire_in_thread(void *argument)
{
    user_thread *mine = argument;
    mine->status = models_acquire(mine->all, mine->names, mine->count, NULL, NULL, &mine->error);
    return NULL;
}

static void a_model_in_use_is_never_released(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a"}, b = {.name = "b"};
    const model list[] = {model_of(&a, &into, 60), model_of(&b, &into, 70)};
    models *all = open_models(&into, list, 2, 100);
    lumen_error error;
    assert_int_equal(models_acquire(all, a_name, 1, NULL, NULL, &error), LUMEN_OK);
    user_thread other = {.all = all, .names = b_name, .count = 1};
    pthread_t thread;
    pthread_create(&thread, NULL, acquire_in_thread, &other);
    /* A third one asks for `a` behind it, whether or not the second has come: either order must end well. */
    user_thread third = {.all = all, .names = a_name, .count = 1};
    pthread_t another;
    pthread_create(&another, NULL, acquire_in_thread, &third);
    assert_string_equal(events(&into), "load a");
    models_release(all, a_name, 1);
    /* Whoever comes first, neither can have the other's room until it is given back. */
    model_report reports[2];
    bool a_held = false, b_held = false;
    while (!a_held && !b_held) {
        models_read(all, reports, 2);
        a_held = reports[0].state == MODEL_LOADED && reports[0].users == 1;
        b_held = reports[1].state == MODEL_LOADED && reports[1].users == 1;
        assert_false(a_held && b_held);
    }
    if (b_held) {
        pthread_join(thread, NULL);
        assert_int_equal(other.status, LUMEN_OK);
        models_release(all, b_name, 1);
        pthread_join(another, NULL);
        models_release(all, a_name, 1);
    } else {
        pthread_join(another, NULL);
        models_release(all, a_name, 1);
        pthread_join(thread, NULL);
        models_release(all, b_name, 1);
    }
    assert_int_equal(other.status, LUMEN_OK);
    assert_int_equal(third.status, LUMEN_OK);
    models_close(all);
}

static void a_failed_load_says_why_and_is_tried_again(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a", .failures = 2};
    const model list[] = {model_of(&a, &into, 60)};
    models *all = open_models(&into, list, 1, 0);
    lumen_error error;
    assert_int_equal(models_acquire(all, a_name, 1, NULL, NULL, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_string_equal(error.message, "the model a did not load: a.safetensors is not there; run lumen pull");
    wait_for_state(&into, 0, MODEL_LOADED);
    assert_string_equal(events(&into), "load a, load a, load a");
    model_report report;
    models_read(all, &report, 1);
    assert_true(report.available);
    assert_string_equal(report.reason, "");
    assert_int_equal(models_acquire(all, a_name, 1, NULL, NULL, &error), LUMEN_OK);
    models_release(all, a_name, 1);
    models_close(all);
}

static void acquiring_takes_all_or_none(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a"}, b = {.name = "b", .failures = 1000};
    const model list[] = {model_of(&a, &into, 60), model_of(&b, &into, 60)};
    models *all = open_models(&into, list, 2, 0);
    lumen_error error;
    assert_int_equal(models_acquire(all, both_names, 2, NULL, NULL, &error), LUMEN_ERROR_UNAVAILABLE);
    model_report reports[2];
    models_read(all, reports, 2);
    assert_int_equal(reports[0].users, 0);
    assert_int_equal(reports[1].users, 0);
    const char *const unknown[] = {"a", "nobody"};
    assert_int_equal(models_acquire(all, unknown, 2, NULL, NULL, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "nobody"));
    models_read(all, reports, 2);
    assert_int_equal(reports[0].users, 0);
    models_close(all);
}

static void what_can_never_fit_is_refused_with_the_numbers(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a"}, b = {.name = "b"}, c = {.name = "c", .really = 200u << 20};
    const model list[] = {model_of(&a, &into, 60u << 20), model_of(&b, &into, 70u << 20),
                          model_of(&c, &into, 1u << 20)};
    models *all = open_models(&into, list, 3, 100u << 20);
    lumen_error error;
    assert_int_equal(models_acquire(all, both_names, 2, NULL, NULL, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "130.0 MiB"));
    assert_non_null(strstr(error.message, "100.0 MiB"));
    /* One that takes more than it had said is given back at once. */
    const char *const c_name[] = {"c"};
    assert_int_equal(models_acquire(all, c_name, 1, NULL, NULL, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "it needs 200.0 MiB"));
    models_close(all);
    assert_string_equal(events(&into), "load c, unload c");
    assert_false(c.there);
}

static void a_model_that_took_more_than_it_said_makes_others_go(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a"}, b = {.name = "b", .really = 80};
    const model list[] = {model_of(&a, &into, 40), model_of(&b, &into, 50)};
    models *all = open_models(&into, list, 2, 100);
    models_start_loading(all);
    wait_for_state(&into, 0, MODEL_RELEASED);
    assert_string_equal(events(&into), "load a, load b, unload a");
    models_close(all);
}

static void a_load_is_told_with_its_memory(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a", .really = 3u << 20};
    const model list[] = {model_of(&a, &into, 1u << 20)};
    models *all = open_models(&into, list, 1, 10u << 20);
    models_start_loading(all);
    pthread_mutex_lock(&into.lock);
    while (into.told[0] == '\0')
        pthread_cond_wait(&into.moved, &into.lock);
    pthread_mutex_unlock(&into.lock);
    assert_non_null(strstr(into.told, "the model a is loaded: 3.0 MiB in "));
    assert_non_null(strstr(into.told, "all models 3.0 of 10.0 MiB, free "));
    models_close(all);
}

static void *close_in_thread(void *all)
{
    models_close(all);
    return NULL;
}

static void closing_during_a_load_waits_for_it_and_ends_those_who_wait(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    into.gate_closed = true;
    fake a = {.name = "a"}, b = {.name = "b"};
    const model list[] = {model_of(&a, &into, 1), model_of(&b, &into, 2)};
    models *all = open_models(&into, list, 2, 0);
    models_start_loading(all);
    wait_for_event(&into, "load a");
    user_thread waiting = {.all = all, .names = b_name, .count = 1};
    pthread_t thread;
    pthread_create(&thread, NULL, acquire_in_thread, &waiting);
    model_report reports[2] = {0};
    while (reports[1].users == 0)
        models_read(all, reports, 2);
    pthread_t closing;
    pthread_create(&closing, NULL, close_in_thread, all);
    set_gate(&into, false);
    pthread_join(closing, NULL);
    pthread_join(thread, NULL);
    /* The load of `b` may or may not have come before the end. */
    assert_true(waiting.status == LUMEN_ERROR_CANCELLED || waiting.status == LUMEN_OK);
    assert_false(a.there || b.there);
}

static bool not_any_more(void *asked)
{
    ++*(int *)asked;
    return false;
}

static void a_wait_can_be_called_off_while_the_load_goes_on(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    into.gate_closed = true;
    fake a = {.name = "a"};
    const model list[] = {model_of(&a, &into, 1)};
    models *all = open_models(&into, list, 1, 0);
    lumen_error error;
    int asked = 0;
    assert_int_equal(models_acquire(all, a_name, 1, not_any_more, &asked, &error), LUMEN_ERROR_CANCELLED);
    assert_int_equal(asked, 1);
    model_report report;
    models_read(all, &report, 1);
    assert_int_equal(report.users, 0);
    set_gate(&into, false);
    wait_for_state(&into, 0, MODEL_LOADED);
    assert_int_equal(models_acquire(all, a_name, 1, not_any_more, &asked, &error), LUMEN_OK);
    assert_int_equal(asked, 1);
    models_release(all, a_name, 1);
    models_close(all);
}

typedef struct crowd_member {
    models *all;
    unsigned number;
} crowd_member;

/* Uses one model after another and sees each time that it is there while it is held. */
static void *use_in_turns(void *argument)
{
    crowd_member *mine = argument;
    static const char *const names[] = {"a", "b", "c", "d"};
    for (unsigned i = 0; i < 60; i++) {
        const char *const wanted[] = {names[(mine->number + i) % 4], names[(mine->number * 3 + i * 2 + 1) % 4]};
        size_t count = 1 + i % 2;
        lumen_error error;
        if (models_acquire(mine->all, wanted, count, NULL, NULL, &error) != LUMEN_OK)
            return "not acquired";
        model_report reports[4];
        models_read(mine->all, reports, 4);
        for (size_t k = 0; k < 4; k++)
            for (size_t w = 0; w < count; w++)
                if (strcmp(reports[k].name, wanted[w]) == 0 &&
                    (reports[k].state != MODEL_LOADED || reports[k].users == 0))
                    return "not there while held";
        models_release(mine->all, wanted, count);
    }
    return NULL;
}

static void many_threads_share_a_budget_that_is_too_small_for_all(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake fakes[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
    model list[4];
    for (size_t i = 0; i < 4; i++)
        list[i] = model_of(&fakes[i], &into, 40);
    models *all = open_models(&into, list, 4, 100);
    models_start_loading(all);
    pthread_t threads[6];
    crowd_member members[6];
    for (unsigned i = 0; i < 6; i++) {
        members[i] = (crowd_member){.all = all, .number = i};
        pthread_create(&threads[i], NULL, use_in_turns, &members[i]);
    }
    for (unsigned i = 0; i < 6; i++) {
        void *fault;
        pthread_join(threads[i], &fault);
        if (fault != NULL)
            fail_msg("%s", (const char *)fault);
    }
    model_report reports[4];
    models_read(all, reports, 4);
    uint64_t loaded = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(reports[i].users, 0);
        loaded += reports[i].state == MODEL_LOADED ? reports[i].bytes : 0;
    }
    assert_true(loaded <= 100);
    models_close(all);
}

static void a_staged_model_is_there_and_holds_nothing(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a", .staged = true}, b = {.name = "b"}, c = {.name = "c"};
    const model list[] = {model_of(&a, &into, 40), model_of(&b, &into, 50), model_of(&c, &into, 60)};
    models *all = open_models(&into, list, 3, 100);
    models_start_loading(all);
    wait_for_state(&into, 2, MODEL_RELEASED);
    model_report reports[3];
    models_read(all, reports, 3);
    assert_int_equal(reports[0].state, MODEL_STAGED);
    assert_string_equal(model_state_name(reports[0].state), "staged");
    assert_true(reports[0].available && reports[0].bytes == 0);
    assert_int_equal(reports[1].state, MODEL_LOADED);
    /* It is had at once, and makes no room when it goes: c drives b out. */
    static const char *const names[] = {"a", "c"};
    lumen_error error;
    assert_int_equal(models_acquire(all, a_name, 1, NULL, NULL, &error), LUMEN_OK);
    assert_string_equal(events(&into), "load a, load b");
    models_release(all, a_name, 1);
    assert_int_equal(models_acquire(all, names, 2, NULL, NULL, &error), LUMEN_OK);
    assert_string_equal(events(&into), "load a, load b, unload b, load c");
    models_release(all, names, 2);
    models_close(all);
    assert_false(a.there || b.there || c.there);
}

static void set_really(fake *one, uint64_t bytes)
{
    pthread_mutex_lock(&one->into->lock);
    one->really = bytes;
    pthread_mutex_unlock(&one->into->lock);
}

static void what_a_model_holds_is_asked_after_its_work(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a"};
    model list[] = {model_of(&a, &into, 40)};
    list[0].held = held_by_fake;
    models *all = open_models(&into, list, 1, 0);
    lumen_error error;
    assert_int_equal(models_acquire(all, a_name, 1, NULL, NULL, &error), LUMEN_OK);
    set_really(&a, 70);
    models_release(all, a_name, 1);
    wait_for_bytes(&into, 0, 70);
    assert_int_equal(models_acquire(all, a_name, 1, NULL, NULL, &error), LUMEN_OK);
    set_really(&a, 0); /* its engine gave it back */
    models_release(all, a_name, 1);
    wait_for_state(&into, 0, MODEL_STAGED);
    assert_int_equal(models_acquire(all, a_name, 1, NULL, NULL, &error), LUMEN_OK);
    set_really(&a, 30); /* and took it again */
    models_release(all, a_name, 1);
    wait_for_bytes(&into, 0, 30);
    model_report report;
    models_read(all, &report, 1);
    assert_int_equal(report.state, MODEL_LOADED);
    assert_true(report.available);
    assert_string_equal(events(&into), "load a");
    models_close(all);
    assert_false(a.there);
}

static void a_list_with_equal_names_is_refused(void **state)
{
    (void)state;
    record into;
    record_open(&into);
    fake a = {.name = "a"};
    const model list[] = {model_of(&a, &into, 1), model_of(&a, &into, 2)};
    models *all = NULL;
    lumen_error error;
    assert_int_equal(models_open(&(models_options){.list = list, .count = 2}, &all, &error), LUMEN_ERROR_INVALID);
    assert_null(all);
    assert_non_null(strstr(error.message, "two models are called a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_load_lightest_first_and_fallbacks_last),
        cmocka_unit_test(what_does_not_fit_the_budget_comes_when_it_is_needed),
        cmocka_unit_test(the_longest_unused_is_released_first),
        cmocka_unit_test(a_model_in_use_is_never_released),
        cmocka_unit_test(a_failed_load_says_why_and_is_tried_again),
        cmocka_unit_test(acquiring_takes_all_or_none),
        cmocka_unit_test(what_can_never_fit_is_refused_with_the_numbers),
        cmocka_unit_test(a_model_that_took_more_than_it_said_makes_others_go),
        cmocka_unit_test(a_load_is_told_with_its_memory),
        cmocka_unit_test(closing_during_a_load_waits_for_it_and_ends_those_who_wait),
        cmocka_unit_test(a_wait_can_be_called_off_while_the_load_goes_on),
        cmocka_unit_test(many_threads_share_a_budget_that_is_too_small_for_all),
        cmocka_unit_test(a_staged_model_is_there_and_holds_nothing),
        cmocka_unit_test(what_a_model_holds_is_asked_after_its_work),
        cmocka_unit_test(a_list_with_equal_names_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cli/view_maker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "files/files.h"

enum { SUBJECT_BYTES = 4096 };

struct maker {
    lumen *library;
    uint32_t points;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    char subject[SUBJECT_BYTES];
    uint64_t wanted, begun, done; /* numbers of questions */
    bool closing;
    bool ready; /* `answer` has not been taken */
    maker_answer answer;
};

/* Whether a subject is a file: it has the ending of one and is there. */
static bool is_file(const char *subject)
{
    files_format format;
    lumen_error error;
    return files_format_of(subject, &format, &error) == LUMEN_OK &&
           (format == FILES_JSON || format == FILES_PLY || format == FILES_GLB) &&
           (access(subject, F_OK) == 0 || strchr(subject, '/') != NULL);
}

static bool go_on(void *user, const char *stage, double fraction)
{
    maker *hands = user;
    (void)stage;
    (void)fraction;
    pthread_mutex_lock(&hands->lock);
    bool wanted = hands->wanted == hands->begun && !hands->closing;
    pthread_mutex_unlock(&hands->lock);
    return wanted;
}

static void *work(void *user)
{
    maker *hands = user;
    char subject[SUBJECT_BYTES];
    pthread_mutex_lock(&hands->lock);
    for (;;) {
        while (!hands->closing && hands->wanted == hands->begun)
            pthread_cond_wait(&hands->asked, &hands->lock);
        if (hands->closing)
            break;
        hands->begun = hands->wanted;
        memcpy(subject, hands->subject, sizeof subject);
        pthread_mutex_unlock(&hands->lock);

        maker_answer answer = {0};
        const lumen_request request = {
            .text = subject, .points = hands->points, .progress = go_on, .progress_user = hands};
        if (is_file(subject))
            files_read_shape(subject, &answer.shape, &answer.error);
        else
            lumen_generate(hands->library, &request, &answer.shape, &answer.error);

        pthread_mutex_lock(&hands->lock);
        if (hands->begun != hands->wanted || hands->closing) {
            lumen_shape_free(answer.shape); /* too late: something else is wanted */
        } else {
            if (hands->ready)
                lumen_shape_free(hands->answer.shape);
            hands->answer = answer;
            hands->ready = true;
            hands->done = hands->begun;
        }
    }
    pthread_mutex_unlock(&hands->lock);
    return NULL;
}

lumen_status maker_open(lumen *library, uint32_t points, maker **out, lumen_error *error)
{
    *out = NULL;
    maker *hands = calloc(1, sizeof *hands);
    if (hands == NULL)
        return lumen_fail_memory(error, "the engine's thread");
    hands->library = library;
    hands->points = points;
    pthread_mutex_init(&hands->lock, NULL);
    pthread_cond_init(&hands->asked, NULL);
    int fault = pthread_create(&hands->thread, NULL, work, hands);
    if (fault != 0) {
        pthread_cond_destroy(&hands->asked);
        pthread_mutex_destroy(&hands->lock);
        free(hands);
        return lumen_fail(error, LUMEN_ERROR_MEMORY, "the engine's thread could not be started: %s; end some programs",
                          strerror(fault));
    }
    *out = hands;
    return LUMEN_OK;
}

void maker_close(maker *hands)
{
    if (hands == NULL)
        return;
    pthread_mutex_lock(&hands->lock);
    hands->closing = true;
    pthread_cond_signal(&hands->asked);
    pthread_mutex_unlock(&hands->lock);
    pthread_join(hands->thread, NULL);
    if (hands->ready)
        lumen_shape_free(hands->answer.shape);
    pthread_cond_destroy(&hands->asked);
    pthread_mutex_destroy(&hands->lock);
    free(hands);
}

void maker_ask(maker *hands, const char *subject)
{
    pthread_mutex_lock(&hands->lock);
    snprintf(hands->subject, sizeof hands->subject, "%s", subject);
    hands->wanted++;
    pthread_cond_signal(&hands->asked);
    pthread_mutex_unlock(&hands->lock);
}

bool maker_take(maker *hands, maker_answer *answer)
{
    pthread_mutex_lock(&hands->lock);
    bool there = hands->ready;
    /* An answer to an earlier text is no answer any more. */
    if (there && hands->done != hands->wanted) {
        lumen_shape_free(hands->answer.shape);
        hands->ready = there = false;
    }
    if (there) {
        *answer = hands->answer;
        hands->ready = false;
    }
    pthread_mutex_unlock(&hands->lock);
    return there;
}

bool maker_busy(maker *hands)
{
    pthread_mutex_lock(&hands->lock);
    bool busy = hands->done != hands->wanted;
    pthread_mutex_unlock(&hands->lock);
    return busy;
}

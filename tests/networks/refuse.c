#include "refuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "made_up.h"

enum { MEMORY_FILES_MAX = 4, QUIET_MAX = 1024 };

size_t refuse_each(attempt *work, void *user, failing_who who)
{
    return refuse_every(1, work, user, who);
}

size_t refuse_every(size_t stride, attempt *work, void *user, failing_who who)
{
    size_t done_without = 0;
    for (size_t nth = 0;; nth += stride) {
        lumen_error error = {0};
        failing_begin(nth, who);
        lumen_status status = work(user, &error);
        const bool reached = failing_end();
        /* What the system says of its memory may stay unknown; nothing else may be done without. */
        if (reached && status == LUMEN_OK && done_without++ < MEMORY_FILES_MAX)
            continue;
        if (!reached) {
            if (status != LUMEN_OK)
                fail_msg("with all memory: %s", error.message);
            return nth;
        }
        /* Jansson tells of some of its own as broken text. */
        const bool of_json = who == FAILING_OWN_AND_JSON && status == LUMEN_ERROR_INVALID;
        if ((status != LUMEN_ERROR_MEMORY && !of_json) || error.status != status || strlen(error.message) < 10)
            fail_msg("without piece %zu: %s: %s", nth, lumen_status_name(status), error.message);
    }
}

/* ---- Weights ---------------------------------------------------------------------------------------------- */

typedef struct quiet_tensor {
    char name[LAYER_NAME_BYTES];
    tensor values;
} quiet_tensor;

static quiet_tensor made[QUIET_MAX];
static size_t made_count;

/* Loaders ask in the same order each time. */
static quiet_tensor *find_made(const char *name)
{
    static size_t next;
    for (size_t i = 0; i < made_count; i++) {
        quiet_tensor *one = &made[(next + i) % made_count];
        if (strcmp(one->name, name) == 0) {
            next = (size_t)(one - made) + 1;
            return one;
        }
    }
    return NULL;
}

static lumen_status find_quietly(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                                 lumen_error *error)
{
    quiet_tensor *one = find_made(name);
    if (one == NULL) {
        assert_true(made_count < QUIET_MAX && strlen(name) < sizeof one->name);
        one = &made[made_count++];
        strcpy(one->name, name);
        failing_pause();
        lumen_status status = made_up.find(user, name, rank, sizes, &one->values, error);
        failing_resume();
        assert_int_equal(status, LUMEN_OK);
    }
    *out = one->values;
    return LUMEN_OK;
}

static void keep(void *user, const tensor *view)
{
    (void)user;
    (void)view;
}

const weight_source quiet_weights = {.find = find_quietly, .forget = keep};

void forget_quiet_weights(void)
{
    for (size_t i = 0; i < made_count; i++)
        made_up.forget(NULL, &made[i].values);
    made_count = 0;
}

/*
 * order.h: the body of POST /generate, POST /jobs and POST /debug/generate-image, hostile bytes, into an order, with
 * all its faults at once.
 *
 *     service_order order;
 *     order_faults faults;
 *     switch (order_read(body, size, engines, &order, &faults, &error)) {
 *     case ORDER_GOOD: order_request(&order, &request); ...                      // work
 *     case ORDER_FAULTY: order_write_faults(&faults, &buffer); ...               // 422 {"detail": [...]}
 *     case ORDER_MALFORMED: ... error.message ...                                // 400
 *     case ORDER_NO_MEMORY: ...                                                  // 503
 *     }
 *
 * 400 is for what is no JSON: not UTF-8, trailing bytes, NUL characters, a name twice, brackets deeper than 32 (found
 * by a scan before the parser sees the body, so that nothing recurses deeply; Jansson's own limit is 2,048). 422 is for
 * JSON that is no order. A text is judged by unicode_clean and unicode_is_blank of words/unicode.h, which words_parse
 * uses too, so that the service and the library never disagree. Numbers: 3.0 is the integer 3,
 * true is none; an integer is out of range however large it is. `null` counts as absent for everything but the text; a
 * blank verb too. Members with other names are ignored.
 *
 * Nothing outlives the call but what stands in the structures: they own no memory. Any number of threads.
 */
#ifndef LUMEN_SERVICE_ORDER_H
#define LUMEN_SERVICE_ORDER_H

#include "base/buffer.h"
#include "lumen.h"

enum {
    ORDER_DEPTH_MAX = 32,
    ORDER_TEXT_BYTES = 4 * LUMEN_TEXT_MAX_CHARACTERS + 1,
    ORDER_IMAGE_STEPS_MAX = 4,
    ORDER_FAULTS_MAX = 8, /* one for each member and one for the body */
    ORDER_MESSAGE_BYTES = 160
};

typedef struct service_order {
    char text[ORDER_TEXT_BYTES]; /* as it was sent */
    char verb[ORDER_TEXT_BYTES]; /* "" without one */
    lumen_quality quality;
    uint32_t num_parts; /* 0: not said */
    uint32_t points;    /* 0: not said */
    uint64_t seed;
    uint32_t image_steps; /* of an order of a picture; 0: not said */
    const char *engine;   /* one of the names given to order_read; the first of them when not said */
} service_order;

typedef struct order_fault {
    const char *member; /* of the body; NULL: the body itself */
    const char *type;   /* missing, object_type, string_type, string_blank, string_too_long, digits_only, int_type,
                           out_of_range, unknown_value */
    char message[ORDER_MESSAGE_BYTES]; /* holds nothing of what was sent */
} order_fault;

typedef struct order_faults {
    size_t count;
    order_fault list[ORDER_FAULTS_MAX];
} order_faults;

typedef enum order_status { ORDER_GOOD, ORDER_FAULTY, ORDER_MALFORMED, ORDER_NO_MEMORY } order_status;

/* `engines`: the names that may be asked for, ended by NULL, the usual one first ("auto"). Fills `out` when
 * ORDER_GOOD, `faults` when ORDER_FAULTY, and otherwise `error`, whose message is ASCII and says the line, column and
 * byte. */
order_status order_read(const void *body, size_t size, const char *const *engines, service_order *out,
                        order_faults *faults, lumen_error *error);

/* The same of the body of POST /debug/generate-image: text, verb, seed, and steps from 1 to ORDER_IMAGE_STEPS_MAX. */
order_status order_read_image(const void *body, size_t size, service_order *out, order_faults *faults,
                              lumen_error *error);

/* Appends {"detail": [{"loc": ["body", "text"], "msg": "...", "type": "..."}, ...]}. */
void order_write_faults(const order_faults *faults, buffer *out);

/* The order as a request of the library, without a progress callback; its texts are the order's. */
lumen_request order_request(const service_order *order);

#endif

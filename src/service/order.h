/*
 * order.h: the body of POST /generate, POST /jobs and POST /debug/generate-image, hostile bytes, into an order, with
 * all its faults at once.
 *
 *     const order_rules rules = {.engines = engines, .image_engines = some, .body_bytes_max = 65536, ...};
 *     service_order order;
 *     order_faults faults;
 *     switch (order_read(body, size, &rules, &order, &faults, &error)) {
 *     case ORDER_GOOD: request = order_request(&order); ... order_release(&order);   // work
 *     case ORDER_FAULTY: order_write_faults(&faults, &buffer); ...                   // 422 {"detail": [...]}
 *     case ORDER_MALFORMED: ... error.message ...                                    // 400
 *     case ORDER_TOO_LARGE: ... error.message ...                                    // 413
 *     case ORDER_NO_MEMORY: ...                                                      // 503
 *     }
 *
 * 400 is for what is no JSON: not UTF-8, trailing bytes, NUL characters, a name twice, brackets deeper than 32 (found
 * by a scan before the parser sees the body, so that nothing recurses deeply; Jansson's own limit is 2,048). 422 is for
 * JSON that is no order. A text is judged by unicode_clean and unicode_is_blank of words/unicode.h, which words_parse
 * uses too, so that the service and the library never disagree. Numbers: 3.0 is the integer 3,
 * true is none; an integer is out of range however large it is. `null` counts as absent for everything but the text; a
 * blank verb too. Members with other names are ignored.
 *
 * An order may bring a picture: "image", a PNG or JPEG as base64 (RFC 4648, section 4: padded, no white space). Then
 * the text may be absent, null or blank. What lies in its head is looked at, no pixel of it. The rest of the body keeps
 * to the bound that a body without a picture has: the picture is taken out before the parser sees the body, so that a
 * body of megabytes costs the parser no more than one of kilobytes.
 *
 * A good order owns its picture and nothing else: give it back with order_release. Any number of threads.
 */
#ifndef LUMEN_SERVICE_ORDER_H
#define LUMEN_SERVICE_ORDER_H

#include "base/blob.h"
#include "base/buffer.h"
#include "lumen.h"

enum {
    ORDER_DEPTH_MAX = 32,
    ORDER_TEXT_BYTES = 4 * LUMEN_TEXT_MAX_CHARACTERS + 1,
    ORDER_IMAGE_STEPS_MAX = 4,
    ORDER_STEPS_MAX = 1000,
    ORDER_TOKENS_MIN = 16,
    ORDER_TOKENS_MAX = 2048,
    ORDER_GUIDANCE_MIN = 1,
    ORDER_GUIDANCE_MAX = 20,
    ORDER_FAULTS_MAX = 12, /* one for each member and one for the body */
    ORDER_MESSAGE_BYTES = 160
};

/* What may be asked for. */
typedef struct order_rules {
    const char *const *engines;       /* names, ended by NULL, the usual one first ("auto") */
    const char *const *image_engines; /* those of them that take a picture, ended by NULL; NULL: none */
    size_t body_bytes_max;            /* of a body without the base64 of its picture; 0: no bound */
    size_t image_bytes_max;           /* of the picture itself */
} order_rules;

typedef struct service_order {
    char text[ORDER_TEXT_BYTES]; /* as it was sent; "" where a picture needs none */
    char verb[ORDER_TEXT_BYTES]; /* "" without one */
    lumen_quality quality;
    uint32_t num_parts; /* 0: not said, like all below */
    uint32_t points;
    uint64_t seed;
    uint32_t image_steps; /* of an order of a picture */
    uint32_t steps, tokens;
    float guidance;
    blob *image;        /* the PNG or JPEG file, the order's reference; NULL: none */
    const char *engine; /* one of the names of the rules; the first of them when not said */
} service_order;

typedef struct order_fault {
    const char *member; /* of the body; NULL: the body itself */
    const char *type;   /* missing, object_type, string_type, string_blank, string_too_long, digits_only, int_type,
                           number_type, out_of_range, unknown_value, base64, image_too_large, image_invalid,
                           takes_no_image */
    char message[ORDER_MESSAGE_BYTES]; /* holds nothing of what was sent */
} order_fault;

typedef struct order_faults {
    size_t count;
    order_fault list[ORDER_FAULTS_MAX];
} order_faults;

typedef enum order_status { ORDER_GOOD, ORDER_FAULTY, ORDER_MALFORMED, ORDER_TOO_LARGE, ORDER_NO_MEMORY } order_status;

/* Fills `out` when ORDER_GOOD, `faults` when ORDER_FAULTY, and otherwise `error`, whose message is ASCII and, of a body
 * that is no JSON, says the line, column and byte (of the body without its picture where that was large). */
order_status order_read(const void *body, size_t size, const order_rules *rules, service_order *out,
                        order_faults *faults, lumen_error *error);

/* The same of the body of POST /debug/generate-image: text, verb, seed, and steps from 1 to ORDER_IMAGE_STEPS_MAX. */
order_status order_read_image(const void *body, size_t size, service_order *out, order_faults *faults,
                              lumen_error *error);

/* Gives the picture of a good order back. */
void order_release(service_order *order);

/* Appends {"detail": [{"loc": ["body", "text"], "msg": "...", "type": "..."}, ...]}. */
void order_write_faults(const order_faults *faults, buffer *out);

/* The order as a request of the library, without a progress callback; its texts and its picture are the order's. */
lumen_request order_request(const service_order *order);

#endif

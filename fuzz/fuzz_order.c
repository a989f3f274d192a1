/*
 * Any bytes as the body of an order. A good order is one that the library takes too; a faulty one is answered in valid
 * JSON that names a fault; anything else gets a message that fits into any header, log or answer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "service/order.h"
#include "words/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const engines[] = {"auto", "procedural", "partcrafter", "hunyuan3d", NULL};

static const char *const image_engines[] = {"auto", "partcrafter", "hunyuan3d", NULL};
/* So small that bodies of the corpus have their picture taken out. */
static const order_rules rules = {
    .engines = engines, .image_engines = image_engines, .body_bytes_max = 400, .image_bytes_max = 2000};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_good(const service_order *order)
{
    static words_phrase phrase;
    lumen_request request = order_request(order);
    bool known = false;
    for (size_t i = 0; engines[i] != NULL; i++)
        known = known || request.engine == engines[i];
    require(known && request.num_parts <= LUMEN_REQUEST_PARTS_MAX && request.seed <= INT64_MAX);
    require(request.points == 0 || (request.points >= LUMEN_POINTS_MIN && request.points <= LUMEN_POINTS_MAX));
    require(request.steps <= ORDER_STEPS_MAX && request.tokens <= ORDER_TOKENS_MAX);
    require(request.guidance == 0.0f || (request.guidance >= 1.0f && request.guidance <= 20.0f));
    require((request.image != NULL) == (order->image != NULL) && request.image_size <= rules.image_bytes_max);
    require(memchr(order->text, 0, sizeof order->text) != NULL && memchr(order->verb, 0, sizeof order->verb) != NULL);
    require(order->image != NULL && request.text == NULL
                ? strcmp(request.engine, "procedural") != 0
                : words_parse(request.text, request.verb, &phrase, NULL) == LUMEN_OK);
}

/* Whether the library refuses a text that was found faulty, and for no other reason than the text. */
static void require_faults(const order_faults *faults, const json_t *body)
{
    static words_phrase phrase;
    buffer out;
    buffer_open(&out, 1u << 16);
    order_write_faults(faults, &out);
    require(!buffer_failed(&out) && faults->count > 0 && faults->count <= ORDER_FAULTS_MAX);
    json_t *answer = json_loadb((const char *)out.data, out.size, JSON_REJECT_DUPLICATES, NULL);
    require(json_array_size(json_object_get(answer, "detail")) == faults->count);
    json_decref(answer);
    buffer_close(&out);
    for (size_t i = 0; i < faults->count; i++) {
        require(faults->list[i].message[0] != 0);
        const char *text = json_string_value(json_object_get(body, "text"));
        if (faults->list[i].member != NULL && strcmp(faults->list[i].member, "text") == 0 && text != NULL)
            require(words_parse(text, NULL, &phrase, NULL) != LUMEN_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static service_order order;
    static order_faults faults;
    lumen_error error = {0};
    order_status status = order_read(data, size, &rules, &order, &faults, &error);
    /* The same bytes, read by the parser alone. */
    json_t *body = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    switch (status) {
    case ORDER_GOOD:
        require_good(&order);
        order_release(&order);
        break;
    case ORDER_FAULTY: require_faults(&faults, body); break;
    case ORDER_MALFORMED:
        require(error.status == LUMEN_ERROR_INVALID && error.message[0] != 0);
        for (const char *byte = error.message; *byte != 0; byte++)
            require(*byte >= ' ' && *byte <= '~');
        require(body == NULL || strstr(error.message, "deeper than") != NULL);
        break;
    case ORDER_TOO_LARGE: require(size > rules.body_bytes_max && error.message[0] != 0); break;
    case ORDER_NO_MEMORY: break;
    }
    json_decref(body);
    return 0;
}

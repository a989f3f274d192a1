#include "service/order.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "files/files.h"
#include "picture/picture.h"
#include "words/unicode.h"
#include "words/words.h"

/* ---- Faults -------------------------------------------------------------------------------------------- */

static void add_fault(order_faults *faults, const char *member, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add_fault(order_faults *faults, const char *member, const char *type, const char *format, ...)
{
    if (faults->count == ORDER_FAULTS_MAX)
        return;
    order_fault *fault = &faults->list[faults->count++];
    fault->member = member;
    fault->type = type;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
}

static void write_quoted(buffer *out, const char *text)
{
    buffer_text(out, "\"");
    while (*text != 0) {
        size_t harmless = strcspn(text, "\"\\");
        buffer_append(out, text, harmless);
        text += harmless;
        if (*text != 0) {
            buffer_text(out, "\\");
            buffer_append(out, text++, 1);
        }
    }
    buffer_text(out, "\"");
}

void order_write_faults(const order_faults *faults, buffer *out)
{
    buffer_text(out, "{\"detail\": [");
    for (size_t i = 0; i < faults->count; i++) {
        const order_fault *fault = &faults->list[i];
        buffer_text(out, i == 0 ? "{\"loc\": [\"body\"" : ", {\"loc\": [\"body\"");
        if (fault->member != NULL) {
            buffer_text(out, ", ");
            write_quoted(out, fault->member);
        }
        buffer_text(out, "], \"msg\": ");
        write_quoted(out, fault->message);
        buffer_text(out, ", \"type\": ");
        write_quoted(out, fault->type);
        buffer_text(out, "}");
    }
    buffer_text(out, "]}");
}

/* ---- Before the parser --------------------------------------------------------------------------------- */

/* The place behind a string that begins at `at`, or the end of a body that ends within it. */
static size_t skip_string(const char *body, size_t size, size_t at)
{
    for (at++; at < size && body[at] != '"'; at++)
        if (body[at] == '\\')
            at++;
    return at < size ? at + 1 : size;
}

/* Whether brackets nest deeper than may be; *at is where. A body whose strings are malformed is judged wrongly here and
 * refused by the parser anyway. */
static bool is_too_deep(const char *body, size_t size, size_t *at)
{
    unsigned depth = 0;
    for (size_t i = 0; i < size;) {
        char byte = body[i];
        if ((byte == '[' || byte == '{') && ++depth > ORDER_DEPTH_MAX) {
            *at = i;
            return true;
        }
        if ((byte == ']' || byte == '}') && depth > 0)
            depth--;
        i = byte == '"' ? skip_string(body, size, i) : i + 1;
    }
    return false;
}

static bool is_number_byte(char byte)
{
    return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' || byte == '.' || byte == 'e' || byte == 'E';
}

/* Whether the whole of a token is a JSON number; *real tells whether it has a fraction or an exponent. */
static bool is_number(const char *token, size_t length, bool *real)
{
    static const char digits[] = "0123456789";
    const char *at = token + (token[0] == '-'), *end = token + length;
    size_t count = strspn(at, digits);
    *real = false;
    if (count == 0 || (count > 1 && *at == '0'))
        return false;
    at += count;
    if (*at == '.') {
        *real = true;
        count = strspn(at + 1, digits);
        if (count == 0)
            return false;
        at += 1 + count;
    }
    if (*at == 'e' || *at == 'E') {
        *real = true;
        at += at[1] == '-' || at[1] == '+' ? 2 : 1;
        count = strspn(at, digits);
        if (count == 0)
            return false;
        at += count;
    }
    return at == end;
}

/* Jansson stops at a number that fits no 64 bits, or no double. To us such an integer is out of range, as -1 is for
 * every member that takes one, and such a real is as little an integer as 0.5 is. Both are shorter than any number that
 * does not fit, so they take its place, filled up with spaces, and everything else stays where it was. `body` ends with
 * a zero. */
static void replace_huge_numbers(char *body, size_t size)
{
    for (size_t i = 0; i < size;) {
        if (body[i] == '"') {
            i = skip_string(body, size, i);
            continue;
        }
        if (!is_number_byte(body[i])) {
            i++;
            continue;
        }
        size_t length = 0;
        while (i + length < size && is_number_byte(body[i + length]))
            length++;
        char *token = body + i, after = token[length];
        bool real;
        token[length] = 0;
        if (is_number(token, length, &real)) {
            errno = 0;
            if (real ? isinf(strtod(token, NULL)) : (strtoll(token, NULL, 10), errno == ERANGE)) {
                memset(token, ' ', length);
                memcpy(token, real ? "0.5" : "-1", real ? 3 : 2);
            }
        }
        token[length] = after;
        i += length;
    }
}

/* ---- The picture, taken out before the parser ---------------------------------------------------------- */

/* What lies between the quotes of the member "image". */
typedef struct image_text {
    const char *text; /* NULL: there is none, or it is left to the parser */
    size_t length;
} image_text;

static size_t skip_blanks(const char *body, size_t size, size_t at)
{
    while (at < size && (body[at] == ' ' || body[at] == '\t' || body[at] == '\n' || body[at] == '\r'))
        at++;
    return at;
}

/* Whether nothing between the quotes of a string would need the parser's judgment: printable ASCII, and of the escapes
 * those of one letter. */
static bool is_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return false;
        if (text[i] == '\\' && (++i == length || strchr("\"\\/bfnrt", text[i]) == NULL))
            return false;
    }
    return true;
}

/* Finds the string that is the value of "image" in the outermost object. */
static image_text find_image(const char *body, size_t size)
{
    static const char name[] = "\"image\"";
    unsigned depth = 0;
    for (size_t i = 0; i < size;) {
        if (body[i] != '"') {
            depth += body[i] == '{' || body[i] == '[';
            depth -= depth > 0 && (body[i] == '}' || body[i] == ']');
            i++;
            continue;
        }
        const size_t end = skip_string(body, size, i);
        if (depth == 1 && end - i == sizeof name - 1 && memcmp(body + i, name, sizeof name - 1) == 0) {
            size_t at = skip_blanks(body, size, end);
            at = at < size && body[at] == ':' ? skip_blanks(body, size, at + 1) : size;
            const size_t behind = at < size && body[at] == '"' ? skip_string(body, size, at) : 0;
            if (behind > at + 1 && body[behind - 1] == '"' && is_plain(body + at + 1, behind - at - 2))
                return (image_text){.text = body + at + 1, .length = behind - at - 2};
        }
        i = end;
    }
    return (image_text){0};
}

/* The body without what lies between the quotes of its picture, for the caller to free; NULL when memory runs out. */
static char *cut_image(const char *body, size_t size, image_text image, size_t *rest)
{
    const size_t before = (size_t)(image.text - body);
    char *copy = malloc(size - image.length);
    if (copy == NULL)
        return NULL;
    memcpy(copy, body, before);
    memcpy(copy + before, image.text + image.length, size - before - image.length);
    *rest = size - image.length;
    return copy;
}

/* ---- The parser ---------------------------------------------------------------------------------------- */

/* NULL without a body that can be read: `fault` says why, or *no_memory. */
static json_t *parse(const char *body, size_t size, json_error_t *fault, bool *no_memory)
{
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    json_t *root = json_loadb(body, size, flags, fault);
    if (root == NULL && json_error_code(fault) == json_error_numeric_overflow) {
        char *copy = malloc(size + 1);
        *no_memory = copy == NULL;
        if (copy == NULL)
            return NULL;
        memcpy(copy, body, size);
        copy[size] = 0;
        replace_huge_numbers(copy, size);
        root = json_loadb(copy, size, flags, fault);
        free(copy);
    }
    *no_memory = root == NULL && json_error_code(fault) == json_error_out_of_memory;
    return root;
}

static void explain(const json_error_t *fault, lumen_error *error)
{
    char reason[JSON_ERROR_TEXT_LENGTH];
    size_t length = 0;
    for (const char *byte = fault->text; *byte != 0; byte++)
        reason[length++] = *byte >= ' ' && *byte <= '~' ? *byte : '?'; /* Jansson quotes what it met */
    reason[length] = 0;
    lumen_fail(error, LUMEN_ERROR_INVALID, "the body is not %s: %s (line %d, column %d, byte %d)",
               json_error_code(fault) == json_error_invalid_utf8 ? "UTF-8" : "JSON", reason, fault->line, fault->column,
               fault->position);
}

/* ---- Members ------------------------------------------------------------------------------------------- */

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text != 0; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* Judges a text as words_parse does, and copies it as it is. */
static void read_text(const char *member, const char *text, char out[ORDER_TEXT_BYTES], order_faults *faults)
{
    char clean[WORDS_TEXT_BYTES] = "";
    bool whole;
    lumen_error error;
    if (count_characters(text) > LUMEN_TEXT_MAX_CHARACTERS)
        add_fault(faults, member, "string_too_long", "the %s has more than %d characters; shorten it to a sentence",
                  member, LUMEN_TEXT_MAX_CHARACTERS);
    else if (unicode_clean(member, text, clean, sizeof clean, &whole, &error) != LUMEN_OK)
        add_fault(faults, member, clean[0] == 0 ? "string_blank" : "digits_only", "%s", error.message);
    else
        memcpy(out, text, strlen(text) + 1);
}

/* The value of a member that need not be there; NULL where it is not, or is null. */
static const json_t *optional(const json_t *root, const char *member)
{
    const json_t *value = json_object_get(root, member);
    return json_is_null(value) ? NULL : value;
}

/* The text of a member that need not be there; NULL where it is not, or is none, which is a fault. */
static const char *optional_text(const json_t *root, const char *member, order_faults *faults)
{
    const json_t *value = optional(root, member);
    if (value != NULL && !json_is_string(value))
        add_fault(faults, member, "string_type", "the %s is not a string; send one, or leave it out", member);
    return json_string_value(value);
}

/* JSON knows one kind of number: 3.0 is the integer 3 (as JSON Schema has it too), 3.5 is none. False for what is no
 * integer; one beyond 64 bits becomes the nearest there is. */
static bool read_integer(const json_t *value, json_int_t *number)
{
    if (json_is_integer(value)) {
        *number = json_integer_value(value);
        return true;
    }
    double real = json_real_value(value);
    if (!json_is_real(value) || real != floor(real))
        return false;
    *number = real >= 0x1p63 ? INT64_MAX : real < -0x1p63 ? INT64_MIN : (json_int_t)real;
    return true;
}

static float optional_real(const json_t *root, const char *member, double least, double most, order_faults *faults)
{
    const json_t *value = optional(root, member);
    const double number = json_number_value(value);
    if (value == NULL)
        return 0.0f;
    if (!json_is_number(value))
        add_fault(faults, member, "number_type", "%s is not a number; send one without quotes", member);
    else if (!(number >= least && number <= most))
        add_fault(faults, member, "out_of_range", "%s is out of range; send %g to %g", member, least, most);
    else
        return (float)number;
    return 0.0f;
}

static uint64_t optional_integer(const json_t *root, const char *member, json_int_t least, json_int_t most,
                                 order_faults *faults)
{
    const json_t *value = optional(root, member);
    if (value == NULL)
        return 0;
    json_int_t number;
    if (!read_integer(value, &number))
        add_fault(faults, member, "int_type", "%s is not an integer; send one without quotes and fraction", member);
    else if (number < least || number > most || (json_is_real(value) && json_real_value(value) >= 0x1p63))
        add_fault(faults, member, "out_of_range",
                  "%s is out of range; send %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT, member, least, most);
    else
        return (uint64_t)number;
    return 0;
}

static lumen_quality read_quality(const char *name, order_faults *faults)
{
    static const char *const names[] = {
        [LUMEN_QUALITY_STANDARD] = "standard", [LUMEN_QUALITY_FAST] = "fast", [LUMEN_QUALITY_HIGH] = "high"};
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return (lumen_quality)i;
    if (name != NULL)
        add_fault(faults, "quality", "unknown_value", "the quality is unknown; send fast, standard or high");
    return LUMEN_QUALITY_STANDARD;
}

static const char *read_engine(const char *name, const char *const *engines, order_faults *faults)
{
    char known[ORDER_MESSAGE_BYTES] = "";
    if (name == NULL)
        return engines[0];
    for (size_t i = 0, length = 0; engines[i] != NULL; i++) {
        if (strcmp(name, engines[i]) == 0)
            return engines[i];
        int written = snprintf(known + length, sizeof known - length, "%s%s", i == 0 ? "" : ", ", engines[i]);
        if (written > 0 && length + (size_t)written < sizeof known)
            length += (size_t)written;
    }
    add_fault(faults, "engine", "unknown_value", "the engine is unknown; send one of %.100s", known);
    return engines[0];
}

/* ---- The picture --------------------------------------------------------------------------------------- */

/* Some programs write / as \/ in JSON. Returns the text without such backslashes, in *own where it is a copy; text
 * NULL: memory ran out. */
static image_text unescape(image_text image, char **own)
{
    *own = NULL;
    if (memchr(image.text, '\\', image.length) == NULL)
        return image;
    char *copy = malloc(image.length);
    size_t length = 0;
    for (size_t i = 0; copy != NULL && i < image.length; i++)
        if (image.text[i] != '\\' || i + 1 == image.length || image.text[i + 1] != '/')
            copy[length++] = image.text[i];
    *own = copy;
    return (image_text){.text = copy, .length = length};
}

/* NULL with a fault, or with *no_memory. */
static blob *decode_image(image_text image, size_t bytes_max, order_faults *faults, bool *no_memory)
{
    const size_t size = files_base64_size(image.text, image.length);
    if (size > bytes_max) {
        add_fault(faults, "image", "image_too_large", "the image has %zu bytes; send one of at most %zu", size,
                  bytes_max);
        return NULL;
    }
    blob *bytes = blob_create(size);
    if (bytes == NULL) {
        *no_memory = true;
        return NULL;
    }
    if (files_base64_read(image.text, image.length, bytes->data))
        return bytes;
    add_fault(
        faults, "image", "base64",
        "the image is not base64 (RFC 4648, with padding, without line breaks); encode the bytes of a PNG or JPEG");
    blob_release(bytes);
    return NULL;
}

/* Only its head is looked at: whether it shows anything, the engine finds out. */
static bool check_image(const blob *bytes, order_faults *faults)
{
    uint32_t width, height;
    lumen_error error;
    if (picture_measure("the image", bytes->data, bytes->size, 0, &width, &height, &error) == LUMEN_OK)
        return true;
    add_fault(faults, "image", "image_invalid", "%s", error.message);
    return false;
}

/* `found` is what was taken out of the body; without it the member itself is looked at. */
static void read_image(const json_t *root, image_text found, size_t bytes_max, service_order *out, order_faults *faults,
                       bool *no_memory)
{
    const json_t *value = optional(root, "image");
    char *own = NULL;
    if (value == NULL)
        return;
    if (!json_is_string(value)) {
        add_fault(faults, "image", "string_type", "the image is not a string; send a PNG or JPEG as base64");
        return;
    }
    image_text image = {.text = json_string_value(value), .length = json_string_length(value)};
    if (found.text != NULL)
        image = unescape(found, &own);
    *no_memory = image.text == NULL;
    blob *bytes = *no_memory ? NULL : decode_image(image, bytes_max, faults, no_memory);
    free(own);
    if (bytes != NULL && check_image(bytes, faults))
        out->image = blob_keep(bytes);
    blob_release(bytes);
}

/* ---- All together -------------------------------------------------------------------------------------- */

/* What every order has; `needed`: that there is a text. */
static void read_words(const json_t *root, bool needed, service_order *out, order_faults *faults)
{
    const json_t *text = json_object_get(root, "text");
    const bool blank =
        text == NULL || json_is_null(text) || (json_is_string(text) && unicode_is_blank(json_string_value(text)));
    if (blank && !needed)
        out->text[0] = '\0';
    else if (text == NULL)
        add_fault(faults, "text", "missing", "the text is missing; name something, such as \"horse\"");
    else if (!json_is_string(text))
        add_fault(faults, "text", "string_type", "the text is not a string; name something, such as \"horse\"");
    else
        read_text("text", json_string_value(text), out->text, faults);
    const char *verb = optional_text(root, "verb", faults);
    if (verb != NULL && !unicode_is_blank(verb))
        read_text("verb", verb, out->verb, faults);
}

static uint64_t read_seed(const json_t *root, order_faults *faults)
{
    return optional_integer(root, "seed", 0, INT64_MAX, faults);
}

static void check_takes_image(const order_rules *rules, const char *engine, order_faults *faults)
{
    for (size_t i = 0; rules->image_engines != NULL && rules->image_engines[i] != NULL; i++)
        if (strcmp(rules->image_engines[i], engine) == 0)
            return;
    add_fault(faults, "engine", "takes_no_image",
              "the engine %.48s starts from words, not from an image; leave one of them out", engine);
}

static void read_members(const json_t *root, image_text image, const order_rules *rules, service_order *out,
                         order_faults *faults, bool *no_memory)
{
    const bool with_image = optional(root, "image") != NULL;
    read_words(root, !with_image, out, faults);
    out->quality = read_quality(optional_text(root, "quality", faults), faults);
    out->num_parts = (uint32_t)optional_integer(root, "num_parts", 1, LUMEN_REQUEST_PARTS_MAX, faults);
    out->seed = read_seed(root, faults);
    out->points = (uint32_t)optional_integer(root, "points", LUMEN_POINTS_MIN, LUMEN_POINTS_MAX, faults);
    out->steps = (uint32_t)optional_integer(root, "steps", 1, ORDER_STEPS_MAX, faults);
    out->tokens = (uint32_t)optional_integer(root, "tokens", ORDER_TOKENS_MIN, ORDER_TOKENS_MAX, faults);
    out->guidance = optional_real(root, "guidance", ORDER_GUIDANCE_MIN, ORDER_GUIDANCE_MAX, faults);
    read_image(root, image, rules->image_bytes_max, out, faults, no_memory);
    const size_t before = faults->count;
    out->engine = read_engine(optional_text(root, "engine", faults), rules->engines, faults);
    if (with_image && faults->count == before)
        check_takes_image(rules, out->engine, faults);
}

static void read_painting(const json_t *root, service_order *out, order_faults *faults)
{
    read_words(root, true, out, faults);
    out->seed = read_seed(root, faults);
    out->image_steps = (uint32_t)optional_integer(root, "steps", 1, ORDER_IMAGE_STEPS_MAX, faults);
}

/* Reads what the parser is to see. */
static order_status read_rest(const char *body, size_t size, image_text image, const order_rules *rules,
                              service_order *out, order_faults *faults, lumen_error *error)
{
    json_error_t fault;
    bool no_memory;
    json_t *root = parse(body, size, &fault, &no_memory);
    if (root == NULL && !no_memory) {
        explain(&fault, error);
        return ORDER_MALFORMED;
    }
    if (root != NULL && !json_is_object(root))
        add_fault(faults, NULL, "object_type", "the body is not an object; send one, such as {\"text\": \"horse\"}");
    else if (root != NULL && rules != NULL)
        read_members(root, image, rules, out, faults, &no_memory);
    else if (root != NULL)
        read_painting(root, out, faults);
    json_decref(root);
    if (no_memory)
        lumen_fail_memory(error, "the order");
    if (no_memory || faults->count > 0)
        order_release(out);
    return no_memory ? ORDER_NO_MEMORY : faults->count > 0 ? ORDER_FAULTY : ORDER_GOOD;
}

/* `rules` NULL: an order of a picture. */
static order_status read_order(const char *body, size_t size, const order_rules *rules, service_order *out,
                               order_faults *faults, lumen_error *error)
{
    image_text image = {0};
    char *cut = NULL;
    size_t rest = size, deep;
    faults->count = 0;
    *out = (service_order){0};
    if (rules != NULL && rules->body_bytes_max > 0 && size > rules->body_bytes_max) {
        image = find_image(body, size);
        if (size - image.length > rules->body_bytes_max) {
            lumen_fail(error, LUMEN_ERROR_INVALID, "the body is too large; beside its image it may have %zu bytes",
                       rules->body_bytes_max);
            return ORDER_TOO_LARGE;
        }
        cut = cut_image(body, size, image, &rest);
        if (cut == NULL) {
            lumen_fail_memory(error, "the order");
            return ORDER_NO_MEMORY;
        }
        body = cut;
    }
    order_status status = ORDER_MALFORMED;
    if (is_too_deep(body, rest, &deep))
        lumen_fail(error, LUMEN_ERROR_INVALID, "the body nests brackets deeper than %d (byte %zu); send a flat object",
                   ORDER_DEPTH_MAX, deep);
    else
        status = read_rest(body, rest, image, rules, out, faults, error);
    free(cut);
    return status;
}

order_status order_read(const void *body, size_t size, const order_rules *rules, service_order *out,
                        order_faults *faults, lumen_error *error)
{
    return read_order(body, size, rules, out, faults, error);
}

order_status order_read_image(const void *body, size_t size, service_order *out, order_faults *faults,
                              lumen_error *error)
{
    return read_order(body, size, NULL, out, faults, error);
}

void order_release(service_order *order)
{
    blob_release(order->image);
    order->image = NULL;
}

lumen_request order_request(const service_order *order)
{
    return (lumen_request){.text = order->text[0] != 0 || order->image == NULL ? order->text : NULL,
                           .verb = order->verb[0] != 0 ? order->verb : NULL,
                           .engine = order->engine,
                           .quality = order->quality,
                           .num_parts = order->num_parts,
                           .points = order->points,
                           .seed = order->seed,
                           .image_steps = order->image_steps,
                           .image = order->image != NULL ? order->image->data : NULL,
                           .image_size = order->image != NULL ? order->image->size : 0,
                           .steps = order->steps,
                           .tokens = order->tokens,
                           .guidance = order->guidance};
}

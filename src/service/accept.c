#include "service/accept.h"

#include <string.h>
#include <strings.h>

/* ---- Tokens; all functions move *at forward and never past the zero ------------------------------------ */

static void skip_blanks(const char **at)
{
    *at += strspn(*at, " \t");
}

/* Whether a byte may stand in a token: RFC 9110, section 5.6.2. */
static bool is_token_byte(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

typedef struct token {
    const char *text;
    size_t length;
} token;

static token read_token(const char **at)
{
    token found = {.text = *at};
    while (is_token_byte(**at))
        (*at)++;
    found.length = (size_t)(*at - found.text);
    return found;
}

static bool token_is(token found, const char *name)
{
    return found.length == strlen(name) && strncasecmp(found.text, name, found.length) == 0;
}

static bool take(const char **at, char byte)
{
    if (**at != byte)
        return false;
    (*at)++;
    return true;
}

/* Passes over a quoted string whose first quote was taken. */
static bool skip_quoted(const char **at)
{
    while (**at != 0 && **at != '"') {
        if (**at == '\\' && (*at)[1] != 0)
            (*at)++;
        (*at)++;
    }
    return take(at, '"');
}

/* To behind the comma that ends an element, however malformed it is. */
static void skip_element(const char **at)
{
    while (**at != 0 && **at != ',')
        if (*(*at)++ == '"')
            skip_quoted(at);
    take(at, ',');
}

/* ---- Accept -------------------------------------------------------------------------------------------- */

/* "1", "0.5", "0.123": the weight in thousandths. */
static bool read_quality(token value, int *quality)
{
    const char *text = value.text;
    if (value.length < 1 || value.length > 5 || (text[0] != '0' && text[0] != '1'))
        return false;
    if (value.length > 1 && text[1] != '.')
        return false;
    int thousandths = (text[0] - '0') * 1000;
    for (size_t i = 2, weight = 100; i < value.length; i++, weight /= 10) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        thousandths += (text[i] - '0') * (int)weight;
    }
    *quality = thousandths;
    return thousandths <= 1000;
}

/* Reads what follows the range, ";q=0.5;charset=utf-8". */
static bool read_parameters(const char **at, int *quality)
{
    for (skip_blanks(at); take(at, ';'); skip_blanks(at)) {
        skip_blanks(at);
        token name = read_token(at);
        if (name.length == 0)
            continue; /* a parameter may be empty: RFC 9110, section 5.6.6 */
        if (!take(at, '='))
            return false;
        if (take(at, '"')) {
            if (token_is(name, "q") || !skip_quoted(at))
                return false;
            continue;
        }
        token value = read_token(at);
        if (value.length == 0 || (token_is(name, "q") && !read_quality(value, quality)))
            return false;
    }
    return **at == 0 || **at == ',';
}

static void weigh(accept_weight *weight, int specificity, int quality)
{
    if (specificity > weight->specificity || (specificity == weight->specificity && quality > weight->quality))
        *weight = (accept_weight){specificity, quality};
}

/* Reads one element. False where it is malformed. */
static bool read_range(accept_reading *reading, const char **at)
{
    token type = read_token(at);
    if (type.length == 0 || !take(at, '/'))
        return false;
    token subtype = read_token(at);
    int quality = 1000;
    if (subtype.length == 0 || !read_parameters(at, &quality))
        return false;
    bool any_subtype = token_is(subtype, "*");
    if (token_is(type, "*") && !any_subtype)
        return false;
    reading->any = true;
    if (token_is(type, "*") || (token_is(type, "application") && any_subtype)) {
        int specificity = token_is(type, "*") ? 1 : 2;
        weigh(&reading->json, specificity, quality);
        weigh(&reading->binary, specificity, quality);
    } else if (token_is(type, "application") && token_is(subtype, "json")) {
        weigh(&reading->json, 3, quality);
    } else if (token_is(type, "application") && token_is(subtype, "octet-stream")) {
        weigh(&reading->binary, 3, quality);
    }
    return true;
}

void accept_read(accept_reading *reading, const char *value)
{
    const char *at = value;
    while (*at != 0) {
        skip_blanks(&at);
        const char *start = at;
        if (*at != ',' && *at != 0 && !read_range(reading, &at))
            at = start;
        skip_element(&at);
    }
}

accept_choice accept_choose(const accept_reading *reading)
{
    const accept_weight *json = &reading->json, *binary = &reading->binary;
    if (!reading->any)
        return ACCEPT_JSON;
    if (json->quality == 0 && binary->quality == 0)
        return ACCEPT_NEITHER;
    if (json->quality != binary->quality)
        return json->quality > binary->quality ? ACCEPT_JSON : ACCEPT_BINARY;
    return binary->specificity > json->specificity ? ACCEPT_BINARY : ACCEPT_JSON;
}

/* ---- Accept-Encoding ----------------------------------------------------------------------------------- */

bool accept_gzip(const char *value)
{
    accept_weight gzip = {0, 0};
    const char *at = value;
    while (*at != 0) {
        skip_blanks(&at);
        token coding = read_token(&at);
        int quality = 1000;
        if (coding.length > 0 && read_parameters(&at, &quality)) {
            if (token_is(coding, "gzip") || token_is(coding, "x-gzip"))
                weigh(&gzip, 2, quality);
            else if (token_is(coding, "*"))
                weigh(&gzip, 1, quality);
        }
        skip_element(&at);
    }
    return gzip.quality > 0;
}

/* ---- If-None-Match ------------------------------------------------------------------------------------- */

bool etag_is_listed(const char *if_none_match, const char *etag)
{
    const char *at = if_none_match;
    size_t length = strlen(etag);
    skip_blanks(&at);
    if (*at == '*')
        return at[1 + strspn(at + 1, " \t")] == 0;
    while (*at != 0) {
        if (at[0] == 'W' && at[1] == '/')
            at += 2;
        if (*at == '"') {
            const char *end = strchr(at + 1, '"'); /* a backslash means nothing here */
            if (end == NULL)
                return false;
            size_t size = (size_t)(end - at) + 1;
            if (size == length && memcmp(at, etag, size) == 0)
                return true;
            at = end + 1;
            skip_blanks(&at);
        }
        if (*at != ',' && *at != 0)
            return false;
        at += strspn(at, ", \t");
    }
    return false;
}

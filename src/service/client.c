#include "service/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

enum { MAPPED_BITS = 96 /* in front of an IPv4 address that is written as IPv6 */ };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* ---- Addresses ----------------------------------------------------------------------------------------- */

static client_address from_ipv4(const struct in_addr *address)
{
    client_address who;
    memcpy(who.bytes, mapped, sizeof mapped);
    memcpy(who.bytes + sizeof mapped, address, 4);
    return who;
}

static bool is_ipv4(const client_address *who)
{
    return memcmp(who->bytes, mapped, sizeof mapped) == 0;
}

/* Reads `length` bytes as one address, IPv4 in four decimal numbers or IPv6, and nothing around it. */
static bool read_address(const char *text, size_t length, client_address *out)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr ipv4;
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    if (inet_pton(AF_INET, copy, &ipv4) == 1) {
        *out = from_ipv4(&ipv4);
        return true;
    }
    return inet_pton(AF_INET6, copy, out->bytes) == 1;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Reads a decimal number of at most five digits that fills the whole of the text. */
static bool read_number(const char *text, size_t length, unsigned limit, unsigned *out)
{
    unsigned value = 0;
    if (length == 0 || length > 5)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *out = value;
    return value <= limit;
}

/* ---- Trusted proxies ----------------------------------------------------------------------------------- */

static bool is_trusted(const client_proxies *proxies, const client_address *who)
{
    for (size_t i = 0; i < proxies->count; i++) {
        unsigned bits = proxies->list[i].bits, whole = bits / 8, rest = bits % 8;
        const uint8_t *network = proxies->list[i].network.bytes;
        if (memcmp(network, who->bytes, whole) == 0 &&
            (rest == 0 || (network[whole] ^ who->bytes[whole]) >> (8 - rest) == 0))
            return true;
    }
    return false;
}

/* Reads "10.0.0.0/8", "::1": an address, and how many of its bits a network shares. */
static bool read_network(const char *text, size_t length, client_address *network, uint8_t *bits)
{
    const char *slash = memchr(text, '/', length);
    size_t address_length = slash == NULL ? length : (size_t)(slash - text);
    unsigned asked = 128;
    if (!read_address(text, address_length, network))
        return false;
    /* "10.0.0.0/8" counts the bits of IPv4, "::ffff:10.0.0.0/104" those of IPv6. */
    bool ipv4 = memchr(text, ':', address_length) == NULL;
    if (slash != NULL) {
        if (!read_number(slash + 1, length - address_length - 1, ipv4 ? 32 : 128, &asked))
            return false;
        asked += ipv4 ? MAPPED_BITS : 0;
    }
    *bits = (uint8_t)asked;
    return true;
}

static bool add_network(client_proxies *out, const char *text, size_t length)
{
    if (out->count == CLIENT_PROXIES_MAX ||
        !read_network(text, length, &out->list[out->count].network, &out->list[out->count].bits))
        return false;
    out->count++;
    return true;
}

/* Adds what a word stands for. False where there is no room; *known tells whether the word is one. */
static bool add_named(client_proxies *out, const char *text, size_t length, bool *known)
{
    static const struct {
        const char *name;
        const char *network;
    } names[] = {
        {"loopback", "127.0.0.0/8"},  {"loopback", "::1"},           {"private", "10.0.0.0/8"},
        {"private", "172.16.0.0/12"}, {"private", "192.168.0.0/16"}, {"private", "169.254.0.0/16"},
        {"private", "fc00::/7"},      {"private", "fe80::/10"},
    };
    *known = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i].name) == length && strncasecmp(names[i].name, text, length) == 0) {
            *known = true;
            if (!add_network(out, names[i].network, strlen(names[i].network)))
                return false;
        }
    return true;
}

lumen_status client_proxies_read(const char *text, client_proxies *out, lumen_error *error)
{
    static const char separators[] = ", \t\r\n";
    *out = (client_proxies){0};
    for (const char *at = text == NULL ? "" : text; *at != 0;) {
        size_t length = strcspn(at, separators);
        if (length == 0) {
            at++;
            continue;
        }
        bool known;
        bool added = add_named(out, at, length, &known) && (known || add_network(out, at, length));
        if (!added && out->count == CLIENT_PROXIES_MAX)
            return lumen_fail(error, LUMEN_ERROR_INVALID,
                              "there are more than %d trusted proxies; name networks, such as 10.0.0.0/8",
                              CLIENT_PROXIES_MAX);
        if (!added)
            return lumen_fail(
                error, LUMEN_ERROR_INVALID,
                "the trusted proxy \"%.*s\" is no address or network; write 10.1.2.3, 10.0.0.0/8, fd00::/8, "
                "loopback or private",
                (int)(length < 64 ? length : 64), at);
        at += length;
    }
    return LUMEN_OK;
}

/* ---- Who asks ------------------------------------------------------------------------------------------ */

static client_address address_of_peer(const struct sockaddr *peer)
{
    client_address who = {{0}};
    if (peer != NULL && peer->sa_family == AF_INET) {
        who = from_ipv4(&((const struct sockaddr_in *)(const void *)peer)->sin_addr);
    } else if (peer != NULL && peer->sa_family == AF_INET6) {
        memcpy(who.bytes, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, sizeof who.bytes);
    }
    return who;
}

/* Reads one element of X-Forwarded-For: an address, in brackets or not, with a port or not. */
static bool read_forwarded(const char *text, size_t length, client_address *out)
{
    unsigned port;
    const char *end = text + length;
    if (length > 0 && *text == '[') {
        const char *bracket = memchr(text, ']', length);
        if (bracket == NULL || !read_address(text + 1, (size_t)(bracket - text) - 1, out))
            return false;
        return bracket + 1 == end ||
               (bracket[1] == ':' && read_number(bracket + 2, (size_t)(end - bracket) - 2, 65535, &port));
    }
    /* One colon is before a port; more are an IPv6 address. */
    const char *colon = memchr(text, ':', length);
    if (colon == NULL || memchr(colon + 1, ':', (size_t)(end - colon) - 1) != NULL)
        return read_address(text, length, out);
    return read_address(text, (size_t)(colon - text), out) &&
           read_number(colon + 1, (size_t)(end - colon) - 1, 65535, &port);
}

/* Goes through the addresses of one header value from the right. False when the reading is over: *who is final. */
static bool read_back(const client_proxies *proxies, const char *value, int *left, client_address *who)
{
    size_t end = strlen(value);
    while (end > 0) {
        size_t start = end;
        while (start > 0 && value[start - 1] != ',')
            start--;
        const char *text = value + start;
        size_t length = end - start;
        while (length > 0 && is_blank(*text)) {
            text++;
            length--;
        }
        while (length > 0 && is_blank(text[length - 1]))
            length--;
        client_address found;
        if ((*left)-- == 0)
            return false;
        if (length > 0) { /* a list may have empty elements: RFC 9110, section 5.6.1 */
            if (!read_forwarded(text, length, &found))
                return false;
            *who = found;
            if (!is_trusted(proxies, who))
                return false;
        }
        end = start > 0 ? start - 1 : 0;
    }
    return true;
}

client_address client_of(const client_proxies *proxies, const struct sockaddr *peer, const char *const *forwarded,
                         size_t count)
{
    client_address who = address_of_peer(peer);
    int left = CLIENT_FORWARDED_MAX;
    if (is_trusted(proxies, &who))
        for (size_t i = count; i > 0; i--)
            if (!read_back(proxies, forwarded[i - 1], &left, &who))
                break;
    return who;
}

client_address client_bucket(const client_address *who)
{
    client_address bucket = *who;
    if (!is_ipv4(who))
        memset(bucket.bytes + 8, 0, 8);
    return bucket;
}

void client_write(const client_address *who, char text[CLIENT_TEXT_BYTES])
{
    static const client_address unknown;
    static const uint8_t no_host[8];
    if (memcmp(who, &unknown, sizeof unknown) == 0) {
        snprintf(text, CLIENT_TEXT_BYTES, "unknown");
    } else if (is_ipv4(who)) {
        inet_ntop(AF_INET, who->bytes + sizeof mapped, text, CLIENT_TEXT_BYTES);
    } else {
        inet_ntop(AF_INET6, who->bytes, text, CLIENT_TEXT_BYTES);
        if (memcmp(who->bytes + 8, no_host, sizeof no_host) == 0)
            memcpy(text + strlen(text), "/64", sizeof "/64");
    }
}

bool client_is_loopback(const char *address)
{
    client_proxies loopback;
    client_address who;
    if (address == NULL)
        return false;
    if (strcasecmp(address, "localhost") == 0)
        return true;
    return read_address(address, strlen(address), &who) &&
           client_proxies_read("loopback", &loopback, NULL) == LUMEN_OK && is_trusted(&loopback, &who);
}

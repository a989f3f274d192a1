/*
 * client.h: who is asking, behind proxies or not.
 *
 *     client_proxies proxies;
 *     status = client_proxies_read("127.0.0.1, 10.0.0.0/8, fd00::/8", &proxies, &error);
 *     client_address who = client_of(&proxies, peer, forwarded, count);
 *     char text[CLIENT_TEXT_BYTES];
 *     client_write(&who, text);                                // "203.0.113.9", "2001:db8::/64"
 *
 * A request's client is its peer, unless the peer is a trusted proxy: then X-Forwarded-For is read from the right, past
 * every address that is a trusted proxy too, to the first that is none. What is not an address ends the reading: the
 * last good one counts. So nobody can choose their own address by sending that header.
 */
#ifndef LUMEN_SERVICE_CLIENT_H
#define LUMEN_SERVICE_CLIENT_H

#include <sys/socket.h>

#include "lumen.h"

enum { CLIENT_PROXIES_MAX = 64, CLIENT_TEXT_BYTES = 64, CLIENT_FORWARDED_MAX = 64 };

/* IPv4 as IPv4-mapped IPv6. */
typedef struct client_address {
    uint8_t bytes[16];
} client_address;

typedef struct client_proxies {
    struct {
        client_address network;
        uint8_t bits; /* of the 128 */
    } list[CLIENT_PROXIES_MAX];
    size_t count;
} client_proxies;

/* Reads addresses and networks separated by commas or blanks; "" and NULL: none; "loopback" and "private" stand for the
 * usual ones. Errors: LUMEN_ERROR_INVALID names what is no address. */
lumen_status client_proxies_read(const char *text, client_proxies *out, lumen_error *error);

/* `forwarded`: the values of the X-Forwarded-For headers in their order; each may hold several addresses, with ports
 * and brackets ("[2001:db8::1]:443"). At most CLIENT_FORWARDED_MAX addresses are looked at. An unknown peer (a Unix
 * socket) is all zeros. */
client_address client_of(const client_proxies *proxies, const struct sockaddr *peer, const char *const *forwarded,
                         size_t count);

/* What a rate limit counts by: an IPv4 address, or the first 64 bits of an IPv6 address, which one person has. */
client_address client_bucket(const client_address *who);

void client_write(const client_address *who, char text[CLIENT_TEXT_BYTES]);

/* Whether a textual address is of this machine alone: 127.0.0.0/8, ::1, "localhost". */
bool client_is_loopback(const char *address);

#endif

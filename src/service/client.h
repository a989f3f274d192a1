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
 *
 * No memory is taken, nothing is shared: any number of threads.
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

/* Reads addresses and networks separated by commas or blanks; "" and NULL: none. "loopback" stands for 127.0.0.0/8 and
 * ::1; "private" for 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7 and the link-local 169.254.0.0/16 and
 * fe80::/10. Errors: LUMEN_ERROR_INVALID names what is no address, or says that there are more than
 * CLIENT_PROXIES_MAX. */
lumen_status client_proxies_read(const char *text, client_proxies *out, lumen_error *error);

/* `forwarded`: the values of the X-Forwarded-For headers in their order; each may hold several addresses, with ports
 * and brackets ("[2001:db8::1]:443"). At most CLIENT_FORWARDED_MAX addresses are looked at. An unknown peer (NULL, a
 * Unix socket) is all zeros. */
client_address client_of(const client_proxies *proxies, const struct sockaddr *peer, const char *const *forwarded,
                         size_t count);

/* What a rate limit counts by: an IPv4 address, or the first 64 bits of an IPv6 address, which one person has. */
client_address client_bucket(const client_address *who);

/* Writes an address; a bucket of IPv6 as a network, "2001:db8::/64"; all zeros as "unknown". */
void client_write(const client_address *who, char text[CLIENT_TEXT_BYTES]);

/* Whether an address to listen on is of this machine alone: 127.0.0.0/8, ::1, "localhost". Anything that is not such an
 * address in its full form ("127.1", NULL, other names) is not. */
bool client_is_loopback(const char *address);

#endif

/*
 * accept.h: what a client wants to be sent: which form of a shape, and whether at all.
 *
 *     accept_reading accept = {0};
 *     accept_read(&accept, value);                     // for each Accept header of the request, if any
 *     switch (accept_choose(&accept)) ...              // JSON, binary, or 406
 *
 *     if (etag_is_listed(if_none_match, "\"0123456789abcdef-1\"")) ... 304
 *
 * RFC 9110, sections 12.5.1 (Accept) and 13.1.2 (If-None-Match). No memory is taken; any number of threads.
 */
#ifndef LUMEN_SERVICE_ACCEPT_H
#define LUMEN_SERVICE_ACCEPT_H

#include <stdbool.h>

typedef enum accept_choice { ACCEPT_JSON, ACCEPT_BINARY, ACCEPT_NEITHER } accept_choice;

/* How much one form is wanted, by the most specific range that names it. */
typedef struct accept_weight {
    int specificity; /* 0: not named, 1: by star/star, 2: by application/star, 3: by its own name */
    int quality;     /* in thousandths */
} accept_weight;

/* Zeros: no header was read. */
typedef struct accept_reading {
    accept_weight json, binary; /* application/json and application/octet-stream */
    bool any;                   /* some range was understood */
} accept_reading;

/* Reads a header value; several of them count as one list. Elements that are malformed are passed over; parameters
 * other than q do not matter ("application/json; charset=utf-8"). */
void accept_read(accept_reading *reading, const char *value);

/* The form of higher quality; between equal ones the one that was named more specifically, else JSON. JSON too when
 * there was no header, or nothing in it was understood. */
accept_choice accept_choose(const accept_reading *reading);

/* Whether a value of Accept-Encoding takes gzip: names it, or "*", with a q above 0. */
bool accept_gzip(const char *value);

/* Whether a value of If-None-Match names `etag` (with its quotes, strong) or is "*". Weak comparison: W/ does not
 * matter. What is malformed ends the list. */
bool etag_is_listed(const char *if_none_match, const char *etag);

#endif

/*
 * random_id.h: names for requests and jobs: 32 hexadecimal digits that nobody can guess.
 *
 *     random_ids *ids = random_ids_create();
 *     char id[RANDOM_ID_BYTES];
 *     if (!random_ids_take(ids, id)) ...               // the system gave no random bytes
 *     random_ids_destroy(ids);
 *
 * 128 bits from getrandom(2), fetched for 256 names at once, so that a name costs no system call. Any thread may take
 * names; a lock is held for the copying of 16 bytes.
 */
#ifndef LUMEN_SERVICE_RANDOM_ID_H
#define LUMEN_SERVICE_RANDOM_ID_H

#include <stdbool.h>

enum { RANDOM_ID_BYTES = 33, REQUEST_ID_MAX = 64 };

typedef struct random_ids random_ids;

/* NULL when memory runs out or the system gives no random bytes. */
random_ids *random_ids_create(void);
void random_ids_destroy(random_ids *ids);

/* Writes a new name, lower case and zero-terminated. False, with "" written, when the system gives no random bytes
 * (which Linux does not do once it has given some). */
bool random_ids_take(random_ids *ids, char out[RANDOM_ID_BYTES]);

/* Whether a text has the form of such a name. NULL has not. */
bool random_id_is_one(const char *text);

/* Whether a request may bring its own name with X-Request-Id: 1 to 64 characters of A-Z a-z 0-9 . _ - and so nothing
 * that could break a header or a log. NULL may not. */
bool request_id_is_acceptable(const char *text);

#endif

/*
 * secret.h: the key of the service, and whether a request brings it.
 *
 *     secret key = {0};
 *     status = secret_set(&key, getenv("LUMEN_API_KEY"), &error);      // or secret_read_file(&key, path, &error)
 *     if (secret_is_set(&key) && !secret_is_presented(&key, x_api_key, authorization)) ... 401
 *     secret_clear(&key);
 *
 * A key is 8 to 256 visible ASCII characters without spaces, because it travels in a header.
 *
 * The comparison always goes over all 256 bytes that a key may have. Its time depends on the length of what was
 * presented, which the sender knows, and neither on where the two differ nor on the length of the key: nothing leaks.
 */
#ifndef LUMEN_SERVICE_SECRET_H
#define LUMEN_SERVICE_SECRET_H

#include "lumen.h"

enum { SECRET_BYTES_MIN = 8, SECRET_BYTES_MAX = 256 };

/* Zeros: not set. Immutable once set: any number of threads may compare with it. */
typedef struct secret {
    size_t size;
    unsigned char bytes[SECRET_BYTES_MAX]; /* zeros behind the key */
} secret;

/* Takes the value of LUMEN_API_KEY, which messages name. Errors: LUMEN_ERROR_INVALID for a key that is empty, too
 * short, too long, or holds other characters. The message does not repeat it. After an error the secret is not set. */
lumen_status secret_set(secret *out, const char *key, lumen_error *error);

/* The key is the whole file but for line ends behind it. Errors: LUMEN_ERROR_IO for a file that cannot be read;
 * LUMEN_ERROR_INVALID as above. */
lumen_status secret_read_file(secret *out, const char *path, lumen_error *error);

bool secret_is_set(const secret *key);

/* Whether one of the two header values holds the key: X-API-Key: KEY, or Authorization: Bearer KEY. Either may be NULL.
 * Always false for a secret that is not set. */
bool secret_is_presented(const secret *key, const char *x_api_key, const char *authorization);

/* Overwrites it. */
void secret_clear(secret *key);

#endif

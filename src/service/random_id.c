#include "service/random_id.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { ID_BITS_BYTES = 16, POOL_BYTES = 256 * ID_BITS_BYTES };

struct random_ids {
    pthread_mutex_t lock;
    size_t left; /* bytes of the pool that were not given out, at its beginning */
    unsigned char pool[POOL_BYTES];
};

/* A call may give fewer bytes than asked for. */
static bool fill(random_ids *ids)
{
    size_t have = 0;
    while (have < POOL_BYTES) {
        ssize_t count = getrandom(ids->pool + have, POOL_BYTES - have, 0);
        if (count < 0 && errno != EINTR)
            return false;
        have += count > 0 ? (size_t)count : 0;
    }
    ids->left = POOL_BYTES;
    return true;
}

random_ids *random_ids_create(void)
{
    random_ids *ids = calloc(1, sizeof *ids);
    if (ids == NULL)
        return NULL;
    if (!fill(ids)) {
        free(ids);
        return NULL;
    }
    pthread_mutex_init(&ids->lock, NULL);
    return ids;
}

void random_ids_destroy(random_ids *ids)
{
    if (ids == NULL)
        return;
    pthread_mutex_destroy(&ids->lock);
    free(ids);
}

bool random_ids_take(random_ids *ids, char out[RANDOM_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bits[ID_BITS_BYTES];
    out[0] = 0;
    pthread_mutex_lock(&ids->lock);
    bool there = ids->left > 0 || fill(ids);
    if (there) {
        ids->left -= ID_BITS_BYTES;
        memcpy(bits, ids->pool + ids->left, ID_BITS_BYTES);
    }
    pthread_mutex_unlock(&ids->lock);
    if (!there)
        return false;
    for (size_t i = 0; i < ID_BITS_BYTES; i++) {
        out[2 * i] = digits[bits[i] >> 4];
        out[2 * i + 1] = digits[bits[i] & 15];
    }
    out[RANDOM_ID_BYTES - 1] = 0;
    return true;
}

bool random_id_is_one(const char *text)
{
    return text != NULL && strspn(text, "0123456789abcdef") == RANDOM_ID_BYTES - 1 && text[RANDOM_ID_BYTES - 1] == 0;
}

bool request_id_is_acceptable(const char *text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = text == NULL ? 0 : strnlen(text, REQUEST_ID_MAX + 1);
    return length > 0 && length <= REQUEST_ID_MAX && strspn(text, allowed) == length;
}

#include "service/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"

/* ---- Setting ------------------------------------------------------------------------------------------- */

static lumen_status set(secret *out, const char *source, const char *key, size_t size, lumen_error *error)
{
    *out = (secret){0};
    if (size == 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%s is empty; put a key of %d to %d characters there", source,
                          SECRET_BYTES_MIN, SECRET_BYTES_MAX);
    if (size < SECRET_BYTES_MIN || size > SECRET_BYTES_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the key of %s has not %d to %d characters; choose another",
                          source, SECRET_BYTES_MIN, SECRET_BYTES_MAX);
    for (size_t i = 0; i < size; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return lumen_fail(
                error, LUMEN_ERROR_INVALID,
                "character %zu of the key of %s is a space, a control character or not ASCII; a key travels "
                "in a header, so choose one of letters and digits",
                i + 1, source);
    memcpy(out->bytes, key, size);
    out->size = size;
    return LUMEN_OK;
}

lumen_status secret_set(secret *out, const char *key, lumen_error *error)
{
    return set(out, "LUMEN_API_KEY", key, strlen(key), error);
}

/* Reads at most `capacity` bytes of a file, which may be a pipe. -1 with errno where it cannot. */
static ssize_t read_some(const char *path, char *bytes, size_t capacity)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -1;
    size_t size = 0;
    ssize_t count;
    do {
        count = read(descriptor, bytes + size, capacity - size);
        size += count > 0 ? (size_t)count : 0;
    } while ((count > 0 && size < capacity) || (count < 0 && errno == EINTR));
    int reason = errno;
    close(descriptor);
    errno = reason;
    return count < 0 ? -1 : (ssize_t)size;
}

lumen_status secret_read_file(secret *out, const char *path, lumen_error *error)
{
    char bytes[SECRET_BYTES_MAX + 64]; /* some more than a key and its line ends: the rest would be too long anyway */
    *out = (secret){0};
    ssize_t count = read_some(path, bytes, sizeof bytes);
    if (count < 0)
        return lumen_fail(error, LUMEN_ERROR_IO, "the key file %s cannot be read (%s); check the path and its rights",
                          path, strerror(errno));
    size_t size = (size_t)count;
    while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r'))
        size--;
    lumen_status status = set(out, path, bytes, size, error);
    explicit_bzero(bytes, sizeof bytes);
    return status;
}

bool secret_is_set(const secret *key)
{
    return key->size > 0;
}

void secret_clear(secret *key)
{
    explicit_bzero(key, sizeof *key);
}

/* ---- Comparing ----------------------------------------------------------------------------------------- */

/* No branch and no length of the loop depends on the key, and `difference` is volatile so that the compiler cannot
 * leave the loop early either. */
static unsigned differs(const secret *key, const char *presented)
{
    secret other = {0};
    other.size = strnlen(presented, SECRET_BYTES_MAX + 1);
    memcpy(other.bytes, presented, other.size < SECRET_BYTES_MAX ? other.size : SECRET_BYTES_MAX);
    volatile unsigned difference = 0;
    for (size_t i = 0; i < SECRET_BYTES_MAX; i++)
        difference |= (unsigned)(key->bytes[i] ^ other.bytes[i]);
    size_t lengths = key->size ^ other.size;
    difference |= (unsigned)(lengths | lengths >> 32);
    explicit_bzero(&other, sizeof other);
    return difference;
}

/* The token of "Bearer TOKEN"; "" where there is none. */
static const char *bearer(const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return "";
    authorization += sizeof scheme - 1;
    return authorization + strspn(authorization, " ");
}

bool secret_is_presented(const secret *key, const char *x_api_key, const char *authorization)
{
    if (!secret_is_set(key))
        return false;
    bool by_name = x_api_key != NULL && differs(key, x_api_key) == 0;
    bool by_bearer = authorization != NULL && differs(key, bearer(authorization)) == 0;
    return by_name || by_bearer;
}

/*
 * Any bytes as what clients and proxies say in headers and paths. Lines of the input are the values: X-Forwarded-For,
 * trusted proxies, Accept, If-None-Match, the key, Authorization, names of requests and jobs.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/accept.h"
#include "service/client.h"
#include "service/random_id.h"
#include "service/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 8 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_clients(const char *const forwarded[2], const char *trusted)
{
    client_proxies proxies;
    lumen_error error = {0};
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
    static const client_proxies nobody;
    client_address alone = client_of(&nobody, (const struct sockaddr *)&peer, NULL, 0);
    if (client_proxies_read(trusted, &proxies, &error) == LUMEN_OK) {
        require(proxies.count <= CLIENT_PROXIES_MAX);
        for (size_t i = 0; i < proxies.count; i++)
            require(proxies.list[i].bits <= 128);
    } else {
        require(error.status == LUMEN_ERROR_INVALID && error.message[0] != 0);
        require(client_proxies_read("10.0.0.0/8 ::/1", &proxies, &error) == LUMEN_OK);
    }
    client_address who = client_of(&proxies, (const struct sockaddr *)&peer, forwarded, 2);
    client_address bucket = client_bucket(&who);
    char text[CLIENT_TEXT_BYTES];
    client_write(&who, text);
    require(memchr(text, 0, sizeof text) != NULL && text[0] != 0);
    client_write(&bucket, text);
    require(memchr(text, 0, sizeof text) != NULL);
    /* Nobody is believed who is not trusted. */
    client_address plain = client_of(&nobody, (const struct sockaddr *)&peer, forwarded, 2);
    require(memcmp(&plain, &alone, sizeof plain) == 0);
    client_is_loopback(trusted);
}

static void try_accept(const char *first, const char *second)
{
    accept_reading one = {0}, both = {0};
    accept_read(&one, first);
    accept_choose(&one);
    accept_read(&both, first);
    accept_read(&both, second);
    accept_choose(&both);
    require(one.json.quality >= 0 && one.json.quality <= 1000 && one.binary.quality >= 0 && one.binary.quality <= 1000);
    require(both.json.specificity >= one.json.specificity && both.binary.specificity >= one.binary.specificity);
}

static void try_names(const char *text, const char *authorization)
{
    secret key;
    etag_is_listed(text, "\"0123456789abcdef-1\"");
    require(!random_id_is_one(text) || request_id_is_acceptable(text));
    require(!request_id_is_acceptable(text) || strlen(text) <= REQUEST_ID_MAX);
    require(secret_set(&key, "correct-horse-battery", NULL) == LUMEN_OK);
    require(secret_is_presented(&key, text, NULL) == (strcmp(text, "correct-horse-battery") == 0));
    bool bearer = secret_is_presented(&key, NULL, authorization);
    require(!bearer || strstr(authorization, " correct-horse-battery") != NULL);
    if (secret_set(&key, text, NULL) == LUMEN_OK)
        require(secret_is_presented(&key, text, NULL) && !secret_is_presented(&key, text + 1, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *lines[LINES];
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    char *rest = text;
    for (int i = 0; i < LINES; i++)
        lines[i] = rest == NULL ? "" : strsep(&rest, "\n");
    try_clients(lines, lines[2]);
    try_accept(lines[3], lines[4]);
    for (int i = 5; i < LINES; i++)
        try_names(lines[i], lines[LINES - 1]);
    free(text);
    return 0;
}

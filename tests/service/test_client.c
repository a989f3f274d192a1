/* Who asks: the peer, or whom the trusted proxies name, and never what the client says of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "service/client.h"

static client_proxies trust(const char *text)
{
    client_proxies proxies;
    lumen_error error;
    if (client_proxies_read(text, &proxies, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return proxies;
}

typedef union any_peer {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_un local;
} any_peer;

static any_peer peer_of(const char *address)
{
    any_peer peer;
    memset(&peer, 0, sizeof peer);
    if (inet_pton(AF_INET, address, &peer.ipv4.sin_addr) == 1)
        peer.ipv4.sin_family = AF_INET;
    else if (inet_pton(AF_INET6, address, &peer.ipv6.sin6_addr) == 1)
        peer.ipv6.sin6_family = AF_INET6;
    else
        peer.local.sun_family = AF_UNIX;
    return peer;
}

/* `peer`, trusted proxies and the headers; then whom the request comes from. */
static void check_client(const char *proxies, const char *peer, const char *const *headers, size_t count,
                         const char *expected)
{
    client_proxies trusted = trust(proxies);
    any_peer from = peer_of(peer);
    client_address who = client_of(&trusted, &from.any, headers, count);
    char text[CLIENT_TEXT_BYTES];
    client_write(&who, text);
    if (strcmp(text, expected) != 0)
        fail_msg("%s behind %s, forwarded \"%s\": %s, not %s", peer, proxies, count > 0 ? headers[0] : "", text,
                 expected);
}

#define CHECK_CLIENT(proxies, peer, expected, ...)                                                                     \
    check_client(proxies, peer, (const char *const[]){__VA_ARGS__},                                                    \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), expected)

static void without_trusted_proxies_the_peer_is_the_client(void **state)
{
    (void)state;
    CHECK_CLIENT("", "203.0.113.9", "203.0.113.9", "1.2.3.4");
    CHECK_CLIENT(NULL, "2001:db8::7", "2001:db8::7", "1.2.3.4");
    CHECK_CLIENT("10.0.0.0/8", "203.0.113.9", "203.0.113.9", "10.0.0.1, 1.2.3.4");
}

static void a_trusted_proxy_names_the_client(void **state)
{
    (void)state;
    CHECK_CLIENT("127.0.0.1", "127.0.0.1", "203.0.113.9", "203.0.113.9");
    CHECK_CLIENT("127.0.0.1", "127.0.0.1", "2001:db8::1", "2001:db8::1");
    CHECK_CLIENT("loopback", "::1", "203.0.113.9", "203.0.113.9");
    check_client("loopback", "127.0.0.1", NULL, 0, "127.0.0.1");
}

static void a_client_cannot_choose_its_address(void **state)
{
    (void)state;
    /* What the client sent stands left of what the proxy saw. */
    CHECK_CLIENT("127.0.0.1", "127.0.0.1", "203.0.113.9", "1.1.1.1, 203.0.113.9");
    CHECK_CLIENT("127.0.0.1", "127.0.0.1", "203.0.113.9", "127.0.0.1, 203.0.113.9");
    CHECK_CLIENT("127.0.0.1", "127.0.0.1", "203.0.113.9", "1.1.1.1", "127.0.0.1,203.0.113.9");
}

static void a_row_of_trusted_proxies_is_passed_over(void **state)
{
    (void)state;
    CHECK_CLIENT("loopback, 10.0.0.0/8", "127.0.0.1", "203.0.113.9", "1.1.1.1, 203.0.113.9, 10.9.9.9, 10.1.2.3");
    CHECK_CLIENT("loopback 10.0.0.0/8", "127.0.0.1", "203.0.113.9", "203.0.113.9", "10.9.9.9", "10.1.2.3");
    CHECK_CLIENT("private", "192.168.1.1", "172.32.0.1", "172.32.0.1, 172.31.0.1, 169.254.1.1, fe80::1, fd12::3");
    /* Nobody but proxies: the farthest of them asks. */
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.3", "10.0.0.3, 10.0.0.2");
}

static void what_is_no_address_ends_the_reading(void **state)
{
    (void)state;
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.2", "1.2.3.4, unknown, 10.0.0.2");
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.1", "1.2.3.4, _hidden");
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.1", "1.2.3.4, 1.2.3");
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.1", "1.2.3.4, 10.0.0.2 10.0.0.3");
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.1", "1.2.3.4, 10.0.0.256");
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.1", "1.2.3.4, fe80::1%eth0");
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.1", "1.2.3.4, 10.0.0.2:99999");
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.1", "1.2.3.4, [::1");
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.1", "1.2.3.4, [fd00::1]x");
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.1", "1.2.3.4, [fd00::1]:");
    CHECK_CLIENT("private", "10.0.0.1", "10.0.0.1",
                 "1.2.3.4, 1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111");
}

static void ports_brackets_and_empty_elements_are_understood(void **state)
{
    (void)state;
    CHECK_CLIENT("private", "10.0.0.1", "203.0.113.9", "203.0.113.9:4711");
    CHECK_CLIENT("private", "10.0.0.1", "2001:db8::1", "[2001:db8::1]:443");
    CHECK_CLIENT("private", "10.0.0.1", "2001:db8::1", "[2001:db8::1]");
    CHECK_CLIENT("private", "10.0.0.1", "203.0.113.9", "\t 203.0.113.9 \t,, , 10.0.0.2 ,");
    CHECK_CLIENT("private", "10.0.0.1", "203.0.113.9", "203.0.113.9", "", " ");
}

static void only_so_many_forwarded_addresses_are_looked_at(void **state)
{
    (void)state;
    char header[CLIENT_FORWARDED_MAX * 10 + 32] = "203.0.113.9";
    for (int i = 0; i < CLIENT_FORWARDED_MAX - 1; i++)
        strcat(header, ",10.0.0.1");
    CHECK_CLIENT("private", "10.0.0.2", "203.0.113.9", header);
    strcat(header, ",10.0.0.1");
    CHECK_CLIENT("private", "10.0.0.2", "10.0.0.1", header);
}

static void ipv4_in_ipv6_is_the_ipv4_address(void **state)
{
    (void)state;
    CHECK_CLIENT("", "::ffff:203.0.113.9", "203.0.113.9", "1.2.3.4");
    CHECK_CLIENT("127.0.0.1", "::ffff:127.0.0.1", "203.0.113.9", "::ffff:203.0.113.9");
    CHECK_CLIENT("::ffff:10.0.0.0/104", "10.1.2.3", "203.0.113.9", "203.0.113.9");
    CHECK_CLIENT("0.0.0.0/0", "10.1.2.3", "2001:db8::1", "2001:db8::1, 1.2.3.4");
}

static void networks_end_at_their_last_bit(void **state)
{
    (void)state;
    CHECK_CLIENT("10.0.0.0/9", "10.127.255.255", "1.2.3.4", "1.2.3.4");
    CHECK_CLIENT("10.0.0.0/9", "10.128.0.0", "10.128.0.0", "1.2.3.4");
    CHECK_CLIENT("192.0.2.77/24", "192.0.2.1", "1.2.3.4", "1.2.3.4"); /* bits beyond the network do not matter */
    CHECK_CLIENT("2001:db8::/33", "2001:db8:7fff::1", "1.2.3.4", "1.2.3.4");
    CHECK_CLIENT("2001:db8::/33", "2001:db8:8000::1", "2001:db8:8000::1", "1.2.3.4");
    CHECK_CLIENT("::/0", "2001:db8::1", "1.2.3.4", "1.2.3.4");
    CHECK_CLIENT("192.0.2.1/32", "192.0.2.1", "1.2.3.4", "1.2.3.4");
}

static void a_peer_without_address_is_unknown(void **state)
{
    (void)state;
    CHECK_CLIENT("private, loopback", "a Unix socket", "unknown", "1.2.3.4");
    client_proxies none = trust("");
    client_address who = client_of(&none, NULL, NULL, 0);
    static const client_address zeros;
    assert_memory_equal(&who, &zeros, sizeof zeros);
}

static void trusted_proxies_that_are_no_networks_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"proxy.example",    "10.0.0.0/33", "10.0.0.0/",  "10.0.0.0/-1", "10.0.0.0/8/8",
                                        "::1/129",          "/8",          "10.0.0",     "*",           "1.2.3.4:80",
                                        "10.0.0.0/0000008", "[::1]",       "10.0.0.0/ 8"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        client_proxies proxies;
        lumen_error error = {0};
        if (client_proxies_read(wrong[i], &proxies, &error) != LUMEN_ERROR_INVALID)
            fail_msg("\"%s\" is taken for a proxy", wrong[i]);
        assert_non_null(strstr(error.message, "is no address or network"));
    }
}

static void there_is_a_bound_on_trusted_proxies(void **state)
{
    (void)state;
    char text[(CLIENT_PROXIES_MAX + 1) * 8 + 16] = "";
    client_proxies proxies;
    lumen_error error;
    for (int i = 0; i < CLIENT_PROXIES_MAX; i++)
        strcat(text, "1.2.3.4,");
    assert_int_equal(trust(text).count, CLIENT_PROXIES_MAX);
    strcat(text, "loopback");
    assert_int_equal(client_proxies_read(text, &proxies, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "more than 64"));
}

static void a_bucket_is_an_ipv4_address_or_an_ipv6_network(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"203.0.113.9", "203.0.113.9"}, {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"}, {"::ffff:1.2.3.4", "1.2.3.4"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        client_proxies none = trust("");
        any_peer peer = peer_of(pairs[i][0]);
        client_address who = client_of(&none, &peer.any, NULL, 0), bucket = client_bucket(&who);
        char text[CLIENT_TEXT_BYTES];
        client_write(&bucket, text);
        assert_string_equal(text, pairs[i][1]);
    }
}

static void loopback_is_this_machine_alone(void **state)
{
    (void)state;
    static const char *const here[] = {"127.0.0.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "localhost",
                                       "LocalHost", "::ffff:127.0.0.1"};
    static const char *const elsewhere[] = {"0.0.0.0", "::",    "128.0.0.1", "10.0.0.1",   "::2",
                                            "",        "127.1", "[::1]",     "localhost.", "127.0.0.1 "};
    for (size_t i = 0; i < sizeof here / sizeof here[0]; i++)
        if (!client_is_loopback(here[i]))
            fail_msg("%s is not taken for this machine", here[i]);
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (client_is_loopback(elsewhere[i]))
            fail_msg("\"%s\" is taken for this machine", elsewhere[i]);
    assert_false(client_is_loopback(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_trusted_proxies_the_peer_is_the_client),
        cmocka_unit_test(a_trusted_proxy_names_the_client),
        cmocka_unit_test(a_client_cannot_choose_its_address),
        cmocka_unit_test(a_row_of_trusted_proxies_is_passed_over),
        cmocka_unit_test(what_is_no_address_ends_the_reading),
        cmocka_unit_test(ports_brackets_and_empty_elements_are_understood),
        cmocka_unit_test(only_so_many_forwarded_addresses_are_looked_at),
        cmocka_unit_test(ipv4_in_ipv6_is_the_ipv4_address),
        cmocka_unit_test(networks_end_at_their_last_bit),
        cmocka_unit_test(a_peer_without_address_is_unknown),
        cmocka_unit_test(trusted_proxies_that_are_no_networks_are_refused),
        cmocka_unit_test(there_is_a_bound_on_trusted_proxies),
        cmocka_unit_test(a_bucket_is_an_ipv4_address_or_an_ipv6_network),
        cmocka_unit_test(loopback_is_this_machine_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

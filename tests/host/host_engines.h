/*
 * host_engines.h: engines that misbehave, for the tests of the hosts. The test program runs itself as the host.
 *
 *     engine     what it does
 *     echo       the text's procedural shape
 *     steps      progress in the stages "one", "two", "three", then as echo
 *     slow       progress "slow" until it is called off, ten seconds at most
 *     fail       fails, and says so in words that are not UTF-8
 *     silent     fails without a word
 *     segfault, abort, exit      dies in that way
 *     hang       neither answers nor looks for a cancel
 *     garbage    writes to the socket what is no message, and hangs
 *     liar       answers an order that nobody gave, and hangs
 *     half       dies in the middle of a shape
 *     orphan     dies while a child of its own holds the socket
 *     look       a file: the numbers of the request, and its picture
 *     batch      up to four at once; each answer's seed says how many they were; "bad" fails
 *     unloadable its model never loads
 */
#ifndef LUMEN_TESTS_HOST_ENGINES_H
#define LUMEN_TESTS_HOST_ENGINES_H

#include "host/host.h"

extern const host_engines test_offers;

/* The whole of the program when it is started as a host. Modes: "normal"; "dies" before it says hello; "crashes" when
 * it loads its model; "stuck" never ends loading it; "stranger" says hello in another version. */
int be_a_host(const char *mode, int descriptor);

#endif

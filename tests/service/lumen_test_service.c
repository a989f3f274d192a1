/*
 * lumen-test-service: `lumen serve` with further engines (test_engines.h), for the tests through HTTP.
 *
 *     lumen-test-service serve --port 0 --port-file FILE --cache-dir DIR
 */

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/serve.h"
#include "test_engines.h"

int main(int count, char **arguments)
{
    static const serve_program program = {.offer = test_engines_offer, .open_library = test_engines_open_library};
    const char *name = count > 1 ? arguments[1] : "";
    if (strcmp(name, "serve") == 0)
        return serve_run(&program, count - 1, arguments + 1);
    if (strcmp(name, "engine-host") == 0)
        return serve_host(&program, count - 1, arguments + 1);
    return complain(EXIT_USAGE, "lumen-test-service knows serve alone");
}

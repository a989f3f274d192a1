/* The `lumen` command: chooses what to do by its first argument. */

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/serve.h"
#include "host/lumen_engines.h"
#include "weights/weights.h"

static const char help[] =
    "lumen: say a word, and see it take shape\n"
    "\n"
    "  lumen generate TEXT... [-o FILE]   make part-labelled shapes of words or short sentences\n"
    "  lumen image TEXT -o FILE.png       paint a picture with SDXL Turbo\n"
    "  lumen cutout IN.png -o OUT.png     what a picture shows, alone on white\n"
    "  lumen view [TEXT|FILE]             a window in which words take shape and move\n"
    "  lumen serve                        the HTTP service, and a page in the browser\n"
    "  lumen pregenerate [LIST]           fill the cache with shapes, here or of a running service\n"
    "  lumen pull MODEL...                fetch the weights of networks from their hub\n"
    "  lumen models                       which models there are, and what of them is here\n"
    "  lumen preflight                    can this machine run Lumen?\n"
    "  lumen help [COMMAND]               this text, or that of a command\n"
    "\n"
    "  --help      print this text\n"
    "  --version   print the version\n"
    "\n"
    "  lumen generate \"a horse galloping\" -o horse.png\n";

typedef struct command {
    const char *name;
    int (*run)(int count, char **arguments);
} command;

/* ---- The service, with the engines there are ------------------------------------------------------------------- */

static const serve_program program = {.offer = lumen_engines_offer,
                                      .open_library = lumen_engines_open_library,
                                      .offer_networks = lumen_networks_offer,
                                      .withdraw_networks = lumen_networks_withdraw,
                                      .find_models = weights_folder};

static int command_serve(int count, char **arguments)
{
    return serve_run(&program, count, arguments);
}

/* Not in the help: the service starts them. */
static int command_engine_host(int count, char **arguments)
{
    return serve_host(&program, count, arguments);
}

static int command_network_host(int count, char **arguments)
{
    return serve_networks(&program, count, arguments);
}

static const command commands[] = {
    {"generate", command_generate},
    {"image", command_image},
    {"cutout", command_cutout},
    {"view", command_view},
    {"serve", command_serve},
    {"pregenerate", command_pregenerate},
    {"pull", command_pull},
    {"models", command_models},
    {"preflight", command_preflight},
    {"engine-host", command_engine_host},
    {"network-host", command_network_host},
};

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int run_help(int count, char **arguments)
{
    static char help_option[] = "--help";
    if (count < 2) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    const command *named = find_command(arguments[1]);
    if (named == NULL)
        return complain(EXIT_USAGE, "there is no command '%s'; see lumen --help", arguments[1]);
    char *own[] = {arguments[1], help_option, NULL};
    return named->run(2, own);
}

int main(int count, char **arguments)
{
    if (count < 2) {
        fputs(help, stderr);
        return EXIT_USAGE;
    }
    const char *name = arguments[1];
    if (strcmp(name, "--version") == 0) {
        printf("lumen %s\n", lumen_version());
        return finish_output(EXIT_DONE);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return finish_output(run_help(count - 1, arguments + 1));
    const command *named = find_command(name);
    if (named == NULL)
        return complain(EXIT_USAGE, "there is no command '%s'; see lumen --help", name);
    return finish_output(named->run(count - 1, arguments + 1));
}

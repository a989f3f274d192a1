#include "cli/view_options.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/animate.h"
#include "cli/commands.h"
#include "cli/values.h"

enum { SECONDS_MOST = 86400 };

const char view_help[] =
    "lumen view [TEXT|FILE] : a window in which words take shape\n"
    "\n"
    "  TEXT               a word or a sentence in quotes; without it a ring waits for one to be typed\n"
    "  FILE               a shape from a file: .json .ply .glb\n"
    "  --particles N      the sculpture has N x N particles, 16 to 1024; 128 without it\n"
    "  --still            reduced motion: shapes fade, nothing moves by itself\n"
    "  --lab              the motion lab: a slider for each number of a motion, to try and to save\n"
    "  --motions FILE     read more motions from FILE, in the language of docs/motion.md\n"
    "  --concepts FILE    read more shapes from FILE, in the language of docs/sculpting.md\n"
    "  --seconds N        close by itself after N seconds\n"
    "  --screenshot FILE  save what is seen as a PNG picture when it closes\n"
    "  --help             print this text\n"
    "\n"
    "  In the window: type, then Enter. Drag to turn, wheel to zoom, a part's name lights it, Escape rests and\n"
    "  then closes, F11 fills the screen, F1 tells the rest.\n"
    "\n"
    "  lumen view \"a dragon flying\"\n";

enum {
    OPTION_PARTICLES = 256,
    OPTION_STILL,
    OPTION_LAB,
    OPTION_MOTIONS,
    OPTION_CONCEPTS,
    OPTION_SECONDS,
    OPTION_SCREENSHOT,
    OPTION_HELP
};

static bool apply(view_options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_PARTICLES:
        return value_small_number("particles", value, ANIMATE_PARTICLES_MIN, ANIMATE_PARTICLES_MAX,
                                  &options->particles);
    case OPTION_STILL: options->still = true; return true;
    case OPTION_LAB: options->lab = true; return true;
    case OPTION_MOTIONS: options->motions = value; return true;
    case OPTION_CONCEPTS: options->concepts = value; return true;
    case OPTION_SECONDS: return value_small_number("seconds", value, 1, SECONDS_MOST, &options->seconds);
    case OPTION_SCREENSHOT: options->screenshot = value; return true;
    default: options->help = true; return true;
    }
}

int view_options_read(int count, char **arguments, view_options *options)
{
    static const struct option names[] = {
        {"particles", required_argument, NULL, OPTION_PARTICLES},
        {"still", no_argument, NULL, OPTION_STILL},
        {"lab", no_argument, NULL, OPTION_LAB},
        {"motions", required_argument, NULL, OPTION_MOTIONS},
        {"concepts", required_argument, NULL, OPTION_CONCEPTS},
        {"seconds", required_argument, NULL, OPTION_SECONDS},
        {"screenshot", required_argument, NULL, OPTION_SCREENSHOT},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
    };
    *options = (view_options){0};
    opterr = 0;
    optind = 1;
    for (;;) {
        int option = getopt_long(count, arguments, ":h", names, NULL);
        if (option == -1)
            break;
        if (option == ':' || option == '?')
            return complain_about_option("view", option, arguments[optind - 1]);
        if (!apply(options, option == 'h' ? OPTION_HELP : option, optarg))
            return EXIT_USAGE;
    }
    if (count - optind > 1)
        return complain(EXIT_USAGE, "lumen view shows one text or file, not %d; put a sentence in quotes",
                        count - optind);
    options->subject = count > optind ? arguments[optind] : NULL;
    return EXIT_DONE;
}

int command_view(int count, char **arguments)
{
    view_options options;
    int result = view_options_read(count, arguments, &options);
    if (result != EXIT_DONE)
        return result;
    if (options.help) {
        fputs(view_help, stdout);
        return EXIT_DONE;
    }
    return view_run(&options);
}

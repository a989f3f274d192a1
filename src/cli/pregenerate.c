/* lumen pregenerate: fills a cache with the shapes of a list of texts, so that they are answered at once. */

#include "cli/pregenerate.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/text_list.h"
#include "cli/values.h"

/* POINTS_DEFAULT: what the page asks for (USUAL in web/link.js), so that it finds what was made. */
enum { POINTS_DEFAULT = 16384, PARALLEL_DEFAULT = 4, PARALLEL_MAX = 64, WAIT_DEFAULT = 120, WAIT_MAX = 86400 };

static const char help[] =
    "lumen pregenerate [LIST] : make the shapes of a list before anyone asks for them\n"
    "\n"
    "  LIST                  a file with a text on each line (# begins a comment line), or - for standard input;\n"
    "                        without it, fifty everyday words\n"
    "  --server URL          fill the cache of the running service at URL, such as http://127.0.0.1:8080; where it\n"
    "                        wants a key, LUMEN_API_KEY holds it\n"
    "  --wait N              wait at most N seconds for a service that is not ready, busy or away; 120 without it\n"
    "  --cache-dir DIR       fill the cache of this machine in DIR; without it LUMEN_CACHE_DIR, else\n"
    "                        $XDG_CACHE_HOME/lumen, else ~/.cache/lumen\n"
    "  --concepts FILE       with a cache of this machine: the further shapes that its service has too; without it\n"
    "                        LUMEN_CONCEPTS\n"
    "  --parallel N          N texts at a time, 1 to 64; 4 without it\n"
    "  --quality QUALITY     fast, standard or high; standard without it\n"
    "  --points N            exactly N points, 256 to 65536; without it 16384, as the page asks for\n"
    "  --seed N              which individual; 0 without it\n"
    "  --quiet               print nothing but errors\n"
    "  --help                print this text\n"
    "\n"
    "  What is there already is not made again. The exit status is 1 when a text failed.\n"
    "\n"
    "  lumen pregenerate                                     # fifty words, for `lumen serve` on this machine\n"
    "  lumen pregenerate words.txt --server http://127.0.0.1:8080\n";

/* ---- Options ------------------------------------------------------------------------------------------ */

enum {
    OPTION_SERVER = 256,
    OPTION_WAIT,
    OPTION_CACHE_DIR,
    OPTION_CONCEPTS,
    OPTION_PARALLEL,
    OPTION_QUALITY,
    OPTION_POINTS,
    OPTION_SEED,
    OPTION_QUIET,
    OPTION_HELP
};

static const struct option option_names[] = {
    {"server", required_argument, NULL, OPTION_SERVER},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"cache-dir", required_argument, NULL, OPTION_CACHE_DIR},
    {"concepts", required_argument, NULL, OPTION_CONCEPTS},
    {"parallel", required_argument, NULL, OPTION_PARALLEL},
    {"quality", required_argument, NULL, OPTION_QUALITY},
    {"points", required_argument, NULL, OPTION_POINTS},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool apply(pregenerate_options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_SERVER: options->server = value; return true;
    case OPTION_WAIT: return value_small_number("wait", value, 0, WAIT_MAX, &options->wait_seconds);
    case OPTION_CACHE_DIR: options->cache_dir = value; return true;
    case OPTION_CONCEPTS: options->concepts = value; return true;
    case OPTION_PARALLEL: return value_small_number("parallel", value, 1, PARALLEL_MAX, &options->parallel);
    case OPTION_QUALITY: options->quality_given = true; return value_quality(value, &options->quality);
    case OPTION_POINTS:
        return value_small_number("points", value, LUMEN_POINTS_MIN, LUMEN_POINTS_MAX, &options->points);
    case OPTION_SEED: return value_number("seed", value, 0, INT64_MAX, &options->seed);
    case OPTION_QUIET: options->quiet = true; return true;
    default: options->help = true; return true;
    }
}

/* A variable that is set to something, or NULL. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int read_options(int count, char **arguments, pregenerate_options *options)
{
    *options = (pregenerate_options){.parallel = PARALLEL_DEFAULT,
                                     .points = POINTS_DEFAULT,
                                     .wait_seconds = WAIT_DEFAULT,
                                     .cache_dir = environment("LUMEN_CACHE_DIR"),
                                     .concepts = environment("LUMEN_CONCEPTS"),
                                     .key = environment("LUMEN_API_KEY")};
    opterr = 0;
    optind = 1;
    bool folder_given = false;
    for (;;) {
        int option = getopt_long(count, arguments, ":h", option_names, NULL);
        if (option == -1)
            break;
        if (option == ':' || option == '?')
            return complain_about_option("pregenerate", option, arguments[optind - 1]);
        folder_given = folder_given || option == OPTION_CACHE_DIR;
        if (!apply(options, option == 'h' ? OPTION_HELP : option, optarg))
            return EXIT_USAGE;
    }
    if (count - optind > 1)
        return complain(EXIT_USAGE,
                        "'%s' is one list too many; texts are the lines of a file, or of standard input for -",
                        arguments[optind + 1]);
    if (options->server != NULL && folder_given)
        return complain(EXIT_USAGE, "--server and --cache-dir are two places to fill; give one of them");
    options->list = optind < count ? arguments[optind] : NULL;
    return EXIT_DONE;
}

/* ---- The list --------------------------------------------------------------------------------------------- */

extern const unsigned char pregenerate_list[];

/* The list as one string that is the caller's, or NULL after a complaint. */
static char *read_list(const char *name)
{
    if (name != NULL)
        return read_whole_file(name);
    char *copy = strdup((const char *)pregenerate_list);
    if (copy == NULL)
        complain(EXIT_FAILED, "memory ran out while reading the list; free some and try again");
    return copy;
}

/* Cuts the list into its texts, in place. Blank lines and comments are none. NULL after a complaint. */
static pregenerate_text *cut_list(char *list, size_t *count)
{
    size_t lines = 1;
    for (const char *at = list; *at != '\0'; at++)
        lines += *at == '\n';
    pregenerate_text *texts = malloc(lines * sizeof *texts);
    *count = 0;
    if (texts == NULL) {
        complain(EXIT_FAILED, "memory ran out while reading the list; split it");
        return NULL;
    }
    char *at = strncmp(list, "\xEF\xBB\xBF", 3) == 0 ? list + 3 : list; /* what some editors put first */
    for (size_t line = 1; at != NULL; line++) {
        char *text = at;
        at = strchr(text, '\n');
        if (at != NULL)
            *at++ = '\0';
        size_t length = strlen(text);
        while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
            text[--length] = '\0';
        text += strspn(text, " \t");
        if (text[0] != '\0' && text[0] != '#')
            texts[(*count)++] = (pregenerate_text){.text = text, .line = line};
    }
    return texts;
}

/* ---- The command -------------------------------------------------------------------------------------------- */

void pregenerate_report(pregenerate_work *work, const pregenerate_text *text, pregenerate_outcome outcome,
                        const char *reason)
{
    pthread_mutex_lock(&work->lock);
    if (outcome == PREGENERATE_FAILED) {
        progress_clear(&work->bar);
        complain(EXIT_FAILED, "line %zu: %s", text->line, reason);
    }
    work->outcomes[outcome]++;
    size_t done = 0;
    for (size_t i = 0; i < sizeof work->outcomes / sizeof *work->outcomes; i++)
        done += work->outcomes[i];
    progress_show(&work->bar, done, text->text);
    pthread_mutex_unlock(&work->lock);
}

static int run(const pregenerate_options *options, const pregenerate_text *texts, size_t count)
{
    pregenerate_work work = {.options = options, .texts = texts, .count = count, .lock = PTHREAD_MUTEX_INITIALIZER};
    double started = clock_now_seconds();
    progress_open(&work.bar, count, !options->quiet);
    bool finished = options->server != NULL ? pregenerate_into_service(&work) : pregenerate_into_cache(&work);
    progress_clear(&work.bar);
    size_t made = work.outcomes[PREGENERATE_MADE];
    size_t there = work.outcomes[PREGENERATE_THERE];
    size_t failed = count - made - there;
    if (!options->quiet)
        printf("%zu texts: %zu made, %zu already there, %zu failed (%.1f s)\n", count, made, there, failed,
               clock_now_seconds() - started);
    return finished && failed == 0 ? EXIT_DONE : EXIT_FAILED;
}

int command_pregenerate(int count, char **arguments)
{
    pregenerate_options options;
    int result = read_options(count, arguments, &options);
    if (result != EXIT_DONE)
        return result;
    if (options.help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    char *list = read_list(options.list);
    size_t text_count = 0;
    pregenerate_text *texts = list == NULL ? NULL : cut_list(list, &text_count);
    if (texts == NULL)
        result = EXIT_FAILED;
    else if (text_count == 0)
        result = complain(EXIT_USAGE, "%s holds no text; give one on each line",
                          strcmp(options.list, "-") == 0 ? "standard input" : options.list);
    else
        result = run(&options, texts, text_count);
    free(texts);
    free(list);
    return result;
}

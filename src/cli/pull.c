/* lumen pull: fetches the files of models, and says what their licences want. */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/model_list.h"
#include "cli/progress.h"
#include "cli/values.h"

enum { PARALLEL_MAX = 16, ATTEMPTS_MAX = 1000, STALL_SECONDS_MAX = 3600 };

static const char help[] =
    "lumen pull MODEL... : fetch the files of models from their hub\n"
    "\n"
    "  --accept-licence    accept the licences of these models; without it, a terminal is asked\n"
    "  --models DIR        the folder of models; without it LUMEN_MODELS, else $XDG_DATA_HOME/lumen/models, else\n"
    "                      ~/.local/share/lumen/models\n"
    "  --hub URL           the hub, or a mirror of it; without it LUMEN_MODEL_HUB, else " WEIGHTS_HUB "\n"
    "  --catalog FILE      also the models of this list; without it LUMEN_MODELS_CATALOG\n"
    "  --list              print the files and whether they are here, and fetch nothing\n"
    "  --verify            compare the files that are here with their SHA-256, and fetch the wrong ones anew\n"
    "  --offline           ask no network: fail where a file is missing\n"
    "  --parallel N        N files at a time, 1 to 16; 3 without it\n"
    "  --attempts N        try a file that breaks off N times; 5 without it\n"
    "  --stall-seconds N   a transfer without a byte for N seconds has broken off; 30 without it\n"
    "  --quiet             print nothing but errors\n"
    "  --help              print this text\n"
    "\n"
    "  What is here is not fetched again, and what was broken off goes on where it was. LUMEN_HUB_TOKEN, or HF_TOKEN,\n"
    "  holds a token where the hub wants one; it goes to the hub alone. lumen models says which models there are.\n"
    "\n"
    "  lumen pull sdxl-turbo --accept-licence\n";

typedef struct pull_settings {
    weights_pull_options pull;
    const char *catalog;
    bool list;
    bool quiet;
    bool help;
    char **names;
    size_t name_count;
} pull_settings;

/* ---- Stopping ------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal)
{
    (void)signal;
    stop_asked = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool show(void *user, const char *file, uint64_t done, uint64_t total, double bytes_per_second)
{
    progress_bar *bar = user;
    progress_show_bytes(bar, done, total, bytes_per_second, file);
    return stop_asked == 0;
}

/* ---- Licences ------------------------------------------------------------------------------------------ */

/* Shows the licence. True when it has been accepted by an option or by a typed yes. */
static bool ask_licence(const weights_model *model, const pull_settings *settings)
{
    const char *hub = settings->pull.mirror, *variable = getenv("LUMEN_MODEL_HUB");
    if (hub == NULL)
        hub = variable != NULL && variable[0] != '\0' ? variable : WEIGHTS_HUB;
    bool asked = !settings->pull.accept_licence && isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
    if (!settings->quiet || asked)
        fprintf(stderr, "%s comes under this licence: %s\n  %s\n  Its text: %s/%s\n", model->name, model->licence,
                model->terms, hub, model->repository);
    if (!asked)
        return settings->pull.accept_licence;
    char answer[16] = "";
    fputs("Type yes to accept it: ", stderr);
    fflush(stderr);
    if (fgets(answer, sizeof answer, stdin) == NULL)
        return false;
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcmp(answer, "yes") == 0;
}

/* ---- One model ----------------------------------------------------------------------------------------- */

static int list_files(const weights_model *model, const weights_state *state)
{
    char size[MODEL_LIST_SIZE_BYTES];
    printf("%s: %zu of %zu files are here, in %s\n", model->name, state->present, model->file_count, state->folder);
    for (size_t i = 0; i < model->file_count; i++) {
        const weights_file *file = &model->files[i];
        printf("  %-8s %s%-10s %s\n", weights_file_present(state->folder, file) ? "here" : "missing",
               file->estimated ? "~" : " ", file->bytes == 0 ? "?" : model_list_size(file->bytes, size), file->path);
    }
    return EXIT_DONE;
}

static int pull_model(const weights_model *model, const pull_settings *settings)
{
    lumen_error error;
    weights_state state;
    weights_pull_options options = settings->pull;
    if (weights_look(model, options.folder, &state, &error) != LUMEN_OK)
        return complain(EXIT_FAILED, "%s", error.message);
    if (settings->list)
        return list_files(model, &state);
    if (state.missing > 0 && !state.accepted && !options.offline)
        options.accept_licence = ask_licence(model, settings);
    progress_bar bar;
    progress_open(&bar, (size_t)-1, !settings->quiet);
    options.progress = show;
    options.progress_user = &bar;
    lumen_status status = weights_pull(model, &options, &error);
    progress_clear(&bar);
    if (status != LUMEN_OK)
        return complain(EXIT_FAILED, "%s", error.message);
    if (weights_look(model, options.folder, &state, &error) != LUMEN_OK)
        return complain(EXIT_FAILED, "%s", error.message);
    char size[MODEL_LIST_SIZE_BYTES];
    if (!settings->quiet)
        printf("%s: complete, %zu files, %s, in %s\n", model->name, state.present,
               model_list_size(state.bytes_present, size), state.folder);
    return EXIT_DONE;
}

/* ---- The command --------------------------------------------------------------------------------------- */

enum {
    OPTION_ACCEPT = 256,
    OPTION_MODELS,
    OPTION_HUB,
    OPTION_CATALOG,
    OPTION_LIST,
    OPTION_VERIFY,
    OPTION_OFFLINE,
    OPTION_PARALLEL,
    OPTION_ATTEMPTS,
    OPTION_STALL,
    OPTION_QUIET,
    OPTION_HELP
};

static const struct option option_names[] = {
    {"accept-licence", no_argument, NULL, OPTION_ACCEPT},
    {"models", required_argument, NULL, OPTION_MODELS},
    {"hub", required_argument, NULL, OPTION_HUB},
    {"catalog", required_argument, NULL, OPTION_CATALOG},
    {"list", no_argument, NULL, OPTION_LIST},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"offline", no_argument, NULL, OPTION_OFFLINE},
    {"parallel", required_argument, NULL, OPTION_PARALLEL},
    {"attempts", required_argument, NULL, OPTION_ATTEMPTS},
    {"stall-seconds", required_argument, NULL, OPTION_STALL},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool apply(pull_settings *settings, int option, const char *value)
{
    weights_pull_options *pull = &settings->pull;
    switch (option) {
    case OPTION_ACCEPT: pull->accept_licence = true; return true;
    case OPTION_MODELS: pull->folder = value; return true;
    case OPTION_HUB: pull->mirror = value; return true;
    case OPTION_CATALOG: settings->catalog = value; return true;
    case OPTION_LIST: settings->list = true; return true;
    case OPTION_VERIFY: pull->verify = true; return true;
    case OPTION_OFFLINE: pull->offline = true; return true;
    case OPTION_PARALLEL: return value_small_number("parallel", value, 1, PARALLEL_MAX, &pull->parallel);
    case OPTION_ATTEMPTS: return value_small_number("attempts", value, 1, ATTEMPTS_MAX, &pull->attempts);
    case OPTION_STALL: return value_small_number("stall-seconds", value, 1, STALL_SECONDS_MAX, &pull->stall_seconds);
    case OPTION_QUIET: settings->quiet = true; return true;
    default: settings->help = true; return true;
    }
}

static int read_options(int count, char **arguments, pull_settings *settings)
{
    *settings = (pull_settings){0};
    opterr = 0;
    optind = 1;
    for (int option; (option = getopt_long(count, arguments, ":h", option_names, NULL)) != -1;) {
        if (option == ':' || option == '?')
            return complain_about_option("pull", option, arguments[optind - 1]);
        if (!apply(settings, option == 'h' ? OPTION_HELP : option, optarg))
            return EXIT_USAGE;
    }
    settings->names = arguments + optind;
    settings->name_count = (size_t)(count - optind);
    return EXIT_DONE;
}

static int run(const weights_catalog *models, const pull_settings *settings)
{
    if (settings->name_count == 0 && !settings->list)
        return complain(EXIT_USAGE, "no model is named; lumen models says which there are");
    for (size_t i = 0; i < settings->name_count; i++)
        if (weights_catalog_of(models, settings->names[i]) == NULL)
            return complain(EXIT_USAGE, "there is no model '%s'; lumen models says which there are",
                            settings->names[i]);
    int result = EXIT_DONE;
    size_t count = settings->name_count > 0 ? settings->name_count : weights_catalog_count(models);
    for (size_t i = 0; i < count && stop_asked == 0; i++) {
        const weights_model *model =
            settings->name_count > 0 ? weights_catalog_of(models, settings->names[i]) : weights_catalog_at(models, i);
        int status = pull_model(model, settings);
        result = status != EXIT_DONE ? status : result;
    }
    return result;
}

int command_pull(int count, char **arguments)
{
    pull_settings settings;
    int status = read_options(count, arguments, &settings);
    if (status != EXIT_DONE)
        return status;
    if (settings.help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    weights_catalog *models = model_list_open(settings.catalog);
    if (models == NULL)
        return EXIT_FAILED;
    catch_signals();
    status = run(models, &settings);
    weights_catalog_close(models);
    return status;
}

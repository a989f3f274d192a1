/* lumen serve: reads the settings, runs the service until a signal says that it is enough. */

#include "cli/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/serve_options.h"
#include "host/lumen_engines.h"

/* ---- Signals --------------------------------------------------------------------------------------------------- */

/* They are blocked in every thread and taken by the main one alone, so that no handler is needed. */
static sigset_t ending_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    return signals;
}

/* Waits for a signal; false when the service gave up by itself. */
static bool wait_for_end(const service *running)
{
    static const struct timespec look = {.tv_nsec = 200000000};
    const sigset_t signals = ending_signals();
    while (!service_failed(running))
        if (sigtimedwait(&signals, NULL, &look) > 0)
            return true;
    return false;
}

/* ---- The service ------------------------------------------------------------------------------------------------ */

/* Written beside its place and renamed, so that whoever waits for the file reads a whole number. */
static bool write_port(const char *path, uint16_t port)
{
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside) {
        complain(EXIT_FAILED, "the name %.60s... is too long; shorten it", path);
        return false;
    }
    FILE *file = fopen(beside, "we");
    bool written = file != NULL && fprintf(file, "%u\n", port) > 0;
    if (file != NULL)
        written = fclose(file) == 0 && written;
    if (written && rename(beside, path) == 0)
        return true;
    complain(EXIT_FAILED, "the port could not be written to %s: %s; choose another --port-file", path, strerror(errno));
    return false;
}

typedef struct library_opener {
    const serve_program *program;
    const char *concepts, *models; /* NULL: none */
    uint64_t memory_budget;
} library_opener;

static lumen_status open_library(void *user, lumen **out, lumen_error *error)
{
    const library_opener *opener = user;
    return opener->program->open_library(opener->concepts, opener->models, opener->memory_budget, out, error);
}

static int run(serve_settings *settings, log_sink *log)
{
    lumen_error error;
    service *running = NULL;
    if (service_start(&settings->service, &running, &error) != LUMEN_OK)
        return complain(EXIT_FAILED, "%s", error.message);
    const char *address = settings->service.address;
    char url[256];
    snprintf(url, sizeof url, strchr(address, ':') != NULL ? "http://[%s]:%u" : "http://%s:%u", address,
             service_port(running));
    log_write(log, LOG_INFO, "listening", LOG_FIELDS(log_text("url", url), log_text("version", lumen_version())));
    int result = EXIT_DONE;
    if (settings->port_file != NULL && !write_port(settings->port_file, service_port(running)))
        result = EXIT_FAILED;
    else if (!wait_for_end(running))
        result = EXIT_FAILED;
    /* Whoever asks a second time does not want to wait: then the signal does what it usually does. What the cache has
     * committed is safe in any case, and engine processes end with this one. */
    const sigset_t signals = ending_signals();
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    if (!service_stop(running)) {
        complain(EXIT_FAILED, "a request could not be brought to its end; the service ends without it");
        _exit(EXIT_FAILED);
    }
    return result;
}

/* Where models are, and what of them can be offered; without weights the service runs too, and says why. */
typedef struct networks_found {
    char models[4096]; /* the folder; "": this program has no use for one */
    char budget[32];   /* as an argument */
    host_engines offered;
    lumen_error why; /* there are none */
} networks_found;

static lumen_status find_networks(const serve_program *program, serve_settings *settings, networks_found *found)
{
    if (program->offer_networks == NULL)
        return LUMEN_OK;
    snprintf(found->budget, sizeof found->budget, "%" PRIu64, settings->service.memory_budget_bytes);
    lumen_status status = program->find_models(settings->models, found->models, sizeof found->models, &found->why);
    if (status != LUMEN_OK) {
        /* A service of the machine may have no home; it need not have models either, unless it was told where. */
        found->models[0] = '\0';
        settings->service.no_networks = found->why.message;
        return settings->models != NULL ? status : LUMEN_OK;
    }
    const lumen_networks_options options = {.models = found->models,
                                            .concepts = settings->concepts,
                                            .memory_budget = settings->service.memory_budget_bytes};
    status = program->offer_networks(&options, &found->offered, &found->why);
    if (status == LUMEN_OK)
        settings->service.networks = &found->offered;
    else
        settings->service.no_networks = found->why.message;
    return status == LUMEN_ERROR_UNAVAILABLE ? LUMEN_OK : status;
}

int serve_run(const serve_program *program, int count, char **arguments)
{
    serve_settings settings;
    int result = serve_options_read(count, arguments, &settings);
    if (result != EXIT_DONE || settings.help) {
        if (result == EXIT_DONE)
            serve_options_print_help();
        serve_options_free(&settings);
        return result;
    }
    const sigset_t signals = ending_signals();
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    /* Engine processes inherit the environment, and have no use for the key. */
    unsetenv("LUMEN_API_KEY");

    lumen_error error;
    log_sink *log = NULL;
    host_engines engines = {0};
    networks_found networks = {0};
    const log_options logging = {.descriptor = STDERR_FILENO, .format = settings.format, .least = settings.level};
    const char *const concepts = settings.concepts != NULL ? settings.concepts : "";
    const char *host_arguments[] = {"lumen", "engine-host", concepts, NULL};
    const char *network_arguments[] = {"lumen", "network-host", networks.models, networks.budget, concepts, NULL};
    if (log_open(&logging, &log, &error) != LUMEN_OK ||
        program->offer(settings.concepts, &engines, &error) != LUMEN_OK) {
        result = complain(EXIT_FAILED, "%s", error.message);
    } else if (find_networks(program, &settings, &networks) != LUMEN_OK) {
        result = complain(EXIT_FAILED, "%s", networks.why.message);
    } else {
        library_opener opener = {.program = program,
                                 .concepts = settings.concepts,
                                 .models = networks.models[0] != '\0' ? networks.models : NULL,
                                 .memory_budget = settings.service.memory_budget_bytes};
        settings.service.engines = &engines;
        settings.service.program = "/proc/self/exe";
        settings.service.host_arguments = host_arguments;
        settings.service.network_arguments = network_arguments;
        settings.service.open_library = open_library;
        settings.service.user = &opener;
        settings.service.log = log;
        result = run(&settings, log);
    }
    lumen_engines_withdraw(&engines);
    if (program->withdraw_networks != NULL)
        program->withdraw_networks(&networks.offered);
    log_close(log);
    serve_options_free(&settings);
    return result;
}

/* ---- The hosts ------------------------------------------------------------------------------------------------- */

/* The socket to the service, the last of `wanted` arguments; -1 after a complaint. */
static int read_descriptor(int wanted, int count, char **arguments)
{
    char *end = NULL;
    long descriptor = count == wanted ? strtol(arguments[wanted - 1], &end, 10) : -1;
    if (descriptor >= 0 && descriptor <= INT_MAX && *end == '\0')
        return (int)descriptor;
    complain(EXIT_USAGE, "%s is started by lumen serve, not by hand", arguments[0]);
    return -1;
}

static const char *text_or_null(const char *argument)
{
    return argument[0] != '\0' ? argument : NULL;
}

int serve_host(const serve_program *program, int count, char **arguments)
{
    enum { CONCEPTS = 1, ARGUMENTS = 3 };
    lumen_error error;
    host_engines engines;
    const int descriptor = read_descriptor(ARGUMENTS, count, arguments);
    if (descriptor < 0)
        return EXIT_USAGE;
    if (program->offer(text_or_null(arguments[CONCEPTS]), &engines, &error) != LUMEN_OK)
        return complain(EXIT_FAILED, "%s", error.message);
    int status = host_main(&engines, descriptor);
    lumen_engines_withdraw(&engines);
    return status;
}

int serve_networks(const serve_program *program, int count, char **arguments)
{
    enum { MODELS = 1, BUDGET, CONCEPTS, ARGUMENTS = 5 };
    lumen_error error;
    host_engines networks;
    const int descriptor = read_descriptor(ARGUMENTS, count, arguments);
    if (descriptor < 0)
        return EXIT_USAGE;
    const lumen_networks_options options = {.models = arguments[MODELS],
                                            .concepts = text_or_null(arguments[CONCEPTS]),
                                            .memory_budget = strtoull(arguments[BUDGET], NULL, 10)};
    if (program->offer_networks(&options, &networks, &error) != LUMEN_OK)
        return complain(EXIT_FAILED, "%s", error.message);
    int status = host_main(&networks, descriptor);
    program->withdraw_networks(&networks);
    return status;
}

#include "cli/serve_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "host/protocol.h"
#include "service/secret.h"

/* ---- The table -------------------------------------------------------------------------------------------------- */

typedef enum setting_kind { TEXT, COUNT, BYTES, SECONDS, SWITCH } setting_kind;

typedef struct setting {
    const char *name;
    const char *value; /* what stands for the value in the help */
    setting_kind kind;
    const char *usual;  /* the value without the option; NULL: none */
    double least, most; /* of numbers */
    const char *help;
} setting;

enum {
    ADDRESS,
    PORT,
    PORT_FILE,
    API_KEY_FILE,
    ALLOWED_ORIGINS,
    TRUSTED_PROXIES,
    RATE_LIMIT,
    ENGINE_RATE_LIMIT,
    MAX_BODY_BYTES,
    IMAGE_LIMIT,
    CACHE_DIR,
    CACHE_MAX_BYTES,
    MEMORY_CACHE_BYTES,
    MEMORY_CACHE_ITEMS,
    WORKERS,
    THREADS,
    QUEUE_LIMIT,
    REQUEST_SECONDS,
    NETWORK_TIMEOUT,
    DRAIN_SECONDS,
    MEMORY_BUDGET,
    CONCEPTS,
    MODELS,
    DEBUG_ROUTES,
    LOG_FORMAT,
    LOG_LEVEL,
    SETTINGS
};

static const setting settings_table[SETTINGS] = {
    [ADDRESS] = {"address", "ADDRESS", TEXT, "127.0.0.1", 0, 0,
                 "where to listen; another than a loopback address needs a key"},
    [PORT] = {"port", "N", COUNT, "8080", 0, 65535, "0 takes any that is free"},
    [PORT_FILE] = {"port-file", "FILE", TEXT, NULL, 0, 0, "write the number of the port there once it is bound"},
    [API_KEY_FILE] = {"api-key-file", "FILE", TEXT, NULL, 0, 0,
                      "read the key there; LUMEN_API_KEY holds the key itself"},
    [ALLOWED_ORIGINS] = {"allowed-origins", "LIST", TEXT, NULL, 0, 0, "web pages of these origins may ask; * for any"},
    [TRUSTED_PROXIES] = {"trusted-proxies", "LIST", TEXT, NULL, 0, 0,
                         "addresses and networks (also 'loopback', 'private') whose X-Forwarded-For is believed"},
    [RATE_LIMIT] = {"rate-limit", "N", COUNT, "60", 0, 1e9, "requests a minute and client; 0: no limit"},
    [ENGINE_RATE_LIMIT] = {"engine-rate-limit", "N", COUNT, "60", 0, 1e9,
                           "those of them that reach an engine; 0: no limit"},
    [MAX_BODY_BYTES] = {"max-body-bytes", "N", BYTES, "64K", 256, 1 << 30, "the largest request body"},
    [IMAGE_LIMIT] = {"image-limit", "N", BYTES, "8M", 1024, HOST_IMAGES_BYTES_MAX,
                     "the largest picture in a request, on top of that"},
    [CACHE_DIR] = {"cache-dir", "DIR", TEXT, NULL, 0, 0,
                   "where shapes are kept; 'none': in memory alone; usually ~/.cache/lumen"},
    [CACHE_MAX_BYTES] = {"cache-max-bytes", "N", BYTES, "2G", 1 << 20, 1e15, "bound of the shapes on disk"},
    [MEMORY_CACHE_BYTES] = {"memory-cache-bytes", "N", BYTES, "256M", 0, 1e15, "bound of the shapes in memory"},
    [MEMORY_CACHE_ITEMS] = {"memory-cache-items", "N", COUNT, "100000", 0, 1e9, "the same, by number"},
    [WORKERS] = {"workers", "N", COUNT, "0", 0, HOST_SLOTS_MAX, "engine processes; 0: one per core, at most 4"},
    [THREADS] = {"threads", "N", COUNT, "0", 0, 8, "of the HTTP server; 0: two per core, at most 8"},
    [QUEUE_LIMIT] = {"queue-limit", "N", COUNT, "1024", 1, 1e6, "requests that may wait for an engine"},
    [REQUEST_SECONDS] = {"request-seconds", "N", SECONDS, "300", 0.1, 86400, "the longest that a request may take"},
    [NETWORK_TIMEOUT] = {"network-timeout", "N", SECONDS, "1800", 1, 604800, "the same, where networks make the shape"},
    [DRAIN_SECONDS] = {"drain-seconds", "N", SECONDS, "30", 0, 86400, "after SIGTERM, for what is under way"},
    [MEMORY_BUDGET] = {"memory-budget", "N", BYTES, "0", 0, 1e15,
                       "for the models of an engine process, and for networks; 0: none"},
    [CONCEPTS] = {"concepts", "FILE", TEXT, NULL, 0, 0,
                  "read more shapes from FILE, in the language of docs/sculpting.md"},
    [MODELS] = {"models", "FOLDER", TEXT, NULL, 0, 0,
                "where the models of networks are; usually ~/.local/share/lumen/models"},
    [DEBUG_ROUTES] = {"debug-routes", NULL, SWITCH, NULL, 0, 0, "offer /debug/generate-image and /debug/generate-mesh"},
    [LOG_FORMAT] = {"log-format", "FORMAT", TEXT, "auto", 0, 0, "json, text, or auto: text on a terminal"},
    [LOG_LEVEL] = {"log-level", "LEVEL", TEXT, "info", 0, 0, "debug, info, warning or error"},
};

/* "rate-limit" is LUMEN_RATE_LIMIT in the environment. */
static void environment_name(const char *name, char variable[64])
{
    int length = snprintf(variable, 64, "LUMEN_%s", name);
    for (int i = 0; i < length; i++)
        variable[i] = variable[i] == '-' ? '_' : (char)toupper((unsigned char)variable[i]);
}

void serve_options_print_help(void)
{
    puts("lumen serve : the HTTP service, and a page in the browser\n");
    for (size_t i = 0; i < SETTINGS; i++) {
        const setting *one = &settings_table[i];
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", one->name, one->value != NULL ? " " : "",
                 one->value != NULL ? one->value : "");
        printf("  %-26s %s%s%s%s\n", left, one->help, one->usual != NULL ? " (" : "",
               one->usual != NULL ? one->usual : "", one->usual != NULL ? ")" : "");
    }
    puts("  --help                     print this text\n\n"
         "  Each option is an environment variable too: --rate-limit 30 is LUMEN_RATE_LIMIT=30. LUMEN_API_KEY\n"
         "  holds the key that clients must send as X-API-Key. SIGTERM and SIGINT finish what is under way;\n"
         "  a second one ends at once.\n\n"
         "  lumen serve --port 9000\n"
         "  curl -d '{\"text\": \"a horse galloping\"}' http://127.0.0.1:9000/generate");
}

/* ---- Values
 * ------------------------------------------------------------------------------------------------------------ */

static int complain_value(const setting *one, const char *value, const char *wanted)
{
    char variable[64];
    environment_name(one->name, variable);
    return complain(EXIT_USAGE, "--%s (%s) is '%s'; give %s", one->name, variable, value, wanted);
}

/* A number with nothing behind it but, for bytes, K, M or G. */
static bool read_number(const setting *one, const char *text, double *number)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    bool digits = text[0] >= '0' && text[0] <= '9' && strchr(text, 'x') == NULL && strchr(text, 'X') == NULL;
    if (digits && one->kind == BYTES && *end != '\0') {
        double factor = *end == 'K' || *end == 'k'   ? 1024.0
                        : *end == 'M' || *end == 'm' ? 1048576.0
                        : *end == 'G' || *end == 'g' ? 1073741824.0
                                                     : 0.0;
        digits = factor > 0.0;
        value *= factor;
        end++;
    }
    bool whole = one->kind == SECONDS || value == floor(value);
    if (digits && errno == 0 && *end == '\0' && whole && value >= one->least && value <= one->most) {
        *number = value;
        return true;
    }
    char wanted[96];
    snprintf(wanted, sizeof wanted, "a %snumber from %.15g to %.15g", one->kind == SECONDS ? "" : "whole ", one->least,
             one->most);
    complain_value(one, text, wanted);
    return false;
}

/* Which of the words `text` is; -1 after a complaint. */
static int read_choice(const setting *one, const char *text, const char *const *words, const char *wanted)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    complain_value(one, text, wanted);
    return -1;
}

static bool is_true(const char *text)
{
    return strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0;
}

char *usual_cache_folder(void)
{
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char *folder = NULL;
    int length = -1;
    if (base != NULL && base[0] == '/')
        length = asprintf(&folder, "%s/lumen", base);
    else if (home != NULL && home[0] == '/')
        length = asprintf(&folder, "%s/.cache/lumen", home);
    return length < 0 ? NULL : folder;
}

/* ---- Reading
 * --------------------------------------------------------------------------------------------------------------- */

/* The texts of the settings: option, else environment, else the usual. */
static int gather(int count, char **arguments, const char *values[SETTINGS], bool *help)
{
    struct option names[SETTINGS + 2] = {0};
    for (int i = 0; i < SETTINGS; i++) {
        char variable[64];
        environment_name(settings_table[i].name, variable);
        const char *set = getenv(variable);
        values[i] = set != NULL && set[0] != '\0' ? set : settings_table[i].usual;
        names[i] = (struct option){settings_table[i].name,
                                   settings_table[i].kind == SWITCH ? no_argument : required_argument, NULL, 256 + i};
    }
    names[SETTINGS] = (struct option){"help", no_argument, NULL, 'h'};
    opterr = 0;
    optind = 1;
    for (;;) {
        int option = getopt_long(count, arguments, ":h", names, NULL);
        if (option == -1)
            break;
        if (option == ':')
            return complain(EXIT_USAGE, "%s needs a value behind it; see lumen serve --help", arguments[optind - 1]);
        if (option == '?')
            return complain(EXIT_USAGE, "there is no option %s; see lumen serve --help", arguments[optind - 1]);
        if (option == 'h')
            *help = true;
        else
            values[option - 256] = settings_table[option - 256].kind == SWITCH ? "true" : optarg;
    }
    if (optind < count)
        return complain(EXIT_USAGE, "serve takes no '%s'; see lumen serve --help", arguments[optind]);
    return EXIT_DONE;
}

static int read_key(const char *file, serve_settings *settings)
{
    lumen_error error;
    const char *given = getenv("LUMEN_API_KEY");
    settings->service.api_key = &settings->api_key;
    if (given != NULL && given[0] != '\0') {
        if (secret_set(&settings->api_key, given, &error) != LUMEN_OK)
            return complain(EXIT_USAGE, "LUMEN_API_KEY: %s", error.message);
    } else if (file != NULL && secret_read_file(&settings->api_key, file, &error) != LUMEN_OK) {
        return complain(EXIT_FAILED, "%s", error.message);
    }
    return EXIT_DONE;
}

static int read_words(const char *const values[SETTINGS], serve_settings *settings)
{
    static const char *const formats[] = {"auto", "json", "text", NULL};
    static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
    int format = read_choice(&settings_table[LOG_FORMAT], values[LOG_FORMAT], formats, "auto, json or text");
    int level = read_choice(&settings_table[LOG_LEVEL], values[LOG_LEVEL], levels, "debug, info, warning or error");
    if (format < 0 || level < 0)
        return EXIT_USAGE;
    settings->format = (log_format)format;
    settings->level = (log_severity)level;
    const char *folder = values[CACHE_DIR];
    if (folder == NULL)
        settings->cache_folder = usual_cache_folder();
    else if (strcmp(folder, "none") != 0 && (settings->cache_folder = strdup(folder)) == NULL)
        return complain(EXIT_FAILED, "memory ran out; free some and try again");
    return EXIT_DONE;
}

int serve_options_read(int count, char **arguments, serve_settings *settings)
{
    const char *values[SETTINGS];
    double numbers[SETTINGS] = {0.0};
    *settings = (serve_settings){0};
    int status = gather(count, arguments, values, &settings->help);
    if (status != EXIT_DONE || settings->help)
        return status;
    for (int i = 0; i < SETTINGS; i++) {
        setting_kind kind = settings_table[i].kind;
        if ((kind == COUNT || kind == BYTES || kind == SECONDS) &&
            !read_number(&settings_table[i], values[i], &numbers[i]))
            return EXIT_USAGE;
    }
    status = read_words(values, settings);
    if (status == EXIT_DONE)
        status = read_key(values[API_KEY_FILE], settings);
    if (status != EXIT_DONE)
        return status;
    settings->concepts = values[CONCEPTS];
    settings->models = values[MODELS];
    settings->port_file = values[PORT_FILE];
    service_options *into = &settings->service;
    into->address = values[ADDRESS];
    into->port = (uint16_t)numbers[PORT];
    into->threads = (unsigned)numbers[THREADS];
    into->allowed_origins = values[ALLOWED_ORIGINS];
    into->trusted_proxies = values[TRUSTED_PROXIES];
    into->body_bytes_max = (size_t)numbers[MAX_BODY_BYTES];
    into->image_bytes_max = (size_t)numbers[IMAGE_LIMIT];
    into->rate_limit = numbers[RATE_LIMIT];
    into->engine_rate_limit = numbers[ENGINE_RATE_LIMIT];
    into->debug_routes = values[DEBUG_ROUTES] != NULL && is_true(values[DEBUG_ROUTES]);
    into->cache_folder = settings->cache_folder;
    into->cache_bytes_max = (uint64_t)numbers[CACHE_MAX_BYTES];
    into->memory_cache_bytes = (size_t)numbers[MEMORY_CACHE_BYTES];
    into->memory_cache_items = (size_t)numbers[MEMORY_CACHE_ITEMS];
    into->workers = (unsigned)numbers[WORKERS];
    into->queue_max = (uint32_t)numbers[QUEUE_LIMIT];
    into->request_seconds = numbers[REQUEST_SECONDS];
    into->network_seconds = numbers[NETWORK_TIMEOUT];
    into->drain_seconds = numbers[DRAIN_SECONDS];
    into->memory_budget_bytes = (uint64_t)numbers[MEMORY_BUDGET];
    return EXIT_DONE;
}

void serve_options_free(serve_settings *settings)
{
    secret_clear(&settings->api_key);
    free(settings->cache_folder);
}

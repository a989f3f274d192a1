/*
 * serve_options.h: the settings of `lumen serve`: each is an option and an environment variable.
 *
 *     serve_settings settings;
 *     int status = serve_options_read(count, arguments, &settings);    // EXIT_DONE, or after a complaint EXIT_USAGE
 *     ...
 *     serve_options_free(&settings);
 *
 * --rate-limit 30 and LUMEN_RATE_LIMIT=30 mean the same; the option wins. Numbers of bytes take K, M and G (1,024
 * each).
 */
#ifndef LUMEN_CLI_SERVE_OPTIONS_H
#define LUMEN_CLI_SERVE_OPTIONS_H

#include "log/log.h"
#include "service/service.h"

typedef struct serve_settings {
    service_options service; /* without the engines */
    const char *concepts;    /* a file; NULL: none */
    const char *models;      /* a folder; NULL: the usual one */
    const char *port_file;   /* NULL: none */
    log_format format;
    log_severity level;
    bool help;
    secret api_key;
    char *cache_folder; /* owned */
} serve_settings;

int serve_options_read(int count, char **arguments, serve_settings *settings);
void serve_options_free(serve_settings *settings);

/* Writes the help text, made of the table of settings. */
void serve_options_print_help(void);

/* The folder of the cache that serves without --cache-dir: "$XDG_CACHE_HOME/lumen" or "~/.cache/lumen"; NULL without a
 * home or memory. The caller frees it. */
char *usual_cache_folder(void);

#endif

/*
 * options.h: the arguments of `lumen generate`, understood and checked.
 */
#ifndef LUMEN_CLI_OPTIONS_H
#define LUMEN_CLI_OPTIONS_H

#include "cli/animate.h"
#include "lumen.h"

enum { OUTPUTS_MAX = 16 };

typedef struct generate_options {
    lumen_request request; /* text is filled in for each text */
    const char *outputs[OUTPUTS_MAX];
    size_t output_count;
    const char *sheet;    /* NULL: none */
    const char *concepts; /* a file's name; NULL: none */
    const char *image;     /* the picture's name; NULL: none */
    const char *models;    /* a folder; NULL: the usual one */
    const char *precision; /* NULL: the usual one */
    uint32_t threads;      /* of networks; 0: the usual number */
    bool low_memory;
    bool quality_given;
    uint32_t image_width, image_height; /* pixels; 0: the usual */
    bool animate;
    animate_settings film; /* without the size */
    bool explain;
    bool list_concepts;
    bool quiet;
    bool help;
    char **texts; /* as given; "-" stands for the lines of standard input */
    size_t text_count;
} generate_options;

/* Reads the arguments; `arguments[0]` is the command's name. Returns EXIT_DONE, or EXIT_USAGE after a complaint. */
int options_read(int count, char **arguments, generate_options *options);

extern const char generate_help[];

#endif

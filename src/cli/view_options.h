/*
 * view_options.h: the arguments of `lumen view`, understood and checked.
 */
#ifndef LUMEN_CLI_VIEW_OPTIONS_H
#define LUMEN_CLI_VIEW_OPTIONS_H

#include "lumen.h"

typedef struct view_options {
    const char *subject;    /* a text or a file; NULL: the ring */
    uint32_t particles;     /* on each side of the square; 0: the usual */
    bool still;             /* reduced motion */
    bool lab;               /* the motion lab */
    uint32_t seconds;       /* closes by itself after so long; 0: never */
    const char *screenshot; /* saved when it closes; NULL: none */
    const char *motions;    /* a file of further motion templates; NULL: none */
    const char *concepts;   /* a file of further shapes; NULL: none */
    bool help;
} view_options;

/* Returns EXIT_DONE, or EXIT_USAGE after a complaint. */
int view_options_read(int count, char **arguments, view_options *options);

extern const char view_help[];

/* The window. In a build without the viewer view_absent.c stands in and says so. */
int view_run(const view_options *options);

#endif

/*
 * commands.h: the commands of the `lumen` program.
 *
 * Each takes the arguments behind its name and returns the exit status of the program: 0 for success,
 * 1 when something could not be done, 2 when the arguments make no sense. Errors go to standard error as
 * "lumen: thing, reason, mend".
 */
#ifndef LUMEN_CLI_COMMANDS_H
#define LUMEN_CLI_COMMANDS_H

#include "lumen.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

int command_generate(int count, char **arguments);
int command_image(int count, char **arguments);
int command_cutout(int count, char **arguments);
int command_view(int count, char **arguments);
int command_pregenerate(int count, char **arguments);
int command_preflight(int count, char **arguments);
int command_pull(int count, char **arguments);
int command_models(int count, char **arguments);

/* "lumen: MESSAGE" on standard error. Returns `status`. */
int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for what getopt_long did not take: `found` is ':' (no value behind `word`) or '?' (no such option). Reads
 * getopt's optopt. Returns EXIT_USAGE. */
int complain_about_option(const char *command, int found, const char *word);

/* Flushes standard output; a full disk turns success into failure. (A closed pipe ends the program by SIGPIPE.) */
int finish_output(int status);

#endif

/* How the command says what went wrong. */

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

int complain(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("lumen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return status;
}

int complain_about_option(const char *command, int found, const char *word)
{
    if (found == ':')
        return complain(EXIT_USAGE, "%s needs a value behind it; see lumen %s --help", word, command);
    if (optopt > 0 && optopt < 256)
        return complain(EXIT_USAGE, "there is no option -%c; see lumen %s --help", optopt, command);
    return complain(EXIT_USAGE, "there is no option %s; see lumen %s --help", word, command);
}

int finish_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return complain(status == EXIT_DONE ? EXIT_FAILED : status,
                    "standard output could not be written: %s; make room or choose another place", strerror(errno));
}

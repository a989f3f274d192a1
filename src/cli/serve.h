/*
 * serve.h: `lumen serve` and the process that hosts its engines, for a program that says which engines there are.
 *
 *     if (strcmp(name, "serve") == 0)
 *         return serve_run(&(host_table_options){0}, count, arguments);
 *     if (strcmp(name, "engine-host") == 0)
 *         return serve_host(&(host_table_options){0}, count, arguments);
 *
 * `lumen` is such a program, and so is the one that the tests run, which has engines that are slow, hang and crash. The
 * options' concepts_path is filled in from the command line.
 */
#ifndef LUMEN_CLI_SERVE_H
#define LUMEN_CLI_SERVE_H

#include "host/table.h"

int serve_run(const host_table_options *engines, int count, char **arguments);
int serve_host(const host_table_options *engines, int count, char **arguments);

#endif

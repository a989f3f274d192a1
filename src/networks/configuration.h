/*
 * configuration.h: the config.json beside a network's weights, read with care.
 *
 *     configuration *from;
 *     status = configuration_open("unet/config.json", &from, &error);      // from is NULL when there is no such file
 *     config.channels = configuration_number(from, "in_channels", 1, 64, config.channels);
 *     configuration_demand(from, "act_fn", "silu");
 *     status = configuration_close(from, &error);                          // the first thing that was wrong
 *
 * What the file does not say keeps its default, and without a file everything does. Numbers have bounds, so that no
 * file can ask for a network that overflows a size or an array. The first fault is noted and told at the end.
 */
#ifndef LUMEN_NETWORKS_CONFIGURATION_H
#define LUMEN_NETWORKS_CONFIGURATION_H

#include "base/error.h"

typedef struct configuration configuration;

lumen_status configuration_open(const char *path, configuration **out, lumen_error *error);

/* The same of bytes in memory; `name` stands in messages. */
lumen_status configuration_from_bytes(const char *name, const void *bytes, size_t size, configuration **out,
                                      lumen_error *error);
lumen_status configuration_close(configuration *from, lumen_error *error);

bool configuration_has(const configuration *from, const char *key); /* and it is not null */

/* A whole number in [low, high]. */
size_t configuration_number(configuration *from, const char *key, size_t low, size_t high, size_t otherwise);

/* A number in [low, high]. */
double configuration_real(configuration *from, const char *key, double low, double high, double otherwise);

/* A list of 1 to `capacity` whole numbers; `*count` and `out` keep what they hold when the file has none. A single
 * number stands for a list of `*count` equal ones. */
void configuration_numbers(configuration *from, const char *key, size_t low, size_t high, size_t capacity, size_t *out,
                           size_t *count);

/* A list of `count` texts of which each must be `no` or `yes`. */
void configuration_choices(configuration *from, const char *key, const char *no, const char *yes, size_t count,
                           bool *out);

/* Which of the `count` texts it is. */
size_t configuration_choice(configuration *from, const char *key, const char *const *texts, size_t count,
                            size_t otherwise);

/* What these networks are built for; another value is a fault. A key that is absent or null is none. */
void configuration_demand(configuration *from, const char *key, const char *text);
void configuration_demand_boolean(configuration *from, const char *key, bool value);

/* Notes a fault of the whole: sizes that do not fit each other. */
void configuration_fault(configuration *from, const char *reason);

#endif

/*
 * values.h: the values of options, understood and checked, each with a complaint that names the option.
 */
#ifndef LUMEN_CLI_VALUES_H
#define LUMEN_CLI_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "lumen.h"
#include "tensor/tensor.h"

/* A whole number in [low, high], with nothing around it. `name` is the option's, without dashes. False after a
 * complaint. */
bool value_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *number);
bool value_small_number(const char *name, const char *text, uint32_t low, uint32_t high, uint32_t *number);

/* "720" means 720x720; "1280x720" has its own width and height, both in [low, high]. False after a complaint. */
bool value_size(const char *name, const char *text, uint32_t low, uint32_t high, uint32_t *width, uint32_t *height);

/* A number in [low, high], as 7 or 7.5. False after a complaint. */
bool value_real(const char *name, const char *text, double low, double high, float *number);

/* fast, standard or high. False after a complaint. */
bool value_quality(const char *text, lumen_quality *quality);

/* Where -o says that a picture shall go: a name that ends in .png, such as `example`. NULL: -o was not there. False after
 * a complaint. */
bool value_png_output(const char *path, const char *example);

/* Of a network's numbers: bf16 or f32. False after a complaint. */
bool value_precision(const char *text, tensor_type *type);

#endif

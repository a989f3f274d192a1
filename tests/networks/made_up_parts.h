/*
 * made_up_parts.h: a small PartCrafter whose weights follow from their names, as in golden_partcrafter.py, and what the
 * reference says of it (golden_partcrafter.safetensors, embedded).
 */
#ifndef TESTS_NETWORKS_MADE_UP_PARTS_H
#define TESTS_NETWORKS_MADE_UP_PARTS_H

#include "made_up.h"
#include "networks/partcrafter.h"

/* Of the golden data. */
enum { SMALL_PARTS = 3, SMALL_TOKENS = 21, SMALL_IMAGE_TOKENS = 9, SMALL_POINTS = 150 };

partcrafter_config small_parts_config(void);

/* Writes the small model in the reference's layout; `path` exists already. */
void write_small_parts(const char *path);

/* A view of golden data; fails the test when there is none of that name. */
tensor golden_parts(const char *name);

#endif

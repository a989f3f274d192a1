/*
 * networks.h: what the pieces of bench_networks share: networks.c (SDXL Turbo, the program), pictures.c
 * (IS-Net, DINOv2), parts.c (PartCrafter) and extract.c (surfaces).
 */
#ifndef LUMEN_BENCH_NETWORKS_H
#define LUMEN_BENCH_NETWORKS_H

#include <stdio.h>

#include "networks/sdxl_turbo.h"
#include "tensor/safetensors.h"

enum { REPEATS_MAX = 1000, COSTS_MAX = 16 };

typedef struct settings {
    const char *part, *model, *input, *output, *device;
    tensor_type type;
    unsigned threads, repeat;
} settings;

typedef struct job {
    settings settings;
    operators *run;
    checkpoint *files;
    safetensors *input;
    sdxl_turbo_config config;
    lumen_error error;
    double load;
    double seconds[REPEATS_MAX];           /* by the clock */
    double processor[REPEATS_MAX];         /* of all threads, those that wait for work included; 0 where not measured */
    sdxl_turbo_timings parts[REPEATS_MAX]; /* of `whole` */
    operators_cost before[COSTS_MAX];      /* before the last run, since when costs are reported */
    FILE *out;
} job;

/* A tensor of the input file; ends the program when there is none. */
void *input(job *work, const char *name, tensor *out);

/* (C, H, W) of the input file as a tensor (1, H, W, C) of the arena. */
tensor input_picture(job *work, const char *name);

/* Values of a tensor to the output. */
void put(job *work, const tensor *x);

/* The first fields of the line of JSON, without its end. */
void report(const job *work, const operators *run, size_t weights);

bool is_part_of_pictures(const char *part);
lumen_status run_pictures(job *work);

bool is_part_of_partcrafter(const char *part);
lumen_status run_partcrafter(job *work);

lumen_status run_extract(job *work);

#endif

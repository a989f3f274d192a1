/*
 * rectified_flow.h: from noise to latents along (nearly) straight lines.
 *
 *     rectified_flow flow;
 *     status = rectified_flow_plan(&config, 50, &flow, &error);
 *     for (size_t step = 0; step < flow.steps; step++) {
 *         velocity = network(x, flow.timesteps[step]);
 *         rectified_flow_step(&flow, step, velocity, x, count);
 *     }
 *
 * At sigma the sample is (1 - sigma) data + sigma noise; sigma goes from 1 to 0 in equal steps, bent by `shift`. The
 * network here says data - noise, so that a step adds. Liu et al., "Flow Straight and Fast", 2022.
 */
#ifndef LUMEN_NETWORKS_RECTIFIED_FLOW_H
#define LUMEN_NETWORKS_RECTIFIED_FLOW_H

#include "networks/configuration.h"

enum { FLOW_STEPS_MAX = 1000 };

typedef struct rectified_flow_config {
    size_t trained; /* what a sigma of 1 counts as a timestep: 1000 */
    double shift;   /* 1: none */
} rectified_flow_config;

rectified_flow_config rectified_flow_default(void);
void rectified_flow_configure(configuration *from, rectified_flow_config *config);

typedef struct rectified_flow {
    size_t steps;
    float timesteps[FLOW_STEPS_MAX];
    float sigmas[FLOW_STEPS_MAX + 1]; /* the last is 0 */
} rectified_flow;

/* Errors: LUMEN_ERROR_INVALID for no steps or more than the plan has room for. */
lumen_status rectified_flow_plan(const rectified_flow_config *config, size_t steps, rectified_flow *out,
                                 lumen_error *error);

/* Classifier-free guidance: conditional = unconditional + guidance (conditional - unconditional). Ho and Salimans,
 * "Classifier-Free Diffusion Guidance", 2022. */
void rectified_flow_guide(float guidance, const float *unconditional, float *conditional, size_t count);

/* Changes `x` in place. */
void rectified_flow_step(const rectified_flow *flow, size_t step, const float *velocity, float *x, size_t count);

#endif

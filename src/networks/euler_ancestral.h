/*
 * euler_ancestral.h: the sampler of SDXL Turbo: from noise to picture in 1 to 4 steps.
 *
 *     euler_ancestral sampler;
 *     status = euler_ancestral_plan(&config, 2, &sampler, &error);
 *     for each x: x = noise * sampler.sigmas[0];
 *     for (size_t step = 0; step < sampler.steps; step++) {
 *         input = x * euler_ancestral_input_scale(&sampler, step);
 *         euler_ancestral_step(&sampler, step, unet(input, sampler.timesteps[step]), fresh_noise, x, count);
 *     }
 *
 * A step takes away the noise that the network sees down to sigma_down and adds fresh noise, so that sigma_{step+1} is
 * left. Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models", 2022; the timesteps are
 * spaced from the end ("trailing").
 */
#ifndef LUMEN_NETWORKS_EULER_ANCESTRAL_H
#define LUMEN_NETWORKS_EULER_ANCESTRAL_H

#include "networks/configuration.h"

enum { EULER_STEPS_MAX = 50, EULER_TRAINED_MAX = 10000 };

typedef struct euler_ancestral_config {
    size_t trained;              /* steps of training: 1000 */
    double beta_start, beta_end; /* of the scaled linear schedule */
} euler_ancestral_config;

euler_ancestral_config euler_ancestral_default(void);
void euler_ancestral_configure(configuration *from, euler_ancestral_config *config);

typedef struct euler_ancestral {
    size_t steps;
    double timesteps[EULER_STEPS_MAX];
    double sigmas[EULER_STEPS_MAX + 1]; /* the last is 0 */
} euler_ancestral;

/* Errors: LUMEN_ERROR_INVALID when there are more steps than the plan, or training, has. */
lumen_status euler_ancestral_plan(const euler_ancestral_config *config, size_t steps, euler_ancestral *out,
                                  lumen_error *error);

double euler_ancestral_input_scale(const euler_ancestral *sampler, size_t step);

/* Changes `x` in place. `noise` is what the network saw; `fresh` is standard normal noise, and may be NULL at the last
 * step, which adds none. */
void euler_ancestral_step(const euler_ancestral *sampler, size_t step, const float *noise, const float *fresh, float *x,
                          size_t count);

#endif

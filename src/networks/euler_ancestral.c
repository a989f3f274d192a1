#include "networks/euler_ancestral.h"

#include <math.h>

euler_ancestral_config euler_ancestral_default(void)
{
    return (euler_ancestral_config){.trained = 1000, .beta_start = 0.00085, .beta_end = 0.012};
}

void euler_ancestral_configure(configuration *from, euler_ancestral_config *config)
{
    config->trained = configuration_number(from, "num_train_timesteps", 2, EULER_TRAINED_MAX, config->trained);
    config->beta_start = configuration_real(from, "beta_start", 1e-9, 0.5, config->beta_start);
    config->beta_end = configuration_real(from, "beta_end", 1e-9, 0.5, config->beta_end);
    configuration_demand(from, "_class_name", "EulerAncestralDiscreteScheduler");
    configuration_demand(from, "beta_schedule", "scaled_linear");
    configuration_demand(from, "prediction_type", "epsilon");
    configuration_demand(from, "timestep_spacing", "trailing");
    configuration_demand_boolean(from, "rescale_betas_zero_snr", false);
}

/* The noise in a picture, relative to the picture, after `last` + 1 steps of training's noising. */
static double sigma_at(const euler_ancestral_config *config, size_t last)
{
    const double first_root = sqrt(config->beta_start), end_root = sqrt(config->beta_end);
    double kept = 1.0;
    for (size_t i = 0; i <= last; i++) {
        const double root = first_root + (end_root - first_root) * (double)i / (double)(config->trained - 1);
        kept *= 1.0 - root * root;
    }
    return sqrt((1.0 - kept) / kept);
}

lumen_status euler_ancestral_plan(const euler_ancestral_config *config, size_t steps, euler_ancestral *out,
                                  lumen_error *error)
{
    const size_t most = config->trained < EULER_STEPS_MAX ? config->trained : EULER_STEPS_MAX;
    if (steps < 1 || steps > most)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%zu steps are not from 1 to %zu; SDXL Turbo is made for 1 to 4",
                          steps, most);
    out->steps = steps;
    for (size_t i = 0; i < steps; i++) {
        /* From the last step of training down in equal strides; nearbyint rounds halves to even like the reference. */
        const double stride = (double)config->trained / (double)steps;
        out->timesteps[i] = nearbyint((double)config->trained - (double)i * stride) - 1.0;
        out->sigmas[i] = sigma_at(config, (size_t)out->timesteps[i]);
    }
    out->sigmas[steps] = 0.0;
    return LUMEN_OK;
}

double euler_ancestral_input_scale(const euler_ancestral *sampler, size_t step)
{
    const double sigma = sampler->sigmas[step];
    return 1.0 / sqrt(sigma * sigma + 1.0);
}

void euler_ancestral_step(const euler_ancestral *sampler, size_t step, const float *noise, const float *fresh, float *x,
                          size_t count)
{
    const double from = sampler->sigmas[step], to = sampler->sigmas[step + 1];
    const double up = sqrt(to * to * (from * from - to * to) / (from * from));
    const double down = sqrt(to * to - up * up);
    for (size_t i = 0; i < count; i++) {
        const double added = up > 0.0 && fresh != NULL ? up * (double)fresh[i] : 0.0;
        x[i] = (float)((double)x[i] + (double)noise[i] * (down - from) + added);
    }
}

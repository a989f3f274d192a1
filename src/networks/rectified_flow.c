#include "networks/rectified_flow.h"

rectified_flow_config rectified_flow_default(void)
{
    return (rectified_flow_config){.trained = 1000, .shift = 1.0};
}

void rectified_flow_configure(configuration *from, rectified_flow_config *config)
{
    config->trained = configuration_number(from, "num_train_timesteps", 1, 1000000, config->trained);
    config->shift = configuration_real(from, "shift", 0.01, 100.0, config->shift);
    configuration_demand_boolean(from, "use_dynamic_shifting", false);
}

lumen_status rectified_flow_plan(const rectified_flow_config *config, size_t steps, rectified_flow *out,
                                 lumen_error *error)
{
    if (steps == 0 || steps > FLOW_STEPS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%zu steps from noise to object are not possible; give 1 to %d",
                          steps, FLOW_STEPS_MAX);
    const double trained = (double)config->trained;
    out->steps = steps;
    for (size_t i = 0; i < steps; i++) {
        /* Rounded where the reference rounds. */
        double sigma = (1.0 - (double)i / (double)steps) * trained / trained;
        sigma = config->shift * sigma / (1.0 + (config->shift - 1.0) * sigma);
        out->sigmas[i] = (float)sigma;
        out->timesteps[i] = out->sigmas[i] * (float)trained;
    }
    out->sigmas[steps] = 0.0f;
    return LUMEN_OK;
}

void rectified_flow_guide(float guidance, const float *unconditional, float *conditional, size_t count)
{
    for (size_t i = 0; i < count; i++)
        conditional[i] = unconditional[i] + guidance * (conditional[i] - unconditional[i]);
}

void rectified_flow_step(const rectified_flow *flow, size_t step, const float *velocity, float *x, size_t count)
{
    const float apart = flow->sigmas[step] - flow->sigmas[step + 1];
    for (size_t i = 0; i < count; i++)
        x[i] += apart * velocity[i];
}

/* What the qualities mean. */

#include "inside.h"

partcrafter_preset partcrafter_preset_of(lumen_quality quality)
{
    static const partcrafter_preset presets[] = {
        [LUMEN_QUALITY_FAST] = {.image_steps = 1,
                                .steps = 12,
                                .tokens = 256,
                                .guidance = 7.0f,
                                .guidance_from = 0.4f,
                                .guidance_until = 1.0f},
        [LUMEN_QUALITY_STANDARD] = {.image_steps = 2,
                                    .steps = 25,
                                    .tokens = 512,
                                    .guidance = 7.0f,
                                    .guidance_from = 0.2f,
                                    .guidance_until = 1.0f},
        [LUMEN_QUALITY_HIGH] = {.image_steps = 4,
                                .steps = PARTCRAFTER_STEPS,
                                .tokens = PARTCRAFTER_TOKENS,
                                .guidance = PARTCRAFTER_GUIDANCE,
                                .guidance_from = 0.0f,
                                .guidance_until = 1.0f},
    };
    return presets[quality];
}

partcrafter_preset preset_for(const engine_request *request)
{
    partcrafter_preset preset = partcrafter_preset_of(request->quality);
    if (request->image_steps != 0)
        preset.image_steps = request->image_steps;
    if (request->steps != 0)
        preset.steps = request->steps;
    if (request->tokens != 0)
        preset.tokens = request->tokens;
    if (request->guidance > 0.0f)
        preset.guidance = request->guidance;
    return preset;
}

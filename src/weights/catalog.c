/* The models that Lumen knows: their files, as their repositories have them. Sizes and hashes are those of December
 * 2023 for sdxl-turbo and of the only version for RMBG-1.4. */

#include <string.h>

#include "weights/weights.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const weights_file sdxl_turbo_files[] = {
    {.path = "tokenizer/merges.txt",
     .bytes = 524619,
     .sha256 = "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a"},
    {.path = "tokenizer_2/merges.txt",
     .bytes = 524619,
     .sha256 = "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a"},
    {.path = "scheduler/scheduler_config.json", .bytes = 459, .estimated = true},
    {.path = "text_encoder/model.fp16.safetensors",
     .bytes = 246144152,
     .sha256 = "660c6f5b1abae9dc498ac2d21e1347d2abdb0cf6c0c0c8576cd796491d9a6cdd"},
    {.path = "text_encoder_2/model.fp16.safetensors",
     .bytes = 1389382176,
     .sha256 = "ec310df2af79c318e24d20511b601a591ca8cd4f1fce1d8dff822a356bcdb1f4"},
    {.path = "unet/diffusion_pytorch_model.fp16.safetensors",
     .bytes = 5135149760,
     .sha256 = "48fa46161a745f48d4054df3fe13804ee255486bca893403b60373c188fd1bdb"},
    {.path = "vae/diffusion_pytorch_model.fp16.safetensors",
     .bytes = 167335342,
     .sha256 = "02ee4bd18e5d16e7fe5fc5b85b4aefa2cba6db28897f674226c9d6ddd2f34f06"},
};

static const weights_file rmbg_files[] = {
    {.path = "model.safetensors",
     .bytes = 176381984,
     .sha256 = "46ef7fe46f2ae284d8f1aaa24bfa5fca5ef25a34e2c7caa890a0029eb100e87f"},
};

/* Sizes computed from the shapes of all tensors. */
static const weights_file partcrafter_files[] = {
    {.path = "scheduler/scheduler_config.json", .bytes = 400, .estimated = true},
    {.path = "transformer/diffusion_pytorch_model.safetensors", .bytes = 2879298752, .estimated = true},
    {.path = "vae/diffusion_pytorch_model.safetensors", .bytes = 485361378, .estimated = true},
    {.path = "image_encoder_dinov2/model.safetensors", .bytes = 608785376, .estimated = true},
};

static const weights_model models[] = {
    {.name = "sdxl-turbo",
     .purpose = "text to picture",
     .repository = "stabilityai/sdxl-turbo",
     .revision = "main",
     .licence = "Stability AI Non-Commercial Research Community License, or its successor",
     .terms = "Published for research and other non-commercial use; what else it allows, and from which revenue on it "
              "must be paid for, the LICENSE of the repository says.",
     .accept = true,
     .file_count = COUNT(sdxl_turbo_files),
     .files = sdxl_turbo_files},
    {.name = "rmbg-1.4",
     .purpose = "picture to mask",
     .repository = "briaai/RMBG-1.4",
     .revision = "main",
     .licence = "bria-rmbg-1.4",
     .terms = "Non-commercial use is free; commercial use needs an agreement with BRIA.",
     .accept = true,
     .file_count = COUNT(rmbg_files),
     .files = rmbg_files},
    {.name = "partcrafter",
     .purpose = "picture to parts",
     .repository = "wgsxm/PartCrafter",
     .revision = "main",
     .licence = "MIT",
     .terms = "Free for any use with the notice kept. A part of the code from which these weights come carries the "
              "Tencent Hunyuan Community License, which excludes some territories.",
     .accept = false,
     .file_count = COUNT(partcrafter_files),
     .files = partcrafter_files},
};

size_t weights_model_count(void)
{
    return COUNT(models);
}

const weights_model *weights_model_at(size_t index)
{
    return index < COUNT(models) ? &models[index] : NULL;
}

const weights_model *weights_model_of(const char *name)
{
    for (size_t i = 0; i < COUNT(models); i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    return NULL;
}

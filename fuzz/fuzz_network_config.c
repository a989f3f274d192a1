/* Any bytes as the config.json of each network: refused, or a network that can be laid out within its bounds. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "networks/sdxl_turbo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Tensors of whatever sizes the network asks for; nobody reads them. */
static lumen_status find_any(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                             lumen_error *error)
{
    (void)user;
    (void)name;
    (void)error;
    *out = tensor_make(TENSOR_F32, rank, sizes, NULL);
    for (uint32_t i = 0; i < rank; i++)
        if (sizes[i] == 0)
            abort();
    return LUMEN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static clip_text text;
    static sdxl_unet unet;
    static sdxl_vae vae;
    static const weight_source any = {.find = find_any};
    for (int network = 0; network < 4; network++) {
        sdxl_turbo_config config = sdxl_turbo_default();
        configuration *from;
        lumen_error error;
        layer_loader in = {.from = &any, .network = "fuzz", .type = TENSOR_BF16, .error = &error};
        if (configuration_from_bytes("fuzz", data, size, &from, &error) != LUMEN_OK)
            return 0;
        if (network == 0)
            clip_text_configure(from, &config.text[1]);
        else if (network == 1)
            sdxl_unet_configure(from, &config.unet);
        else if (network == 2)
            sdxl_vae_configure(from, &config.vae);
        else
            euler_ancestral_configure(from, &config.sampler);
        if (configuration_close(from, &error) != LUMEN_OK)
            continue;
        lumen_status status = LUMEN_OK;
        euler_ancestral sampler;
        if (network == 0)
            status = clip_text_load(&config.text[1], &in, &text);
        else if (network == 1)
            status = sdxl_unet_load(&config.unet, &in, &unet);
        else if (network == 2)
            status = sdxl_vae_load(&config.vae, &in, &vae);
        else
            euler_ancestral_plan(&config.sampler, 4, &sampler, &error);
        if (status != LUMEN_OK)
            abort();
    }
    return 0;
}

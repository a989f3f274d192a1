#include "made_up_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tensor/safetensors.h"

enum { GOLDEN_BYTES_MAX = 64 << 10 };

extern const unsigned char golden_partcrafter_safetensors[];
extern const size_t golden_partcrafter_safetensors_size;

partcrafter_config small_parts_config(void)
{
    partcrafter_config config = partcrafter_default();
    config.dit = (partcrafter_dit_config){.channels = 16,
                                          .width = 64,
                                          .heads = 4,
                                          .blocks = 5,
                                          .image_width = 48,
                                          .part_ids = 8,
                                          .global = {[0] = true, [2] = true, [4] = true}};
    config.decoder = (triposg_decoder_config){.channels = 16, .width = 64, .heads = 4, .blocks = 3, .frequencies = 8};
    return config;
}

static lumen_status load_dit(const void *config, layer_loader *in)
{
    static partcrafter_dit dit;
    return partcrafter_dit_load(config, in, &dit);
}

static lumen_status load_decoder(const void *config, layer_loader *in)
{
    static triposg_decoder decoder;
    return triposg_decoder_load(config, in, &decoder);
}

static void make_folder(const char *path, const char *name, char *out, size_t capacity)
{
    snprintf(out, capacity, "%s/%s", path, name);
    assert_int_equal(mkdir(out, 0700), 0);
}

void write_small_parts(const char *path)
{
    const partcrafter_config config = small_parts_config();
    char folder[4200], file[4300];
    make_folder(path, "transformer", folder, sizeof folder);
    snprintf(file, sizeof file, "%s/diffusion_pytorch_model.safetensors", folder);
    write_made_up(file, load_dit, &config.dit);
    write_text(folder, "config.json",
               "{\"_class_name\": \"PartCrafterDiTModel\", \"width\": 64, \"num_layers\": 5, "
               "\"num_attention_heads\": 4, \"in_channels\": 16, \"cross_attention_dim\": 48, \"max_num_parts\": 8, "
               "\"enable_part_embedding\": true, \"enable_local_cross_attn\": true, \"enable_global_cross_attn\": "
               "true, \"global_attn_block_ids\": [0, 2, 4], \"global_attn_block_id_range\": null}");
    make_folder(path, "vae", folder, sizeof folder);
    snprintf(file, sizeof file, "%s/diffusion_pytorch_model.safetensors", folder);
    write_made_up(file, load_decoder, &config.decoder);
    write_text(folder, "config.json",
               "{\"_class_name\": \"TripoSGVAEModel\", \"in_channels\": 3, \"latent_channels\": 16, "
               "\"num_attention_heads\": 4, \"width_encoder\": 32, \"width_decoder\": 64, \"num_layers_encoder\": 1, "
               "\"num_layers_decoder\": 3, \"embedding_type\": \"frequency\", \"embed_frequency\": 8, "
               "\"embed_include_pi\": false}");
    make_folder(path, "scheduler", folder, sizeof folder);
    write_text(folder, "scheduler_config.json",
               "{\"num_train_timesteps\": 1000, \"shift\": 1, \"use_dynamic_shifting\": false}");
}

tensor golden_parts(const char *name)
{
    /* Where numbers lie aligned; the array of the embedded file need not. */
    static double aligned[GOLDEN_BYTES_MAX / sizeof(double)];
    static safetensors *file;
    lumen_error error = {0};
    tensor view = {0};
    if (file == NULL) {
        const size_t size = golden_partcrafter_safetensors_size;
        assert_true(size <= sizeof aligned);
        memcpy(aligned, golden_partcrafter_safetensors, size);
        assert_int_equal(safetensors_from_bytes("golden_partcrafter.safetensors", aligned, size, &file, &error),
                         LUMEN_OK);
    }
    if (safetensors_find(file, name, &view, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return view;
}

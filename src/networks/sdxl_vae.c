#include "networks/sdxl_vae.h"

static const float epsilon = 1e-6f;

/* ---- Config ---------------------------------------------------------------------------------------------- */

sdxl_vae_config sdxl_vae_default(void)
{
    return (sdxl_vae_config){.latent_channels = 4,
                             .picture_channels = 3,
                             .levels = 4,
                             .widths = {128, 256, 512, 512},
                             .resnets = 2,
                             .groups = 32,
                             .scaling = 0.13025};
}

void sdxl_vae_configure(configuration *from, sdxl_vae_config *config)
{
    config->latent_channels = configuration_number(from, "latent_channels", 1, 64, config->latent_channels);
    config->picture_channels = configuration_number(from, "out_channels", 3, 3, config->picture_channels);
    configuration_numbers(from, "block_out_channels", 1, 4096, VAE_LEVELS_MAX, config->widths, &config->levels);
    config->resnets = configuration_number(from, "layers_per_block", 1, VAE_RESNETS_MAX - 1, config->resnets);
    config->groups = configuration_number(from, "norm_num_groups", 1, 1024, config->groups);
    config->scaling = configuration_real(from, "scaling_factor", 1e-3, 1e3, config->scaling);
    configuration_demand(from, "act_fn", "silu");
    if (configuration_has(from, "shift_factor") || configuration_has(from, "latents_mean"))
        configuration_fault(from, "it shifts its latents");
    for (size_t i = 0; i < config->levels; i++)
        if (config->widths[i] % config->groups != 0)
            configuration_fault(from, "\"block_out_channels\" holds a width that \"norm_num_groups\" does not divide");
}

size_t sdxl_vae_factor(const sdxl_vae_config *config)
{
    return (size_t)1 << (config->levels - 1);
}

/* Values in the widest picture that a canvas must hold: after each upsampling, before the channels become fewer. */
static size_t canvas_elements(const sdxl_vae_config *config, size_t height, size_t width)
{
    size_t most = 0;
    for (size_t i = 0; i < config->levels; i++) {
        const size_t level = config->levels - 1 - i, from = config->widths[i > 0 ? level + 1 : level];
        const size_t wider = from > config->widths[level] ? from : config->widths[level];
        const size_t pixels = (height << i) * (width << i);
        most = pixels * wider > most ? pixels * wider : most;
    }
    return most;
}

size_t sdxl_vae_elements(const sdxl_vae_config *config, size_t height, size_t width)
{
    /* Two canvases, and within a resnet the normed picture and the result of its first convolution. */
    return 4 * canvas_elements(config, height, width);
}

/* ---- Weights --------------------------------------------------------------------------------------------- */

static void load_middle(layer_loader *in, size_t width, sdxl_vae *out)
{
    static const char *const qkv[] = {"to_q", "to_k", "to_v"};
    const char *const attention = "decoder.mid_block.attentions.0";
    resnet_load(in, "decoder.mid_block.resnets.0", width, width, 0, &out->middle[0]);
    out->attention_norm = load_norm(in, attention, "group_norm", width);
    out->attention_qkv = load_joined(in, attention, qkv, 3, width, width, LINEAR_BIASED);
    out->attention_out = load_linear(in, attention, "to_out.0", width, width, LINEAR_BIASED);
    resnet_load(in, "decoder.mid_block.resnets.1", width, width, 0, &out->middle[1]);
}

static void load_up(layer_loader *in, const sdxl_vae_config *config, size_t index, vae_level *out)
{
    const size_t level = config->levels - 1 - index, width = config->widths[level];
    const size_t before = config->widths[index > 0 ? level + 1 : level];
    char name[LAYER_NAME_BYTES];
    for (size_t i = 0; i <= config->resnets; i++) {
        layer_name(name, "decoder.up_blocks.%zu.resnets.%zu", index, i);
        resnet_load(in, name, i == 0 ? before : width, width, 0, &out->resnets[i]);
    }
    layer_name(name, "decoder.up_blocks.%zu", index);
    if (level > 0)
        out->upsample = load_convolution(in, name, "upsamplers.0.conv", width, width, 3, 1);
}

lumen_status sdxl_vae_load(const sdxl_vae_config *config, layer_loader *in, sdxl_vae *out)
{
    const size_t top = config->widths[config->levels - 1], last = config->widths[0];
    *out = (sdxl_vae){.config = *config};
    out->post_quant =
        load_convolution(in, "", "post_quant_conv", config->latent_channels, config->latent_channels, 1, 1);
    out->conv_in = load_convolution(in, "decoder", "conv_in", top, config->latent_channels, 3, 1);
    load_middle(in, top, out);
    for (size_t i = 0; i < config->levels; i++)
        load_up(in, config, i, &out->up[i]);
    out->norm_out = load_norm(in, "decoder", "conv_norm_out", last);
    out->conv_out = load_convolution(in, "decoder", "conv_out", config->picture_channels, last, 3, 1);
    return in->status;
}

/* ---- Forward --------------------------------------------------------------------------------------------- */

/* One decoding: two canvases, of which `x` is on one, and the next picture comes on the other. */
typedef struct vae_pass {
    operators *run;
    const sdxl_vae *vae;
    resnet_options norms;
    tensor canvases[2];
    size_t at; /* the canvas of x */
    tensor x;  /* (1, H, W, C) */
    size_t done, total;
} vae_pass;

static void step(vae_pass *pass)
{
    pass->done++;
    operators_step(pass->run, "VAE", (double)pass->done / (double)pass->total);
}

/* A picture of these sizes on the canvas that x is not on. */
static tensor turn_canvas(vae_pass *pass, size_t height, size_t width, size_t channels)
{
    pass->at = 1 - pass->at;
    return tensor_make(pass->canvases[pass->at].type, 4, (size_t[]){1, height, width, channels},
                       pass->canvases[pass->at].data);
}

static void pass_resnet(vae_pass *pass, const resnet *block, size_t channels)
{
    tensor out = turn_canvas(pass, pass->x.sizes[1], pass->x.sizes[2], channels);
    resnet_forward(pass->run, block, &pass->norms, &pass->x, NULL, &out);
    pass->x = out;
    step(pass);
}

static void pass_upsample(vae_pass *pass, const convolution *layer)
{
    const size_t mark = operators_mark(pass->run);
    tensor out = turn_canvas(pass, 2 * pass->x.sizes[1], 2 * pass->x.sizes[2], pass->x.sizes[3]);
    op_upsample_convolution(pass->run, layer, &pass->x, &(epilogue){.out = &out});
    operators_release(pass->run, mark);
    pass->x = out;
    step(pass);
}

/* One head over all pixels; x changes in place. */
static void pass_attention(vae_pass *pass)
{
    operators *run = pass->run;
    const sdxl_vae *vae = pass->vae;
    const size_t mark = operators_mark(run), channels = pass->x.sizes[3];
    const size_t sizes[] = {1, pass->x.sizes[1] * pass->x.sizes[2], channels};
    tensor h = op_group_norm(run, vae->attention_norm, &pass->x, pass->norms.groups, epsilon, ACTIVATION_NONE);
    tensor tokens = tensor_make(h.type, 3, sizes, h.data);
    tensor qkv = op_linear(run, vae->attention_qkv, &tokens, NULL);
    tensor q = op_columns(run, &qkv, 0, channels);
    tensor k = op_columns(run, &qkv, channels, channels);
    tensor v = op_columns(run, &qkv, 2 * channels, channels);
    tensor a = op_attention(run, &q, &k, &v, 1, NULL);
    tensor x = tensor_make(pass->x.type, 3, sizes, pass->x.data);
    op_linear(run, vae->attention_out, &a, &(epilogue){.add = &x, .out = &x});
    operators_release(run, mark);
    step(pass);
}

static void pass_in(vae_pass *pass, const tensor *latent)
{
    const size_t mark = operators_mark(pass->run), *sizes = latent->sizes;
    const sdxl_vae_config *config = &pass->vae->config;
    tensor out = turn_canvas(pass, sizes[1], sizes[2], config->widths[config->levels - 1]);
    tensor h = op_convolution(pass->run, pass->vae->post_quant, latent, NULL);
    op_convolution(pass->run, pass->vae->conv_in, &h, &(epilogue){.out = &out});
    operators_release(pass->run, mark);
    pass->x = out;
}

tensor sdxl_vae_decode(operators *run, const sdxl_vae *vae, const tensor *latent)
{
    const sdxl_vae_config *config = &vae->config;
    const size_t height = latent->sizes[1], width = latent->sizes[2], factor = sdxl_vae_factor(config);
    const size_t canvas[] = {canvas_elements(config, height, width)};
    vae_pass pass = {.run = run,
                     .vae = vae,
                     .norms = {.groups = (uint32_t)config->groups, .epsilon = epsilon},
                     .total = config->levels * (config->resnets + 2) + 2};
    tensor picture = op_empty(run, 4, (size_t[]){1, factor * height, factor * width, config->picture_channels});
    const size_t mark = operators_mark(run);
    for (size_t i = 0; i < 2; i++)
        pass.canvases[i] = op_empty(run, 1, canvas);
    pass_in(&pass, latent);
    pass_resnet(&pass, &vae->middle[0], pass.x.sizes[3]);
    pass_attention(&pass);
    pass_resnet(&pass, &vae->middle[1], pass.x.sizes[3]);
    for (size_t i = 0; i < config->levels; i++) {
        for (size_t j = 0; j <= config->resnets; j++)
            pass_resnet(&pass, &vae->up[i].resnets[j], config->widths[config->levels - 1 - i]);
        if (vae->up[i].upsample != NULL)
            pass_upsample(&pass, vae->up[i].upsample);
    }
    tensor h = op_group_norm(run, vae->norm_out, &pass.x, pass.norms.groups, epsilon, ACTIVATION_SILU);
    op_convolution(run, vae->conv_out, &h, &(epilogue){.out = &picture});
    operators_release(run, mark);
    return picture;
}

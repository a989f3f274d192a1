#include "networks/sdxl_unet.h"

#include <math.h>

/* ---- Config ---------------------------------------------------------------------------------------------- */

sdxl_unet_config sdxl_unet_default(void)
{
    return (sdxl_unet_config){.channels = 4,
                              .levels = 3,
                              .widths = {320, 640, 1280},
                              .attends = {false, true, true},
                              .depths = {1, 2, 10},
                              .heads = {5, 10, 20},
                              .resnets = 2,
                              .context = 2048,
                              .pooled = 1280,
                              .size_embedding = 256,
                              .groups = 32,
                              .epsilon = 1e-5f};
}

/* Sizes that must fit each other, or else an index or a group would run over. */
static void check_config(configuration *from, sdxl_unet_config *config)
{
    for (size_t i = 0; i < config->levels; i++) {
        if (config->widths[i] % config->groups != 0)
            configuration_fault(from, "\"block_out_channels\" holds a width that \"norm_num_groups\" does not divide");
        if (config->heads[i] == 0 || config->widths[i] % config->heads[i] != 0)
            configuration_fault(from, "\"attention_head_dim\" holds a number that does not divide its level's width");
    }
    if (config->widths[0] % 2 != 0 || config->size_embedding % 2 != 0)
        configuration_fault(from, "the width of a sinusoidal embedding is odd");
}

void sdxl_unet_configure(configuration *from, sdxl_unet_config *config)
{
    size_t levels = config->levels, count = levels;
    bool up[UNET_LEVELS_MAX] = {false};
    config->channels = configuration_number(from, "in_channels", 1, 64, config->channels);
    if (configuration_number(from, "out_channels", 1, 64, config->channels) != config->channels)
        configuration_fault(from, "\"out_channels\" is not \"in_channels\"");
    configuration_numbers(from, "block_out_channels", 1, UNET_WIDTH_MAX, UNET_LEVELS_MAX, config->widths, &levels);
    config->levels = levels;
    if (levels != count)
        for (size_t i = 0; i < levels; i++)
            config->attends[i] = i > 0;
    configuration_choices(from, "down_block_types", "DownBlock2D", "CrossAttnDownBlock2D", levels, config->attends);
    for (size_t i = 0; i < levels; i++)
        up[i] = config->attends[levels - 1 - i];
    configuration_choices(from, "up_block_types", "UpBlock2D", "CrossAttnUpBlock2D", levels, up);
    for (size_t i = 0; i < levels; i++)
        if (up[i] != config->attends[levels - 1 - i])
            configuration_fault(from, "\"up_block_types\" does not mirror \"down_block_types\"");
    configuration_demand(from, "mid_block_type", "UNetMidBlock2DCrossAttn");
    count = levels;
    configuration_numbers(from, "transformer_layers_per_block", 1, TRANSFORMER_DEPTH_MAX, UNET_LEVELS_MAX,
                          config->depths, &count);
    /* By an accident of the reference's history this key holds the number of heads. */
    size_t heads = levels;
    configuration_numbers(from, "attention_head_dim", 1, 128, UNET_LEVELS_MAX, config->heads, &heads);
    if (count != levels || heads != levels)
        configuration_fault(from,
                            "\"transformer_layers_per_block\" or \"attention_head_dim\" has not one number for each "
                            "of \"block_out_channels\"");
    config->resnets = configuration_number(from, "layers_per_block", 1, UNET_RESNETS_MAX - 1, config->resnets);
    config->context = configuration_number(from, "cross_attention_dim", 1, 16384, config->context);
    config->size_embedding =
        configuration_number(from, "addition_time_embed_dim", 2, UNET_SIZE_EMBEDDING_MAX, config->size_embedding);
    const size_t all = configuration_number(from, "projection_class_embeddings_input_dim", 1, UNET_POOLED_MAX,
                                            config->pooled + 6 * config->size_embedding);
    if (all <= 6 * config->size_embedding)
        configuration_fault(from, "\"projection_class_embeddings_input_dim\" leaves no room for the pooled text");
    else
        config->pooled = all - 6 * config->size_embedding;
    config->groups = configuration_number(from, "norm_num_groups", 1, 1024, config->groups);
    config->epsilon = (float)configuration_real(from, "norm_eps", 1e-12, 1.0, (double)config->epsilon);
    configuration_demand(from, "act_fn", "silu");
    configuration_demand(from, "addition_embed_type", "text_time");
    configuration_demand(from, "resnet_time_scale_shift", "default");
    configuration_demand_boolean(from, "use_linear_projection", true);
    configuration_demand_boolean(from, "flip_sin_to_cos", true);
    configuration_demand_boolean(from, "center_input_sample", false);
    check_config(from, config);
}

size_t sdxl_unet_elements(const sdxl_unet_config *config, size_t height, size_t width, size_t tokens)
{
    /* What resnets leave, joined with the skips on the way up, stays until the end of a pass; so do keys and values of
     * the text. What one transformer block makes is given back: the widest thing in it is its mlp. */
    size_t kept = 0, most = 0;
    for (size_t i = 0; i < config->levels; i++) {
        const size_t wide = config->widths[i] * (height >> i) * (width >> i), pairs = 2 * config->resnets + 2;
        kept += wide * (pairs + 3 * (config->resnets + 1) + 4);
        kept += config->attends[i] ? pairs * config->depths[i] * 2 * tokens * config->widths[i] : 0;
        most = 20 * wide > most ? 20 * wide : most;
    }
    return kept + most;
}

/* ---- Weights --------------------------------------------------------------------------------------------- */

static size_t time_width(const sdxl_unet_config *config)
{
    return 4 * config->widths[0];
}

/* One resnet of a level and, where the level attends, the transformer behind it. */
static void load_pair(layer_loader *in, const sdxl_unet_config *config, const char *level_name, size_t level,
                      size_t inputs, unet_level *out)
{
    char name[LAYER_NAME_BYTES];
    const size_t index = out->resnet_count++, width = config->widths[level];
    layer_name(name, "%s.resnets.%zu", level_name, index);
    resnet_load(in, name, inputs, width, time_width(config), &out->resnets[index]);
    layer_name(name, "%s.attentions.%zu", level_name, index);
    if (config->attends[level])
        spatial_transformer_load(in, name, width, config->heads[level], config->depths[level], config->context,
                                 &out->transformers[index]);
}

static void load_down(layer_loader *in, const sdxl_unet_config *config, size_t level, unet_level *out)
{
    char name[LAYER_NAME_BYTES];
    const size_t width = config->widths[level], before = config->widths[level > 0 ? level - 1 : 0];
    layer_name(name, "down_blocks.%zu", level);
    for (size_t i = 0; i < config->resnets; i++)
        load_pair(in, config, name, level, i == 0 ? before : width, out);
    if (level + 1 < config->levels)
        out->resample = load_convolution(in, name, "downsamplers.0.conv", width, width, 3, 2);
}

/* Up block `index` works at level levels - 1 - index; each resnet takes what a step of the way down has left. */
static void load_up(layer_loader *in, const sdxl_unet_config *config, size_t index, unet_level *out)
{
    char name[LAYER_NAME_BYTES];
    const size_t level = config->levels - 1 - index, width = config->widths[level];
    const size_t below = config->widths[index > 0 ? level + 1 : level],
                 above = config->widths[level > 0 ? level - 1 : 0];
    layer_name(name, "up_blocks.%zu", index);
    for (size_t i = 0; i <= config->resnets; i++) {
        const size_t current = i == 0 ? below : width, skip = i == config->resnets ? above : width;
        load_pair(in, config, name, level, current + skip, out);
    }
    if (level > 0)
        out->resample = load_convolution(in, name, "upsamplers.0.conv", width, width, 3, 1);
}

static void load_middle(layer_loader *in, const sdxl_unet_config *config, sdxl_unet *out)
{
    const size_t last = config->levels - 1, width = config->widths[last];
    resnet_load(in, "mid_block.resnets.0", width, width, time_width(config), &out->middle[0]);
    spatial_transformer_load(in, "mid_block.attentions.0", width, config->heads[last], config->depths[last],
                             config->context, &out->middle_transformer);
    resnet_load(in, "mid_block.resnets.1", width, width, time_width(config), &out->middle[1]);
}

lumen_status sdxl_unet_load(const sdxl_unet_config *config, layer_loader *in, sdxl_unet *out)
{
    const size_t width = config->widths[0], time = time_width(config);
    const size_t added = config->pooled + 6 * config->size_embedding;
    *out = (sdxl_unet){.config = *config};
    out->conv_in = load_convolution(in, "", "conv_in", width, config->channels, 3, 1);
    out->time1 = load_linear(in, "time_embedding", "linear_1", time, width, LINEAR_BIASED);
    out->time2 = load_linear(in, "time_embedding", "linear_2", time, time, LINEAR_BIASED);
    out->added1 = load_linear(in, "add_embedding", "linear_1", time, added, LINEAR_BIASED);
    out->added2 = load_linear(in, "add_embedding", "linear_2", time, time, LINEAR_BIASED);
    for (size_t i = 0; i < config->levels; i++)
        load_down(in, config, i, &out->down[i]);
    load_middle(in, config, out);
    for (size_t i = 0; i < config->levels; i++)
        load_up(in, config, i, &out->up[i]);
    out->norm_out = load_norm(in, "", "conv_norm_out", width);
    out->conv_out = load_convolution(in, "", "conv_out", config->channels, width, 3, 1);
    return in->status;
}

/* ---- Embeddings ------------------------------------------------------------------------------------------ */

/* Cosines, then sines, of a number at `width` / 2 frequencies from 1 down to 1/10000. */
static void embed_number(double number, size_t width, float *out)
{
    const size_t half = width / 2;
    for (size_t i = 0; i < half; i++) {
        /* In f32 like the reference: at a phase of 999 its rounding shows. */
        const float frequency = expf(-9.210340371976184f * (float)i / (float)half);
        const float phase = (float)number * frequency;
        out[i] = cosf(phase);
        out[half + i] = sinf(phase);
    }
}

/* Numbers through two layers -> (1, T). */
static tensor embed_through(operators *run, const linear *first, const linear *second, float *numbers, size_t count)
{
    tensor values = tensor_make(TENSOR_F32, 2, (size_t[]){1, count}, numbers);
    tensor h = op_from(run, &values);
    h = op_linear(run, first, &h, &(epilogue){.activation = ACTIVATION_SILU});
    return op_linear(run, second, &h, NULL);
}

/* The pooled text and the six sizes: that of the original picture, where it was cropped, that of the result. */
static tensor embed_added(operators *run, const sdxl_unet *unet, const tensor *pooled, size_t size)
{
    const sdxl_unet_config *config = &unet->config;
    const double sizes[6] = {(double)size, (double)size, 0.0, 0.0, (double)size, (double)size};
    float numbers[UNET_POOLED_MAX + 6 * UNET_SIZE_EMBEDDING_MAX] = {0};
    op_to_f32(run, pooled, numbers);
    for (size_t i = 0; i < 6; i++)
        embed_number(sizes[i], config->size_embedding, numbers + config->pooled + i * config->size_embedding);
    return embed_through(run, unet->added1, unet->added2, numbers, config->pooled + 6 * config->size_embedding);
}

/* The embedding of time, with what was added, through the SiLU that stands in every resnet. */
static tensor embed_time(operators *run, const sdxl_unet *unet, const tensor *added, double timestep)
{
    float numbers[UNET_WIDTH_MAX];
    embed_number(timestep, unet->config.widths[0], numbers);
    tensor time = embed_through(run, unet->time1, unet->time2, numbers, unet->config.widths[0]);
    time = op_add(run, &time, added);
    return op_activation(run, &time, ACTIVATION_SILU);
}

void sdxl_unet_condition(operators *run, const sdxl_unet *unet, const tensor *context, const tensor *pooled,
                         size_t size, sdxl_unet_text *out)
{
    const sdxl_unet_config *config = &unet->config;
    out->added = embed_added(run, unet, pooled, size);
    for (size_t i = 0; i < config->levels; i++) {
        for (size_t j = 0; j < unet->down[i].resnet_count; j++)
            spatial_transformer_read(run, &unet->down[i].transformers[j], context, &out->down[i][j]);
        for (size_t j = 0; j < unet->up[i].resnet_count; j++)
            spatial_transformer_read(run, &unet->up[i].transformers[j], context, &out->up[i][j]);
    }
    spatial_transformer_read(run, &unet->middle_transformer, context, &out->middle);
}

/* ---- Forward --------------------------------------------------------------------------------------------- */

/* What the way down leaves for the way up: at most the first convolution, and each level's resnets and its end. */
typedef struct skip_stack {
    tensor tensors[1 + UNET_LEVELS_MAX * (UNET_RESNETS_MAX + 1)];
    size_t count;
} skip_stack;

/* One forward pass: what its functions share. */
typedef struct unet_pass {
    operators *run;
    const sdxl_unet *unet;
    resnet_options norms;
    uint32_t groups;
    tensor time; /* (1, T) */
    skip_stack skips;
    size_t done, total; /* resnets, for progress */
} unet_pass;

static void step(unet_pass *pass)
{
    pass->done++;
    operators_step(pass->run, "UNet", (double)pass->done / (double)pass->total);
}

/* Resnet, then transformer. The result is new; all else that was made is given back. */
static tensor forward_pair(unet_pass *pass, const resnet *block, const spatial_transformer *attention,
                           const text_attention *text, const tensor *x, size_t width)
{
    operators *run = pass->run;
    const size_t sizes[] = {x->sizes[0], x->sizes[1], x->sizes[2], width};
    tensor out = op_empty(run, 4, sizes);
    const size_t mark = operators_mark(run);
    if (attention->depth == 0) {
        resnet_forward(run, block, &pass->norms, x, &pass->time, &out);
    } else {
        tensor between = op_empty(run, 4, sizes);
        resnet_forward(run, block, &pass->norms, x, &pass->time, &between);
        spatial_transformer_forward(run, attention, pass->groups, text, &between, &out);
    }
    operators_release(run, mark);
    step(pass);
    return out;
}

static tensor forward_down(unet_pass *pass, size_t level, const text_attention *text, tensor x)
{
    const unet_level *block = &pass->unet->down[level];
    skip_stack *skips = &pass->skips;
    for (size_t i = 0; i < block->resnet_count; i++) {
        x = forward_pair(pass, &block->resnets[i], &block->transformers[i], &text[i], &x,
                         pass->unet->config.widths[level]);
        skips->tensors[skips->count++] = x;
    }
    if (block->resample != NULL) {
        x = op_convolution(pass->run, block->resample, &x, NULL);
        skips->tensors[skips->count++] = x;
    }
    return x;
}

static tensor forward_up(unet_pass *pass, size_t index, const text_attention *text, tensor x)
{
    const sdxl_unet_config *config = &pass->unet->config;
    const unet_level *block = &pass->unet->up[index];
    skip_stack *skips = &pass->skips;
    for (size_t i = 0; i < block->resnet_count; i++) {
        tensor both = op_concat_channels(pass->run, &x, &skips->tensors[--skips->count]);
        x = forward_pair(pass, &block->resnets[i], &block->transformers[i], &text[i], &both,
                         config->widths[config->levels - 1 - index]);
    }
    return block->resample != NULL ? op_upsample_convolution(pass->run, block->resample, &x, NULL) : x;
}

static tensor forward_middle(unet_pass *pass, const text_attention *text, tensor x)
{
    const sdxl_unet *unet = pass->unet;
    const spatial_transformer none = {0};
    const size_t width = unet->config.widths[unet->config.levels - 1];
    x = forward_pair(pass, &unet->middle[0], &unet->middle_transformer, text, &x, width);
    return forward_pair(pass, &unet->middle[1], &none, NULL, &x, width);
}

tensor sdxl_unet_forward(operators *run, const sdxl_unet *unet, const sdxl_unet_text *text, const tensor *latent,
                         double timestep)
{
    const sdxl_unet_config *config = &unet->config;
    unet_pass pass = {.run = run,
                      .unet = unet,
                      .norms = {.groups = (uint32_t)config->groups, .epsilon = config->epsilon},
                      .groups = (uint32_t)config->groups,
                      .total = config->levels * (2 * config->resnets + 1) + 2};
    tensor noise = op_empty(run, 4, latent->sizes);
    const size_t mark = operators_mark(run);
    pass.time = embed_time(run, unet, &text->added, timestep);
    tensor x = op_convolution(run, unet->conv_in, latent, NULL);
    pass.skips.tensors[pass.skips.count++] = x;
    for (size_t i = 0; i < config->levels; i++)
        x = forward_down(&pass, i, text->down[i], x);
    x = forward_middle(&pass, &text->middle, x);
    for (size_t i = 0; i < config->levels; i++)
        x = forward_up(&pass, i, text->up[i], x);
    x = op_group_norm(run, unet->norm_out, &x, pass.groups, config->epsilon, ACTIVATION_SILU);
    op_convolution(run, unet->conv_out, &x, &(epilogue){.out = &noise});
    operators_release(run, mark);
    return noise;
}

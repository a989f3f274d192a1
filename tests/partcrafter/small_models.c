#include "small_models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../networks/made_up_parts.h"
#include "networks/dinov2.h"
#include "networks/isnet.h"

/* Boxes of the parts of the procedural cat. */
const ellipsoids cat_of_ellipsoids = {.count = 6,
                                      .parts = {{{0.0, 0.437, -0.807}, {0.08, 0.54, 0.17}},
                                                {{0.0, 0.227, 0.68}, {0.27, 0.36, 0.28}},
                                                {{0.0, -0.534, -0.491}, {0.29, 0.45, 0.2}},
                                                {{0.0, -0.204, -0.04}, {0.26, 0.3, 0.72}},
                                                {{0.0, -0.093, 0.46}, {0.25, 0.29, 0.3}},
                                                {{0.0, -0.566, 0.373}, {0.26, 0.42, 0.18}}}};
const char *const cat_names[] = {"tail", "head", "back_legs", "body", "neck", "front_legs"};

const ellipsoids tree_of_ellipsoids = {
    .count = 2, .parts = {{{0.0, 0.37, 0.0}, {0.6, 0.55, 0.6}}, {{0.0, -0.5, 0.0}, {0.2, 0.45, 0.2}}}};
const char *const tree_names[] = {"canopy", "trunk"};

const ellipsoids bush_of_ellipsoids = {
    .count = 2, .parts = {{{0.0, 0.15, 0.0}, {0.2, 0.2, 0.2}}, {{0.0, -0.2, 0.0}, {0.1, 0.2, 0.1}}}};

const ellipsoids bumpy_ellipsoids = {
    .count = 2,
    .parts = {{{0.1, -0.05, 0.02}, {0.7, 0.5, 0.4}}, {{0.03, 0.02, -0.05}, {0.65, 0.5, 0.6}}},
    .waves = {0.0, 0.06}};

/* ---- The networks of noise -------------------------------------------------------------------------------- */

static lumen_status load_isnet(const void *config, layer_loader *in)
{
    static isnet network;
    return isnet_load(config, in, &network);
}

static lumen_status load_dinov2(const void *config, layer_loader *in)
{
    static dinov2 network;
    return dinov2_load(config, in, &network);
}

static void make_folder(const char *path, const char *name, char *out, size_t capacity)
{
    const int length = snprintf(out, capacity, "%s/%s", path, name);
    assert_true(length > 0 && (size_t)length < capacity);
    assert_int_equal(mkdir(out, 0700), 0);
}

static lumen_status load_vae(const void *config, layer_loader *in)
{
    static sdxl_vae network;
    return sdxl_vae_load(config, in, &network);
}

/* The engine has whole pictures painted, of 512 by 512. One level more than usual makes the latent half as wide, so
 * that the attention over all its pixels, most of a small model's time, takes a sixteenth. */
static void write_wide_vae(const char *painter)
{
    const sdxl_vae_config config = {.latent_channels = 4,
                                    .picture_channels = 3,
                                    .levels = 5,
                                    .widths = {4, 8, 8, 16, 16},
                                    .resnets = 1,
                                    .groups = 4,
                                    .scaling = 0.13025};
    char folder[4200], file[4300];
    snprintf(folder, sizeof folder, "%s/vae", painter);
    snprintf(file, sizeof file, "%s/diffusion_pytorch_model.safetensors", folder);
    write_made_up(file, load_vae, &config);
    write_text(folder, "config.json",
               "{\"out_channels\": 3, \"latent_channels\": 4, \"block_out_channels\": [4, 8, 8, 16, 16], "
               "\"layers_per_block\": 1, \"norm_num_groups\": 4, \"scaling_factor\": 0.13025}");
}

static void write_painter(const char *path)
{
    char folder[4100], inner[4300];
    make_folder(path, "sdxl-turbo", folder, sizeof folder);
    write_small_folder(folder);
    write_wide_vae(folder);
    make_folder(folder, "tokenizer", inner, sizeof inner);
    write_text(inner, "merges.txt", "#version: 0.2\nh o\nho r\ns e</w>\nhor se</w>\nc a\nca t</w>\n");
}

static void write_cutter(const char *path)
{
    const isnet_config config = {.channels = 3,
                                 .first = 4,
                                 .down = {{2, 4}, {2, 4}, {2, 4}, {4, 8}, {4, 8}, {4, 8}},
                                 .up = {{2, 4}, {2, 4}, {2, 4}, {2, 4}, {4, 8}}};
    char folder[4100], file[4300];
    make_folder(path, "rmbg-1.4", folder, sizeof folder);
    snprintf(file, sizeof file, "%s/model.safetensors", folder);
    write_made_up(file, load_isnet, &config);
}

static void write_encoder(const char *maker)
{
    dinov2_config config = dinov2_default();
    config.width = 48;
    config.layers = 2;
    config.heads = 4;
    config.hidden = 96;
    config.trained = 224;
    char folder[4100], file[4300];
    make_folder(maker, "image_encoder_dinov2", folder, sizeof folder);
    snprintf(file, sizeof file, "%s/model.safetensors", folder);
    write_made_up(file, load_dinov2, &config);
    write_text(folder, "config.json",
               "{\"hidden_size\": 48, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"mlp_ratio\": 2, "
               "\"patch_size\": 14, \"image_size\": 224, \"hidden_act\": \"gelu\", \"use_swiglu_ffn\": false, "
               "\"qkv_bias\": true}");
}

/* ---- PartCrafter, thought up ------------------------------------------------------------------------------- */

/* Every channel c has channel c + 32 for its opposite, so that a norm takes no mean away: it only scales, and the sign
 * of what is added up linearly stays. */
enum {
    WIDTH = 64,
    HALF = WIDTH / 2,
    CHANNELS = 16,
    HEADS = 4,
    HEAD = WIDTH / HEADS,
    POINT_INPUTS = 51,
    SINES = 3,
    COSINES = 27,
    FREQUENCIES = 8,
    WAVE = 4,      /* of the frequencies: 16 */
    FLAG = 8,      /* channel of the first part's flag */
    CONSTANT = 16, /* channel that holds `constant` */
    RESULT = 20
};

static const double drive = 1000.0; /* of a part's channel over the noise */
static const double constant = 100.0, shift = 2.0, gate = 4.0, steep = 177.0;

static const ellipsoids *chosen;

static double one_hot(void)
{
    return sqrt((double)HALF); /* what a norm makes of one channel and its opposite */
}

static void put(const tensor *x, float *values, size_t row, size_t column, double value)
{
    values[row * (x->rank > 1 ? x->sizes[1] : 1) + column] = (float)value;
}

static void put_both(const tensor *x, float *values, size_t row, size_t column, double value)
{
    put(x, values, row, column, value);
    put(x, values, row + HALF, column, -value);
}

/* Ones for the weights of norms, zeros for all else. */
static void calm(const char *name, const tensor *x, float *values)
{
    const size_t length = strlen(name);
    const bool one = x->rank == 1 && length > 7 && strcmp(name + length - 7, ".weight") == 0;
    for (size_t i = 0; i < tensor_count(x); i++)
        values[i] = one ? 1.0f : 0.0f;
}

/* What the picture says moves a part a little, so that it is seen whether it is the right picture. */
static bool looks_at_picture(const char *name, const tensor *x, float *values)
{
    const float little = 0.005f;
    if (strstr(name, ".attn2.") == NULL)
        return false;
    for (size_t i = 0; i < tensor_count(x) && strstr(name, "to_out") != NULL; i++)
        values[i] *= little;
    return true;
}

static void think_up_dit(const char *name, const tensor *x, float *values)
{
    if (looks_at_picture(name, x, values))
        return;
    calm(name, x, values);
    if (strcmp(name, "part_embedding.weight") == 0) {
        for (size_t i = 0; i < SMALL_PART_IDS; i++) {
            put(x, values, i, i % chosen->count, 1.0);
            put(x, values, i, i % chosen->count + HALF, -1.0);
        }
    } else if (strstr(name, "skip_linear.weight") != NULL) {
        for (size_t i = 0; i < WIDTH; i++)
            put(x, values, i, i, 1.0);
    } else if (strcmp(name, "proj_out.weight") == 0) {
        for (size_t i = 0; i < chosen->count; i++)
            put(x, values, i, i, drive / one_hot());
    }
}

/* The ellipsoid's linear form of an embedded point: positive inside. */
static double put_ellipsoid(const ellipsoid *part, double waves, double form[POINT_INPUTS])
{
    double rest = 0.5;
    memset(form, 0, POINT_INPUTS * sizeof *form);
    if (!(part->axes[0] > 0.0))
        return -1.0;
    for (size_t axis = 0; axis < 3; axis++) {
        const double weight = 1.0 / (part->axes[axis] * part->axes[axis]);
        rest -= weight;
        form[SINES + FREQUENCIES * axis] = weight * sin(part->center[axis]);
        form[COSINES + FREQUENCIES * axis] = weight * cos(part->center[axis]);
        form[COSINES + FREQUENCIES * axis + WAVE] = waves;
    }
    return rest;
}

static void think_up_query(bool bias, const tensor *x, float *values)
{
    double form[POINT_INPUTS];
    for (size_t i = 0; i < chosen->count; i++) {
        const double rest = put_ellipsoid(&chosen->parts[i], chosen->waves[i], form);
        for (size_t input = 0; input < POINT_INPUTS && !bias; input++)
            put_both(x, values, i, input, form[input]);
        if (bias)
            put_both(x, values, i, 0, rest);
    }
    if (bias)
        put_both(x, values, CONSTANT, 0, constant);
}

/* Keys and values lie in the rows of to_k and to_v head by head: each head's keys, then its values. */
static void think_up_values(size_t first_row, const tensor *x, float *values)
{
    for (size_t i = 0; i < chosen->count; i++) {
        const size_t channel = FLAG + i, head = channel / HEAD;
        const size_t row = 2 * HEAD * head + HEAD + channel % HEAD;
        if (row >= first_row && row < first_row + WIDTH)
            put(x, values, row - first_row, i, 1.0 / one_hot());
    }
}

static void think_up_gates(const tensor *x, float *values)
{
    for (size_t i = 0; i < chosen->count; i++) {
        put(x, values, i, i, steep);
        put(x, values, i, FLAG + i, steep * gate);
        put(x, values, i, CONSTANT, steep * (shift - gate) / constant);
    }
    put(x, values, chosen->count, CONSTANT, steep * shift / constant);
}

static void think_up_decoder(const char *name, const tensor *x, float *values)
{
    calm(name, x, values);
    if (strcmp(name, "post_quant.weight") == 0) {
        for (size_t i = 0; i < chosen->count; i++)
            put_both(x, values, i, i, 1.0);
    } else if (strncmp(name, "decoder.proj_query.", 19) == 0) {
        think_up_query(strcmp(name + 19, "bias") == 0, x, values);
    } else if (strcmp(name, "decoder.blocks.3.attn2.to_k.weight") == 0) {
        think_up_values(0, x, values);
    } else if (strcmp(name, "decoder.blocks.3.attn2.to_v.weight") == 0) {
        think_up_values(WIDTH, x, values);
    } else if (strcmp(name, "decoder.blocks.3.attn2.to_out.0.weight") == 0) {
        for (size_t i = 0; i < chosen->count; i++)
            put_both(x, values, FLAG + i, FLAG + i, 1.0);
    } else if (strcmp(name, "decoder.blocks.3.ff.net.0.proj.weight") == 0) {
        think_up_gates(x, values);
    } else if (strcmp(name, "decoder.blocks.3.ff.net.2.weight") == 0) {
        for (size_t i = 0; i <= chosen->count; i++)
            put_both(x, values, RESULT, i, i < chosen->count ? 1.0 : -1.0);
    } else if (strcmp(name, "decoder.proj_out.weight") == 0) {
        put(x, values, 0, RESULT, 10.0);
    }
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

void write_small_maker(const char *path, const ellipsoids *parts)
{
    assert_true(parts->count > 0 && parts->count <= ELLIPSOIDS_MAX);
    chosen = parts;
    partcrafter_config config = small_parts_config();
    char folder[4100], inner[4300], file[4400];
    config.dit.part_ids = SMALL_PART_IDS;
    make_folder(path, "partcrafter", folder, sizeof folder);
    make_folder(folder, "transformer", inner, sizeof inner);
    snprintf(file, sizeof file, "%s/diffusion_pytorch_model.safetensors", inner);
    write_thought_up(file, load_dit, &config.dit, think_up_dit);
    write_text(inner, "config.json",
               "{\"_class_name\": \"PartCrafterDiTModel\", \"width\": 64, \"num_layers\": 5, "
               "\"num_attention_heads\": 4, \"in_channels\": 16, \"cross_attention_dim\": 48, \"max_num_parts\": 32, "
               "\"enable_part_embedding\": true, \"enable_local_cross_attn\": true, \"enable_global_cross_attn\": "
               "true, \"global_attn_block_ids\": [0, 2, 4], \"global_attn_block_id_range\": null}");
    make_folder(folder, "vae", inner, sizeof inner);
    snprintf(file, sizeof file, "%s/diffusion_pytorch_model.safetensors", inner);
    write_thought_up(file, load_decoder, &config.decoder, think_up_decoder);
    write_text(inner, "config.json",
               "{\"_class_name\": \"TripoSGVAEModel\", \"in_channels\": 3, \"latent_channels\": 16, "
               "\"num_attention_heads\": 4, \"width_encoder\": 32, \"width_decoder\": 64, \"num_layers_encoder\": 1, "
               "\"num_layers_decoder\": 3, \"embedding_type\": \"frequency\", \"embed_frequency\": 8, "
               "\"embed_include_pi\": false}");
    make_folder(folder, "scheduler", inner, sizeof inner);
    write_text(inner, "scheduler_config.json",
               "{\"num_train_timesteps\": 1000, \"shift\": 1, \"use_dynamic_shifting\": false}");
    write_encoder(folder);
}

void write_small_models(const char *path, const ellipsoids *parts)
{
    write_painter(path);
    write_cutter(path);
    write_small_maker(path, parts);
}

/* The single file names tensors after the modules of the programs that trained SDXL. Here they are as a table of
 * rewritings: a name of the folder's form is taken apart from the left, and each piece written anew. */

#include <stdio.h>
#include <string.h>

#include "networks/checkpoint.h"

enum { UNET_RESNETS = 2, VAE_LEVELS = 4 };

typedef struct rewriting {
    const char *from, *to;
} rewriting;

/* If `*at` starts with `piece`, passes over it. */
static bool skip(const char **at, const char *piece)
{
    size_t length = strlen(piece);
    if (strncmp(*at, piece, length) != 0)
        return false;
    *at += length;
    return true;
}

/* Passes over a number of one or two digits. */
static bool skip_number(const char **at, unsigned *number)
{
    unsigned digits = 0;
    *number = 0;
    for (; **at >= '0' && **at <= '9' && digits < 3; digits++, (*at)++)
        *number = *number * 10 + (unsigned)(**at - '0');
    return digits > 0 && digits < 3;
}

static bool skip_indexed(const char **at, const char *before, unsigned *number, const char *after)
{
    return skip(at, before) && skip_number(at, number) && skip(at, after);
}

/* The rest of the name, with its beginning rewritten by the first row that fits. */
static bool rewrite(const rewriting *rows, size_t count, const char *rest, char *out, size_t capacity)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = rest;
        if (skip(&at, rows[i].from)) {
            snprintf(out, capacity, "%s%s", rows[i].to, at);
            return true;
        }
    }
    return false;
}

#define REWRITE(rows, rest, out) rewrite((rows), sizeof(rows) / sizeof *(rows), (rest), (out), LAYER_NAME_BYTES)

/* ---- UNet ------------------------------------------------------------------------------------------------ */

static const rewriting unet_ends[] = {
    {"conv_in.", "input_blocks.0.0."},
    {"time_embedding.linear_1.", "time_embed.0."},
    {"time_embedding.linear_2.", "time_embed.2."},
    {"add_embedding.linear_1.", "label_emb.0.0."},
    {"add_embedding.linear_2.", "label_emb.0.2."},
    {"mid_block.attentions.0.", "middle_block.1."},
    {"conv_norm_out.", "out.0."},
    {"conv_out.", "out.2."},
};

static const rewriting unet_resnet[] = {
    {"norm1.", "in_layers.0."},  {"conv1.", "in_layers.2."},  {"time_emb_proj.", "emb_layers.1."},
    {"norm2.", "out_layers.0."}, {"conv2.", "out_layers.3."}, {"conv_shortcut.", "skip_connection."},
};

static bool map_unet(const char *name, char *out)
{
    const char *at = name;
    char inner[LAYER_NAME_BYTES];
    unsigned level, index;
    if (REWRITE(unet_ends, name, out))
        return true;
    if (skip_indexed(&at, "mid_block.resnets.", &index, ".")) {
        if (!REWRITE(unet_resnet, at, inner))
            return false;
        layer_name(out, "middle_block.%u.%s", 2 * index, inner);
        return true;
    }
    const bool down = skip_indexed(&at, "down_blocks.", &level, ".");
    if (!down && !skip_indexed(&at, "up_blocks.", &level, "."))
        return false;
    /* A block of the way down is two resnets and the downsampling, behind the first convolution; one of the way up is
     * three resnets, the last with the upsampling, behind an attention if there is one. */
    const unsigned first = level * (UNET_RESNETS + 1) + (down ? 1 : 0);
    const char *blocks = down ? "input_blocks" : "output_blocks";
    if (skip_indexed(&at, "resnets.", &index, ".")) {
        if (!REWRITE(unet_resnet, at, inner))
            return false;
        layer_name(out, "%s.%u.0.%s", blocks, first + index, inner);
    } else if (skip_indexed(&at, "attentions.", &index, ".")) {
        layer_name(out, "%s.%u.1.%s", blocks, first + index, at);
    } else if (down && skip(&at, "downsamplers.0.conv.")) {
        layer_name(out, "input_blocks.%u.0.op.%s", first + UNET_RESNETS, at);
    } else if (!down && skip(&at, "upsamplers.0.conv.")) {
        layer_name(out, "output_blocks.%u.2.conv.%s", first + UNET_RESNETS, at);
    } else {
        return false;
    }
    return true;
}

/* ---- VAE ------------------------------------------------------------------------------------------------- */

static const rewriting vae_ends[] = {
    {"post_quant_conv.", "post_quant_conv."},
    {"decoder.conv_in.", "decoder.conv_in."},
    {"decoder.conv_norm_out.", "decoder.norm_out."},
    {"decoder.conv_out.", "decoder.conv_out."},
    {"decoder.mid_block.attentions.0.group_norm.", "decoder.mid.attn_1.norm."},
    {"decoder.mid_block.attentions.0.to_q.", "decoder.mid.attn_1.q."},
    {"decoder.mid_block.attentions.0.to_k.", "decoder.mid.attn_1.k."},
    {"decoder.mid_block.attentions.0.to_v.", "decoder.mid.attn_1.v."},
    {"decoder.mid_block.attentions.0.to_out.0.", "decoder.mid.attn_1.proj_out."},
    {"decoder.mid_block.resnets.0.", "decoder.mid.block_1."},
    {"decoder.mid_block.resnets.1.", "decoder.mid.block_2."},
};

static bool map_vae(const char *name, char *out)
{
    const char *at = name;
    unsigned level, index;
    if (REWRITE(vae_ends, name, out))
        return true;
    if (!skip_indexed(&at, "decoder.up_blocks.", &level, ".") || level >= VAE_LEVELS)
        return false;
    level = VAE_LEVELS - 1 - level;
    if (skip(&at, "upsamplers.0.conv.")) {
        layer_name(out, "decoder.up.%u.upsample.conv.%s", level, at);
        return true;
    }
    if (!skip_indexed(&at, "resnets.", &index, "."))
        return false;
    const bool shortcut = skip(&at, "conv_shortcut.");
    layer_name(out, "decoder.up.%u.block.%u.%s%s", level, index, shortcut ? "nin_shortcut." : "", at);
    return true;
}

/* ---- Text encoders --------------------------------------------------------------------------------------- */

static const rewriting big_ends[] = {
    {"text_model.embeddings.token_embedding.", "token_embedding."},
    {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
    {"text_model.final_layer_norm.", "ln_final."},
    {"text_projection.weight", "text_projection"},
};

static const rewriting big_layer[] = {
    {"self_attn.out_proj.", "attn.out_proj."},
    {"layer_norm1.", "ln_1."},
    {"layer_norm2.", "ln_2."},
    {"mlp.fc1.", "mlp.c_fc."},
    {"mlp.fc2.", "mlp.c_proj."},
};

/* In OpenCLIP q, k and v are one matrix, and the projection is multiplied from the other side. */
static bool map_big(const char *name, checkpoint_single_name *out)
{
    static const char *const joined[] = {"self_attn.q_proj.", "self_attn.k_proj.", "self_attn.v_proj."};
    const char *at = name;
    char inner[LAYER_NAME_BYTES];
    unsigned layer;
    if (REWRITE(big_ends, name, out->name)) {
        out->transposed = strcmp(name, "text_projection.weight") == 0;
        return true;
    }
    if (!skip_indexed(&at, "text_model.encoder.layers.", &layer, "."))
        return false;
    for (uint32_t i = 0; i < 3; i++)
        if (skip(&at, joined[i])) {
            layer_name(out->name, "transformer.resblocks.%u.attn.in_proj_%s", layer, at);
            out->slice = i;
            out->slices = 3;
            return true;
        }
    if (!REWRITE(big_layer, at, inner))
        return false;
    layer_name(out->name, "transformer.resblocks.%u.%s", layer, inner);
    return true;
}

/* ---- All ------------------------------------------------------------------------------------------------- */

bool checkpoint_map_name(checkpoint_part part, const char *name, checkpoint_single_name *out)
{
    static const char *const places[CHECKPOINT_PARTS] = {"conditioner.embedders.0.transformer.",
                                                         "conditioner.embedders.1.model.", "model.diffusion_model.",
                                                         "first_stage_model."};
    checkpoint_single_name inner = {.slices = 1};
    bool known;
    switch (part) {
    case CHECKPOINT_TEXT_ENCODER: /* already so called */
        known = strncmp(name, "text_model.", 11) == 0;
        layer_name(inner.name, "%s", name);
        break;
    case CHECKPOINT_TEXT_ENCODER_2: known = map_big(name, &inner); break;
    case CHECKPOINT_UNET: known = map_unet(name, inner.name); break;
    case CHECKPOINT_VAE: known = map_vae(name, inner.name); break;
    default: known = false; break;
    }
    if (known) {
        *out = inner;
        layer_name(out->name, "%s%s", places[part], inner.name);
    }
    return known;
}

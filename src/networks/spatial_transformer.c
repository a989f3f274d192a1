#include "networks/spatial_transformer.h"

/* The group norm here has another epsilon than those of the resnets; no configuration says so. */
static const float group_epsilon = 1e-6f, layer_epsilon = 1e-5f;

/* ---- Weights --------------------------------------------------------------------------------------------- */

static void load_block(layer_loader *in, const char *module, size_t index, size_t channels, size_t context,
                       transformer_block *out)
{
    static const char *const qkv[] = {"attn1.to_q", "attn1.to_k", "attn1.to_v"};
    char prefix[LAYER_NAME_BYTES];
    layer_name(prefix, "%s.transformer_blocks.%zu", module, index);
    out->norm1 = load_norm(in, prefix, "norm1", channels);
    out->self_qkv = load_joined(in, prefix, qkv, 3, channels, channels, LINEAR_PLAIN);
    out->self_out = load_linear(in, prefix, "attn1.to_out.0", channels, channels, LINEAR_BIASED);
    out->norm2 = load_norm(in, prefix, "norm2", channels);
    out->cross_q = load_linear(in, prefix, "attn2.to_q", channels, channels, LINEAR_PLAIN);
    out->cross_k = load_linear(in, prefix, "attn2.to_k", channels, context, LINEAR_PLAIN);
    out->cross_v = load_linear(in, prefix, "attn2.to_v", channels, context, LINEAR_PLAIN);
    out->cross_out = load_linear(in, prefix, "attn2.to_out.0", channels, channels, LINEAR_BIASED);
    out->norm3 = load_norm(in, prefix, "norm3", channels);
    out->mlp_in = load_linear(in, prefix, "ff.net.0.proj", 8 * channels, channels, LINEAR_BIASED);
    out->mlp_out = load_linear(in, prefix, "ff.net.2", channels, 4 * channels, LINEAR_BIASED);
}

void spatial_transformer_load(layer_loader *in, const char *prefix, size_t channels, size_t heads, size_t depth,
                              size_t context, spatial_transformer *out)
{
    *out = (spatial_transformer){.depth = depth, .channels = channels, .heads = heads};
    out->norm = load_norm(in, prefix, "norm", channels);
    out->proj_in = load_linear(in, prefix, "proj_in", channels, channels, LINEAR_BIASED);
    for (size_t i = 0; i < depth; i++)
        load_block(in, prefix, i, channels, context, &out->blocks[i]);
    out->proj_out = load_linear(in, prefix, "proj_out", channels, channels, LINEAR_BIASED);
}

/* ---- Forward --------------------------------------------------------------------------------------------- */

void spatial_transformer_read(operators *run, const spatial_transformer *module, const tensor *context,
                              text_attention *out)
{
    for (size_t i = 0; i < module->depth; i++) {
        out->keys[i] = op_linear(run, module->blocks[i].cross_k, context, NULL);
        out->values[i] = op_linear(run, module->blocks[i].cross_v, context, NULL);
    }
}

/* tokens (1, T, C) change in place; keys and values (1, 77, C). */
static void forward_block(operators *run, const transformer_block *block, size_t heads, const tensor *keys,
                          const tensor *values, tensor *tokens)
{
    const size_t mark = operators_mark(run), channels = tokens->sizes[2];
    tensor h = op_layer_norm(run, block->norm1, tokens, layer_epsilon);
    tensor qkv = op_linear(run, block->self_qkv, &h, NULL);
    tensor q = op_columns(run, &qkv, 0, channels);
    tensor k = op_columns(run, &qkv, channels, channels);
    tensor v = op_columns(run, &qkv, 2 * channels, channels);
    tensor a = op_attention(run, &q, &k, &v, (uint32_t)heads, NULL);
    op_linear(run, block->self_out, &a, &(epilogue){.add = tokens, .out = tokens});
    operators_release(run, mark);

    h = op_layer_norm(run, block->norm2, tokens, layer_epsilon);
    q = op_linear(run, block->cross_q, &h, NULL);
    a = op_attention(run, &q, keys, values, (uint32_t)heads, NULL);
    op_linear(run, block->cross_out, &a, &(epilogue){.add = tokens, .out = tokens});
    operators_release(run, mark);

    h = op_layer_norm(run, block->norm3, tokens, layer_epsilon);
    h = op_linear_geglu(run, block->mlp_in, &h);
    op_linear(run, block->mlp_out, &h, &(epilogue){.add = tokens, .out = tokens});
    operators_release(run, mark);
}

void spatial_transformer_forward(operators *run, const spatial_transformer *module, uint32_t groups,
                                 const text_attention *text, const tensor *x, tensor *out)
{
    const size_t mark = operators_mark(run);
    const size_t sizes[] = {x->sizes[0], x->sizes[1] * x->sizes[2], x->sizes[3]};
    tensor h = op_group_norm(run, module->norm, x, groups, group_epsilon, ACTIVATION_NONE);
    /* Channels-last, a picture is a row of tokens as it lies. */
    tensor tokens = tensor_make(h.type, 3, sizes, h.data);
    tokens = op_linear(run, module->proj_in, &tokens, NULL);
    for (size_t i = 0; i < module->depth; i++)
        forward_block(run, &module->blocks[i], module->heads, &text->keys[i], &text->values[i], &tokens);
    tensor before = tensor_make(x->type, 3, sizes, x->data), after = tensor_make(out->type, 3, sizes, out->data);
    op_linear(run, module->proj_out, &tokens, &(epilogue){.add = &before, .out = &after});
    operators_release(run, mark);
}

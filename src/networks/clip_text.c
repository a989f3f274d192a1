#include "networks/clip_text.h"

/* ---- Config ---------------------------------------------------------------------------------------------- */

clip_text_config clip_text_large(void)
{
    return (clip_text_config){.width = 768,
                              .layers = 12,
                              .heads = 12,
                              .hidden = 3072,
                              .vocabulary = 49408,
                              .positions = 77,
                              .projection = 0,
                              .end = 2,
                              .activation = ACTIVATION_QUICK_GELU,
                              .epsilon = 1e-5f};
}

clip_text_config clip_text_big(void)
{
    return (clip_text_config){.width = 1280,
                              .layers = 32,
                              .heads = 20,
                              .hidden = 5120,
                              .vocabulary = 49408,
                              .positions = 77,
                              .projection = 1280,
                              .end = 2,
                              .activation = ACTIVATION_GELU,
                              .epsilon = 1e-5f};
}

void clip_text_configure(configuration *from, clip_text_config *config)
{
    static const char *const names[] = {"gelu", "quick_gelu"};
    static const activation activations[] = {ACTIVATION_GELU, ACTIVATION_QUICK_GELU};
    config->width = configuration_number(from, "hidden_size", 1, 8192, config->width);
    config->layers = configuration_number(from, "num_hidden_layers", 2, CLIP_LAYERS_MAX, config->layers);
    config->heads = configuration_number(from, "num_attention_heads", 1, 128, config->heads);
    config->hidden = configuration_number(from, "intermediate_size", 1, 32768, config->hidden);
    config->vocabulary = configuration_number(from, "vocab_size", 1, 1u << 20, config->vocabulary);
    config->positions = configuration_number(from, "max_position_embeddings", 1, CLIP_POSITIONS_MAX, config->positions);
    if (config->projection > 0)
        config->projection = configuration_number(from, "projection_dim", 1, 8192, config->projection);
    config->end = (int32_t)configuration_number(from, "eos_token_id", 0, 1u << 20, (size_t)config->end);
    config->epsilon = (float)configuration_real(from, "layer_norm_eps", 1e-12, 1.0, (double)config->epsilon);
    config->activation = activations[configuration_choice(from, "hidden_act", names, 2,
                                                          config->activation == ACTIVATION_QUICK_GELU ? 1 : 0)];
    if (config->width % config->heads != 0)
        configuration_fault(from, "\"hidden_size\" is no multiple of \"num_attention_heads\"");
}

/* ---- Weights --------------------------------------------------------------------------------------------- */

static void load_layer(layer_loader *in, const clip_text_config *config, size_t index, clip_layer *out)
{
    static const char *const qkv[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
    const size_t width = config->width;
    char prefix[LAYER_NAME_BYTES];
    layer_name(prefix, "text_model.encoder.layers.%zu", index);
    out->norm1 = load_norm(in, prefix, "layer_norm1", width);
    out->qkv = load_joined(in, prefix, qkv, 3, width, width, LINEAR_BIASED);
    out->attention_out = load_linear(in, prefix, "self_attn.out_proj", width, width, LINEAR_BIASED);
    out->norm2 = load_norm(in, prefix, "layer_norm2", width);
    out->mlp_in = load_linear(in, prefix, "mlp.fc1", config->hidden, width, LINEAR_BIASED);
    out->mlp_out = load_linear(in, prefix, "mlp.fc2", width, config->hidden, LINEAR_BIASED);
}

/* The context comes from the last layer but one, so that only what is pooled needs the last. */
static size_t layers_needed(const clip_text_config *config)
{
    return config->projection > 0 ? config->layers : config->layers - 1;
}

lumen_status clip_text_load(const clip_text_config *config, layer_loader *in, clip_text *out)
{
    const char *const prefix = "text_model";
    *out = (clip_text){.config = *config, .title = in->network};
    out->tokens = load_embedding(in, prefix, "embeddings.token_embedding.weight", config->vocabulary, config->width);
    out->positions =
        load_embedding(in, prefix, "embeddings.position_embedding.weight", config->positions, config->width);
    for (size_t i = 0; i < layers_needed(config); i++)
        load_layer(in, config, i, &out->layers[i]);
    if (config->projection > 0) {
        out->final_norm = load_norm(in, prefix, "final_layer_norm", config->width);
        out->projection = load_linear(in, "", "text_projection", config->projection, config->width, LINEAR_PLAIN);
    }
    return in->status;
}

/* ---- Forward --------------------------------------------------------------------------------------------- */

/* x (1, T, W) changes in place. */
static void forward_layer(operators *run, const clip_text_config *config, const clip_layer *layer, tensor *x)
{
    const size_t width = config->width, mark = operators_mark(run);
    tensor h = op_layer_norm(run, layer->norm1, x, config->epsilon);
    tensor qkv = op_linear(run, layer->qkv, &h, NULL);
    tensor q = op_columns(run, &qkv, 0, width);
    tensor k = op_columns(run, &qkv, width, width);
    tensor v = op_columns(run, &qkv, 2 * width, width);
    tensor a = op_attention(run, &q, &k, &v, (uint32_t)config->heads, &(attention_options){.causal = true});
    op_linear(run, layer->attention_out, &a, &(epilogue){.add = x, .out = x});
    h = op_layer_norm(run, layer->norm2, x, config->epsilon);
    h = op_linear(run, layer->mlp_in, &h, &(epilogue){.activation = config->activation});
    op_linear(run, layer->mlp_out, &h, &(epilogue){.add = x, .out = x});
    operators_release(run, mark);
}

/* Token and position embeddings; ids beyond the vocabulary are an error of op_embedding. */
static tensor embed(operators *run, const clip_text *encoder, const int32_t *ids)
{
    int32_t tokens[CLIP_POSITIONS_MAX], places[CLIP_POSITIONS_MAX];
    const size_t sizes[] = {1, encoder->config.positions};
    for (size_t i = 0; i < sizes[1]; i++) {
        tokens[i] = ids[i];
        places[i] = (int32_t)i;
    }
    tensor token_ids = tensor_make(TENSOR_I32, 2, sizes, tokens);
    tensor place_ids = tensor_make(TENSOR_I32, 2, sizes, places);
    tensor x = op_embedding(run, encoder->tokens, &token_ids);
    tensor p = op_embedding(run, encoder->positions, &place_ids);
    return op_add(run, &x, &p);
}

/* The row of the first token that ends the text. */
static size_t end_of_text(const clip_text_config *config, const int32_t *ids)
{
    size_t row = 0;
    if (config->end == 2) {
        for (size_t i = 1; i < config->positions; i++)
            row = ids[i] > ids[row] ? i : row;
        return row;
    }
    while (row + 1 < config->positions && ids[row] != config->end)
        row++;
    return ids[row] == config->end ? row : 0;
}

tensor clip_text_forward(operators *run, const clip_text *encoder, const int32_t *ids, tensor *pooled)
{
    const clip_text_config *config = &encoder->config;
    tensor x = embed(run, encoder, ids);
    for (size_t i = 0; i + 1 < config->layers; i++) {
        forward_layer(run, config, &encoder->layers[i], &x);
        operators_step(run, encoder->title, (double)(i + 1) / (double)layers_needed(config));
    }
    if (config->projection == 0 || pooled == NULL)
        return x;
    tensor context = op_scale(run, &x, 1.0f, 0.0f);
    forward_layer(run, config, &encoder->layers[config->layers - 1], &x);
    operators_step(run, encoder->title, 1.0);
    if (x.data != NULL) {
        size_t offset = end_of_text(config, ids) * config->width * tensor_type_bytes(x.type);
        tensor row = tensor_make(x.type, 2, (size_t[]){1, config->width}, (char *)x.data + offset);
        row = op_layer_norm(run, encoder->final_norm, &row, config->epsilon);
        *pooled = op_linear(run, encoder->projection, &row, NULL);
    }
    return context;
}

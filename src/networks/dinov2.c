#include "networks/dinov2.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "picture/resample.h"

enum { COLORS = 3 };

/* ---- Config ---------------------------------------------------------------------------------------------- */

dinov2_config dinov2_default(void)
{
    return (dinov2_config){.width = 1024,
                           .layers = 24,
                           .heads = 16,
                           .hidden = 4096,
                           .patch = 14,
                           .trained = 518,
                           .resized = 256,
                           .cropped = 224,
                           .mean = {0.485f, 0.456f, 0.406f},
                           .deviation = {0.229f, 0.224f, 0.225f},
                           .epsilon = 1e-6f};
}

void dinov2_configure(configuration *from, dinov2_config *config)
{
    config->width = configuration_number(from, "hidden_size", 1, 8192, config->width);
    config->layers = configuration_number(from, "num_hidden_layers", 1, DINOV2_LAYERS_MAX, config->layers);
    config->heads = configuration_number(from, "num_attention_heads", 1, 128, config->heads);
    config->hidden = config->width * configuration_number(from, "mlp_ratio", 1, 16, config->hidden / config->width);
    config->patch = configuration_number(from, "patch_size", 1, 64, config->patch);
    config->trained = configuration_number(from, "image_size", 1, 4096, config->trained);
    config->epsilon = (float)configuration_real(from, "layer_norm_eps", 1e-12, 1.0, (double)config->epsilon);
    configuration_demand(from, "hidden_act", "gelu");
    configuration_demand_boolean(from, "use_swiglu_ffn", false);
    configuration_demand_boolean(from, "qkv_bias", true);
    if (config->width % config->heads != 0)
        configuration_fault(from, "\"hidden_size\" is no multiple of \"num_attention_heads\"");
    if (config->trained < config->patch || config->cropped % config->patch != 0 ||
        dinov2_tokens(config) > DINOV2_TOKENS_MAX)
        configuration_fault(from, "\"patch_size\" does not cut the picture into patches");
}

static size_t grid_of(const dinov2_config *config)
{
    return config->cropped / config->patch;
}

size_t dinov2_tokens(const dinov2_config *config)
{
    return grid_of(config) * grid_of(config) + 1;
}

size_t dinov2_value_count(const dinov2_config *config)
{
    return config->cropped * config->cropped * COLORS;
}

size_t dinov2_elements(const dinov2_config *config)
{
    const size_t tokens = dinov2_tokens(config);
    const size_t widest = config->hidden > 4 * config->width ? config->hidden : 4 * config->width;
    return tokens * (2 * config->width + widest) + dinov2_value_count(config);
}

/* ---- Positions ------------------------------------------------------------------------------------------- */

/* The four values around a place and how much each counts, by the cubic convolution of Keys with a = -3/4; what lies
 * outside is the border's. */
typedef struct cubic {
    size_t at[4];
    float weight[4];
} cubic;

static float cubic_near(float x)
{
    return (1.25f * x - 2.25f) * x * x + 1.0f;
}

static float cubic_far(float x)
{
    return ((-0.75f * x + 3.75f) * x - 6.0f) * x + 3.0f;
}

static cubic cubic_of(size_t index, size_t from, size_t to)
{
    const float place = ((float)index + 0.5f) * ((float)from / (float)to) - 0.5f;
    const float low = floorf(place), part = place - low;
    cubic out = {.weight = {cubic_far(part + 1.0f), cubic_near(part), cubic_near(1.0f - part), cubic_far(2.0f - part)}};
    for (int i = 0; i < 4; i++) {
        const long at = (long)low - 1 + i;
        out.at[i] = at < 0 ? 0 : (size_t)at >= from ? from - 1 : (size_t)at;
    }
    return out;
}

/* Rows (from, from, width) -> (to, to, width), without a filter that blurs: as the reference does it. */
static void resize_positions(const float *rows, size_t from, size_t to, size_t width, float *out)
{
    for (size_t y = 0; y < to; y++) {
        const cubic down = cubic_of(y, from, to);
        for (size_t x = 0; x < to; x++) {
            const cubic across = cubic_of(x, from, to);
            for (size_t c = 0; c < width; c++) {
                float sum = 0.0f;
                for (int i = 0; i < 4; i++) {
                    const float *row = rows + down.at[i] * from * width + c;
                    float line = 0.0f;
                    for (int j = 0; j < 4; j++)
                        line += across.weight[j] * row[across.at[j] * width];
                    sum += down.weight[i] * line;
                }
                out[(y * to + x) * width + c] = sum;
            }
        }
    }
}

/* ---- Weights --------------------------------------------------------------------------------------------- */

/* One table: the class token with its position, then the resized positions of the patches. */
static embedding *load_positions(layer_loader *in, const dinov2_config *config)
{
    const size_t width = config->width, trained = config->trained / config->patch, grid = grid_of(config);
    const size_t tokens = dinov2_tokens(config), bytes = tokens * width * sizeof(float);
    const size_t class_sizes[] = {1, 1, width}, sizes[] = {1, trained * trained + 1, width};
    float *class_token = load_values(in, "embeddings", "cls_token", 3, class_sizes);
    float *learned = load_values(in, "embeddings", "position_embeddings", 3, sizes), *table = NULL;
    if (in->status == LUMEN_OK && in->run != NULL) {
        table = operators_may_take(in->run, bytes) ? malloc(bytes) : NULL;
        if (table == NULL)
            in->status = lumen_fail_memory(in->error, "the positions of patches");
    }
    if (table != NULL) {
        for (size_t c = 0; c < width; c++)
            table[c] = class_token[c] + learned[c];
        resize_positions(learned + width, trained, grid, width, table + width);
    }
    embedding *layer = load_made_embedding(in, table, tokens, width);
    free(class_token);
    free(learned);
    free(table);
    return layer;
}

static void load_layer(layer_loader *in, const dinov2_config *config, size_t index, dinov2_layer *out)
{
    static const char *const qkv[] = {"attention.attention.query", "attention.attention.key",
                                      "attention.attention.value"};
    const size_t width = config->width;
    char prefix[LAYER_NAME_BYTES];
    layer_name(prefix, "encoder.layer.%zu", index);
    out->norm1 = load_norm(in, prefix, "norm1", width);
    out->qkv = load_joined(in, prefix, qkv, 3, width, width, LINEAR_BIASED);
    out->attention_out = load_linear_scaled(in, prefix, "attention.output.dense", "layer_scale1.lambda1", width, width);
    out->norm2 = load_norm(in, prefix, "norm2", width);
    out->mlp_in = load_linear(in, prefix, "mlp.fc1", config->hidden, width, LINEAR_BIASED);
    out->mlp_out = load_linear_scaled(in, prefix, "mlp.fc2", "layer_scale2.lambda1", width, config->hidden);
}

lumen_status dinov2_load(const dinov2_config *config, layer_loader *in, dinov2 *out)
{
    *out = (dinov2){.config = *config};
    out->patches = load_patches(in, "embeddings", "patch_embeddings.projection", config->width, COLORS, config->patch);
    out->positions = load_positions(in, config);
    for (size_t i = 0; i < config->layers; i++)
        load_layer(in, config, i, &out->layers[i]);
    out->final_norm = load_norm(in, "", "layernorm", config->width);
    return in->status;
}

/* ---- Picture --------------------------------------------------------------------------------------------- */

/* Pixels of the cut-out middle as rows of patches, normalized. */
static void cut_patches(const dinov2_config *config, const uint8_t *pixels, float *out)
{
    const size_t side = config->cropped, patch = config->patch, grid = grid_of(config);
    for (size_t index = 0; index < grid * grid; index++)
        for (size_t c = 0; c < COLORS; c++)
            for (size_t y = 0; y < patch; y++)
                for (size_t x = 0; x < patch; x++) {
                    const size_t row = index / grid * patch + y, column = index % grid * patch + x;
                    const float value = (float)((double)pixels[(row * side + column) * COLORS + c] * (1.0 / 255.0));
                    *out++ = (value - config->mean[c]) / config->deviation[c];
                }
}

lumen_status dinov2_prepare(const dinov2_config *config, const picture_image *picture, float *patches,
                            lumen_error *error)
{
    const size_t width = picture->width, height = picture->height, side = config->cropped;
    if (width == 0 || height == 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the picture is empty; give one with pixels");
    const size_t shorter = width < height ? width : height;
    const resample_request how = {.filter = RESAMPLE_BICUBIC,
                                  .width = config->resized * width / shorter,
                                  .height = config->resized * height / shorter};
    resample_request middle = how;
    middle.window = (resample_window){
        .left = (how.width - side) / 2, .top = (how.height - side) / 2, .width = side, .height = side};
    uint8_t *bytes = malloc(side * side * COLORS);
    if (bytes == NULL)
        return lumen_fail_memory(error, "the picture for the image encoder");
    lumen_status status = resample_bytes(picture->pixels, width, height, COLORS, &middle, bytes, error);
    if (status == LUMEN_OK)
        cut_patches(config, bytes, patches);
    free(bytes);
    return status;
}

/* ---- Forward --------------------------------------------------------------------------------------------- */

/* x (1, T, W) changes in place. */
static void forward_layer(operators *run, const dinov2_config *config, const dinov2_layer *layer, tensor *x)
{
    const size_t width = config->width, mark = operators_mark(run);
    tensor h = op_layer_norm(run, layer->norm1, x, config->epsilon);
    tensor qkv = op_linear(run, layer->qkv, &h, NULL);
    tensor q = op_columns(run, &qkv, 0, width);
    tensor k = op_columns(run, &qkv, width, width);
    tensor v = op_columns(run, &qkv, 2 * width, width);
    h = op_attention(run, &q, &k, &v, (uint32_t)config->heads, NULL);
    op_linear(run, layer->attention_out, &h, &(epilogue){.add = x, .out = x});
    operators_release(run, mark);
    h = op_layer_norm(run, layer->norm2, x, config->epsilon);
    h = op_linear(run, layer->mlp_in, &h, &(epilogue){.activation = ACTIVATION_GELU});
    op_linear(run, layer->mlp_out, &h, &(epilogue){.add = x, .out = x});
    operators_release(run, mark);
}

/* The table has a row for each token: its position, to which its patch is added. */
static tensor embed(operators *run, const dinov2 *encoder, const float *patches)
{
    const dinov2_config *config = &encoder->config;
    const size_t tokens = dinov2_tokens(config), width = config->width;
    int32_t numbers[DINOV2_TOKENS_MAX];
    for (size_t i = 0; i < tokens; i++)
        numbers[i] = (int32_t)i;
    const tensor ids = tensor_make(TENSOR_I32, 2, (size_t[]){1, tokens}, numbers);
    tensor x = op_embedding(run, encoder->positions, &ids);
    if (x.data == NULL)
        return x;
    const size_t mark = operators_mark(run);
    tensor values =
        tensor_make(TENSOR_F32, 3, (size_t[]){1, tokens - 1, dinov2_value_count(config) / (tokens - 1)}, NULL);
    memcpy(&values.data, &patches, sizeof patches); /* which are only read */
    values = op_from(run, &values);
    tensor rest =
        tensor_make(x.type, 3, (size_t[]){1, tokens - 1, width}, (char *)x.data + width * tensor_type_bytes(x.type));
    op_linear(run, encoder->patches, &values, &(epilogue){.add = &rest, .out = &rest});
    operators_release(run, mark);
    return x;
}

tensor dinov2_forward(operators *run, const dinov2 *encoder, const float *patches)
{
    const dinov2_config *config = &encoder->config;
    tensor x = embed(run, encoder, patches);
    for (size_t i = 0; i < config->layers; i++) {
        forward_layer(run, config, &encoder->layers[i], &x);
        operators_step(run, "image encoder", (double)(i + 1) / (double)config->layers);
    }
    return op_layer_norm(run, encoder->final_norm, &x, config->epsilon);
}

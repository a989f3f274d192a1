#include "networks/triposg_decoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float epsilon = 1e-5f;

/* Points that go through the network together: enough for its weights to be read seldom, few enough for what lies
 * between its layers to stay in the last cache. They are filled up to whole blocks of rows, so that matrix products of
 * few points add up in the same order as those of many; and to at most eight sizes in each power of two, because a back
 * end may prepare itself for every size that it meets. */
enum { FIELD_CHUNK = 4096, FIELD_ROWS = 32, FIELD_SIZES = 8 };

/* ---- Config ---------------------------------------------------------------------------------------------- */

triposg_decoder_config triposg_decoder_default(void)
{
    return (triposg_decoder_config){.channels = 64, .width = 1024, .heads = 8, .blocks = 16, .frequencies = 8};
}

void triposg_decoder_configure(configuration *from, triposg_decoder_config *config)
{
    configuration_number(from, "in_channels", 3, 3, 3);
    config->channels = configuration_number(from, "latent_channels", 1, 1024, config->channels);
    config->width = configuration_number(from, "width_decoder", 1, 8192, config->width);
    config->heads = configuration_number(from, "num_attention_heads", 1, LAYER_HEADS_MAX, config->heads);
    config->blocks = configuration_number(from, "num_layers_decoder", 1, TRIPOSG_BLOCKS_MAX, config->blocks);
    config->frequencies =
        configuration_number(from, "embed_frequency", 1, TRIPOSG_FREQUENCIES_MAX, config->frequencies);
    configuration_demand(from, "embedding_type", "frequency");
    configuration_demand_boolean(from, "embed_include_pi", false);
    if (config->width % config->heads != 0)
        configuration_fault(from, "\"num_attention_heads\" does not divide \"width_decoder\"");
}

/* ---- Sizes ----------------------------------------------------------------------------------------------- */

/* A point, and a sine and a cosine of each coordinate for each frequency. */
static size_t point_inputs(const triposg_decoder_config *config)
{
    return 3 * (1 + 2 * config->frequencies);
}

size_t triposg_decoder_elements(const triposg_decoder_config *config, size_t tokens)
{
    /* The tokens, and within a block at most ten times as much; and the scores of a few queries on each thread. */
    const size_t slack = (size_t)1 << 19;
    return tokens * (config->width * 12 + 1024 + 2 * config->channels) + slack;
}

size_t triposg_part_elements(const triposg_decoder_config *config, size_t tokens)
{
    const size_t slack = (size_t)1 << 13;
    return 2 * tokens * config->width + slack;
}

size_t triposg_field_elements(const triposg_decoder_config *config, size_t tokens)
{
    const size_t slack = (size_t)1 << 19;
    return FIELD_CHUNK * (config->width * 11 + 2 * fine_inputs(point_inputs(config))) +
           tokens * (2 * config->width + 1024) + slack;
}

/* ---- Weights --------------------------------------------------------------------------------------------- */

static void load_mlp(layer_loader *in, const char *prefix, size_t width, linear **first, linear **second)
{
    *first = load_linear(in, prefix, "ff.net.0.proj", 4 * width, width, LINEAR_BIASED);
    *second = load_linear(in, prefix, "ff.net.2", width, 4 * width, LINEAR_BIASED);
}

static void load_block(layer_loader *in, const triposg_decoder_config *config, size_t index, triposg_block *out)
{
    static const char *const qkv[] = {"attn1.to_q", "attn1.to_k", "attn1.to_v"};
    const size_t width = config->width;
    char prefix[LAYER_NAME_BYTES];
    layer_name(prefix, "decoder.blocks.%zu", index);
    out->norm1 = load_norm(in, prefix, "norm1", width);
    out->qkv = load_heads(in, prefix, qkv, 3, width, width, config->heads);
    out->out = load_linear(in, prefix, "attn1.to_out.0", width, width, LINEAR_BIASED);
    out->norm3 = load_norm(in, prefix, "norm3", width);
    load_mlp(in, prefix, width, &out->mlp_in, &out->mlp_out);
}

static void load_key_value(layer_loader *in, const triposg_decoder_config *config, triposg_decoder *out)
{
    static const char *const kv[] = {"attn2.to_k", "attn2.to_v"};
    char prefix[LAYER_NAME_BYTES];
    layer_name(prefix, "decoder.blocks.%zu", config->blocks);
    out->norm_cross = load_norm(in, prefix, "attn2.norm_cross", config->width);
    out->key_value = load_heads(in, prefix, kv, 2, config->width, config->width, config->heads);
}

static void load_query(layer_loader *in, const triposg_decoder_config *config, triposg_decoder *out)
{
    const size_t width = config->width;
    char prefix[LAYER_NAME_BYTES];
    layer_name(prefix, "decoder.blocks.%zu", config->blocks);
    out->proj_query = load_fine_linear(in, "decoder", "proj_query", width, point_inputs(config));
    out->norm2 = load_norm(in, prefix, "norm2", width);
    out->query = load_linear(in, prefix, "attn2.to_q", width, width, LINEAR_PLAIN);
    out->out = load_linear(in, prefix, "attn2.to_out.0", width, width, LINEAR_BIASED);
    out->norm3 = load_norm(in, prefix, "norm3", width);
    load_mlp(in, prefix, width, &out->mlp_in, &out->mlp_out);
    out->norm_out = load_norm(in, "decoder", "norm_out", width);
    out->proj_out = load_linear(in, "decoder", "proj_out", 1, width, LINEAR_BIASED);
}

lumen_status triposg_decoder_load(const triposg_decoder_config *config, layer_loader *in, triposg_decoder *out)
{
    *out = (triposg_decoder){.config = *config};
    out->post_quant = load_linear(in, "", "post_quant", config->width, config->channels, LINEAR_BIASED);
    for (size_t i = 0; i < config->blocks; i++)
        load_block(in, config, i, &out->blocks[i]);
    load_key_value(in, config, out);
    load_query(in, config, out);
    return in->status;
}

lumen_status triposg_decoder_load_points(const triposg_decoder_config *config, layer_loader *in, triposg_decoder *out)
{
    *out = (triposg_decoder){.config = *config};
    load_query(in, config, out);
    return in->status;
}

/* ---- A part ---------------------------------------------------------------------------------------------- */

/* x += mlp(norm(x)) */
static void add_mlp(operators *run, const norm *before, const linear *first, const linear *second, tensor *x)
{
    const size_t mark = operators_mark(run);
    tensor h = op_layer_norm(run, before, x, epsilon);
    h = op_linear(run, first, &h, &(epilogue){.activation = ACTIVATION_GELU});
    op_linear(run, second, &h, &(epilogue){.add = x, .out = x});
    operators_release(run, mark);
}

/* x (1, T, width) changes in place. */
static void forward_block(operators *run, const triposg_decoder_config *config, const triposg_block *block, tensor *x)
{
    const size_t mark = operators_mark(run), width = config->width;
    tensor h = op_layer_norm(run, block->norm1, x, epsilon);
    h = op_linear(run, block->qkv, &h, NULL);
    tensor q = op_columns(run, &h, 0, width);
    tensor k = op_columns(run, &h, width, width);
    tensor v = op_columns(run, &h, 2 * width, width);
    tensor a = op_attention(run, &q, &k, &v, (uint32_t)config->heads, NULL);
    op_linear(run, block->out, &a, &(epilogue){.add = x, .out = x});
    operators_release(run, mark);
    add_mlp(run, block->norm3, block->mlp_in, block->mlp_out, x);
}

void triposg_decoder_read(operators *run, const triposg_decoder *decoder, const tensor *latents, triposg_part *out)
{
    const triposg_decoder_config *config = &decoder->config;
    tensor both = op_empty(run, 3, (size_t[]){1, latents->sizes[1], 2 * config->width});
    const size_t mark = operators_mark(run);
    tensor x = op_linear(run, decoder->post_quant, latents, NULL);
    for (size_t i = 0; i < config->blocks; i++) {
        forward_block(run, config, &decoder->blocks[i], &x);
        operators_step(run, "decoder", (double)(i + 1) / (double)config->blocks);
    }
    x = op_layer_norm(run, decoder->norm_cross, &x, epsilon);
    op_linear(run, decoder->key_value, &x, &(epilogue){.out = &both});
    operators_release(run, mark);
    out->keys = op_columns(run, &both, 0, config->width);
    out->values = op_columns(run, &both, config->width, config->width);
}

/* ---- Points ---------------------------------------------------------------------------------------------- */

/* The point; for each coordinate its sines at frequencies 1, 2, 4, ...; then all cosines likewise. Doubling the angle
 * in f64 is exact far beyond what the network sees, and many times faster than as many sines. */
static void embed_point(const float point[3], size_t frequencies, float *out)
{
    float *sines = out + 3, *cosines = sines + 3 * frequencies;
    for (size_t axis = 0; axis < 3; axis++) {
        double sine = sin((double)point[axis]), cosine = cos((double)point[axis]);
        out[axis] = point[axis];
        for (size_t i = 0; i < frequencies; i++) {
            *sines++ = (float)sine;
            *cosines++ = (float)cosine;
            const double twice = 2.0 * sine * cosine;
            cosine = 1.0 - 2.0 * sine * sine;
            sine = twice;
        }
    }
}

static size_t whole_rows(size_t count)
{
    size_t block = FIELD_ROWS;
    while (count > FIELD_SIZES * block)
        block *= 2;
    return (count + block - 1) / block * block;
}

/* Queries (1, whole rows, width) of points, by way of `rows`, which has room for them. */
static tensor embed_points(operators *run, const triposg_decoder *decoder, const float *points, size_t count,
                           float *rows)
{
    const triposg_decoder_config *config = &decoder->config;
    const size_t inputs = point_inputs(config), columns = fine_inputs(inputs);
    float embedded[3 * (1 + 2 * TRIPOSG_FREQUENCIES_MAX)];
    for (size_t i = 0; i < count; i++) {
        embed_point(points + 3 * i, config->frequencies, embedded);
        fine_split(embedded, inputs, rows + i * columns);
    }
    const size_t sizes[] = {1, whole_rows(count), columns};
    memset(rows + count * columns, 0, (sizes[1] - count) * columns * sizeof *rows);
    tensor host = tensor_make(TENSOR_F32, 3, sizes, rows);
    tensor x = op_from(run, &host);
    return op_linear(run, decoder->proj_query, &x, NULL);
}

/* Logits of the first `count` of x. */
static void evaluate(operators *run, const triposg_decoder *decoder, const triposg_part *part, tensor x, size_t count,
                     float *values)
{
    const size_t mark = operators_mark(run);
    tensor q = op_layer_norm(run, decoder->norm2, &x, epsilon);
    q = op_linear(run, decoder->query, &q, NULL);
    tensor a = op_attention(run, &q, &part->keys, &part->values, (uint32_t)decoder->config.heads, NULL);
    op_linear(run, decoder->out, &a, &(epilogue){.add = &x, .out = &x});
    operators_release(run, mark);
    add_mlp(run, decoder->norm3, decoder->mlp_in, decoder->mlp_out, &x);
    tensor h = op_layer_norm(run, decoder->norm_out, &x, epsilon);
    h = op_linear(run, decoder->proj_out, &h, NULL);
    h.sizes[1] = h.sizes[1] < count ? h.sizes[1] : count;
    op_to_f32(run, &h, values);
    operators_release(run, mark);
}

lumen_status triposg_decoder_field(operators *run, const triposg_decoder *decoder, const triposg_part *part,
                                   const float *points, size_t count, float *values, lumen_error *error)
{
    const size_t columns = fine_inputs(point_inputs(&decoder->config)), mark = operators_mark(run);
    float *rows = malloc(whole_rows(count < FIELD_CHUNK ? count : FIELD_CHUNK) * columns * sizeof *rows);
    if (rows == NULL && count > 0)
        return lumen_fail_memory(error, "the points of a field");
    for (size_t first = 0; first < count && operators_status(run, NULL) == LUMEN_OK; first += FIELD_CHUNK) {
        const size_t some = count - first < FIELD_CHUNK ? count - first : FIELD_CHUNK;
        evaluate(run, decoder, part, embed_points(run, decoder, points + 3 * first, some, rows), some, values + first);
        /* The network says how much inside a point is. */
        for (size_t i = first; i < first + some; i++)
            values[i] = -values[i];
        operators_release(run, mark);
        operators_step(run, "field", (double)(first + some) / (double)count);
    }
    free(rows);
    return operators_status(run, error);
}

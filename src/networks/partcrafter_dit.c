#include "networks/partcrafter_dit.h"

#include <math.h>

static const float layer_epsilon = 1e-5f, head_epsilon = 1e-6f;

/* ---- Config ---------------------------------------------------------------------------------------------- */

partcrafter_dit_config partcrafter_dit_default(void)
{
    partcrafter_dit_config config = {
        .channels = 64, .width = 2048, .heads = 16, .blocks = 21, .image_width = 1024, .part_ids = 32};
    for (size_t i = 0; i < config.blocks; i += 2)
        config.global[i] = true;
    return config;
}

/* Blocks not named are local. Without a list none is global, as in the reference. */
static void configure_global(configuration *from, partcrafter_dit_config *config)
{
    size_t ids[DIT_BLOCKS_MAX], count = 0;
    if (from == NULL)
        return;
    if (configuration_has(from, "global_attn_block_id_range"))
        configuration_fault(from, "\"global_attn_block_id_range\" is not supported; name the blocks in "
                                  "\"global_attn_block_ids\"");
    if (configuration_has(from, "global_attn_block_ids"))
        configuration_numbers(from, "global_attn_block_ids", 0, config->blocks - 1, DIT_BLOCKS_MAX, ids, &count);
    for (size_t i = 0; i < DIT_BLOCKS_MAX; i++)
        config->global[i] = false;
    for (size_t i = 0; i < count; i++)
        config->global[ids[i]] = true;
}

void partcrafter_dit_configure(configuration *from, partcrafter_dit_config *config)
{
    config->channels = configuration_number(from, "in_channels", 1, 1024, config->channels);
    config->width = configuration_number(from, "width", 2, DIT_WIDTH_MAX, config->width);
    config->heads = configuration_number(from, "num_attention_heads", 1, LAYER_HEADS_MAX, config->heads);
    config->blocks = configuration_number(from, "num_layers", 1, DIT_BLOCKS_MAX, config->blocks);
    config->image_width = configuration_number(from, "cross_attention_dim", 1, DIT_WIDTH_MAX, config->image_width);
    config->part_ids = configuration_number(from, "max_num_parts", 1, 4096, config->part_ids);
    configuration_demand_boolean(from, "enable_part_embedding", true);
    configuration_demand_boolean(from, "enable_local_cross_attn", true);
    configuration_demand_boolean(from, "enable_global_cross_attn", true);
    configure_global(from, config);
    if (config->width % (2 * config->heads) != 0)
        configuration_fault(from, "\"num_attention_heads\" does not divide \"width\" into even sizes");
}

/* ---- Sizes ----------------------------------------------------------------------------------------------- */

size_t partcrafter_dit_elements(const partcrafter_dit_config *config, size_t parts, size_t tokens)
{
    /* What lies in the arena at once, in rows of the full width: the first tokens thrice, what the first half of the
     * blocks leaves for the second, the current ones; and within a block at most ten (norm, mlp, and what the products
     * make of their operands). Besides, the scores of a few queries on each thread, and their keys once more. */
    const size_t rows = parts * (tokens + 1), whole = rows * config->width;
    const size_t scores = rows * 1024, slack = (size_t)1 << 19;
    return whole * (3 + config->blocks / 2 + 1 + 10) + scores + parts * tokens * config->channels + slack;
}

size_t partcrafter_dit_image_elements(const partcrafter_dit_config *config, size_t image_tokens)
{
    const size_t slack = (size_t)1 << 16;
    return config->blocks * config->width * (2 * image_tokens + 1) + image_tokens * config->image_width * 4 + slack;
}

/* ---- Weights --------------------------------------------------------------------------------------------- */

static bool has_skip(const partcrafter_dit_config *config, size_t block)
{
    return block > config->blocks / 2;
}

static void load_block(layer_loader *in, const partcrafter_dit_config *config, size_t index, dit_block *out)
{
    static const char *const qkv[] = {"attn1.to_q", "attn1.to_k", "attn1.to_v"};
    static const char *const kv[] = {"attn2.to_k", "attn2.to_v"};
    const size_t width = config->width, each = width / config->heads;
    char prefix[LAYER_NAME_BYTES];
    layer_name(prefix, "blocks.%zu", index);
    if (has_skip(config, index)) {
        out->skip = load_linear(in, prefix, "skip_linear", width, 2 * width, LINEAR_BIASED);
        out->skip_norm = load_norm(in, prefix, "skip_norm", width);
    }
    out->norm1 = load_norm(in, prefix, "norm1", width);
    out->self_qkv = load_heads(in, prefix, qkv, 3, width, width, config->heads);
    out->self_norm_q = load_rms_norm(in, prefix, "attn1.norm_q", each);
    out->self_norm_k = load_rms_norm(in, prefix, "attn1.norm_k", each);
    out->self_out = load_linear(in, prefix, "attn1.to_out.0", width, width, LINEAR_BIASED);
    out->norm2 = load_norm(in, prefix, "norm2", width);
    out->cross_q = load_linear(in, prefix, "attn2.to_q", width, width, LINEAR_PLAIN);
    out->cross_kv = load_heads(in, prefix, kv, 2, width, config->image_width, config->heads);
    out->cross_norm_q = load_rms_norm(in, prefix, "attn2.norm_q", each);
    out->cross_norm_k = load_rms_norm(in, prefix, "attn2.norm_k", each);
    out->cross_out = load_linear(in, prefix, "attn2.to_out.0", width, width, LINEAR_BIASED);
    out->norm3 = load_norm(in, prefix, "norm3", width);
    out->mlp_in = load_linear(in, prefix, "ff.net.0.proj", 4 * width, width, LINEAR_BIASED);
    out->mlp_out = load_linear(in, prefix, "ff.net.2", width, 4 * width, LINEAR_BIASED);
}

lumen_status partcrafter_dit_load(const partcrafter_dit_config *config, layer_loader *in, partcrafter_dit *out)
{
    const size_t width = config->width;
    *out = (partcrafter_dit){.config = *config};
    out->time1 = load_linear(in, "time_proj", "linear_1", 4 * width, width, LINEAR_BIASED);
    out->time2 = load_linear(in, "time_proj", "linear_2", width, 4 * width, LINEAR_BIASED);
    out->parts = load_embedding(in, "", "part_embedding.weight", config->part_ids, width);
    out->proj_in = load_linear(in, "", "proj_in", width, config->channels, LINEAR_BIASED);
    for (size_t i = 0; i < config->blocks; i++)
        load_block(in, config, i, &out->blocks[i]);
    out->norm_out = load_norm(in, "", "norm_out", width);
    out->proj_out = load_linear(in, "", "proj_out", config->channels, width, LINEAR_BIASED);
    return in->status;
}

/* ---- The picture ----------------------------------------------------------------------------------------- */

void partcrafter_dit_look(operators *run, const partcrafter_dit *dit, const tensor *tokens, partcrafter_dit_image *out)
{
    const partcrafter_dit_config *config = &dit->config;
    const size_t width = config->width;
    float zeros[DIT_WIDTH_MAX] = {0};
    tensor zero_row = tensor_make(TENSOR_F32, 2, (size_t[]){1, width}, zeros);
    *out = (partcrafter_dit_image){0};
    zero_row = op_from(run, &zero_row);
    for (size_t i = 0; i < config->blocks; i++) {
        const dit_block *block = &dit->blocks[i];
        out->nothing[i] = op_linear(run, block->cross_out, &zero_row, NULL);
        if (tokens == NULL)
            continue;
        tensor both = op_linear(run, block->cross_kv, tokens, NULL);
        out->keys[i] = op_columns(run, &both, 0, width);
        out->values[i] = op_columns(run, &both, width, width);
        op_rms_norm_heads(run, block->cross_norm_k, &out->keys[i], (uint32_t)config->heads, head_epsilon);
    }
}

/* ---- Forward --------------------------------------------------------------------------------------------- */

/* One forward pass: what its functions share. */
typedef struct dit_pass {
    operators *run;
    const partcrafter_dit *dit;
    const partcrafter_dit_image *image;
    size_t branches, parts, tokens; /* parts of a branch; tokens of a part with that of time */
    bool unconditional[2];          /* of each branch */
} dit_pass;

/* Elements [first, first + count) of the first size. */
static tensor pieces(const tensor *x, size_t first, size_t count)
{
    tensor piece = *x;
    piece.sizes[0] = count;
    const size_t each = x->sizes[0] > 0 ? tensor_bytes(x) / x->sizes[0] : 0;
    piece.data = x->data != NULL ? (char *)x->data + first * each : NULL;
    return piece;
}

/* A branch's tokens (1, parts * tokens, C). */
static tensor branch_of(const dit_pass *pass, const tensor *x, size_t branch)
{
    tensor piece = pieces(x, branch * pass->parts, pass->parts);
    return tensor_reshape(&piece, 3, (size_t[]){1, pass->parts * pass->tokens, x->sizes[2]});
}

/* Sines, then cosines, of the time at width / 2 frequencies from 1 down to 1/10000; in f32 like the reference, since at
 * a phase of 1000 the rounding shows. */
static tensor embed_time(const dit_pass *pass, double timestep)
{
    const partcrafter_dit *dit = pass->dit;
    const size_t width = dit->config.width, half = width / 2;
    float numbers[DIT_WIDTH_MAX] = {0};
    for (size_t i = 0; i < half; i++) {
        const float frequency = expf(-9.210340371976184f * (float)i / (float)half);
        const float phase = (float)timestep * frequency;
        numbers[i] = sinf(phase);
        numbers[half + i] = cosf(phase);
    }
    tensor values = tensor_make(TENSOR_F32, 2, (size_t[]){1, width}, numbers);
    tensor h = op_from(pass->run, &values);
    h = op_linear(pass->run, dit->time1, &h, &(epilogue){.activation = ACTIVATION_GELU});
    h = op_linear(pass->run, dit->time2, &h, NULL);
    return tensor_reshape(&h, 1, &width);
}

/* Latents, times and parts become tokens (branches * parts, 1 + T, width). */
static tensor enter(const dit_pass *pass, const partcrafter_dit_input *input)
{
    operators *run = pass->run;
    const partcrafter_dit *dit = pass->dit;
    const size_t width = dit->config.width, all = pass->branches * pass->parts, tokens = pass->tokens - 1;
    int32_t copied[2 * DIT_PARTS_MAX];
    const bool few = all <= sizeof copied / sizeof *copied;
    for (size_t i = 0; few && i < all; i++)
        copied[i] = input->part_ids[i];
    tensor ids = tensor_make(TENSOR_I32, 2, (size_t[]){all, 1}, few ? copied : NULL);
    tensor time = embed_time(pass, input->timestep);
    tensor parts = op_embedding(run, dit->parts, &ids);
    parts = tensor_reshape(&parts, 2, (size_t[]){all, width});
    time = op_add(run, &parts, &time);
    tensor h = op_empty(run, 3, (size_t[]){all, tokens, width});
    for (size_t branch = 0; branch < pass->branches; branch++) {
        tensor part = pieces(&parts, branch * pass->parts, pass->parts);
        tensor to = pieces(&h, branch * pass->parts, pass->parts);
        op_linear(run, dit->proj_in, input->latents, &(epilogue){.add_channels = &part, .out = &to});
    }
    h = tensor_reshape(&h, 2, (size_t[]){all, tokens * width});
    h = op_concat_channels(run, &time, &h);
    return tensor_reshape(&h, 3, (size_t[]){all, tokens + 1, width});
}

/* out = x + attention(norm(x)) within parts or over all parts of a branch. What the unconditional branch makes of its
 * picture of zeros is added on the way. */
static void attend_parts(const dit_pass *pass, size_t index, const tensor *x, tensor *out)
{
    operators *run = pass->run;
    const partcrafter_dit_config *config = &pass->dit->config;
    const dit_block *block = &pass->dit->blocks[index];
    const size_t mark = operators_mark(run), width = config->width;
    const uint32_t heads = (uint32_t)config->heads;
    tensor h = op_layer_norm(run, block->norm1, x, layer_epsilon);
    h = op_linear(run, block->self_qkv, &h, NULL);
    if (config->global[index])
        h = tensor_reshape(&h, 3, (size_t[]){pass->branches, pass->parts * pass->tokens, 3 * width});
    tensor q = op_columns(run, &h, 0, width);
    tensor k = op_columns(run, &h, width, width);
    tensor v = op_columns(run, &h, 2 * width, width);
    op_rms_norm_heads(run, block->self_norm_q, &q, heads, head_epsilon);
    op_rms_norm_heads(run, block->self_norm_k, &k, heads, head_epsilon);
    tensor a = op_attention(run, &q, &k, &v, heads, NULL);
    a = tensor_reshape(&a, 3, x->sizes);
    for (size_t branch = 0; branch < pass->branches; branch++) {
        tensor from = branch_of(pass, &a, branch), add = branch_of(pass, x, branch);
        tensor to = branch_of(pass, out, branch);
        const tensor *nothing = pass->unconditional[branch] ? &pass->image->nothing[index] : NULL;
        op_linear(run, block->self_out, &from, &(epilogue){.add = &add, .add_channels = nothing, .out = &to});
    }
    operators_release(run, mark);
}

/* x += attention(norm(x), picture), for the conditional branch. */
static void attend_image(const dit_pass *pass, size_t index, const tensor *x)
{
    operators *run = pass->run;
    const dit_block *block = &pass->dit->blocks[index];
    const uint32_t heads = (uint32_t)pass->dit->config.heads;
    for (size_t branch = 0; branch < pass->branches; branch++) {
        if (pass->unconditional[branch])
            continue;
        const size_t mark = operators_mark(run);
        tensor tokens = branch_of(pass, x, branch);
        tensor q = op_layer_norm(run, block->norm2, &tokens, layer_epsilon);
        q = op_linear(run, block->cross_q, &q, NULL);
        op_rms_norm_heads(run, block->cross_norm_q, &q, heads, head_epsilon);
        tensor a = op_attention(run, &q, &pass->image->keys[index], &pass->image->values[index], heads, NULL);
        op_linear(run, block->cross_out, &a, &(epilogue){.add = &tokens, .out = &tokens});
        operators_release(run, mark);
    }
}

/* `skip` is NULL for blocks without; with one, `out` may be `x`. */
static void forward_block(const dit_pass *pass, size_t index, const tensor *skip, const tensor *x, tensor *out)
{
    operators *run = pass->run;
    const dit_block *block = &pass->dit->blocks[index];
    const size_t mark = operators_mark(run);
    tensor h = *x;
    if (skip != NULL) {
        h = op_concat_channels(run, skip, x);
        op_linear(run, block->skip, &h, &(epilogue){.out = out});
        operators_release(run, mark);
        h = op_layer_norm(run, block->skip_norm, out, layer_epsilon);
    }
    attend_parts(pass, index, &h, out);
    operators_release(run, mark);
    attend_image(pass, index, out);
    h = op_layer_norm(run, block->norm3, out, layer_epsilon);
    h = op_linear(run, block->mlp_in, &h, &(epilogue){.activation = ACTIVATION_GELU});
    op_linear(run, block->mlp_out, &h, &(epilogue){.add = out, .out = out});
    operators_release(run, mark);
    operators_step(run, "DiT", (double)(index + 1) / (double)pass->dit->config.blocks);
}

/* Norm and the last layer of each part's tokens, without that of time. */
static void leave(const dit_pass *pass, const tensor *x, tensor *velocity)
{
    operators *run = pass->run;
    for (size_t part = 0; part < x->sizes[0]; part++) {
        const size_t mark = operators_mark(run);
        tensor rows = pieces(x, part, 1), to = pieces(velocity, part, 1);
        rows = tensor_reshape(&rows, 2, (size_t[]){x->sizes[1], x->sizes[2]});
        rows = pieces(&rows, 1, x->sizes[1] - 1);
        rows = tensor_reshape(&rows, 3, (size_t[]){1, rows.sizes[0], rows.sizes[1]});
        rows = op_layer_norm(run, pass->dit->norm_out, &rows, layer_epsilon);
        op_linear(run, pass->dit->proj_out, &rows, &(epilogue){.out = &to});
        operators_release(run, mark);
    }
}

tensor partcrafter_dit_forward(operators *run, const partcrafter_dit *dit, const partcrafter_dit_image *image,
                               const partcrafter_dit_input *input)
{
    const size_t blocks = dit->config.blocks, half = blocks / 2;
    const tensor *latents = input->latents;
    const bool both = input->branches == DIT_BOTH;
    dit_pass pass = {.run = run,
                     .dit = dit,
                     .image = image,
                     .branches = both ? 2 : 1,
                     .parts = latents->sizes[0],
                     .tokens = latents->sizes[1] + 1,
                     .unconditional = {input->branches != DIT_CONDITIONAL, false}};
    tensor velocity = op_empty(run, 3, (size_t[]){pass.branches * pass.parts, latents->sizes[1], dit->config.channels});
    const size_t mark = operators_mark(run);
    tensor stored[DIT_BLOCKS_MAX / 2 + 1];
    tensor x = enter(&pass, input);
    for (size_t i = 0; i <= half && i < blocks; i++) {
        tensor out = op_empty(run, 3, x.sizes);
        forward_block(&pass, i, NULL, &x, &out);
        x = stored[i] = out;
    }
    for (size_t i = half + 1; i < blocks; i++)
        forward_block(&pass, i, &stored[blocks - 1 - i], &x, &x);
    leave(&pass, &x, &velocity);
    operators_release(run, mark);
    return velocity;
}

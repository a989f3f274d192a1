#include "networks/isnet.h"

enum { FLAT_DEPTH = 4, KERNEL = 3 };

static const float epsilon = 1e-5f; /* of the batch norms */
static const char *const network_title = "mask";

/* ---- Config ---------------------------------------------------------------------------------------------- */

isnet_config isnet_default(void)
{
    return (isnet_config){.channels = 3,
                          .first = 64,
                          .down = {{32, 64}, {32, 128}, {64, 256}, {128, 512}, {256, 512}, {256, 512}},
                          .up = {{16, 64}, {32, 64}, {64, 128}, {128, 256}, {256, 512}}};
}

/* 7, 6, 5, 4 from the largest picture on, and 4 flat ones below. */
static size_t depth_of(size_t index)
{
    return index < 4 ? ISNET_DEPTH_MAX - index : FLAT_DEPTH;
}

static bool is_flat(size_t index)
{
    return index >= 4;
}

/* Of convolution `step` (0 for the first) on the way down. Flat stages reach further at each step; the others only at
 * the last, which does not halve its picture. */
static uint32_t dilation_of(const isnet_stage *stage, size_t step)
{
    if (stage->flat)
        return 1u << step;
    return step + 1 == stage->depth ? 2 : 1;
}

/* ---- Weights --------------------------------------------------------------------------------------------- */

/* Convolution, batch norm, ReLU: NAME.conv_s1 and NAME.bn_s1. */
static convolution *load_unit(layer_loader *in, const char *stage, const char *unit, size_t outputs, size_t inputs,
                              uint32_t dilation)
{
    char prefix[LAYER_NAME_BYTES];
    layer_name(prefix, "%s.%s", stage, unit);
    return load_convolution_normed(in, prefix, "conv_s1", "bn_s1", outputs, inputs, KERNEL, dilation, epsilon);
}

static void load_stage(layer_loader *in, const char *name, size_t index, size_t inputs, const isnet_widths *widths,
                       isnet_stage *out)
{
    const size_t middle = widths->middle, depth = depth_of(index);
    char unit[LAYER_NAME_BYTES];
    *out = (isnet_stage){.depth = depth, .flat = is_flat(index), .middle = middle, .out = widths->out};
    out->entry = load_unit(in, name, "rebnconvin", widths->out, inputs, 1);
    for (size_t i = 0; i < depth; i++) {
        layer_name(unit, "rebnconv%zu", i + 1);
        out->down[i] = load_unit(in, name, unit, middle, i == 0 ? widths->out : middle, dilation_of(out, i));
    }
    for (size_t i = 0; i + 1 < depth; i++) {
        layer_name(unit, "rebnconv%zud", i + 1);
        out->up[i] =
            load_unit(in, name, unit, i == 0 ? widths->out : middle, 2 * middle, out->flat ? dilation_of(out, i) : 1);
    }
}

lumen_status isnet_load(const isnet_config *config, layer_loader *in, isnet *out)
{
    char name[LAYER_NAME_BYTES];
    *out = (isnet){.config = *config};
    out->first = load_convolution(in, "", "conv_in", config->first, config->channels, KERNEL, 2);
    for (size_t i = 0; i < ISNET_STAGES; i++) {
        layer_name(name, "stage%zu", i + 1);
        load_stage(in, name, i, i == 0 ? config->first : config->down[i - 1].out, &config->down[i], &out->down[i]);
    }
    for (size_t i = ISNET_STAGES - 1; i-- > 0;) {
        const size_t below = i + 2 == ISNET_STAGES ? config->down[i + 1].out : config->up[i + 1].out;
        layer_name(name, "stage%zud", i + 1);
        load_stage(in, name, i, below + config->down[i].out, &config->up[i], &out->up[i]);
    }
    out->side = load_convolution(in, "", "side1", 1, config->up[0].out, KERNEL, 1);
    return in->status;
}

/* ---- Forward --------------------------------------------------------------------------------------------- */

/* Inside of one stage: entry, result, the way down and what the way up joins. Pictures that halve are 4/3 of the first
 * at most, all together. */
static size_t stage_elements(size_t index, const isnet_widths *widths, size_t pixels)
{
    return pixels * (2 * widths->out + (is_flat(index) ? 12 : 8) * widths->middle);
}

size_t isnet_elements(const isnet_config *config, size_t height, size_t width)
{
    size_t kept = height * width * config->channels, most = 0;
    size_t rows = (height + 1) / 2, columns = (width + 1) / 2;
    for (size_t i = 0; i < ISNET_STAGES; i++) {
        const size_t pixels = rows * columns;
        const isnet_widths *down = &config->down[i], *up = i + 1 < ISNET_STAGES ? &config->up[i] : down;
        const size_t below = i + 1 < ISNET_STAGES ? config->down[i + 1].out : 0;
        const size_t needs = stage_elements(i, down, pixels), again = stage_elements(i, up, pixels);
        most = needs > most ? needs : most;
        most = again > most ? again : most;
        /* What it reads, its result, and on the way up what is joined. */
        kept += pixels * ((i == 0 ? config->first : config->down[i - 1].out) + 2 * down->out + 2 * below + up->out);
        rows = (rows + 1) / 2;
        columns = (columns + 1) / 2;
    }
    return kept + most;
}

static tensor unit_forward(operators *run, const convolution *layer, const tensor *x)
{
    return op_convolution(run, layer, x, &(epilogue){.activation = ACTIVATION_RELU});
}

/* (what comes from below, enlarged to `beside`; beside) as channels of one picture. */
static tensor join(operators *run, const tensor *below, const tensor *beside)
{
    tensor enlarged = *below;
    if (below->sizes[1] != beside->sizes[1] || below->sizes[2] != beside->sizes[2])
        enlarged = op_resize_bilinear(run, below, beside->sizes[1], beside->sizes[2]);
    return op_concat_channels(run, &enlarged, beside);
}

static tensor stage_forward(operators *run, const isnet_stage *stage, const tensor *x)
{
    const size_t depth = stage->depth;
    tensor out = op_empty(run, 4, (size_t[]){1, x->sizes[1], x->sizes[2], stage->out});
    const size_t mark = operators_mark(run);
    tensor entry = unit_forward(run, stage->entry, x), down[ISNET_DEPTH_MAX];
    down[0] = unit_forward(run, stage->down[0], &entry);
    for (size_t i = 1; i < depth; i++) {
        const bool halves = !stage->flat && i + 1 < depth;
        tensor above = halves ? op_max_pool(run, &down[i - 1]) : down[i - 1];
        down[i] = unit_forward(run, stage->down[i], &above);
    }
    tensor up = down[depth - 1];
    for (size_t i = depth - 1; i-- > 0;) {
        tensor joined = join(run, &up, &down[i]);
        epilogue how = {.activation = ACTIVATION_RELU};
        if (i == 0) {
            how.add = &entry;
            how.out = &out;
        }
        up = op_convolution(run, stage->up[i], &joined, &how);
    }
    operators_release(run, mark);
    return out;
}

tensor isnet_forward(operators *run, const isnet *network, const tensor *x)
{
    const double total = 2 * ISNET_STAGES;
    tensor map = op_empty(run, 4, (size_t[]){1, (x->sizes[1] + 1) / 2, (x->sizes[2] + 1) / 2, 1});
    const size_t mark = operators_mark(run);
    tensor down[ISNET_STAGES], at = op_convolution(run, network->first, x, NULL);
    for (size_t i = 0; i < ISNET_STAGES; i++) {
        down[i] = stage_forward(run, &network->down[i], &at);
        operators_step(run, network_title, (double)(i + 1) / total);
        if (i + 1 < ISNET_STAGES)
            at = op_max_pool(run, &down[i]);
    }
    at = down[ISNET_STAGES - 1];
    for (size_t i = ISNET_STAGES - 1; i-- > 0;) {
        tensor joined = join(run, &at, &down[i]);
        at = stage_forward(run, &network->up[i], &joined);
        operators_step(run, network_title, (double)(2 * ISNET_STAGES - 1 - i) / total);
    }
    op_convolution(run, network->side, &at, &(epilogue){.out = &map});
    operators_release(run, mark);
    operators_step(run, network_title, 1.0);
    return map;
}

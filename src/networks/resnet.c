#include "networks/resnet.h"

void resnet_load(layer_loader *in, const char *prefix, size_t inputs, size_t outputs, size_t time, resnet *out)
{
    *out = (resnet){0};
    out->norm1 = load_norm(in, prefix, "norm1", inputs);
    out->conv1 = load_convolution(in, prefix, "conv1", outputs, inputs, 3, 1);
    if (time > 0)
        out->time = load_linear(in, prefix, "time_emb_proj", outputs, time, LINEAR_BIASED);
    out->norm2 = load_norm(in, prefix, "norm2", outputs);
    out->conv2 = load_convolution(in, prefix, "conv2", outputs, outputs, 3, 1);
    if (inputs != outputs)
        out->shortcut = load_convolution(in, prefix, "conv_shortcut", outputs, inputs, 1, 1);
}

void resnet_forward(operators *run, const resnet *block, const resnet_options *how, const tensor *x, const tensor *time,
                    tensor *out)
{
    const size_t mark = operators_mark(run);
    tensor bias = {0}, straight = *x;
    if (block->time != NULL)
        bias = op_linear(run, block->time, time, NULL);
    const norm_before first = {block->norm1, how->groups, how->epsilon, ACTIVATION_SILU};
    const norm_before second = {block->norm2, how->groups, how->epsilon, ACTIVATION_SILU};
    const epilogue timed = {.add_channels = block->time != NULL ? &bias : NULL};
    tensor h = op_norm_convolution(run, &first, block->conv1, x, &timed);
    if (block->shortcut != NULL) {
        op_convolution(run, block->shortcut, x, &(epilogue){.out = out});
        straight = *out;
    }
    op_norm_convolution(run, &second, block->conv2, &h, &(epilogue){.add = &straight, .out = out});
    operators_release(run, mark);
}

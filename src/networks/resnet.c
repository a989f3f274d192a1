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
    tensor h = op_group_norm(run, block->norm1, x, how->groups, how->epsilon, ACTIVATION_SILU);
    h = op_convolution(run, block->conv1, &h, &(epilogue){.add_channels = block->time != NULL ? &bias : NULL});
    h = op_group_norm(run, block->norm2, &h, how->groups, how->epsilon, ACTIVATION_SILU);
    if (block->shortcut != NULL) {
        op_convolution(run, block->shortcut, x, &(epilogue){.out = out});
        straight = *out;
    }
    op_convolution(run, block->conv2, &h, &(epilogue){.add = &straight, .out = out});
    operators_release(run, mark);
}

#!/usr/bin/env python3
"""Writes golden.h: what PyTorch makes of the inputs that test_golden.c makes too.

    python3 -m venv VENV && VENV/bin/pip install torch    # outside the repository
    VENV/bin/python tests/operators/golden.py > tests/operators/golden.h

Only results are stored; inputs and weights come from `pattern`, which is exact in f32 and the same in C. Results are
computed in f64 and stored in f32. Pictures are (N, H, W, C) in the file and (N, C, H, W) in PyTorch.
"""

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def pattern(seed, *sizes, scale=1.0):
    """The same numbers as pattern() in test_golden.c."""
    count = 1
    for size in sizes:
        count *= size
    values = [((seed * 7919 + i * 104729 + i * i * 31) % 2003 - 1001) / 1024 for i in range(count)]
    return (torch.tensor(values) * scale).reshape(sizes)


def picture(x):
    return x.permute(0, 3, 1, 2)


def rows(x):
    return x.permute(0, 2, 3, 1)


def convolve(x, out, kernel, seed, **how):
    weight = pattern(seed, out, x.shape[3], kernel, kernel, scale=0.25)
    return rows(F.conv2d(picture(x), weight, pattern(seed + 1, out), **how))


def attend(q, k, v, heads, **how):
    def split(x):
        return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)

    return F.scaled_dot_product_attention(split(q), split(k), split(v), **how).transpose(1, 2).reshape(q.shape)


x = pattern(1, 2, 5, 12)
small = pattern(2, 1, 7, 6, 8)
wide = pattern(3, 2, 3, 4, 24, scale=3.0)
line = pattern(4, 1, 1, 81, scale=5.0)
q, k, v = pattern(5, 1, 9, 16, scale=2.0), pattern(6, 1, 9, 16, scale=2.0), pattern(7, 1, 9, 16)
long_k, long_v = pattern(8, 1, 13, 16, scale=2.0), pattern(9, 1, 13, 16)
gate = F.linear(x, pattern(20, 16, 12, scale=0.5), pattern(21, 16))

cases = {
    "linear": F.linear(x, pattern(10, 7, 12, scale=0.5), pattern(11, 7)),
    "linear_silu_added": F.silu(F.linear(x, pattern(10, 12, 12, scale=0.5), pattern(11, 12))) + x,
    "geglu": gate[..., :8] * F.gelu(gate[..., 8:]),
    "convolution": convolve(small, 5, 3, 12, padding=1),
    "convolution_stride": convolve(small, 6, 3, 12, padding=1, stride=2),
    "convolution_dilation": convolve(small, 4, 3, 12, padding=2, dilation=2),
    "convolution_point": convolve(small, 9, 1, 12),
    "upsample_convolution": rows(F.conv2d(F.interpolate(picture(small), scale_factor=2, mode="nearest"),
                                          pattern(12, 3, 8, 3, 3, scale=0.25), pattern(13, 3), padding=1)),
    "group_norm": rows(F.group_norm(picture(wide), 4, pattern(14, 24), pattern(15, 24), 1e-5)),
    "group_norm_silu": rows(F.silu(F.group_norm(picture(wide), 8, pattern(14, 24), pattern(15, 24), 1e-6))),
    "layer_norm": F.layer_norm(x, (12,), pattern(14, 12), pattern(15, 12), 1e-5),
    "rms_norm": F.rms_norm(x, (12,), pattern(14, 12), 1e-6),
    "silu": F.silu(line),
    "gelu": F.gelu(line),
    "quick_gelu": line * torch.sigmoid(1.702 * line),
    "sigmoid": torch.sigmoid(line),
    "attention": attend(q, long_k, long_v, 2),
    "attention_causal": attend(q, k, v, 2, is_causal=True),
    "attention_mask": attend(q, long_k, long_v, 4, attn_mask=pattern(16, 9, 13, scale=2.0), scale=0.3),
    "softmax": torch.softmax(line, -1),
    "bilinear_up": rows(F.interpolate(picture(small), size=(10, 15), mode="bilinear", align_corners=False)),
    "bilinear_down": rows(F.interpolate(picture(small), size=(3, 4), mode="bilinear", align_corners=False)),
    "max_pool": rows(F.max_pool2d(picture(small), 2, 2, ceil_mode=True)),
}

print("/* Written by golden.py with PyTorch %s; see there. */" % torch.__version__.split("+")[0])
print("#ifndef LUMEN_TESTS_OPERATORS_GOLDEN_H\n#define LUMEN_TESTS_OPERATORS_GOLDEN_H\n")
print("/* clang-format off */")
for name, values in cases.items():
    flat = ["%.9gf" % value if "." in "%.9g" % value or "e" in "%.9g" % value else "%.9g.0f" % value
            for value in values.float().flatten().tolist()]
    print("static const float golden_%s[] = {" % name)
    for start in range(0, len(flat), 8):
        print("    " + ", ".join(flat[start:start + 8]) + ",")
    print("};\n")
print("#endif")

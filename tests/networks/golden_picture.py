#!/usr/bin/env python3
"""Makes tests/networks/golden_picture.safetensors: what the reference says for small networks of the structure of
IS-Net and DINOv2, and what Pillow makes of a picture.

Run by hand where torch, transformers and Pillow are installed, with the folder of a checkout of the public repository
wgsxm/PartCrafter, whose module of IS-Net is the reference (src/models/briarmbg.py):

    python tests/networks/golden_picture.py PartCrafter

Weights are computed from names on both sides, as in golden.py.
"""
import importlib.util
import pathlib
import sys

import numpy
import torch
from PIL import Image
from safetensors.numpy import save_file
from transformers import Dinov2Config, Dinov2Model

from golden import gaussian, made_up

FOLDER = pathlib.Path(__file__).parent
DINO = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=2, mlp_ratio=4, patch_size=14, image_size=70,
            layer_norm_eps=1e-6, hidden_act="gelu", qkv_bias=True, use_swiglu_ffn=False)
WIDTHS = {"stage1": (16, 8, 16), "stage2": (16, 8, 16), "stage3": (16, 8, 32), "stage4": (32, 16, 32),
          "stage5": (32, 16, 32), "stage6": (32, 16, 32), "stage5d": (64, 16, 32), "stage4d": (64, 8, 32),
          "stage3d": (64, 8, 16), "stage2d": (32, 8, 16), "stage1d": (32, 4, 16)}


def isnet(repository):
    """The reference's network with other widths: its stages are made anew from their own classes."""
    spec = importlib.util.spec_from_file_location("briarmbg", repository / "src" / "models" / "briarmbg.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.BriaRMBG()
    for name, (channels, middle, out) in WIDTHS.items():
        setattr(model, name, type(getattr(model, name))(channels, middle, out))
    model.conv_in = torch.nn.Conv2d(3, 16, 3, stride=2, padding=1)
    for index, channels in enumerate((16, 16, 16, 32, 32, 32)):
        setattr(model, f"side{index + 1}", torch.nn.Conv2d(channels, 1, 3, padding=1))
    return model


def name_in_file(name):
    """Newer versions of the reference name the layers of attention otherwise in memory than in files."""
    for new, old in (("q_proj", "attention.query"), ("k_proj", "attention.key"), ("v_proj", "attention.value"),
                     ("o_proj", "output.dense")):
        name = name.replace(f".attention.{new}.", f".attention.{old}.")
    return name


def fill(model):
    state = model.state_dict()
    counted = {name: value for name, value in state.items() if name.endswith("num_batches_tracked")}
    made = {name: made_up(name_in_file(name), tuple(value.shape)) for name, value in state.items()}
    model.load_state_dict(made | counted)
    return model.eval()


def pattern(width, height):
    """A picture with edges and fine lines; the same as pattern of tests/networks/test_picture_networks.c."""
    y, x = numpy.mgrid[0:height, 0:width]
    stripes = ((x * 7 + y * 3) % 32) * 8
    checks = ((x // 5 + y // 3) % 2) * 255
    return numpy.stack([stripes, checks, (x * x + y * 5) % 256], axis=-1).astype(numpy.uint8)


def prepared(pixels):
    """The reference's image processor: shorter side to 256 with Pillow's bicubic filter, the middle 224 x 224."""
    picture = Image.fromarray(pixels)
    shorter = min(picture.size)
    picture = picture.resize([int(256 * side / shorter) for side in picture.size], Image.Resampling.BICUBIC)
    left, top = (picture.size[0] - 224) // 2, (picture.size[1] - 224) // 2
    return numpy.asarray(picture.crop((left, top, left + 224, top + 224)))


def main():
    torch.set_grad_enabled(False)
    golden = {}
    network = fill(isnet(pathlib.Path(sys.argv[1])))
    picture = torch.rand(1, 3, 70, 54, generator=torch.Generator().manual_seed(1)) - 0.5
    found = []
    network.side1.register_forward_hook(lambda module, given, result: found.append(result))
    mask = network(picture)[0][0]
    assert torch.allclose(mask, torch.sigmoid(torch.nn.functional.interpolate(found[0], size=(70, 54), mode="bilinear")))
    golden["isnet.picture"], golden["isnet.map"] = picture[0], found[0][0]

    # Positions of 5 x 5 patches become 4 x 4.
    encoder = fill(Dinov2Model(Dinov2Config(**DINO)))
    pixels = gaussian(2, 1, 3, 56, 56)
    golden["dino.pixels"] = pixels[0]
    golden["dino.tokens"] = encoder(pixels).last_hidden_state[0]

    arrays = {name: value.contiguous().numpy() for name, value in golden.items()}
    # Every 7th row is enough to hold every filter's phase.
    for width, height in ((61, 47), (300, 500), (256, 256), (700, 310)):
        arrays[f"prepared.{width}x{height}"] = prepared(pattern(width, height))[::7].copy()
    save_file(arrays, FOLDER / "golden_picture.safetensors")
    for name, value in arrays.items():
        print(f"{name:22} {value.shape} {value.dtype} mean {value.mean():.4f} deviation {value.std():.4f}")


if __name__ == "__main__":
    main()

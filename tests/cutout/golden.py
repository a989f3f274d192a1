#!/usr/bin/env python3
"""Makes tests/cutout/golden.safetensors: what PartCrafter's own preparation of pictures makes of a few.

Run by hand where torch, scikit-image and opencv-python-headless are installed, with the folder of a checkout of the
public repository wgsxm/PartCrafter (269bd41):

    python tests/cutout/golden.py PartCrafter

Its network is replaced by a map of discs; pictures and maps are whole numbers and quotients, the same in test_cutout.c.
torchvision is not needed: the two functions that are used of it stand below on PyTorch's own.
"""
import importlib.util
import pathlib
import sys
import tempfile
import types

import cv2
import numpy
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).parent
SIDE = 1024

# Name, width, height, discs (x, y, radius in pixels of the map), whether the picture has an alpha (None: an opaque one).
CASES = [("small", 83, 61, [(500, 480, 300), (900, 900, 40)], False),
         ("wide", 640, 200, [(300, 600, 250), (700, 300, 200), (60, 60, 30)], False),
         ("large", 1500, 1100, [(200, 200, 90), (800, 700, 60)], False),
         ("beyond", 2413, 317, [(512, 512, 70), (515, 100, 40)], False),
         ("alpha", 120, 90, [(512, 512, 300)], True),
         ("opaque", 120, 90, [(512, 400, 300)], None)]


def resized(size, antialias):
    return lambda x: F.interpolate(x[None], size=size, mode="bilinear", antialias=antialias, align_corners=False)[0]


def reference(repository):
    module = types.ModuleType("torchvision")
    module.transforms = types.ModuleType("torchvision.transforms")
    module.transforms.Resize = resized
    module.transforms.functional = types.ModuleType("torchvision.transforms.functional")
    module.transforms.functional.normalize = lambda x, mean, std: (
        (x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None])
    sys.modules |= {"torchvision": module, "torchvision.transforms": module.transforms,
                    "torchvision.transforms.functional": module.transforms.functional}
    spec = importlib.util.spec_from_file_location("image_utils", repository / "src" / "utils" / "image_utils.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def map_of(discs):
    """The highest of all discs, each 1 in its middle and 0 at its rim, over a little noise."""
    y, x = numpy.mgrid[0:SIDE, 0:SIDE]
    values = ((x * 7 + y * 13) % 17).astype(numpy.float32) / numpy.float32(400)
    for left, top, radius in discs:
        inside = numpy.maximum(0, radius * radius - (x - left) ** 2 - (y - top) ** 2)
        values = numpy.maximum(values, inside.astype(numpy.float32) / numpy.float32(radius * radius))
    return torch.from_numpy(values)[None, None]


def pixels_of(width, height, alpha):
    y, x = numpy.mgrid[0:height, 0:width]
    colors = [(x * 7 + y * 3) % 32 * 8, (x // 5 + y // 3) % 2 * 255, (x * x + y * 5) % 256]
    if alpha:
        colors.append(numpy.minimum(255, numpy.maximum(0, (x - 30) * (y - 20))))
    elif alpha is None:
        colors.append(x * 0 + 255)
    return numpy.stack(colors, axis=-1).astype(numpy.uint8)


def main():
    torch.set_grad_enabled(False)
    utils = reference(pathlib.Path(sys.argv[1]))
    golden = {}
    for name, width, height, discs, alpha in CASES:
        seen = []

        def network(x):
            seen.append(x)
            return [[map_of(discs)]]

        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/{name}.png"
            Image.fromarray(pixels_of(width, height, alpha)).save(path)
            picture = utils.prepare_image(path, rmbg_net=network, device="cpu")
        pixels = numpy.asarray(picture)
        golden[f"{name}.size"] = numpy.array([pixels.shape[1], pixels.shape[0]], dtype=numpy.int32)
        # Every 5th row and column is enough.
        golden[f"{name}.picture"] = pixels[::5, ::5].copy()
        assert (len(seen) == 0) == (alpha is True)
        if seen:
            golden[f"{name}.input"] = seen[0][0].permute(1, 2, 0)[::37, ::37].contiguous().numpy()

    # Outlines of pieces of noise, as OpenCV measures them.
    y, x = numpy.mgrid[0:48, 0:64]
    noise = ((x * 31 + y * 17 + x * y * 7 + (x * x) // 3 + (y * y) // 5) % 11 < 5).astype(numpy.uint8)
    contours, _ = cv2.findContours(noise, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    areas = []
    for contour in contours:
        points = contour[:, 0]
        first = points[numpy.lexsort((points[:, 0], points[:, 1]))[0]]
        areas.append((first[0], first[1], round(2 * cv2.contourArea(contour))))
    golden["outlines"] = numpy.array(areas, dtype=numpy.int32)
    values = ((x * x * 5 + y * 9 + x * y) % 97 + (x > 40) * 120).astype(numpy.uint8)
    golden["otsu"] = numpy.array([cv2.threshold(values, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0]],
                                 dtype=numpy.int32)
    save_file(golden, FOLDER / "golden.safetensors")
    for name, value in golden.items():
        print(f"{name:16} {value.shape} mean {value.mean():.4f}")


if __name__ == "__main__":
    main()

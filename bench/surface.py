#!/usr/bin/env python3
"""The reference's extraction of surfaces beside ours: same lattice, same vertices.

    meson setup build -Dbench=true && ninja -C build bench/bench_surface
    python3 bench/surface.py build/bench/bench_surface PARTCRAFTER [--depths 4 5 6]

PARTCRAFTER is a checkout of github.com/wgsxm/PartCrafter at 269bd41, of which src/utils/inference_utils.py runs,
on the processor instead of CUDA. Needs numpy, torch, scipy, scikit-image and einops. Prints Markdown.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import types

import numpy
import skimage
import torch
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

HALF = 1.005


def ball(p):
    x, y, z = p.T
    return numpy.float32(20) * (numpy.sqrt(x * x + y * y + z * z) - numpy.float32(0.8))


def torus(p):
    x, y, z = p.T
    around = numpy.sqrt(x * x + z * z) - numpy.float32(0.6)
    return numpy.float32(20) * (numpy.sqrt(around * around + y * y) - numpy.float32(0.2))


def plate(p):
    x, y, z = p.T
    high = abs(y - numpy.float32(0.0123)) - numpy.float32(0.08)
    wide = numpy.maximum(abs(x), abs(z)) - numpy.float32(0.7)
    return numpy.float32(60) * numpy.maximum(high, wide)


FIELDS = [ball, torus, plate]  # the order of parity_shapes in tests/geometry/surface_fields.h


def load_reference(folder):
    """inference_utils.py as it is, but for the device and for imports that it does not use."""
    path = pathlib.Path(folder) / "src/utils/inference_utils.py"
    source = path.read_text(encoding="utf-8")
    source = source.replace("from src.utils.typing_utils import *", "from typing import *").replace("'cuda'", "'cpu'")
    module = types.ModuleType("inference_utils")
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def band_limits():
    """Where |2 sigmoid(x) - 1| stops being below 1 in 32 bits, by bisection."""
    limits = []
    for sign in (-1, 1):
        inside, outside = 0.0, 30.0
        for _ in range(60):
            middle = (inside + outside) / 2
            # An array, as the reference has: scalars may take another path through the library.
            value = torch.full((64,), sign * middle, dtype=torch.float32)
            if bool((torch.abs(torch.sigmoid(value) * 2 - 1) < 1).all()):
                inside = middle
            else:
                outside = middle
        limits.append(sign * outside)
    return limits


def run_reference(module, field, depth):
    asked = []
    seen = {}

    def geometric_function(points):
        asked.append(points.shape[1])
        values = field(points[0].numpy())
        return torch.from_numpy(values).reshape(1, -1, 1)

    def capture(array, level, method):
        seen["array"] = array
        return marching_cubes(array, level, method=method)

    module.measure = types.SimpleNamespace(marching_cubes=capture)
    vertices, faces = module.hierarchical_extract_geometry(
        geometric_function, torch.device("cpu"), torch.float32, bounds=(-HALF,) * 3 + (HALF,) * 3,
        dense_octree_depth=depth, hierarchical_octree_depth=depth + 1, max_num_expanded_coords=1e9)
    return asked, seen["array"], vertices, faces


def read_obj(path):
    vertices, faces = [], []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            (vertices if line[0] == "v" else faces).append(line.split()[1:])
    return numpy.array(vertices, dtype=float), numpy.array(faces, dtype=int) - 1


def volume(vertices, faces):
    a, b, c = (vertices[faces[:, i]].astype(float) for i in range(3))
    return float(numpy.einsum("ij,ij->i", a, numpy.cross(b, c)).sum() / 6)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("partcrafter")
    parser.add_argument("--depths", type=int, nargs="+", default=[4, 5, 6])
    options = parser.parse_args()
    module = load_reference(options.partcrafter)
    low, high = band_limits()
    print(f"scikit-image {skimage.__version__}, torch {torch.__version__}, numpy {numpy.__version__}; band in 32 bits "
          f"{low:.4f} to {high:.4f}.\n")
    print("| field | samples | dense | fine, reference | fine, ours | values that differ | vertices, Lewiner | vertices, "
          "ours | triangles, Lewiner | triangles, ours | Hausdorff, cells | volume, reference | volume, ours |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    good = True
    with tempfile.TemporaryDirectory() as folder:
        array_path, mesh_path = f"{folder}/values.f32", f"{folder}/mesh.obj"
        for index, field in enumerate(FIELDS):
            for depth in options.depths:
                asked, array, vertices, faces = run_reference(module, field, depth)
                answer = subprocess.run(
                    [options.program, "reference", str(index), str(depth), repr(low), repr(high), array_path, mesh_path],
                    check=True, stdout=subprocess.PIPE, text=True)
                ours = json.loads(answer.stdout)
                side = 2 ** (depth + 1)
                values = numpy.fromfile(array_path, numpy.float32).reshape((side,) * 3).transpose(2, 1, 0)
                own_vertices, own_faces = read_obj(mesh_path)
                cell = 2 * HALF / side
                there = cKDTree(own_vertices).query(vertices)[0].max()
                back = cKDTree(vertices).query(own_vertices)[0].max()
                differ = int((values != array).sum())
                distance = max(there, back) / cell
                print(f"| {field.__name__} | {side}³ | {asked[0]} | {asked[1]} | {ours['fine']} | {differ} "
                      f"| {len(vertices)} | {len(own_vertices)} | {len(faces)} | {len(own_faces)} | {distance:.4f} "
                      f"| {volume(vertices, faces):.6f} | {volume(own_vertices, own_faces):.6f} |")
                good = good and asked == [ours["dense"], ours["fine"]] and differ == 0
                good = good and len(vertices) == len(own_vertices) and distance <= 1

        print("\nOn arrays of noise, where many cells are ambiguous (the border is outside, 64³ values):\n")
        print("| smoothed by, cells | vertices, Lewiner | vertices, ours | triangles, Lewiner | triangles, ours |")
        print("|--:|--:|--:|--:|--:|")
        random = numpy.random.default_rng(1)
        for width in (0, 1, 2, 4):
            array = random.standard_normal((64,) * 3).astype(numpy.float32)
            if width:
                array = gaussian_filter(array, width)
            array[0], array[-1] = 1, 1
            array[:, 0], array[:, -1] = 1, 1
            array[:, :, 0], array[:, :, -1] = 1, 1
            vertices, faces, _, _ = marching_cubes(array, 0.0, method="lewiner")
            numpy.ascontiguousarray(array.transpose(2, 1, 0)).tofile(array_path)
            answer = subprocess.run([options.program, "values", array_path, "64"], check=True,
                                    stdout=subprocess.PIPE, text=True)
            ours = json.loads(answer.stdout)
            print(f"| {width} | {len(vertices)} | {ours['vertices']} | {len(faces)} | {ours['triangles']} |")
    if not good:
        sys.exit("the reference and ours differ")


if __name__ == "__main__":
    main()

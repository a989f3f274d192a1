#!/usr/bin/env python3
"""Iso-surfaces and surface samples beside scikit-image and trimesh, on one core, taking turns.

    meson setup build -Dbench=true && ninja -C build
    python3 bench/geometry.py build/bench/bench_geometry

Needs numpy, scikit-image and trimesh. Prints a Markdown table of medians.
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy
import skimage
import trimesh
from skimage.measure import marching_cubes

CELLS = 128


def fields():
    """The values of bench/geometry.c: the arrays are indexed [z, y, x]."""
    side = numpy.linspace(-1, 1, CELLS + 1, dtype=numpy.float32)
    z, y, x = numpy.meshgrid(side, side, side, indexing="ij")
    radius = numpy.sqrt(x * x + y * y + z * z)
    sin, cos = numpy.sin, numpy.cos
    waves = sin(9 * x) * cos(9 * y) + sin(9 * y) * cos(9 * z) + sin(9 * z) * cos(9 * x)
    return {
        "sphere": numpy.ascontiguousarray(radius - numpy.float32(0.8)),
        "gyroid": numpy.maximum(numpy.float32(0.1) * waves, radius - numpy.float32(0.9)).astype(numpy.float32),
    }


def timed(work):
    start = time.perf_counter()
    result = work()
    return (time.perf_counter() - start) * 1e3, result


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown processor"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="bench_geometry, from a build with -Dbench=true")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()

    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})  # inherited by the program
    program = subprocess.Popen([options.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ours(task):
        program.stdin.write(task + "\n")
        program.stdin.flush()
        line = program.stdout.readline()
        if not line:
            sys.exit(f"{options.program} gave no answer to {task}")
        return json.loads(line)

    values = fields()
    vertices, faces, _, _ = marching_cubes(values["gyroid"], 0.0)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    mesh.area_faces, mesh.triangles  # computed once and kept by trimesh; not part of its time

    peers = {
        "sphere": lambda: marching_cubes(values["sphere"], 0.0),
        "gyroid": lambda: marching_cubes(values["gyroid"], 0.0),
        "sample": lambda: trimesh.sample.sample_surface(mesh, 1000000, seed=1),
        "points": lambda: trimesh.sample.sample_surface(mesh, 2048, seed=1),
    }
    names = {
        "sphere": f"sphere, {CELLS}³ values",
        "gyroid": f"gyroid, {CELLS}³ values",
        "sample": "1,000,000 points",
        "points": "2,048 points",
        "part": "torus, sparse on 64 cells, with its field",
    }
    mine = {task: [] for task in names}
    theirs = {task: [] for task in peers}
    sizes = {}
    for turn in range(options.rounds + 1):
        for task in names:
            answer = ours(task)
            sizes[task] = answer
            if turn > 0:  # the first round warms both up
                mine[task].append(answer["ms"])
            if task in peers:
                milliseconds, result = timed(peers[task])
                if turn > 0:
                    theirs[task].append(milliseconds)
                if task in ("sphere", "gyroid") and abs(len(result[1]) / answer["triangles"] - 1) > 0.02:
                    sys.exit(f"{task}: {answer['triangles']} triangles here, {len(result[1])} there")
    program.stdin.close()
    program.wait()

    print(f"{processor()}, one core, {datetime.date.today()}; medians of {options.rounds} rounds taken in turns; "
          f"scikit-image {skimage.__version__}, trimesh {trimesh.__version__}, numpy {numpy.__version__}.\n")
    print("| task | triangles | Lumen ms | peer | peer ms | times faster |")
    print("|---|--:|--:|---|--:|--:|")
    for task, name in names.items():
        own = statistics.median(mine[task])
        triangles = sizes[task]["triangles"] or len(faces)
        if task in peers:
            peer = statistics.median(theirs[task])
            library = "trimesh" if task in ("sample", "points") else "scikit-image"
            print(f"| {name} | {triangles:,} | {own:.3f} | {library} | {peer:.2f} | {peer / own:.1f} |")
        else:
            print(f"| {name} | {triangles:,} | {own:.3f} | | | |")


if __name__ == "__main__":
    main()

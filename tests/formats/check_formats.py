#!/usr/bin/env python3
"""Opens what Lumen writes with other people's readers.

    check_formats.py --lumen build/src/cli/lumen --words "horse,car,oak" --out DIR [--modules FOLDER]
    check_formats.py --samples build/tests/formats/write_samples --out DIR [--modules FOLDER]

Needs numpy, trimesh and Pillow. With --modules also node and the package gltf-validator in FOLDER
(npm install --prefix FOLDER gltf-validator). Every word is written as PLY, GLB, STL, JSON and PNG and read
back: PLY, GLB and STL by trimesh, PNG by Pillow, JSON by Python. Ends with "N passed, M failed" and a
status that says the same.
"""
import argparse
import base64
import json
import pathlib
import re
import subprocess
import sys

import numpy
import trimesh
from PIL import Image

FORMATS = ("ply", "glb", "stl", "json", "png")
PICTURE_SIZE = (1024, 1024)


class Checks:
    """Counts what held and prints what did not."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def that(self, held, what):
        if held:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}")


def read_ply(path):
    """The vertex rows of a PLY as a structured array, through trimesh's reader, and the part names."""
    cloud = trimesh.load(path, process=False)
    rows = cloud.metadata["_ply_raw"]["vertex"]["data"]
    header = path.read_bytes().split(b"end_header\n", 1)[0].decode("ascii")
    parts = dict((int(k), name) for k, name in re.findall(r"^comment part (\d+) (.*)$", header, re.M))
    return rows, parts


def check_ply(checks, path, answer):
    rows, parts = read_ply(path)
    positions = numpy.stack([rows[axis] for axis in "xyz"], axis=1).reshape(-1, 3)
    normals = numpy.stack([rows[axis] for axis in ("nx", "ny", "nz")], axis=1).reshape(-1, 3)
    ids = rows["part_id"].reshape(-1)
    checks.that(len(positions) == len(answer["ids"]), f"{path}: {len(positions)} points, the JSON has {len(answer['ids'])}")
    checks.that(numpy.array_equal(positions, answer["positions"]), f"{path}: positions differ from the JSON's")
    checks.that(numpy.array_equal(ids, answer["ids"]), f"{path}: part ids differ from the JSON's")
    checks.that(list(parts.values()) == answer["part_names"], f"{path}: part names {parts}")
    checks.that(numpy.allclose(numpy.linalg.norm(normals, axis=1), 1, atol=1e-4), f"{path}: normals are not of length one")
    attachment = rows["attachment"].reshape(-1)
    checks.that(bool(((attachment >= 0) & (attachment <= 1)).all()), f"{path}: an attachment lies outside [0, 1]")


def check_glb(checks, path, answer):
    """Returns the number of triangles, for comparison with the STL."""
    scene = trimesh.load(path, process=False)
    names = set(scene.graph.nodes_geometry)
    known = [name for name in answer["part_names"] if name in names]
    checks.that(names == set(known), f"{path}: nodes {sorted(names)} are not the parts {answer['part_names']}")
    used = {answer["part_names"][k - 1] for k in set(answer["ids"].tolist()) if k > 0}
    checks.that(used <= names, f"{path}: parts {sorted(used - names)} have points but no mesh")
    triangles = 0
    for node in sorted(names):
        transform, geometry = scene.graph[node]
        mesh = scene.geometry[geometry]
        triangles += len(mesh.faces)
        checks.that(numpy.array_equal(transform, numpy.eye(4)), f"{path}: node {node} is moved")
        checks.that(mesh.is_watertight and mesh.is_winding_consistent, f"{path}: {node} is not watertight")
        checks.that(mesh.volume > 0, f"{path}: {node} is inside out")
    return triangles


def check_stl(checks, path, triangles):
    mesh = trimesh.load(path, process=False)
    checks.that(len(mesh.faces) == triangles, f"{path}: {len(mesh.faces)} triangles, the GLB has {triangles}")


def read_json(checks, path):
    answer = json.loads(path.read_text("utf-8"))
    positions = numpy.frombuffer(base64.b64decode(answer["positions"], validate=True), "<f4").reshape(-1, 3)
    ids = numpy.frombuffer(base64.b64decode(answer["part_ids"], validate=True), "u1")
    attachments = base64.b64decode(answer["attachments"], validate=True)
    checks.that(len(positions) == len(ids) == len(attachments), f"{path}: arrays of different lengths")
    checks.that(bool(numpy.isfinite(positions).all()), f"{path}: a position is not finite")
    checks.that(int(ids.max(initial=0)) <= len(answer["part_names"]), f"{path}: a part id without a name")
    checks.that(len(answer["part_colors"]) == len(answer["part_names"]), f"{path}: colors and names differ in number")
    low, high = answer["bounding_box"]["min"], answer["bounding_box"]["max"]
    checks.that(numpy.allclose(positions.min(axis=0), low, atol=1e-5) and
                numpy.allclose(positions.max(axis=0), high, atol=1e-5), f"{path}: the bounding box is not that of the points")
    return {"positions": positions, "ids": ids, "part_names": answer["part_names"], "answer": answer}


def check_png(checks, path):
    with Image.open(path) as image:
        image.load()
        checks.that(image.mode == "RGB" and image.size == PICTURE_SIZE, f"{path}: {image.mode} {image.size}")
        pixels = numpy.asarray(image, dtype=float)
    checks.that(pixels.std() > 5, f"{path}: the picture is nearly empty")


def check_word(checks, stem):
    for ending in FORMATS:
        if not stem.with_suffix("." + ending).is_file():
            checks.that(False, f"{stem}.{ending}: was not written")
            return
    answer = read_json(checks, stem.with_suffix(".json"))
    check_ply(checks, stem.with_suffix(".ply"), answer)
    check_stl(checks, stem.with_suffix(".stl"), check_glb(checks, stem.with_suffix(".glb"), answer))
    check_png(checks, stem.with_suffix(".png"))


def write_words(checks, lumen, words, out):
    stems = []
    for word in words:
        stem = out / re.sub(r"[^A-Za-z0-9]+", "-", word).strip("-")
        for ending in FORMATS:
            path = stem.with_suffix("." + ending)
            done = subprocess.run([lumen, "generate", word, "-o", path], capture_output=True, text=True)
            checks.that(done.returncode == 0, f"{path}: {done.stderr.strip()}")
        stems.append(stem)
    return stems


def main():
    arguments = argparse.ArgumentParser(description="Opens what Lumen writes with other people's readers.")
    source = arguments.add_mutually_exclusive_group(required=True)
    source.add_argument("--lumen", help="path of the lumen command")
    source.add_argument("--samples", help="path of write_samples, which needs no engine")
    arguments.add_argument("--words", default="horse,car,oak tree", help="separated by commas")
    arguments.add_argument("--out", required=True, type=pathlib.Path, help="folder for the files")
    arguments.add_argument("--modules", help="folder whose node_modules has gltf-validator")
    chosen = arguments.parse_args()

    chosen.out.mkdir(parents=True, exist_ok=True)
    checks = Checks()
    if chosen.lumen:
        stems = write_words(checks, chosen.lumen, [word.strip() for word in chosen.words.split(",")], chosen.out)
    else:
        subprocess.run([chosen.samples, chosen.out], check=True)
        stems = sorted(path.with_suffix("") for path in chosen.out.glob("*.json"))
    for stem in stems:
        check_word(checks, stem)
    if chosen.modules:
        script = pathlib.Path(__file__).with_name("validate_glb.mjs")
        command = ["node", script, "--modules", chosen.modules] + [stem.with_suffix(".glb") for stem in stems]
        checks.that(subprocess.run(command).returncode == 0, "the Khronos validator is not content")
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 0 if checks.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Lumen reads what other people's writers write.

    check_foreign.py --describe build/tests/formats/describe_shape --out DIR

Needs numpy and trimesh. Meshes, scenes and clouds are written by trimesh as PLY (text and binary) and GLB, read by
describe_shape, and held against what trimesh knows of them. Ends with "N passed, M failed" and a status that says the
same.
"""
import argparse
import base64
import json
import pathlib
import subprocess
import sys

import numpy
import trimesh


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


def read(program, path):
    """The description with its arrays decoded; None when the file was refused."""
    answer = subprocess.run([program, path], capture_output=True, text=True)
    if answer.returncode != 0:
        print(answer.stderr.strip())
        return None
    shape = json.loads(answer.stdout)
    shape["positions"] = numpy.frombuffer(base64.b64decode(shape["positions"]), "<f4").reshape(-1, 3)
    shape["part_ids"] = numpy.frombuffer(base64.b64decode(shape["part_ids"]), "u1")
    return shape


def distances(mesh, points):
    """Of each point from the nearest of all triangles: slow, and without a library for trees."""
    faces = mesh.triangles
    nearest = []
    for point in points:
        on_faces = trimesh.triangles.closest_point(faces, numpy.tile(point, (len(faces), 1)))
        nearest.append(numpy.linalg.norm(on_faces - point, axis=1).min())
    return numpy.array(nearest)


def into_unit(points, low, high):
    """What brings the box from low to high into [-1, 1]."""
    return (points - (low + high) / 2) * (2 / (high - low).max())


def check_surface(checks, name, shape, mesh, tolerance=0.02):
    """Every point lies on the mesh, and the points spread over its area."""
    if shape is None:
        checks.that(False, f"{name} is read")
        return
    low, high = mesh.bounds
    placed = mesh.copy()
    placed.vertices = into_unit(mesh.vertices, low, high)
    off = distances(placed, shape["positions"][:500]).max()
    checks.that(len(shape["positions"]) == 2048, f"{name}: {len(shape['positions'])} points")
    checks.that(off < tolerance, f"{name}: a point is {off:.4f} off the surface")
    spread = numpy.abs(shape["positions"].max(axis=0) - placed.vertices.max(axis=0)).max()
    checks.that(spread < 0.1, f"{name}: the points leave out {spread:.3f} of it")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--describe", required=True, help="path of describe_shape")
    arguments.add_argument("--out", required=True, type=pathlib.Path, help="folder for the files")
    chosen = arguments.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    checks = Checks()

    def load(name, data):
        path = chosen.out / name
        path.write_bytes(data)
        return read(chosen.describe, path)

    meshes = {
        "ball": trimesh.creation.icosphere(subdivisions=3, radius=40),
        "ring": trimesh.creation.torus(major_radius=3, minor_radius=0.5),
        "box": trimesh.creation.box(extents=(1e-3, 2e-3, 5e-4)),
        "far": trimesh.creation.cylinder(radius=1, height=4, transform=trimesh.transformations.translation_matrix((500, 0, 0))),
    }
    for name, mesh in meshes.items():
        check_surface(checks, f"{name}.ply (text)", load(f"{name}_text.ply", mesh.export(file_type="ply", encoding="ascii")), mesh)
        check_surface(checks, f"{name}.ply (binary)", load(f"{name}.ply", mesh.export(file_type="ply")), mesh)
        check_surface(checks, f"{name}.glb", load(f"{name}.glb", mesh.export(file_type="glb")), mesh)

    # A scene: named nodes, one inside another, moved, turned, mirrored.
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box(extents=(4, 1, 1)), node_name="body", geom_name="a box")
    turn = trimesh.transformations.rotation_matrix(0.7, (0, 1, 0))
    turn[:3, 3] = (3, 1, 0)
    scene.add_geometry(trimesh.creation.icosphere(subdivisions=2), node_name="head", geom_name="a ball", parent_node_name="body",
                       transform=turn)
    mirror = numpy.diag((-1.0, 1.0, 1.0, 1.0))
    mirror[:3, 3] = (-2, -1, 0.5)
    scene.add_geometry(trimesh.creation.cone(radius=0.5, height=1), node_name="tail", geom_name="a cone", transform=mirror)
    shape = load("scene.glb", scene.export(file_type="glb"))
    check_surface(checks, "scene.glb", shape, scene.to_geometry())
    if shape is not None:
        checks.that(sorted(shape["part_names"]) == ["body", "head", "tail"], f"scene.glb: parts {shape['part_names']}")
        low, high = scene.bounds
        for k, part in enumerate(shape["part_names"]):
            transform, geometry = scene.graph[part]
            own = scene.geometry[geometry].copy()
            own.apply_transform(transform)
            own.vertices = into_unit(own.vertices, low, high)
            mine = shape["positions"][shape["part_ids"] == k + 1]
            off = distances(own, mine[:200]).max() if len(mine) else numpy.inf
            checks.that(off < 0.02, f"scene.glb: {part} is {off:.3f} off")

    # Clouds, with colors; more points than a shape may have.
    generator = numpy.random.default_rng(5)
    for name, count in (("small", 500), ("large", 100000)):
        points = generator.uniform(-7, 3, (count, 3))
        cloud = trimesh.PointCloud(points, colors=numpy.tile((255, 128, 0, 255), (count, 1)))
        for encoding in ("ascii", "binary"):
            shape = load(f"{name}_{encoding}.ply", cloud.export(file_type="ply", encoding=encoding))
            checks.that(shape is not None, f"{name} {encoding} cloud is read")
            if shape is None:
                continue
            checks.that(len(shape["positions"]) == min(count, 65536), f"{name} cloud: {len(shape['positions'])} points")
            nearest = numpy.sort(into_unit(points, points.min(axis=0), points.max(axis=0))[:, 0])
            mine = numpy.sort(shape["positions"][:, 0])
            step = numpy.linspace(0, count - 1, len(mine)).astype(int)
            checks.that(numpy.abs(nearest[step] - mine).max() < 0.05, f"{name} {encoding} cloud is where it was")

    # What is not for us is refused, with a reason.
    for name, data in (("empty.ply", b""), ("text.glb", b"solid"), ("lines.glb", trimesh.load_path(numpy.eye(3)).scene().export(file_type="glb"))):
        checks.that(load(name, data) is None, f"{name} is refused")

    print(f"{checks.passed} passed, {checks.failed} failed")
    return 0 if checks.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())

"""The part `extract` of parity.py: the meshes of `--extract reference` beside those of the reference's own extraction.

    python scripts/parity.py build/bench/bench_networks --parts extract --partcrafter PATH \\
        --small build/tests/partcrafter/write_small_models [--depth 8]

Random weights have no shape. Those of tests/partcrafter/small_models.c have two: an ellipsoid, and one with bumps; a third
one is the latter with noise on every weight of the decoder, so that all layers have their say. Both sides read the same
weights and latents. The reference's decoder and its hierarchical_extract_geometry run on the processor in f32, with
full attention for all points (the reference itself thins out the keys of the first 50,000 points of its first part). Its band is
that of f32, ours the usual one of f16: both hold the whole surface.
"""
import json
import math
import pathlib
import shutil
import subprocess
import sys

import numpy
import torch

HALF = 1.005
PARTS, CHANNELS, TOKENS, DRIVE = ("ellipsoid", "bumps", "noisy"), 16, 21, 1000.0


def latents_of(part):
    """What the DiT of these weights makes: noise, and one channel far from zero."""
    latents = torch.randn(TOKENS, CHANNELS, generator=torch.Generator().manual_seed(12))
    latents[:, min(PARTS.index(part), 1)] += DRIVE
    return latents


def write_models(folder, writer, depth):
    """folder/extract-PART with the weights, and folder/input-extract-PART.safetensors."""
    from safetensors.torch import load_file, save_file
    for part in PARTS:
        target = folder / f"extract-{part}"
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run([writer, target, "bumpy"], check=True)
        path = target / "partcrafter/vae/diffusion_pytorch_model.safetensors"
        if part == "noisy":
            generator, weights = torch.Generator().manual_seed(13), load_file(path)
            for name in sorted(weights):
                inputs = math.prod(weights[name].shape[1:])
                weights[name] += 0.002 / math.sqrt(inputs) * torch.randn(weights[name].shape, generator=generator)
            save_file(weights, path)
        save_file({"latents": latents_of(part), "depth": torch.tensor([float(depth)])},
                  folder / f"input-extract-{part}.safetensors")


def reference_decoder(folder, model_class):
    """The reference's decoder with these weights; its encoder, which is not asked, has none."""
    from safetensors.torch import load_file
    config = json.loads((folder / "config.json").read_text())
    model = model_class({name: value for name, value in config.items() if not name.startswith("_")})
    weights = load_file(folder / "diffusion_pytorch_model.safetensors")
    missing, unknown = model.load_state_dict(weights, strict=False)
    assert not unknown and all(name.startswith(("encoder.", "quant.")) for name in missing), (missing, unknown)
    return model.eval()


def reference_vertices(model, latents, depth, checkout):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
    import surface
    module, asked = surface.load_reference(checkout), []

    def field(points):
        asked.append(points.shape[1])
        return model.decode(latents[None], sampled_points=points).sample

    with torch.no_grad():
        vertices, faces = module.hierarchical_extract_geometry(
            field, torch.device("cpu"), torch.float32, bounds=(-HALF,) * 3 + (HALF,) * 3, dense_octree_depth=depth,
            hierarchical_octree_depth=depth + 1, max_num_expanded_coords=1e9)
    return vertices, len(faces), sum(asked)


def hausdorff(one, other):
    from scipy.spatial import cKDTree
    return max(cKDTree(one).query(other)[0].max(), cKDTree(other).query(one)[0].max())


def compare(program, folder, checkout, model_class, kinds, depth):
    """Prints the table; whether counts are equal and distances below a cell."""
    side, good = 2 ** (depth + 1), True
    print("| field | samples | type | queries, reference | ours | asked again in f32 | vertices, reference | ours | "
          "triangles, reference | ours | Hausdorff, cells |")
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for part in PARTS:
        model = reference_decoder(folder / f"extract-{part}/partcrafter/vae", model_class)
        expected, triangles, asked = reference_vertices(model, latents_of(part), depth, checkout)
        for kind in kinds:
            out = folder / "ours-extract.raw"
            answer = subprocess.run([program, "extract", folder / f"extract-{part}/partcrafter",
                                     folder / f"input-extract-{part}.safetensors", out, "--type", kind],
                                    check=True, capture_output=True, text=True)
            about, vertices = json.loads(answer.stdout), numpy.fromfile(out, dtype=numpy.float32).reshape(-1, 3)
            distance = hausdorff(expected, vertices) / (2 * HALF / side)
            good = good and len(vertices) == len(expected) and distance <= 1
            print(f"| {part} | {side}³ | {kind} | {asked:,} | {about['queries']:,} | {about['doubtful']:,} | "
                  f"{len(expected):,} | {len(vertices):,} | {triangles:,} | {about['triangles']:,} | {distance:.4f} |",
                  flush=True)
    return good

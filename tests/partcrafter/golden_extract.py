#!/usr/bin/env python3
"""Makes tests/partcrafter/golden_extract.safetensors: the vertices that the reference's own extraction finds in the field of
a decoder whose weights are thought up (small_models.c), on a lattice of 16 and then 32 samples along each axis.

Run by hand where torch, diffusers, einops and scikit-image are installed, with the path of a checkout of the public repository
wgsxm/PartCrafter at 269bd41 and the program that writes the weights:

    python tests/partcrafter/golden_extract.py /path/to/PartCrafter build/tests/partcrafter/write_small_models
"""
import os
import pathlib
import sys
import tempfile

import torch
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent.parent / "scripts"))
import extraction  # noqa: E402
import parity  # noqa: E402

DEPTH = 4


def main():
    checkout, writer = sys.argv[1:]
    os.environ["PARTCRAFTER_PATH"] = checkout
    golden = {}
    with tempfile.TemporaryDirectory() as path:
        folder = pathlib.Path(path)
        extraction.write_models(folder, pathlib.Path(writer).resolve(), DEPTH)
        for part in ("ellipsoid", "bumps"):
            latents = extraction.latents_of(part)
            model = extraction.reference_decoder(folder / f"extract-{part}/partcrafter/vae",
                                                 parity.partcrafter_class("triposg"))
            vertices, triangles, _ = extraction.reference_vertices(model, latents, DEPTH, checkout)
            golden[f"{part}.latents"] = latents.numpy()
            golden[f"{part}.vertices"] = vertices
            golden[f"{part}.triangles"] = torch.tensor([float(triangles)]).numpy()
    save_file(golden, FOLDER / "golden_extract.safetensors")


if __name__ == "__main__":
    main()

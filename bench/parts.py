#!/usr/bin/env python3
"""One guided step of PartCrafter's DiT, and a part's field, in bf16 beside PyTorch on the same machine.

    python scripts/parity.py build/bench/bench_networks --parts dit,triposg --keep --partcrafter PATH
    python bench/parts.py build/bench/bench_networks --partcrafter PATH

PATH is a checkout of the public repository wgsxm/PartCrafter at 269bd41. Both sides read the same random weights of the
true shapes and use the same number of threads. A step is one evaluation of both branches; PyTorch takes them as one
batch, as the reference's pipeline does. Rounds alternate, since both do not fit into memory well; the first, cold run
of each does not count. Printed are the median, the least and the most.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scripts"))
import parity
import torch


def ours(given, part, path):
    answer = subprocess.run([given.program, part, given.folder / "partcrafter", path, os.devnull, "--type", "bf16",
                             "--threads", str(given.threads), "--repeat", str(given.repeat + 1)],
                            check=True, capture_output=True, text=True)
    about = json.loads(answer.stdout)
    print(json.dumps(about["costs"]), file=sys.stderr)
    return about["run_s"][1:]


def timed(repeat, work):
    seconds = []
    for _ in range(repeat + 1):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def reference_step(folder, repeat, latents, image):
    model = parity.reference_model(folder, "dit", torch.bfloat16)
    return timed(repeat, lambda: parity.velocities(model, latents, torch.tensor([1000.0]), image))


def reference_field(folder, repeat, latents, points):
    """The points alone: keys and values of the part are made again for each call, as the reference does."""
    model = parity.reference_model(folder, "triposg", torch.bfloat16)
    z = model.post_quant(latents[None].bfloat16())
    _, trunk = model.decoder(z, model.embedder(points[None, :1].bfloat16()), None)
    return timed(repeat, lambda: model.decoder(z, model.embedder(points[None].bfloat16()), trunk))


def show(name, lumen, torches):
    for who, seconds in (("lumen", lumen), ("torch", torches)):
        print(f"| {name} | {who} | {statistics.median(seconds):.3f} | {min(seconds):.3f} | {max(seconds):.3f} |")
    print(f"| {name} | ratio | {statistics.median(torches) / statistics.median(lumen):.2f} | | |", flush=True)


def main():
    from safetensors.torch import save_file
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--partcrafter", required=True)
    arguments.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp/lumen-parity"))
    arguments.add_argument("--parts", type=int, default=4)
    arguments.add_argument("--tokens", type=int, default=1024)
    arguments.add_argument("--points", type=int, default=16384)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--repeat", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=2)
    given = arguments.parse_args()
    os.environ["PARTCRAFTER_PATH"] = given.partcrafter
    torch.set_grad_enabled(False)
    torch.set_num_threads(given.threads)
    latents, image = parity.gaussian(1, given.parts, given.tokens, 64), parity.gaussian(2, 257, 1024)
    points = 2.01 * torch.rand(given.points, 3) - 1.005
    step, field = given.folder / "bench-dit.safetensors", given.folder / "bench-field.safetensors"
    save_file({"latents": latents, "image": image, "timestep": torch.tensor([1000.0])}, step)
    save_file({"latents": latents[0], "points": points}, field)
    seconds = {"step": ([], []), "field": ([], [])}
    for _ in range(given.rounds):
        seconds["step"][0].extend(ours(given, "dit", step))
        seconds["step"][1].extend(reference_step(given.folder, given.repeat, latents, image))
        seconds["field"][0].extend(ours(given, "field", field))
        seconds["field"][1].extend(reference_field(given.folder, given.repeat, latents[0], points))
    print("| what | who | median s | least | most |\n|---|---|--:|--:|--:|")
    show(f"step, {given.parts} parts of {given.tokens} tokens", *seconds["step"])
    show(f"field, {given.points} points", *seconds["field"])


if __name__ == "__main__":
    main()

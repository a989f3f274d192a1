#!/usr/bin/env python3
"""The whole engine partcrafter at full size: from a word to named parts, its stages, their memory.

    python scripts/parity.py build/bench/bench_networks --keep                                     (SDXL Turbo)
    python scripts/parity.py build/bench/bench_networks --parts rmbg,dino,dit --keep --partcrafter PATH
    python bench/whole.py build/bench/bench_whole --partcrafter PATH [--quality fast] [--parts 4] [--low-memory]

PATH is a checkout of the public repository wgsxm/PartCrafter at 269bd41, for the names and shapes of weights. SDXL Turbo,
IS-Net and DINOv2 have the random weights that parity.py leaves in the same folder. Those of PartCrafter are random too,
but for what leads out of each block, which is zero, and for a few layers that are thought up so that its parts are
ellipsoids where a cat has them: a field without a surface would leave out half of the work. How, tests/partcrafter/
small_models.h tells; all products are as large as with the official weights.
"""
import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scripts"))
import parity  # noqa: E402
import torch  # noqa: E402

ELLIPSOIDS = [((0.0, 0.227, 0.68), (0.27, 0.36, 0.28)), ((0.0, -0.204, -0.04), (0.26, 0.3, 0.72)),
              ((0.0, -0.534, -0.491), (0.29, 0.45, 0.2)), ((0.0, -0.566, 0.373), (0.26, 0.42, 0.18))]
DRIVE, CONSTANT, SHIFT, GATE, STEEP = 1000.0, 100.0, 2.0, 4.0, 177.0
FLAG, CONSTANT_CHANNEL, RESULT = 8, 16, 20
SINES, COSINES, FREQUENCIES = 3, 27, 8


def put_both(values, row, column, value):
    """Channel and opposite, so that a norm takes no mean away."""
    values[row, column], values[row + values.shape[0] // 2, column] = value, -value


def of_dit(name, values):
    width = parity.DIT["width"]
    one_hot = math.sqrt(width / 2)
    if name == "part_embedding.weight":
        values.zero_()
        for i in range(values.shape[0]):
            values[i, i % len(ELLIPSOIDS)], values[i, i % len(ELLIPSOIDS) + width // 2] = 1.0, -1.0
    elif name == "proj_out.weight":
        values.zero_()
        for i in range(len(ELLIPSOIDS)):
            values[i, i] = DRIVE / one_hot
    elif name.endswith("skip_linear.weight"):
        values.zero_()
        values[:, :width].copy_(torch.eye(width))


def query(values):
    values.zero_()
    for i, (center, axes) in enumerate(ELLIPSOIDS):
        for axis in range(3):
            weight = 1.0 / axes[axis] ** 2
            put_both(values, i, SINES + FREQUENCIES * axis, weight * math.sin(center[axis]))
            put_both(values, i, COSINES + FREQUENCIES * axis, weight * math.cos(center[axis]))


def query_bias(values):
    values.zero_()
    values = values[:, None]
    for i, (_, axes) in enumerate(ELLIPSOIDS):
        put_both(values, i, 0, 0.5 - sum(1.0 / axis ** 2 for axis in axes))
    put_both(values, CONSTANT_CHANNEL, 0, CONSTANT)


def heads(values, first):
    """Keys and values lie in the rows of to_k and to_v head by head: each head's keys, then its values."""
    values.zero_()
    width, head = parity.DECODER["width_decoder"], parity.DECODER["width_decoder"] // 8
    for i in range(len(ELLIPSOIDS)):
        channel = FLAG + i
        row = 2 * head * (channel // head) + head + channel % head - first
        if 0 <= row < width:
            values[row, i] = 1.0 / math.sqrt(width / 2)


def gates(values):
    values.zero_()
    count = len(ELLIPSOIDS)
    for i in range(count):
        values[i, i], values[i, FLAG + i] = STEEP, STEEP * GATE
        values[i, CONSTANT_CHANNEL] = STEEP * (SHIFT - GATE) / CONSTANT
    values[count, CONSTANT_CHANNEL] = STEEP * SHIFT / CONSTANT


def of_decoder(name, values):
    count, last = len(ELLIPSOIDS), f"decoder.blocks.{parity.DECODER['num_layers_decoder']}."
    if name == "post_quant.weight":
        values.zero_()
        for i in range(count):
            put_both(values, i, i, 1.0)
    elif name == "decoder.proj_query.weight":
        query(values)
    elif name == "decoder.proj_query.bias":
        query_bias(values)
    elif name == last + "attn2.to_k.weight":
        heads(values, 0)
    elif name == last + "attn2.to_v.weight":
        heads(values, parity.DECODER["width_decoder"])
    elif name == last + "attn2.to_out.0.weight":
        values.zero_()
        for i in range(count):
            put_both(values, FLAG + i, FLAG + i, 1.0)
    elif name == last + "ff.net.0.proj.weight":
        gates(values)
    elif name == last + "ff.net.2.weight":
        values.zero_()
        for i in range(count + 1):
            put_both(values, RESULT, i, 1.0 if i < count else -1.0)
    elif name == "decoder.proj_out.weight":
        values.zero_()
        values[0, RESULT] = 10.0


def thought_up(make):
    """What parity.py writes: random, but nothing leads out of blocks, norms do nothing, and `make` decides the rest."""
    def values_of(name, shape, generator):
        values = RANDOM(name, shape, generator)
        if len(shape) == 1:
            values.fill_(1.0 if name.endswith(".weight") else 0.0)
        elif name.endswith(("to_out.0.weight", "ff.net.2.weight", "proj_in.weight", "time_proj.linear_2.weight")):
            values.zero_()
        make(name, values)
        return values
    return values_of


RANDOM = parity.random_weights


def make_models(folder, source):
    """folder/sdxl-turbo, folder/rmbg-1.4, folder/partcrafter, of links where parity.py has the files."""
    folder.mkdir(parents=True, exist_ok=True)
    turbo = folder / "sdxl-turbo"
    turbo.mkdir(exist_ok=True)
    for name in ("text_encoder", "text_encoder_2", "unet", "vae", "scheduler"):
        if not (turbo / name).exists():
            (turbo / name).symlink_to((source / name).resolve())
    (turbo / "tokenizer").mkdir(exist_ok=True)
    (turbo / "tokenizer" / "merges.txt").write_text("#version: 0.2\nc a\nca t</w>\nh o\nho r\nhor s\nhors e</w>\n")
    (folder / "rmbg-1.4").mkdir(exist_ok=True)
    if not (folder / "rmbg-1.4" / "model.safetensors").exists():
        (folder / "rmbg-1.4" / "model.safetensors").symlink_to(parity.weights_path(source, "rmbg").resolve())
    maker = folder / "partcrafter"
    maker.mkdir(exist_ok=True)
    if not (maker / "image_encoder_dinov2").exists():
        (maker / "image_encoder_dinov2").symlink_to((source / "partcrafter" / "image_encoder_dinov2").resolve())
    (maker / "scheduler").mkdir(exist_ok=True)
    (maker / "scheduler" / "scheduler_config.json").write_text(json.dumps(parity.FLOW))
    for part, make in (("dit", of_dit), ("triposg", of_decoder)):
        if not parity.weights_path(folder, part).exists():
            parity.random_weights = thought_up(make)
            parity.write_weights(folder, part)
    parity.random_weights = RANDOM


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--partcrafter", default=os.environ.get("PARTCRAFTER_PATH", ""))
    arguments.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp/lumen-parity"))
    arguments.add_argument("--models", type=pathlib.Path, help="where the models are made; FOLDER/whole without it")
    arguments.add_argument("--quality", default="fast")
    arguments.add_argument("--parts", type=int, default=4, choices=(4, 8, 12, 16), help="ellipsoids come in fours")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--budget", type=float, default=0, help="of memory, in GB; 0: what the machine has")
    arguments.add_argument("--low-memory", action="store_true")
    given = arguments.parse_args()
    os.environ["PARTCRAFTER_PATH"] = given.partcrafter
    models = given.models or given.folder / "whole"
    make_models(models, given.folder)
    command = [given.program, models, given.quality, str(given.parts), str(given.threads), str(given.rounds),
               str(int(given.budget * 1e9)), "low" if given.low_memory else "usual"]
    rounds = [json.loads(line) for line in
              subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()]
    print(f"{given.quality}, {given.parts} parts, {given.threads} threads, {given.rounds} rounds, held: "
          f"{rounds[0]['holding']}; load of the machine {os.getloadavg()[0]:.1f}")
    print("| stage | median s | least | most | first s | peak memory GB |\n|---|--:|--:|--:|--:|--:|")
    later = rounds[1:] or rounds
    for name in rounds[0]["seconds"]:
        took = [one["seconds"][name] for one in later]
        peak = max(one["peak"].get(name, 0) for one in rounds) / 1e9
        print(f"| {name} | {statistics.median(took):.2f} | {min(took):.2f} | {max(took):.2f} | "
              f"{rounds[0]['seconds'][name]:.2f} | {peak:.2f} |" if name in rounds[0]["peak"] else
              f"| {name} | {statistics.median(took):.2f} | {min(took):.2f} | {max(took):.2f} | "
              f"{rounds[0]['seconds'][name]:.2f} | |")
    print(f"{rounds[-1]['parts']} parts of {rounds[-1]['triangles']:,} triangles, "
          f"{rounds[-1]['field_points']:,} points asked of the field")


if __name__ == "__main__":
    main()

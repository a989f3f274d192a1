#!/usr/bin/env python3
"""IS-Net and DINOv2-L beside onnxruntime: equal weights, equal inputs, equally many threads, in turns.

    python scripts/parity.py build/bench/bench_networks --parts rmbg,dino --partcrafter PATH --keep
    python bench/pictures.py build/bench/bench_networks --partcrafter PATH

Needs torch, transformers, onnx and onnxruntime; the weights are those that parity.py leaves. The reference's networks
are exported as ONNX, IS-Net with the one map that is used. onnxruntime folds what it can and runs in f32, which is what
it has kernels for on a CPU. Each turn is one run after one that does not count; medians and the smallest are printed,
with the machine's load, for both sides.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import onnxruntime
import torch
from safetensors.torch import load_file

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "scripts"))
import parity  # noqa: E402


class OneMap(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, picture):
        return self.network(picture)[0][0]


class Tokens(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, pixels):
        return self.network(pixels, return_dict=False)[0]


def export(folder, part, values):
    path = folder / f"{part}.onnx"
    if not path.exists():
        model = parity.reference_model(folder, part, torch.float32)
        model = OneMap(model) if part == "rmbg" else Tokens(model)
        torch.onnx.export(model.eval(), (values,), path, input_names=["x"], output_names=["y"], dynamo=False)
    return path


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Its threads wait without spinning once a run is over, so that they do not take ours' turn.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def theirs(run, values):
    times = []
    for _ in range(2):
        began = time.monotonic()
        run.run(["y"], {"x": values})
        times.append(time.monotonic() - began)
    return times[-1]


def ours(program, folder, part, kind, threads):
    answer = subprocess.run([program, part, parity.model_folder(folder, part), folder / f"input-{part}.safetensors",
                             "/dev/null", "--type", kind, "--threads", str(threads), "--repeat", "2"], check=True,
                            capture_output=True, text=True)
    return json.loads(answer.stdout)["run_s"][-1]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp/lumen-parity"))
    arguments.add_argument("--partcrafter", default=os.environ.get("PARTCRAFTER_PATH", ""))
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    os.environ["PARTCRAFTER_PATH"] = given.partcrafter
    torch.set_grad_enabled(False)
    print(f"{given.threads} threads, {given.rounds} turns, load {os.getloadavg()[0]:.1f}, onnxruntime "
          f"{onnxruntime.__version__}")
    print("| network | side | median s | smallest s |\n|---|---|--:|--:|")
    for part, name in (("rmbg", "picture"), ("dino", "pixels")):
        values = load_file(given.folder / f"input-{part}.safetensors")[name][None]
        run = session(export(given.folder, part, values), given.threads)
        times = {"onnxruntime f32": [], "ours f32": [], "ours bf16": []}
        for _ in range(given.rounds):
            times["onnxruntime f32"].append(theirs(run, values.numpy()))
            for kind in ("f32", "bf16"):
                times[f"ours {kind}"].append(ours(given.program, given.folder, part, kind, given.threads))
        for side, seconds in times.items():
            print(f"| {part} | {side} | {statistics.median(seconds):.3f} | {min(seconds):.3f} |", flush=True)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

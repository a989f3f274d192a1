#!/usr/bin/env python3
"""Text to picture with SDXL Turbo in one step, warm, beside other engines on the same machine.

    python scripts/parity.py build/bench/bench_networks --keep       # makes the weights, and proves equality
    python bench/image.py build/bench/bench_networks --engines lumen,torch,torch-compile,openvino,sdcpp --rounds 3 \\
        --sdcpp PATH/sd-cli --operators build/bench/bench_operators

Every engine gets the same random weights of the true shapes (f16 in files), the same two threads, 512 x 512 pixels, one
step, no guidance, and computes in bf16 (stable-diffusion.cpp: f16 weights, f32 sums). The time is that of two text
encoders, UNet, sampler and decoder; tokenizing, loading and the first, cold picture do not count. Engines do not fit
into memory together: in each round each is started, loads, paints once cold and --repeat times warm, in turns. Printed
are the median of all warm pictures by the clock, the least and the most, the ratio to Lumen's median, and the least
processor time of a picture, divided by the number of threads: that says more where the machine has other work. With
--operators, the matrix work alone in oneDNN is measured in each round too.

Needs torch, transformers, diffusers, safetensors; torch-compile a C++ compiler; openvino that package (the first run
converts the networks: some minutes, 6.9 GB of disk); sdcpp a build of its command line (the first run writes a single
file of 6.9 GB).
"""
import argparse
import gc
import json
import math
import os
import pathlib
import re
import resource
import statistics
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scripts"))
import numpy
import parity
import torch

PARTS = {part: parity.PARTS[part] for part in ("text", "text2", "unet", "vae")}

# ---- Lumen ------------------------------


def run_lumen(given):
    answer = subprocess.run([given.program, "whole", given.folder, given.folder / "input-whole.safetensors", os.devnull,
                             "--type", "bf16", "--threads", str(given.threads), "--repeat", str(given.repeat + 1)],
                            check=True, capture_output=True, text=True)
    about = json.loads(answer.stdout)
    return {"seconds": about["run_s"][1:], "processor": about["processor_s"][1:], "cold": about["run_s"][0],
            "load": about["load_s"], "peak": about["peak_bytes"], "costs": about["costs"],
            "weights": about["weight_bytes"], **{part: about[part + "_s"][1:] for part in ("text", "unet", "vae")}}


# ---- What all engines driven from Python share: four networks as functions, and the sampler between them -----------


def paint(networks, given):
    """networks: text(ids), text2(ids), unet(latent, context, pooled), vae(latent); all take and give f32 tensors."""
    from diffusers import EulerAncestralDiscreteScheduler
    times, began, processor = {}, time.perf_counter(), time.process_time()
    first = networks["text"](given["ids"][None].long())
    second, pooled = networks["text2"](given["ids2"][None].long())
    times["text"] = time.perf_counter() - began
    scheduler = EulerAncestralDiscreteScheduler(**parity.SCHEDULER)
    scheduler.set_timesteps(1)
    latent = given["latents"][None] * scheduler.init_noise_sigma
    t = scheduler.timesteps[0]
    start = time.perf_counter()
    noise = networks["unet"](scheduler.scale_model_input(latent, t), torch.cat([first, second], dim=-1), pooled)
    times["unet"] = time.perf_counter() - start
    latent = scheduler.step(noise, t, latent).prev_sample
    start = time.perf_counter()
    picture = networks["vae"](latent / parity.VAE["scaling_factor"])
    pixels = ((picture / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)[0].permute(1, 2, 0).contiguous()
    times["vae"] = time.perf_counter() - start
    times["seconds"] = time.perf_counter() - began
    times["processor"] = time.process_time() - processor
    return times, pixels


def peak_of(process):
    """The most that was ever resident of a process that runs."""
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process}/status").read_text())[1]) * 1024


def decibels(pixels, expected):
    difference = (pixels.float() - expected.float()).square().mean().sqrt().item()
    return 20 * math.log10(255 / max(difference, 1e-9))


def repeat(networks, given, load):
    from safetensors.torch import load_file
    inputs = load_file(given.folder / "input-whole.safetensors")
    cold, _ = paint(networks, inputs)
    runs = [paint(networks, inputs) for _ in range(given.repeat)]
    found = {name: [times[name] for times, _ in runs] for name in runs[0][0]}
    found |= {"cold": cold["seconds"], "load": load, "peak": peak_of("self")}
    reference = parity.reference_path(given.folder, "whole", "f32", 64)
    if reference.exists():
        expected = torch.from_numpy(numpy.load(reference)).reshape(runs[-1][1].shape)
        found["decibels"] = round(decibels(runs[-1][1], expected), 1)
    return found


# ---- PyTorch ------------------------------


def run_torch(given, compiled):
    torch.set_num_threads(given.threads)
    torch.set_grad_enabled(False)
    began = time.perf_counter()
    models = {part: parity.reference_model(given.folder, part, torch.bfloat16) for part in PARTS}
    for part in ("unet", "vae"):
        models[part] = models[part].to(memory_format=torch.channels_last)
    load = time.perf_counter() - began
    sizes = torch.tensor([[512, 512, 0, 0, 512, 512]], dtype=torch.bfloat16)
    timestep = torch.tensor(999.0)
    unet, decode = models["unet"], models["vae"].decode
    if compiled:
        unet, decode = torch.compile(unet), torch.compile(decode)

    def text2(ids):
        answer = models["text2"](ids, output_hidden_states=True)
        return answer.hidden_states[-2].float(), answer.text_embeds.float()

    def predict(latent, context, pooled):
        latent = latent.bfloat16().contiguous(memory_format=torch.channels_last)
        return unet(latent, timestep, encoder_hidden_states=context.bfloat16(),
                    added_cond_kwargs=dict(text_embeds=pooled.bfloat16(), time_ids=sizes)).sample.float()

    def picture(latent):
        return decode(latent.bfloat16().contiguous(memory_format=torch.channels_last)).sample.float()

    networks = {"text": lambda ids: models["text"](ids, output_hidden_states=True).hidden_states[-2].float(),
                "text2": text2, "unet": predict, "vae": picture}
    return repeat(networks, given, load)


# ---- OpenVINO ------------------------------


class TextHead(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        answer = self.model(ids, output_hidden_states=True)
        pooled = answer.text_embeds if hasattr(answer, "text_embeds") else answer.hidden_states[-2][:, 0]
        return answer.hidden_states[-2], pooled


class UnetHead(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, latent, context, pooled, sizes, timestep):
        return self.model(latent, timestep, encoder_hidden_states=context,
                          added_cond_kwargs=dict(text_embeds=pooled, time_ids=sizes), return_dict=False)[0]


class DecoderHead(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, latent):
        return self.model.decode(latent, return_dict=False)[0]


def prepare_openvino(given):
    """Converts one network after the other, once; weights stay f16 in the files."""
    import openvino
    torch.set_grad_enabled(False)
    out = given.folder / "openvino"
    out.mkdir(exist_ok=True)
    ids = torch.zeros(1, 77, dtype=torch.int64)
    examples = {"text": (TextHead, (ids,)), "text2": (TextHead, (ids,)),
                "unet": (UnetHead, (torch.zeros(1, 4, 64, 64), torch.zeros(1, 77, 2048), torch.zeros(1, 1280),
                                    torch.zeros(1, 6), torch.tensor(999.0))),
                "vae": (DecoderHead, (torch.zeros(1, 4, 64, 64),))}
    for part, (head, example) in examples.items():
        if (out / f"{part}.xml").exists():
            continue
        model = head(parity.reference_model(given.folder, part, torch.float32)).eval()
        converted = openvino.convert_model(model, example_input=example)
        converted.reshape({port: list(value.shape) for port, value in zip(converted.inputs, example)})
        openvino.save_model(converted, out / f"{part}.xml", compress_to_fp16=True)
        del model, converted
        gc.collect()


def run_openvino(given, precision):
    import openvino
    subprocess.run([sys.executable, __file__, given.program, "--folder", given.folder, "--worker", "prepare-openvino"],
                   check=True)
    began = time.perf_counter()
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": given.threads,
                "PERFORMANCE_HINT": "LATENCY"}
    models = {part: core.compile_model(given.folder / "openvino" / f"{part}.xml", "CPU", settings)
              for part in PARTS}
    load = time.perf_counter() - began
    sizes = numpy.array([[512, 512, 0, 0, 512, 512]], dtype=numpy.float32)
    timestep = numpy.array(999.0, dtype=numpy.float32)

    def call(part, *values):
        answer = models[part](list(values))
        return [torch.from_numpy(answer[port]) for port in models[part].outputs]

    networks = {"text": lambda ids: call("text", ids.numpy())[0],
                "text2": lambda ids: call("text2", ids.numpy()),
                "unet": lambda latent, context, pooled: call("unet", latent.numpy(), context.numpy(), pooled.numpy(),
                                                             sizes, timestep)[0],
                "vae": lambda latent: call("vae", latent.numpy())[0]}
    return repeat(networks, given, load)


# ---- stable-diffusion.cpp ------------------------------


def single_file(given):
    """The same weights under the names of the single file, for engines that read only that."""
    from safetensors import safe_open
    path = given.folder / "single.safetensors"
    if path.exists():
        return path
    lines = subprocess.run([given.program, "names"], check=True, capture_output=True, text=True).stdout.splitlines()
    places = {}
    for line in lines:
        folder, name, place, piece, pieces, turned, *_ = line.split()
        places.setdefault(place, []).append((folder, name, int(turned)))
    # The last layer of the first text encoder, which nobody needs, and the encoder of the VAE are not named there.
    files = {about[0]: safe_open(parity.weights_path(given.folder, part), "pt") for part, about in PARTS.items()}
    for name in files["text_encoder"].keys():
        places.setdefault("conditioner.embedders.0.transformer." + name, [("text_encoder", name, 0)])

    def value(place):
        parts = [files[folder].get_tensor(name) for folder, name, _ in places[place]]
        whole = torch.cat(parts) if len(parts) > 1 else parts[0]
        whole = whole.T.contiguous() if places[place][0][2] else whole
        if "first_stage_model" in place and ".attn_1." in place and whole.dim() == 2:
            whole = whole[:, :, None, None]
        return whole

    header, offset = {}, 0
    for place in sorted(places):
        shape = list(value(place).shape)
        size = 2 * int(numpy.prod(shape))
        header[place] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for place in sorted(places):
            file.write(value(place).half().contiguous().numpy().tobytes())
    return path


def run_sdcpp(given):
    """Its command line reads the text once, and says in its log how long each of several pictures took. It takes so
    long that one warm picture a round must do."""
    command = [given.sdcpp, "-m", single_file(given), "-p", "a photo of a horse", "--steps", "1", "--cfg-scale", "1",
               "--sampling-method", "euler_a", "-W", "512", "-H", "512", "-t", str(given.threads), "-b", "2",
               "-o", given.folder / "sdcpp.png", "-v", *given.sdcpp_options.split()]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    log = answer.stdout + answer.stderr

    def said(pattern):
        found = [float(seconds) for seconds in re.findall(pattern + r",? taking ([\d.]+)s", log)]
        if not found:
            raise RuntimeError("sd.cpp said no time:\n" + log[-3000:])
        return found

    text, unet, vae = (said(pattern) for pattern in ("get_learned_condition completed", "sampling completed",
                                                     r"latent \d+ decoded"))
    pictures = [text[0] + one + other for one, other in zip(unet, vae)]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": pictures[1:], "cold": pictures[0], "load": said("loading tensors completed")[0], "text": text,
            "unet": unet[1:], "vae": vae[1:], "peak": used.ru_maxrss * 1024}  # with torch's start


# ---- Loading ------------------------------


def measure_load(given, cold):
    """Seconds until all weights are packed, with their files in the system's page cache or dropped from it."""
    for part in PARTS:
        with open(parity.weights_path(given.folder, part), "rb") as file:
            if cold:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            else:
                while file.read(1 << 24):
                    pass
    command = [given.program, "whole", given.folder, given.folder / "input-whole.safetensors", os.devnull, "--type",
               "bf16", "--threads", str(given.threads)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["load_s"]


# ---- The matrix work alone ------------------------------


def measure_operators(given, network):
    """Seconds of processor time of one thread: oneDNN's matrix work alone, and all of our operators."""
    answer = subprocess.run([given.operators, network, "2", str(given.threads), "bf16"], check=True,
                            capture_output=True, text=True, env=os.environ | {"OMP_WAIT_POLICY": "active"})
    return [float(seconds) for seconds in
            re.search(r"best round: matrix work alone ([\d.]+) s, operators ([\d.]+) s", answer.stdout).groups()]


# ---- Rounds ------------------------------

WORKERS = {"lumen": run_lumen, "torch": lambda given: run_torch(given, False),
           "torch-compile": lambda given: run_torch(given, True),
           "openvino": lambda given: run_openvino(given, "bf16"),
           "openvino-f32": lambda given: run_openvino(given, "f32"), "sdcpp": run_sdcpp}


def measure(given, engine):
    command = [sys.executable, __file__, given.program, "--folder", given.folder, "--worker", engine, "--threads",
               str(given.threads), "--repeat", str(given.repeat)]
    if given.sdcpp:
        command += ["--sdcpp", given.sdcpp, "--sdcpp-options=" + given.sdcpp_options]
    answer = subprocess.run(command, capture_output=True, text=True,
                            env=os.environ | {"OMP_NUM_THREADS": str(given.threads)})
    if answer.returncode != 0:
        print(f"{engine} failed:\n{answer.stderr[-2000:]}", file=sys.stderr)
        return None
    return json.loads(answer.stdout.splitlines()[-1])


def rounded(values):
    return [round(value, 2) for value in values]


def run_rounds(given):
    engines, results, matrix, loads = given.engines.split(","), {}, {}, {}
    for number in range(given.rounds):
        for engine in engines:
            began = time.perf_counter()
            found = measure(given, engine)
            if found is not None:
                results.setdefault(engine, []).append(found)
                print(f"round {number + 1} {engine}: {rounded(found['seconds'])}, processor "
                      f"{rounded(s / given.threads for s in found.get('processor', []))}, "
                      f"{time.perf_counter() - began:.0f} s in all", file=sys.stderr, flush=True)
        for network in ("unet", "vae") if given.operators else ():
            matrix.setdefault(network, []).append(measure_operators(given, network))
            print(f"round {number + 1} {network} matrix work alone, all operators: {matrix[network][-1]}",
                  file=sys.stderr, flush=True)
        for cold in (True, False) if "lumen" in engines else ():
            loads.setdefault("cold" if cold else "warm", []).append(measure_load(given, cold))
    return results, matrix, loads


def middle_of(runs, name):
    return statistics.median(value for run in runs for value in run[name])


def print_engines(given, results):
    base = middle_of(results["lumen"], "seconds") if "lumen" in results else None
    print("| engine | median s | least to most | ratio | processor s | text | UNet | VAE | first picture s | load s | "
          "peak memory GB | PSNR dB |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for engine, runs in results.items():
        seconds = [s for run in runs for s in run["seconds"]]
        middle = statistics.median(seconds)
        parts = " | ".join(f"{middle_of(runs, part):.2f}" for part in ("text", "unet", "vae"))
        ratio = f"{middle / base:.2f}" if base else ""
        processor = [s / given.threads for run in runs for s in run.get("processor", [])]
        print(f"| {engine} | {middle:.2f} | {min(seconds):.2f} to {max(seconds):.2f} | {ratio} | "
              f"{f'{min(processor):.2f}' if processor else ''} | {parts} | "
              f"{statistics.median(run['cold'] for run in runs):.2f} | "
              f"{statistics.median(run['load'] for run in runs):.1f} | {max(run['peak'] for run in runs) / 1e9:.2f} | "
              f"{runs[-1].get('decibels', '')} |")


def print_lumen(given, runs, matrix, loads):
    for kind, seconds in loads.items():
        print(f"\nLumen's load, page cache {kind}: {rounded(seconds)} s", end="")
    print(f"\nPeak memory over weights: {max(run['peak'] / run['weights'] for run in runs):.3f}")
    print("Lumen by kind of operator, last picture:")
    for kind, cost in runs[-1]["costs"].items():
        rate = 2e-3 * cost["gmac"] / cost["s"] if cost["s"] > 0 else 0
        print(f"| {kind} | {cost['s']:.3f} s | {cost['gmac']:.1f} GMAC | {rate:.2f} TFLOP/s | {cost['calls']} calls |")
    for network, pairs in matrix.items():
        alone, operators = statistics.median(a for a, _ in pairs), statistics.median(o for _, o in pairs)
        ours = middle_of(runs, network)
        print(f"{network}: matrix work alone in oneDNN {alone:.2f} s, all operators {operators:.2f} s, processor time "
              f"of one of {given.threads} threads; Lumen's {network} by the clock {ours:.2f} s: {ours / alone:.2f} times")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp/lumen-parity"))
    arguments.add_argument("--engines", default="lumen,torch")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--repeat", type=int, default=3, help="warm pictures of an engine in a round")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--operators", help="bench_operators: measures the matrix work alone as well")
    arguments.add_argument("--sdcpp", help="the command line program of stable-diffusion.cpp")
    arguments.add_argument("--sdcpp-options", default="", help="more options for it")
    arguments.add_argument("--worker", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.worker == "prepare-openvino":
        prepare_openvino(given)
    elif given.worker:
        print(json.dumps(WORKERS[given.worker](given)))
    else:
        results, matrix, loads = run_rounds(given)
        print_engines(given, results)
        if "lumen" in results:
            print_lumen(given, results["lumen"], matrix, loads)


if __name__ == "__main__":
    main()

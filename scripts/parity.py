#!/usr/bin/env python3
"""Holds the networks at full size against the reference, with equal random weights.

    meson setup build -Dbench=true && ninja -C build bench/bench_networks
    python scripts/parity.py build/bench/bench_networks

Needs torch, transformers, diffusers and safetensors in a virtual environment of its own, 7 GB of disk and 16 GB of
memory: parts are loaded one at a time. With --parts dit,triposg,partcrafter,steps and --partcrafter PATH, a checkout of the
public repository wgsxm/PartCrafter at 269bd41 (which wants einops too), PartCrafter instead of SDXL Turbo: 3.4 GB of
disk, 12 GB of memory; with --parts rmbg,dino and the same checkout RMBG-1.4 and DINOv2, 0.7 GB; with --parts extract
meshes (extraction.py). Prints the tables of docs/parity.md. --keep leaves the weights for the next run; bench/image.py
uses them too.

Weights are normal with a deviation of 1 / sqrt(inputs), norms near 1, stored as f16 in the layout of the official
repository. Both sides read the same file. Errors: the largest difference over the largest value of the reference.
"""
import argparse
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import time

import numpy
import torch

import extraction

TEXT = dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=49408,
            max_position_embeddings=77, hidden_act="quick_gelu", layer_norm_eps=1e-5, projection_dim=768,
            bos_token_id=0, eos_token_id=2, pad_token_id=1)
TEXT2 = dict(hidden_size=1280, num_hidden_layers=32, num_attention_heads=20, intermediate_size=5120, vocab_size=49408,
             max_position_embeddings=77, hidden_act="gelu", layer_norm_eps=1e-5, projection_dim=1280,
             bos_token_id=0, eos_token_id=2, pad_token_id=1)
UNET = dict(sample_size=64, in_channels=4, out_channels=4, block_out_channels=[320, 640, 1280],
            down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], layers_per_block=2,
            transformer_layers_per_block=[1, 2, 10], attention_head_dim=[5, 10, 20], cross_attention_dim=2048,
            use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816)
VAE = dict(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=[128, 256, 512, 512],
           layers_per_block=2, norm_num_groups=32, scaling_factor=0.13025,
           down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, sample_size=1024)
SCHEDULER = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                 prediction_type="epsilon", timestep_spacing="trailing", steps_offset=1)
PARTS = {"text": ("text_encoder", TEXT, "model"), "text2": ("text_encoder_2", TEXT2, "model"),
         "unet": ("unet", UNET, "diffusion_pytorch_model"), "vae": ("vae", VAE, "diffusion_pytorch_model")}

# ---- PartCrafter, in a folder of its own ------------------------------

DIT = dict(num_attention_heads=16, width=2048, in_channels=64, num_layers=21, cross_attention_dim=1024,
           max_num_parts=32, global_attn_block_ids=list(range(0, 21, 2)))
DECODER = dict(in_channels=3, latent_channels=64, num_attention_heads=8, width_encoder=512, width_decoder=1024,
               num_layers_encoder=8, num_layers_decoder=16, embed_frequency=8, embed_include_pi=False)
FLOW = dict(num_train_timesteps=1000, shift=1.0, use_dynamic_shifting=False)
PARTCRAFTER = {"dit": ("transformer", DIT, "diffusion_pytorch_model"),
               "triposg": ("vae", DECODER, "diffusion_pytorch_model")}
PARTS |= PARTCRAFTER
CHAIN = ("partcrafter", "steps")
GUIDANCE, STEPS, TOKENS = 7.0, 50, 64

# ---- From a picture to its mask and its tokens: RMBG-1.4 in a folder of its own, DINOv2 in PartCrafter's --------------

DINO = dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, mlp_ratio=4, patch_size=14, image_size=518,
            layer_norm_eps=1e-6, hidden_act="gelu", qkv_bias=True, use_swiglu_ffn=False)
PICTURES = {"rmbg": ("", {"in_ch": 3, "out_ch": 1}, "model"), "dino": ("image_encoder_dinov2", DINO, "model")}
PARTS |= PICTURES


def partcrafter_class(part):
    """The reference's own, from PARTCRAFTER_PATH. What its encoder needs and the decoder does not is stood in for."""
    import importlib.machinery
    import types
    cluster = types.ModuleType("torch_cluster")
    cluster.__spec__ = importlib.machinery.ModuleSpec("torch_cluster", None)
    cluster.fps = None
    sys.modules.setdefault("torch_cluster", cluster)
    if os.environ["PARTCRAFTER_PATH"] not in sys.path:
        sys.path.insert(0, os.environ["PARTCRAFTER_PATH"])
    if part == "rmbg":
        from src.models.briarmbg import BriaRMBG
        return BriaRMBG
    if part == "dit":
        from src.models.transformers.partcrafter_transformer import PartCrafterDiTModel as found
    elif part == "triposg":
        from src.models.autoencoders.autoencoder_kl_triposg import TripoSGVAEModel as found
    else:
        from src.schedulers.scheduling_rectified_flow import RectifiedFlowScheduler as found
    return lambda config: found(**config)


def reference_class(part):
    import diffusers
    import transformers
    if part in PARTCRAFTER or part == "rmbg":
        return partcrafter_class(part)
    if part == "dino":
        return lambda config: transformers.Dinov2Model(transformers.Dinov2Config(**config))
    return {"text": lambda config: transformers.CLIPTextModel(transformers.CLIPTextConfig(**config)),
            "text2": lambda config: transformers.CLIPTextModelWithProjection(transformers.CLIPTextConfig(**config)),
            "unet": lambda config: diffusers.UNet2DConditionModel(**config),
            "vae": lambda config: diffusers.AutoencoderKL(**config)}[part]


def dino_name(name):
    """Newer versions of the reference name the layers of attention otherwise in memory than in files."""
    for new, old in (("q_proj", "attention.query"), ("k_proj", "attention.key"), ("v_proj", "attention.value"),
                     ("o_proj", "output.dense")):
        name = name.replace(f".attention.{new}.", f".attention.{old}.")
    return name


def empty_model(part):
    """The reference's network without memory for its weights, and the names of its tensors in files."""
    with torch.device("meta"):
        model = reference_class(part)(PARTS[part][1])
    names = {}
    for name in model.state_dict():
        if not name.endswith(("position_ids", "num_batches_tracked")):
            prefix = "text_model." if part == "text" and not name.startswith("text_model.") else ""
            names[name] = dino_name(name) if part == "dino" else prefix + name
    return model, names


def model_folder(folder, part):
    if part == "rmbg":
        return folder / "rmbg-1.4"
    return folder / "partcrafter" if part in PARTCRAFTER or part in CHAIN or part == "dino" else folder


def weights_path(folder, part):
    name, _, stem = PARTS[part]
    return model_folder(folder, part) / name / f"{stem}.fp16.safetensors"


def random_weights(name, shape, generator):
    values = torch.randn(*shape, generator=generator)
    if len(shape) > 1:
        return values / math.sqrt(math.prod(shape[1:]))
    if name.endswith(".running_var"):
        return (1 + 0.1 * values).abs()
    return 1 + 0.1 * values if name.endswith((".weight", ".lambda1")) else 0.1 * values


def write_weights(folder, part):
    """A safetensors file, written as it is made: the UNet's would not fit into memory twice."""
    model, names = empty_model(part)
    shapes = {names[name]: tuple(value.shape) for name, value in model.state_dict().items() if name in names}
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(shapes):
        size = 2 * math.prod(shapes[name])
        header[name] = {"dtype": "F16", "shape": list(shapes[name]), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = weights_path(folder, part)
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(sorted(PARTS).index(part))
    with open(path.with_suffix(".part"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(shapes):
            file.write(random_weights(name, shapes[name], generator).half().numpy().tobytes())
    path.with_suffix(".part").rename(path)
    (path.parent / "config.json").write_text(json.dumps(PARTS[part][1]))
    print(f"{path}: {path.stat().st_size:,} bytes", file=sys.stderr)


def make_folder(folder, parts):
    """The models that the parts to hold belong to."""
    partcrafter = any(part in PARTCRAFTER or part in CHAIN for part in parts)
    turbo = any(part not in PARTCRAFTER | PICTURES and part not in CHAIN for part in parts)
    for part in PARTS:
        if (part in parts if part in PICTURES else partcrafter if part in PARTCRAFTER else turbo) and not weights_path(folder, part).exists():
            write_weights(folder, part)
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps(SCHEDULER | {"_class_name": "EulerAncestralDiscreteScheduler"}))


def reference_model(folder, part, dtype):
    from safetensors import safe_open
    model, names = empty_model(part)
    with safe_open(weights_path(folder, part), "pt") as file:
        state = {name: file.get_tensor(full).to(dtype) for name, full in names.items()}
    # What is computed when a model is made, and not stored.
    for name, value in model.named_buffers():
        if value.is_meta and name not in state:
            module, _, leaf = name.rpartition(".")
            owner = model.get_submodule(module)
            made = torch.arange(value.shape[-1]).expand(value.shape) if value.dim() > 0 else torch.tensor(0)
            owner.register_buffer(leaf, 2.0 ** made.to(dtype) if leaf == "frequencies" else made, persistent=False)
    model.load_state_dict(state, strict=False, assign=True)
    left = [name for name, value in list(model.named_parameters()) + list(model.named_buffers()) if value.is_meta]
    assert not left, left
    return model.eval()


def gaussian(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def inputs(folder, side):
    """What both sides are given; each part its own, so that an error of one is not another's."""
    from safetensors.torch import save_file
    ids = torch.full((77,), 49407, dtype=torch.int32)
    ids[:8] = torch.tensor([49406, 320, 1125, 539, 320, 4558, 49407, 49407])
    ids2 = ids.clone()
    ids2[7:] = 0
    points = 2.01 * torch.rand(8192, 3, generator=torch.Generator().manual_seed(8)) - 1.005
    files = {"dit": {"latents": gaussian(6, 2, 256, 64), "image": gaussian(7, 257, 1024),
                     "timestep": torch.tensor([1000.0])},
             "triposg": {"latents": gaussian(9, 1024, 64), "points": points},
             "partcrafter": {"noise": gaussian(6, 2, TOKENS, 64), "image": gaussian(7, 257, 1024),
                             "steps_guidance": torch.tensor([float(STEPS), GUIDANCE])},
             "rmbg": {"picture": torch.rand(3, 1024, 1024, generator=torch.Generator().manual_seed(10)) - 0.5},
             "dino": {"pixels": gaussian(11, 3, 224, 224)},
             "text": {"ids": ids}, "text2": {"ids": ids2},
             "unet": {"latent": gaussian(1, 4, side, side), "context": gaussian(2, 77, 2048),
                      "pooled": gaussian(3, 1280), "timestep": torch.tensor([999.0])},
             "vae": {"latent": gaussian(4, 4, side, side)},
             "whole": {"ids": ids, "ids2": ids2, "latents": gaussian(5, 4, side, side),
                       "steps": torch.tensor([1], dtype=torch.int32)}}
    for part, tensors in files.items():
        save_file(tensors, folder / f"input-{part}.safetensors")
    return files


# ---- The reference, in a process of its own so that its memory is free before ours begins ----------------------------


def encode(folder, part, ids, dtype):
    model = reference_model(folder, part, dtype)
    answer = model(ids[None].long(), output_hidden_states=True)
    context = answer.hidden_states[-2].float()
    return context, (answer.text_embeds.float() if part == "text2" else torch.zeros(1, 0))


def predict(folder, given, dtype):
    model = reference_model(folder, "unet", dtype)
    pixels = 8 * given["latent"].shape[-1]
    sizes = torch.tensor([[pixels, pixels, 0, 0, pixels, pixels]], dtype=dtype)
    return model(given["latent"][None].to(dtype), given["timestep"][0],
                 encoder_hidden_states=given["context"][None].to(dtype),
                 added_cond_kwargs=dict(text_embeds=given["pooled"][None].to(dtype), time_ids=sizes)).sample.float()


def decode(folder, latent, dtype):
    return reference_model(folder, "vae", dtype).decode(latent[None].to(dtype)).sample.float()


def paint(folder, given, dtype):
    from diffusers import EulerAncestralDiscreteScheduler
    first, _ = encode(folder, "text", given["ids"], dtype)
    second, pooled = encode(folder, "text2", given["ids2"], dtype)
    scheduler = EulerAncestralDiscreteScheduler(**SCHEDULER)
    scheduler.set_timesteps(1)
    latent = given["latents"][None] * scheduler.init_noise_sigma
    t = scheduler.timesteps[0]
    noise = predict(folder, {"latent": scheduler.scale_model_input(latent, t)[0], "timestep": t[None],
                             "context": torch.cat([first, second], dim=-1)[0], "pooled": pooled[0]}, dtype)
    latent = scheduler.step(noise, t, latent).prev_sample
    picture = decode(folder, latent[0] / VAE["scaling_factor"], dtype)
    return (picture / 2 + 0.5).clamp(0, 1)


def velocities(model, latents, t, image):
    """Of both branches, as the reference's pipeline batches them."""
    parts = latents.shape[0]
    images = image[None].expand(parts, -1, -1).to(model.dtype)
    return model(torch.cat([latents] * 2).to(model.dtype), t.expand(2 * parts),
                 encoder_hidden_states=torch.cat([torch.zeros_like(images), images]),
                 attention_kwargs={"num_parts": parts}, return_dict=False)[0].float()


def sample(folder, given, dtype):
    """The latents after all steps, and on the way there: what each step is given, and the velocities of its branches."""
    model = reference_model(folder, "dit", dtype)
    flow, latents = partcrafter_class("flow")(FLOW), given["noise"]
    flow.set_timesteps(int(given["steps_guidance"][0]))
    before, found = [], []
    for t in flow.timesteps:
        before.append(latents)
        found.append(velocities(model, latents, t, given["image"]))
        without, conditional = found[-1].chunk(2)
        velocity = without + float(given["steps_guidance"][1]) * (conditional - without)
        latents = flow.step(velocity, t, latents, return_dict=False)[0]
    return latents, torch.stack(before), flow.timesteps.float(), torch.stack(found)


def sample_and_keep(folder, given, dtype, kind, side):
    """The velocities are the reference's answer to what the part `steps` is given."""
    from safetensors.torch import save_file
    latents, before, times, found = sample(folder, given, dtype)
    save_file({"latents": before, "timestep": times, "image": given["image"]}, folder / "input-steps.safetensors")
    numpy.save(reference_path(folder, "steps", kind, side), found.contiguous().numpy())
    return latents


def reference_path(folder, part, kind, side):
    return folder / f"reference-{part}-{kind}-{side}.npy"


def run_reference(folder, part, kind, side):
    dtype = torch.float32 if kind == "f32" else torch.bfloat16
    from safetensors.torch import load_file
    torch.set_grad_enabled(False)
    given = load_file(folder / f"input-{part}.safetensors")
    if part in ("text", "text2"):
        context, pooled = encode(folder, part, given["ids"], dtype)
        answer = torch.cat([context.flatten(), pooled.flatten()])
    elif part == "dit":
        answer = velocities(reference_model(folder, "dit", dtype), given["latents"], given["timestep"], given["image"])
    elif part == "triposg":
        model = reference_model(folder, "triposg", dtype)
        answer = model.decode(given["latents"][None].to(dtype), given["points"][None].to(dtype)).sample[0].float()
    elif part == "rmbg":
        model, maps = reference_model(folder, "rmbg", dtype), []
        model.side1.register_forward_hook(lambda module, given, result: maps.append(result))
        model(given["picture"][None].to(dtype))
        answer = maps[0].float()
    elif part == "dino":
        answer = reference_model(folder, "dino", dtype)(given["pixels"][None].to(dtype)).last_hidden_state[0].float()
    elif part == "partcrafter":
        answer = sample_and_keep(folder, given, dtype, kind, side)
    elif part == "unet":
        answer = predict(folder, given, dtype)[0].permute(1, 2, 0)
    elif part == "vae":
        answer = decode(folder, given["latent"], dtype)[0].permute(1, 2, 0)
    else:
        answer = (paint(folder, given, dtype)[0].permute(1, 2, 0) * 255).round()
    numpy.save(reference_path(folder, part, kind, side), answer.contiguous().numpy())


def reference(folder, part, kind, side, fresh):
    path, run = reference_path(folder, part, kind, side), "partcrafter" if part == "steps" else part
    if not path.exists() or (fresh and run == part):
        subprocess.run([sys.executable, __file__, "-", "--folder", folder, "--reference", run, "--type", kind,
                        "--side", str(side)], check=True)
    return numpy.load(path)


# ---- Comparing ------------------------------


def compare(values, expected):
    values, expected = values.astype(numpy.float64), expected.astype(numpy.float64)
    difference = numpy.abs(values - expected)
    most = numpy.abs(expected).max()
    cosine = values @ expected / math.sqrt((values @ values) * (expected @ expected))
    return {"max": difference.max() / most, "mean": difference.mean() / most, "cosine": cosine,
            "signs": (numpy.sign(values) == numpy.sign(expected)).mean(),
            "decibels": 20 * math.log10(255 / max(1e-9, math.sqrt((difference**2).mean()))), "largest": most}


def compare_steps(values, expected):
    """The worst of all steps, whose velocities are both branches' together."""
    each = [compare(ours, step.flatten()) for ours, step in zip(values.reshape(len(expected), -1), expected)]
    return {"max": max(one["max"] for one in each), "mean": max(one["mean"] for one in each),
            "cosine": min(one["cosine"] for one in each)}


def ours(program, folder, part, kind):
    out = folder / f"ours-{part}-{kind}.raw"
    answer = subprocess.run([program, part, model_folder(folder, part), folder / f"input-{part}.safetensors", out, "--type", kind],
                            check=True, capture_output=True, text=True)
    about = json.loads(answer.stdout)
    return numpy.fromfile(out, dtype=numpy.uint8 if part == "whole" else numpy.float32), about


def check_names(program):
    """The map of names of the single file, against the reference's own converters, over every tensor of SDXL."""
    from diffusers.loaders import single_file_utils as utils
    lines = subprocess.run([program, "names"], check=True, capture_output=True, text=True).stdout.splitlines()
    single, wanted, sizes = {}, {}, {}
    for line in lines:
        part, name, place, piece, pieces, turned, *shape = line.split()
        wanted[part, name] = (place, int(piece), int(pieces), int(turned))
        shape = [int(size) for size in shape]
        shape[0] *= int(pieces)
        sizes[place] = shape
    # Every row of every tensor is told apart by its number.
    number = 0
    for place, shape in sizes.items():
        rows = torch.arange(number, number + shape[0], dtype=torch.float64)
        number += shape[0]
        # Only a few columns: what matters is which rows go where.
        single[place] = rows.reshape(-1, *[1] * (len(shape) - 1)).expand(shape[0], *[1] * (len(shape) - 1)).clone()
    single["conditioner.embedders.1.model.text_projection"] = torch.arange(1280.0).expand(1280, 1280).clone()
    converted = {"unet": utils.convert_ldm_unet_checkpoint(dict(single), config=UNET | {"class_embed_type": None}),
                 "vae": utils.convert_ldm_vae_checkpoint(dict(single), config=VAE)}
    wrong = 0
    for (part, name), (place, piece, pieces, turned) in wanted.items():
        if part not in converted:
            continue
        found = converted[part].get(name)
        if found is None or not torch.equal(found.flatten(), single[place].flatten()):
            print(f"{part} {name} is not {place}")
            wrong += 1
    count = sum(part in converted for part, _ in wanted)
    print(f"Names of UNet and VAE in the single file: {count - wrong} of {count} as the reference converts them.")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp/lumen-parity"))
    arguments.add_argument("--keep", action="store_true", help="leave the weights and the reference's answers")
    arguments.add_argument("--parts", default="text,text2,unet,vae,whole")
    arguments.add_argument("--types", default="f32,bf16")
    arguments.add_argument("--partcrafter", default=os.environ.get("PARTCRAFTER_PATH", ""),
                           help="a checkout of the reference of dit, triposg and partcrafter")
    arguments.add_argument("--side", type=int, default=64, help="of the latent")
    arguments.add_argument("--small", help="write_small_models of the build, for the part extract")
    arguments.add_argument("--depth", type=int, default=7, help="of the dense lattice of the part extract")
    arguments.add_argument("--reference", help=argparse.SUPPRESS)
    arguments.add_argument("--type", default="f32", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    os.environ["PARTCRAFTER_PATH"] = given.partcrafter
    if given.reference:
        run_reference(given.folder, given.reference, given.type, given.side)
        return
    parts = given.parts.split(",")
    if "extract" in parts:
        given.folder.mkdir(parents=True, exist_ok=True)
        extraction.write_models(given.folder, given.small, given.depth)
        good = extraction.compare(given.program, given.folder, given.partcrafter, partcrafter_class("triposg"),
                                  given.types.split(","), given.depth)
        parts.remove("extract")
        if not good or not parts:
            sys.exit("" if good else "the reference's meshes and ours differ")
    if any(part in ("unet", "vae") for part in parts):
        check_names(given.program)
    given.folder.mkdir(parents=True, exist_ok=True)
    make_folder(given.folder, parts)
    inputs(given.folder, given.side)
    print("| network | type | max relative error | mean | cosine | PSNR dB | peak memory GB | load s |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for part in parts:
        expected = reference(given.folder, part, "f32", given.side, not given.keep)
        for kind in given.types.split(","):
            values, about = ours(given.program, given.folder, part, kind)
            found = compare_steps(values, expected) if part == "steps" else compare(values, expected.flatten())
            decibels = f"{found['decibels']:.1f}" if part == "whole" else ""
            if part == "triposg":
                decibels = f"{100 * found['signs']:.3f} % of signs"
            print(f"| {part} | {kind} | {found['max']:.2e} | {found['mean']:.2e} | {found['cosine']:.6f} | {decibels} | "
                  f"{about['peak_bytes'] / 1e9:.2f} | {about['load_s']:.1f} |", flush=True)
    if not given.keep:
        shutil.rmtree(given.folder)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes tests/networks/golden_partcrafter.safetensors: what the reference says for small networks of PartCrafter's
structure.

Run by hand where torch, diffusers and einops are installed, with the path of a checkout of the public repository
wgsxm/PartCrafter at 269bd41:

    python tests/networks/golden_partcrafter.py /path/to/PartCrafter

Weights are not stored: both sides compute them from the names of the tensors, as in golden.py. The file holds inputs and
the reference's outputs, in f32.
"""
import importlib.machinery
import pathlib
import sys
import types

import torch
from safetensors.numpy import save_file

from golden import gaussian, made_up

FOLDER = pathlib.Path(__file__).parent
DIT = dict(num_attention_heads=4, width=64, in_channels=16, num_layers=5, cross_attention_dim=48, max_num_parts=8,
           global_attn_block_ids=[0, 2, 4])
VAE = dict(in_channels=3, latent_channels=16, num_attention_heads=4, width_encoder=32, width_decoder=64,
           num_layers_encoder=1, num_layers_decoder=3, embed_frequency=8, embed_include_pi=False)
SCHEDULER = dict(num_train_timesteps=1000, shift=1.0, use_dynamic_shifting=False)
PARTS, TOKENS, IMAGE_TOKENS, POINTS, GUIDANCE = 3, 21, 9, 150, 7.0


def load_reference(path):
    """The reference's modules. What its encoder needs and the decoder does not is stood in for."""
    cluster = types.ModuleType("torch_cluster")
    cluster.__spec__ = importlib.machinery.ModuleSpec("torch_cluster", None)
    cluster.fps = None
    sys.modules["torch_cluster"] = cluster
    sys.path.insert(0, str(path))
    from src.models.autoencoders.autoencoder_kl_triposg import TripoSGVAEModel
    from src.models.transformers.partcrafter_transformer import PartCrafterDiTModel
    from src.schedulers.scheduling_rectified_flow import RectifiedFlowScheduler
    return PartCrafterDiTModel, TripoSGVAEModel, RectifiedFlowScheduler


def fill(model):
    model.load_state_dict({name: made_up(name, tuple(old.shape)) for name, old in model.state_dict().items()})
    return model.eval()


def predict(dit, latents, t, image):
    return dit(latents, t.expand(latents.shape[0]), encoder_hidden_states=image,
               attention_kwargs={"num_parts": PARTS}, return_dict=False)[0]


def both_branches(latents, image):
    """The batch of the reference's pipeline: without the picture, then with it."""
    parts = image.expand(latents.shape[0], -1, -1)
    return torch.cat([latents] * 2), torch.cat([torch.zeros_like(parts), parts])


def main():
    torch.set_grad_enabled(False)
    dit_class, vae_class, scheduler_class = load_reference(sys.argv[1])
    dit, vae = fill(dit_class(**DIT)), fill(vae_class(**VAE))
    golden = {"dit.image": gaussian(1, IMAGE_TOKENS, DIT["cross_attention_dim"]),
              "dit.latents": gaussian(2, PARTS, TOKENS, DIT["in_channels"])}
    image = golden["dit.image"][None]

    for t in (1000.0, 340.0):
        batch, images = both_branches(golden["dit.latents"], image)
        velocity = predict(dit, batch, torch.tensor([t]), images)
        golden[f"dit.unconditional{int(t)}"], golden[f"dit.conditional{int(t)}"] = velocity.chunk(2)
    golden["dit.unguided"] = predict(dit, golden["dit.latents"], torch.tensor([1000.0]), image.expand(PARTS, -1, -1))

    for steps in (4, 50):
        scheduler = scheduler_class(**SCHEDULER)
        scheduler.set_timesteps(steps)
        golden[f"flow.timesteps{steps}"], golden[f"flow.sigmas{steps}"] = scheduler.timesteps, scheduler.sigmas
    scheduler = scheduler_class(**SCHEDULER)
    scheduler.set_timesteps(4)
    latents = golden["dit.latents"]
    for t in scheduler.timesteps:
        batch, images = both_branches(latents, image)
        without, with_image = predict(dit, batch, t, images).chunk(2)
        latents = scheduler.step(without + GUIDANCE * (with_image - without), t, latents, return_dict=False)[0]
    golden["whole.latents"] = latents

    golden["decoder.latents"] = gaussian(3, TOKENS, VAE["latent_channels"])
    points = 2.0 * torch.rand(POINTS, 3, generator=torch.Generator().manual_seed(4)) - 1.0
    points[:8] = torch.tensor([[x, y, z] for x in (-1.005, 1.005) for y in (-1.005, 1.005) for z in (-1.005, 1.005)])
    golden["decoder.points"] = points
    golden["decoder.field"] = vae.decode(golden["decoder.latents"][None], points[None]).sample[0, :, 0]

    for name, value in golden.items():
        print(f"{name:22} {tuple(value.shape)} mean {value.mean():.4f} deviation {value.std():.4f}")
    save_file({name: value.contiguous().float().numpy() for name, value in golden.items()},
              FOLDER / "golden_partcrafter.safetensors")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes tests/networks/golden.safetensors: what the reference says for small networks of SDXL's structure.

Run by hand where torch, transformers and diffusers are installed:

    python tests/networks/golden.py

Weights are not stored: both sides compute them from the names of the tensors (made_up here, made_up in
test_networks.c). The file holds inputs and the reference's outputs, in f32.
"""
import json
import math
import pathlib

import numpy
import torch
from diffusers import AutoencoderKL, EulerAncestralDiscreteScheduler, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from safetensors.numpy import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

FOLDER = pathlib.Path(__file__).parent
MASK = (1 << 64) - 1

TEXT_SMALL = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=128, vocab_size=100,
                  max_position_embeddings=77, hidden_act="quick_gelu", layer_norm_eps=1e-5, projection_dim=32,
                  bos_token_id=0, eos_token_id=2, pad_token_id=1)
TEXT_BIG = dict(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=256, vocab_size=100,
                max_position_embeddings=77, hidden_act="gelu", layer_norm_eps=1e-5, projection_dim=48,
                bos_token_id=0, eos_token_id=2, pad_token_id=1)
UNET = dict(sample_size=8, in_channels=4, out_channels=4, block_out_channels=[32, 64, 64],
            down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], layers_per_block=2,
            transformer_layers_per_block=[1, 1, 2], attention_head_dim=[1, 2, 4], cross_attention_dim=96,
            use_linear_projection=True, norm_num_groups=16, addition_embed_type="text_time",
            addition_time_embed_dim=16, projection_class_embeddings_input_dim=48 + 6 * 16)
VAE = dict(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=[16, 32, 32, 32], layers_per_block=2,
           norm_num_groups=16, scaling_factor=0.13025,
           down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, sample_size=64)
SCHEDULER = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                 prediction_type="epsilon", timestep_spacing="trailing", steps_offset=1)


def hashed(values):
    """random_hash of src/base/random.h."""
    with numpy.errstate(over="ignore"):
        values = values + numpy.uint64(0x9E3779B97F4A7C15)
        values = (values ^ (values >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        return values ^ (values >> numpy.uint64(31))


def made_up(name, shape):
    """Weights that keep activations near 1: norms and scales about 1, biases small, matrices scaled by their inputs."""
    start = 0xCBF29CE484222325
    for byte in name.encode():
        start = ((start ^ byte) * 0x100000001B3) & MASK
    count = math.prod(shape)
    with numpy.errstate(over="ignore"):
        values = hashed(numpy.uint64(start) + numpy.arange(count, dtype=numpy.uint64))
    sides = (values >> numpy.uint64(40)).astype(numpy.float64) * 2.0**-23 - 1.0
    if len(shape) == 1:
        weights = (1.0 if name.endswith((".weight", ".running_var", ".lambda1")) else 0.0) + 0.1 * sides
    else:
        weights = sides * math.sqrt(3.0 / math.prod(shape[1:]))
    return torch.from_numpy(weights.astype(numpy.float32).reshape(shape))


def fill(model):
    state = {}
    for name, old in model.state_dict().items():
        # Some versions leave the prefix away in memory; files have it.
        full = name
        if isinstance(model, CLIPTextModel) and not name.startswith("text_model."):
            full = "text_model." + name
        state[name] = old if "position_ids" in name else made_up(full, tuple(old.shape))
    model.load_state_dict(state)
    return model.eval()


def gaussian(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))



def main():
    torch.set_grad_enabled(False)
    text_small = fill(CLIPTextModel(CLIPTextConfig(**TEXT_SMALL)))
    text_big = fill(CLIPTextModelWithProjection(CLIPTextConfig(**TEXT_BIG)))
    unet = fill(UNet2DConditionModel(**UNET))
    vae = fill(AutoencoderKL(**VAE))
    golden = {}

    ids = torch.full((1, 77), 99, dtype=torch.int32)
    ids[0, :9] = torch.tensor([98, 4, 8, 15, 16, 23, 42, 7, 99])
    ids_big = ids.clone()
    ids_big[0, 9:] = 0
    small = text_small(ids.long(), output_hidden_states=True)
    big = text_big(ids_big.long(), output_hidden_states=True)
    golden["text.ids"], golden["text2.ids"] = ids[0], ids_big[0]
    golden["text.context"] = small.hidden_states[-2][0]
    golden["text2.context"] = big.hidden_states[-2][0]
    golden["text2.pooled"] = big.text_embeds[0]
    context = torch.cat([small.hidden_states[-2], big.hidden_states[-2]], dim=-1)

    latent = gaussian(1, 1, 4, 16, 16)
    sizes = torch.tensor([[128, 128, 0, 0, 128, 128]], dtype=torch.float32)
    golden["unet.latent"] = latent[0]
    for step in (999, 499):
        noise = unet(latent, torch.tensor(float(step)), encoder_hidden_states=context,
                     added_cond_kwargs=dict(text_embeds=big.text_embeds, time_ids=sizes)).sample
        golden[f"unet.noise{step}"] = noise[0]

    golden["vae.latent"] = gaussian(2, 1, 4, 8, 8)[0] * 5
    golden["vae.picture"] = vae.decode(golden["vae.latent"][None]).sample[0]

    # End to end, through the reference's own pipeline: 64 x 64 pixels in 1 and in 3 steps.
    golden["whole.latents"] = gaussian(3, 4, 8, 8)
    golden["whole.fresh"] = gaussian(4, 3, 4, 8, 8)
    for steps in (1, 3):
        scheduler = EulerAncestralDiscreteScheduler(**SCHEDULER)
        pipeline = StableDiffusionXLPipeline(vae=vae, text_encoder=text_small, text_encoder_2=text_big, tokenizer=None,
                                             tokenizer_2=None, unet=unet, scheduler=scheduler,
                                             add_watermarker=False)
        pipeline.set_progress_bar_config(disable=True)
        fresh = iter(golden["whole.fresh"])
        import diffusers.schedulers.scheduling_euler_ancestral_discrete as module
        module.randn_tensor = lambda *a, **k: next(fresh)[None]
        picture = pipeline(prompt_embeds=context, pooled_prompt_embeds=big.text_embeds, num_inference_steps=steps,
                           guidance_scale=0.0, height=64, width=64, latents=golden["whole.latents"][None].clone(),
                           output_type="pt").images[0]
        golden[f"whole.picture{steps}"] = picture
        golden[f"sampler.timesteps{steps}"] = scheduler.timesteps.float()
        golden[f"sampler.sigmas{steps}"] = scheduler.sigmas.float()
    for name, value in golden.items():
        if value.is_floating_point():
            print(f"{name:22} {tuple(value.shape)} mean {value.mean():.4f} deviation {value.std():.4f}")

    arrays = {name: value.contiguous().numpy() for name, value in golden.items()}
    save_file(arrays, FOLDER / "golden.safetensors")
    for name, config in (("text_encoder", TEXT_SMALL), ("text_encoder_2", TEXT_BIG), ("unet", UNET), ("vae", VAE)):
        print(name, json.dumps(config))


if __name__ == "__main__":
    main()

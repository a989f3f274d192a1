/* Both forms in which SDXL is given out: the reference's folder, and the single file with its other names. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "made_up.h"

/* ---- Names ----------------------------------------------------------------------------------------------- */

static void names_of_the_single_file_are_those_of_its_makers(void **state)
{
    (void)state;
    static const struct {
        checkpoint_part part;
        const char *name, *single;
    } pairs[] = {
        {CHECKPOINT_TEXT_ENCODER, "text_model.encoder.layers.3.self_attn.q_proj.weight",
         "conditioner.embedders.0.transformer.text_model.encoder.layers.3.self_attn.q_proj.weight"},
        {CHECKPOINT_TEXT_ENCODER_2, "text_model.embeddings.token_embedding.weight",
         "conditioner.embedders.1.model.token_embedding.weight"},
        {CHECKPOINT_TEXT_ENCODER_2, "text_model.embeddings.position_embedding.weight",
         "conditioner.embedders.1.model.positional_embedding"},
        {CHECKPOINT_TEXT_ENCODER_2, "text_model.encoder.layers.31.self_attn.out_proj.bias",
         "conditioner.embedders.1.model.transformer.resblocks.31.attn.out_proj.bias"},
        {CHECKPOINT_TEXT_ENCODER_2, "text_model.encoder.layers.0.mlp.fc1.weight",
         "conditioner.embedders.1.model.transformer.resblocks.0.mlp.c_fc.weight"},
        {CHECKPOINT_TEXT_ENCODER_2, "text_model.encoder.layers.0.layer_norm2.bias",
         "conditioner.embedders.1.model.transformer.resblocks.0.ln_2.bias"},
        {CHECKPOINT_TEXT_ENCODER_2, "text_model.final_layer_norm.weight",
         "conditioner.embedders.1.model.ln_final.weight"},
        {CHECKPOINT_UNET, "conv_in.weight", "model.diffusion_model.input_blocks.0.0.weight"},
        {CHECKPOINT_UNET, "time_embedding.linear_2.bias", "model.diffusion_model.time_embed.2.bias"},
        {CHECKPOINT_UNET, "add_embedding.linear_1.weight", "model.diffusion_model.label_emb.0.0.weight"},
        {CHECKPOINT_UNET, "down_blocks.0.resnets.1.conv2.weight",
         "model.diffusion_model.input_blocks.2.0.out_layers.3.weight"},
        {CHECKPOINT_UNET, "down_blocks.0.downsamplers.0.conv.bias", "model.diffusion_model.input_blocks.3.0.op.bias"},
        {CHECKPOINT_UNET, "down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k.weight",
         "model.diffusion_model.input_blocks.4.1.transformer_blocks.1.attn2.to_k.weight"},
        {CHECKPOINT_UNET, "down_blocks.2.resnets.1.time_emb_proj.bias",
         "model.diffusion_model.input_blocks.8.0.emb_layers.1.bias"},
        {CHECKPOINT_UNET, "mid_block.resnets.1.norm2.weight",
         "model.diffusion_model.middle_block.2.out_layers.0.weight"},
        {CHECKPOINT_UNET, "mid_block.attentions.0.proj_in.bias", "model.diffusion_model.middle_block.1.proj_in.bias"},
        {CHECKPOINT_UNET, "up_blocks.0.upsamplers.0.conv.weight",
         "model.diffusion_model.output_blocks.2.2.conv.weight"},
        {CHECKPOINT_UNET, "up_blocks.1.resnets.2.conv_shortcut.weight",
         "model.diffusion_model.output_blocks.5.0.skip_connection.weight"},
        {CHECKPOINT_UNET, "up_blocks.1.attentions.2.norm.weight",
         "model.diffusion_model.output_blocks.5.1.norm.weight"},
        {CHECKPOINT_UNET, "up_blocks.2.resnets.2.norm1.bias",
         "model.diffusion_model.output_blocks.8.0.in_layers.0.bias"},
        {CHECKPOINT_UNET, "conv_norm_out.weight", "model.diffusion_model.out.0.weight"},
        {CHECKPOINT_UNET, "conv_out.bias", "model.diffusion_model.out.2.bias"},
        {CHECKPOINT_VAE, "post_quant_conv.weight", "first_stage_model.post_quant_conv.weight"},
        {CHECKPOINT_VAE, "decoder.mid_block.attentions.0.to_out.0.weight",
         "first_stage_model.decoder.mid.attn_1.proj_out.weight"},
        {CHECKPOINT_VAE, "decoder.mid_block.resnets.1.conv1.bias", "first_stage_model.decoder.mid.block_2.conv1.bias"},
        {CHECKPOINT_VAE, "decoder.up_blocks.0.resnets.2.norm1.weight",
         "first_stage_model.decoder.up.3.block.2.norm1.weight"},
        {CHECKPOINT_VAE, "decoder.up_blocks.2.resnets.0.conv_shortcut.weight",
         "first_stage_model.decoder.up.1.block.0.nin_shortcut.weight"},
        {CHECKPOINT_VAE, "decoder.up_blocks.1.upsamplers.0.conv.weight",
         "first_stage_model.decoder.up.2.upsample.conv.weight"},
        {CHECKPOINT_VAE, "decoder.conv_norm_out.bias", "first_stage_model.decoder.norm_out.bias"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        checkpoint_single_name found;
        assert_true(checkpoint_map_name(pairs[i].part, pairs[i].name, &found));
        assert_string_equal(found.name, pairs[i].single);
        assert_int_equal(found.slices, 1);
        assert_false(found.transposed);
    }
}

static void q_k_and_v_of_the_second_encoder_are_rows_of_one_matrix(void **state)
{
    (void)state;
    checkpoint_single_name found;
    assert_true(
        checkpoint_map_name(CHECKPOINT_TEXT_ENCODER_2, "text_model.encoder.layers.7.self_attn.v_proj.bias", &found));
    assert_string_equal(found.name, "conditioner.embedders.1.model.transformer.resblocks.7.attn.in_proj_bias");
    assert_int_equal(found.slice, 2);
    assert_int_equal(found.slices, 3);
    assert_true(checkpoint_map_name(CHECKPOINT_TEXT_ENCODER_2, "text_projection.weight", &found));
    assert_string_equal(found.name, "conditioner.embedders.1.model.text_projection");
    assert_true(found.transposed);
}

static void names_that_sdxl_does_not_have_have_no_place(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "conv",
                                        "down_blocks.",
                                        "down_blocks.x.resnets.0.norm1.weight",
                                        "down_blocks.0.resnets.0.what.weight",
                                        "down_blocks.1000.resnets.0.norm1.weight",
                                        "up_blocks.0.downsamplers.0.conv.weight",
                                        "encoder.conv_in.weight"};
    checkpoint_single_name found;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int part = 0; part < CHECKPOINT_PARTS; part++)
            assert_false(checkpoint_map_name((checkpoint_part)part, names[i], &found));
}

/* ---- Files ----------------------------------------------------------------------------------------------- */

static lumen_status load_part(const weight_source *from, checkpoint_part part, lumen_error *error)
{
    static clip_text text;
    static sdxl_unet unet;
    static sdxl_vae vae;
    const sdxl_turbo_config config = small_config();
    layer_loader in = {.from = from, .network = "small", .type = TENSOR_F32, .error = error};
    if (part == CHECKPOINT_UNET)
        return sdxl_unet_load(&config.unet, &in, &unet);
    if (part == CHECKPOINT_VAE)
        return sdxl_vae_load(&config.vae, &in, &vae);
    return clip_text_load(&config.text[part], &in, &text);
}

/* Compares what one source gives with what is made up, tensor by tensor. */
static lumen_status find_and_compare(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                                     lumen_error *error)
{
    const weight_source *from = user;
    tensor expected;
    lumen_status status = from->find(from->user, name, rank, sizes, out, error);
    if (status != LUMEN_OK)
        return status;
    assert_int_equal(made_up.find(NULL, name, rank, sizes, &expected, error), LUMEN_OK);
    assert_int_equal(tensor_bytes(out), tensor_bytes(&expected));
    assert_memory_equal(out->data, expected.data, tensor_bytes(&expected));
    made_up.forget(NULL, &expected);
    return LUMEN_OK;
}

static void forget_compared(void *user, const tensor *view)
{
    const weight_source *from = user;
    from->forget(from->user, view);
}

static void assert_holds_everything(const char *path)
{
    checkpoint *files = NULL;
    lumen_error error = {0};
    if (checkpoint_open(path, TENSOR_F32, &files, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    for (int part = 0; part < CHECKPOINT_PARTS; part++) {
        weight_source inner = *checkpoint_part_of(files, (checkpoint_part)part);
        weight_source outer = {.find = find_and_compare, .forget = forget_compared, .user = &inner};
        if (load_part(&outer, (checkpoint_part)part, &error) != LUMEN_OK)
            fail_msg("%s", error.message);
    }
    checkpoint_close(files);
}

static void a_folder_gives_every_tensor(void **state)
{
    (void)state;
    char folder[256];
    make_test_folder(folder, sizeof folder);
    write_small_folder(folder);
    assert_holds_everything(folder);
    remove_test_folder(folder);
}

static void a_single_file_gives_every_tensor(void **state)
{
    (void)state;
    char folder[256], path[300];
    make_test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/small.safetensors", folder);
    write_small_single(path);
    assert_holds_everything(path);
    remove_test_folder(folder);
}

static void a_missing_part_says_how_to_get_it(void **state)
{
    (void)state;
    char folder[256], path[400];
    checkpoint *files = NULL;
    lumen_error error = {0};
    make_test_folder(folder, sizeof folder);
    assert_int_equal(checkpoint_open(folder, TENSOR_BF16, &files, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "lumen pull sdxl-turbo"));
    write_small_folder(folder);
    snprintf(path, sizeof path, "%s/vae/diffusion_pytorch_model.safetensors", folder);
    unlink(path);
    assert_int_equal(checkpoint_open(folder, TENSOR_BF16, &files, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "vae"));
    assert_null(files);
    remove_test_folder(folder);
}

static void tensors_of_other_sizes_are_refused_before_anything_is_loaded(void **state)
{
    (void)state;
    static sdxl_vae vae;
    sdxl_turbo_config config = small_config();
    char folder[256];
    checkpoint *files = NULL;
    lumen_error error = {0};
    make_test_folder(folder, sizeof folder);
    write_small_folder(folder);
    assert_int_equal(checkpoint_open(folder, TENSOR_F32, &files, &error), LUMEN_OK);
    config.vae.widths[0] = 48;
    layer_loader in = {
        .from = checkpoint_part_of(files, CHECKPOINT_VAE), .network = "VAE", .type = TENSOR_F32, .error = &error};
    assert_int_equal(sdxl_vae_load(&config.vae, &in, &vae), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "decoder.up_blocks.3.resnets.0"));
    checkpoint_close(files);
    remove_test_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_the_single_file_are_those_of_its_makers),
        cmocka_unit_test(q_k_and_v_of_the_second_encoder_are_rows_of_one_matrix),
        cmocka_unit_test(names_that_sdxl_does_not_have_have_no_place),
        cmocka_unit_test(a_folder_gives_every_tensor),
        cmocka_unit_test(a_single_file_gives_every_tensor),
        cmocka_unit_test(a_missing_part_says_how_to_get_it),
        cmocka_unit_test(tensors_of_other_sizes_are_refused_before_anything_is_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

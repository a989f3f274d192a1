/* config.json files: what they say counts, and what cannot be is refused with its name. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "networks/sdxl_turbo.h"

/* A file that holds `text`, open. */
static lumen_status open_text(const char *text, configuration **out, lumen_error *error)
{
    char path[] = "/tmp/lumen-configuration-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    lumen_status status = configuration_open(path, out, error);
    unlink(path);
    return status;
}

static configuration *must_open(const char *text)
{
    configuration *from = NULL;
    lumen_error error = {0};
    if (open_text(text, &from, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    assert_non_null(from);
    return from;
}

static void assert_refused(configuration *from, const char *part)
{
    lumen_error error = {0};
    if (configuration_close(from, &error) != LUMEN_ERROR_INVALID)
        fail_msg("nothing was found wrong with %s", part);
    if (strstr(error.message, part) == NULL)
        fail_msg("\"%s\" does not name %s", error.message, part);
}

static void without_a_file_everything_keeps_its_default(void **state)
{
    (void)state;
    configuration *from = NULL;
    lumen_error error = {0};
    assert_int_equal(configuration_open("/nowhere/config.json", &from, &error), LUMEN_OK);
    assert_null(from);
    sdxl_unet_config unet = sdxl_unet_default();
    sdxl_unet_configure(from, &unet);
    assert_int_equal(configuration_close(from, &error), LUMEN_OK);
    assert_int_equal(unet.widths[2], 1280);
    assert_int_equal(unet.pooled, 1280);
}

static void the_published_configuration_is_the_default(void **state)
{
    (void)state;
    lumen_error error = {0};
    configuration *from = must_open(
        "{\"_class_name\": \"UNet2DConditionModel\", \"act_fn\": \"silu\", \"addition_embed_type\": \"text_time\","
        "\"addition_time_embed_dim\": 256, \"attention_head_dim\": [5, 10, 20], \"block_out_channels\": [320, 640, "
        "1280],"
        "\"center_input_sample\": false, \"cross_attention_dim\": 2048, \"down_block_types\": [\"DownBlock2D\","
        "\"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\"], \"flip_sin_to_cos\": true, \"freq_shift\": 0,"
        "\"in_channels\": 4, \"layers_per_block\": 2, \"mid_block_type\": \"UNetMidBlock2DCrossAttn\","
        "\"norm_eps\": 1e-05, \"norm_num_groups\": 32, \"num_attention_heads\": null, \"out_channels\": 4,"
        "\"projection_class_embeddings_input_dim\": 2816, \"resnet_time_scale_shift\": \"default\","
        "\"transformer_layers_per_block\": [1, 2, 10], \"up_block_types\": [\"CrossAttnUpBlock2D\","
        "\"CrossAttnUpBlock2D\", \"UpBlock2D\"], \"upcast_attention\": null, \"use_linear_projection\": true}");
    const sdxl_unet_config expected = sdxl_unet_default();
    sdxl_unet_config config = {0};
    config.levels = 3;
    sdxl_unet_configure(from, &config);
    assert_int_equal(configuration_close(from, &error), LUMEN_OK);
    assert_memory_equal(config.widths, expected.widths, 3 * sizeof(size_t));
    assert_memory_equal(config.depths, expected.depths, 3 * sizeof(size_t));
    assert_memory_equal(config.heads, expected.heads, 3 * sizeof(size_t));
    assert_memory_equal(config.attends, expected.attends, 3 * sizeof(bool));
    assert_int_equal(config.context, expected.context);
    assert_int_equal(config.pooled, expected.pooled);
    assert_int_equal(config.groups, expected.groups);
    assert_int_equal(config.resnets, expected.resnets);
}

static void another_kind_of_network_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"{\"act_fn\": \"gelu\"}", "act_fn"},
        {"{\"use_linear_projection\": false}", "use_linear_projection"},
        {"{\"mid_block_type\": \"UNetMidBlock2D\"}", "mid_block_type"},
        {"{\"down_block_types\": [\"A\", \"B\", \"C\"]}", "down_block_types"},
        {"{\"down_block_types\": [\"DownBlock2D\"]}", "down_block_types"},
        {"{\"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\", \"UpBlock2D\"]}", "up_block_types"},
        {"{\"block_out_channels\": [320, 640, 1281]}", "norm_num_groups"},
        {"{\"block_out_channels\": [320, 640], \"transformer_layers_per_block\": [1, 2, 10]}",
         "transformer_layers_per_block"},
        {"{\"block_out_channels\": [0, 640, 1280]}", "block_out_channels"},
        {"{\"block_out_channels\": [1, 2, 3, 4, 5, 6]}", "block_out_channels"},
        {"{\"block_out_channels\": \"wide\"}", "block_out_channels"},
        {"{\"attention_head_dim\": [5, 10, 7]}", "attention_head_dim"},
        {"{\"attention_head_dim\": -8}", "attention_head_dim"},
        {"{\"transformer_layers_per_block\": [1, 2, 10000000000]}", "transformer_layers_per_block"},
        {"{\"layers_per_block\": 99}", "layers_per_block"},
        {"{\"layers_per_block\": 2.5}", "layers_per_block"},
        {"{\"norm_num_groups\": 0}", "norm_num_groups"},
        {"{\"norm_eps\": \"small\"}", "norm_eps"},
        {"{\"norm_eps\": 0}", "norm_eps"},
        {"{\"in_channels\": 9, \"out_channels\": 4}", "out_channels"},
        {"{\"projection_class_embeddings_input_dim\": 100}", "projection_class_embeddings_input_dim"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sdxl_unet_config config = sdxl_unet_default();
        configuration *from = must_open(cases[i].text);
        sdxl_unet_configure(from, &config);
        assert_refused(from, cases[i].part);
    }
}

static void text_encoders_and_decoder_check_theirs(void **state)
{
    (void)state;
    clip_text_config text = clip_text_big();
    configuration *from = must_open("{\"hidden_act\": \"relu\"}");
    clip_text_configure(from, &text);
    assert_refused(from, "hidden_act");
    from = must_open("{\"num_attention_heads\": 7}");
    text = clip_text_big();
    clip_text_configure(from, &text);
    assert_refused(from, "num_attention_heads");
    from = must_open("{\"max_position_embeddings\": 1000000}");
    text = clip_text_big();
    clip_text_configure(from, &text);
    assert_refused(from, "max_position_embeddings");

    sdxl_vae_config vae = sdxl_vae_default();
    from = must_open("{\"scaling_factor\": 0}");
    sdxl_vae_configure(from, &vae);
    assert_refused(from, "scaling_factor");
    from = must_open("{\"shift_factor\": 0.1}");
    sdxl_vae_configure(from, &vae);
    assert_refused(from, "shifts");

    euler_ancestral_config sampler = euler_ancestral_default();
    from = must_open("{\"timestep_spacing\": \"leading\"}");
    euler_ancestral_configure(from, &sampler);
    assert_refused(from, "timestep_spacing");
}

static void what_is_no_json_object_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "[1]",           "{", "{\"a\": 1} x", "{\"a\": 1, \"a\": 2}",
                                        "nan", "{\"a\": 1e999}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        configuration *from = NULL;
        lumen_error error = {0};
        assert_int_equal(open_text(texts[i], &from, &error), LUMEN_ERROR_INVALID);
        assert_null(from);
        assert_non_null(strstr(error.message, "lumen-configuration"));
    }
    /* A file without end. */
    size_t size = (2u << 20) + 1;
    char *spaces = malloc(size);
    assert_non_null(spaces);
    memset(spaces, ' ', size - 1);
    spaces[size - 1] = '\0';
    configuration *from = NULL;
    lumen_error error = {0};
    assert_int_equal(open_text(spaces, &from, &error), LUMEN_ERROR_INVALID);
    free(spaces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_everything_keeps_its_default),
        cmocka_unit_test(the_published_configuration_is_the_default),
        cmocka_unit_test(another_kind_of_network_is_refused),
        cmocka_unit_test(text_encoders_and_decoder_check_theirs),
        cmocka_unit_test(what_is_no_json_object_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

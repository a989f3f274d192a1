/* Each network against the reference: small ones of the same structure, with equal weights. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "made_up.h"

static setting plain_f32 = {"plain", TENSOR_F32};
static setting cpu_f32 = {"cpu", TENSOR_F32}, cpu_bf16 = {"cpu", TENSOR_BF16};

static void assert_like(const setting *how, const float *values, const float *expected, size_t count, const char *what)
{
    const likeness found = compare(values, expected, count);
    if (how->type == TENSOR_F32 ? !(found.relative <= 1e-4) : !(found.cosine >= 0.999))
        fail_msg("%s on %s: relative error %.3g, cosine %.6f", what, how->device, found.relative, found.cosine);
}

static tensor from_golden(operators *run, const char *name)
{
    tensor x = golden(name);
    const size_t sizes[] = {1, x.sizes[1], x.sizes[2], x.sizes[0]};
    float *values = channels_last(&x);
    tensor host = tensor_make(TENSOR_F32, 4, sizes, values);
    tensor out = op_from(run, &host);
    free(values);
    return out;
}

/* x, which lies channels-last, against (C, H, W) of the golden data. */
static void assert_picture_like(operators *run, const setting *how, const tensor *x, const char *name)
{
    tensor expected = golden(name);
    const size_t count = tensor_count(&expected);
    float *values = malloc(count * sizeof *values), *wanted = channels_last(&expected);
    assert_run_went_well(run);
    assert_int_equal(tensor_count(x), count);
    op_to_f32(run, x, values);
    assert_like(how, values, wanted, count, name);
    free(values);
    free(wanted);
}

static void assert_rows_like(operators *run, const setting *how, const tensor *x, const char *name)
{
    tensor expected = golden(name);
    const size_t count = tensor_count(&expected);
    float *values = malloc(count * sizeof *values);
    assert_run_went_well(run);
    assert_int_equal(tensor_count(x), count);
    op_to_f32(run, x, values);
    assert_like(how, values, expected.data, count, name);
    free(values);
}

static void text_encoders_say_what_the_reference_says(void **state)
{
    static clip_text small, big;
    const setting *how = *state;
    const sdxl_turbo_config config = small_config();
    lumen_error error = {0};
    operators *run = open_made_up_device(how);
    layer_loader in = made_up_loader(run, &error);
    assert_int_equal(clip_text_load(&config.text[0], &in, &small), LUMEN_OK);
    assert_int_equal(clip_text_load(&config.text[1], &in, &big), LUMEN_OK);
    tensor pooled = {0};
    tensor context = clip_text_forward(run, &small, golden("text.ids").data, NULL);
    assert_rows_like(run, how, &context, "text.context");
    context = clip_text_forward(run, &big, golden("text2.ids").data, &pooled);
    assert_rows_like(run, how, &context, "text2.context");
    assert_rows_like(run, how, &pooled, "text2.pooled");
    operators_close(run);
}

/* The context of both encoders, as the reference computed it. */
static tensor golden_context(operators *run)
{
    tensor a = golden("text.context"), b = golden("text2.context");
    a = tensor_make(TENSOR_F32, 3, (size_t[]){1, a.sizes[0], a.sizes[1]}, a.data);
    b = tensor_make(TENSOR_F32, 3, (size_t[]){1, b.sizes[0], b.sizes[1]}, b.data);
    a = op_from(run, &a);
    b = op_from(run, &b);
    return op_concat_channels(run, &a, &b);
}

static void the_unet_sees_the_noise_that_the_reference_sees(void **state)
{
    static sdxl_unet unet;
    static sdxl_unet_text text;
    const setting *how = *state;
    const sdxl_turbo_config config = small_config();
    lumen_error error = {0};
    operators *run = open_made_up_device(how);
    layer_loader in = made_up_loader(run, &error);
    assert_int_equal(sdxl_unet_load(&config.unet, &in, &unet), LUMEN_OK);
    tensor context = golden_context(run), pooled = golden("text2.pooled");
    pooled = tensor_make(TENSOR_F32, 2, (size_t[]){1, pooled.sizes[0]}, pooled.data);
    pooled = op_from(run, &pooled);
    tensor latent = from_golden(run, "unet.latent");
    sdxl_unet_condition(run, &unet, &context, &pooled, 8 * latent.sizes[1], &text);
    /* Keys and values of the text serve both steps. */
    tensor noise = sdxl_unet_forward(run, &unet, &text, &latent, 999.0);
    assert_picture_like(run, how, &noise, "unet.noise999");
    noise = sdxl_unet_forward(run, &unet, &text, &latent, 499.0);
    assert_picture_like(run, how, &noise, "unet.noise499");
    operators_close(run);
}

static void the_decoder_paints_what_the_reference_paints(void **state)
{
    static sdxl_vae vae;
    const setting *how = *state;
    const sdxl_turbo_config config = small_config();
    lumen_error error = {0};
    operators *run = open_made_up_device(how);
    layer_loader in = made_up_loader(run, &error);
    assert_int_equal(sdxl_vae_load(&config.vae, &in, &vae), LUMEN_OK);
    tensor latent = from_golden(run, "vae.latent");
    tensor picture = sdxl_vae_decode(run, &vae, &latent);
    assert_picture_like(run, how, &picture, "vae.picture");
    operators_close(run);
}

static void a_forward_pass_gives_its_memory_back(void **state)
{
    static sdxl_vae vae;
    const setting *how = *state;
    const sdxl_turbo_config config = small_config();
    lumen_error error = {0};
    operators *run = open_made_up_device(how);
    layer_loader in = made_up_loader(run, &error);
    assert_int_equal(sdxl_vae_load(&config.vae, &in, &vae), LUMEN_OK);
    tensor latent = from_golden(run, "vae.latent");
    const size_t before = operators_mark(run);
    tensor picture = sdxl_vae_decode(run, &vae, &latent);
    assert_run_went_well(run);
    const size_t rounded = (tensor_bytes(&picture) + 4095) / 4096 * 4096;
    assert_true(operators_mark(run) - before <= rounded);
    /* What the refusal of too small machines is computed from. */
    const size_t bound = sdxl_vae_elements(&config.vae, 8, 8) * tensor_type_bytes(how->type) + (256u << 10);
    assert_true(operators_peak_bytes(run) <= bound);
    operators_close(run);
}

int main(void)
{
#define ON_EACH(test)                                                                                                  \
    cmocka_unit_test_prestate(test, &plain_f32), cmocka_unit_test_prestate(test, &cpu_f32),                            \
        cmocka_unit_test_prestate(test, &cpu_bf16)
    const struct CMUnitTest tests[] = {
        ON_EACH(text_encoders_say_what_the_reference_says),
        ON_EACH(the_unet_sees_the_noise_that_the_reference_sees),
        ON_EACH(the_decoder_paints_what_the_reference_paints),
        cmocka_unit_test_prestate(a_forward_pass_gives_its_memory_back, &plain_f32),
        cmocka_unit_test_prestate(a_forward_pass_gives_its_memory_back, &cpu_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

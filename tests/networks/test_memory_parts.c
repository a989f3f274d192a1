/* Memory that runs out on the way from a picture to fields of parts: at every single place where the networks between
 * ask for it, while they are opened, loaded and run, and where pictures are cut out. Each time there is an error with a
 * message, nothing is leaked (under AddressSanitizer), and what is asked for next gives the same bytes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sanitized.h"
#include "base/process.h"
#include "made_up_parts.h"
#include "networks/dinov2.h"
#include "networks/rmbg.h"
#include "refuse.h"

static char folder[256];

/* Free memory is not the subject here. */
process_memory __wrap_process_read_memory(void);

process_memory __wrap_process_read_memory(void)
{
    return (process_memory){0};
}

/* ---- Networks -------------------------------------------------------------------------------------------- */

/* As small as the structures allow, since each is loaded and run as often as it asks for memory. */
static const isnet_config tiny_isnet = {.channels = 3,
                                        .first = 4,
                                        .down = {{2, 4}, {2, 4}, {2, 4}, {2, 4}, {2, 4}, {2, 4}},
                                        .up = {{2, 4}, {2, 4}, {2, 4}, {2, 4}, {2, 4}}};
static const partcrafter_dit_config tiny_dit = {
    .channels = 8, .width = 32, .heads = 2, .blocks = 3, .image_width = 16, .part_ids = 8, .global = {[1] = true}};
static const triposg_decoder_config tiny_decoder = {
    .channels = 8, .width = 32, .heads = 2, .blocks = 1, .frequencies = 4};

/* The positions are of another size than the picture, so that they are resized. */
static dinov2_config tiny_dinov2(void)
{
    dinov2_config config = dinov2_default();
    config.width = 32;
    config.layers = 1;
    config.heads = 2;
    config.hidden = 32;
    config.trained = 42;
    config.resized = config.cropped = 28;
    return config;
}

enum { MASK, ENCODER, DIT, DECODER, NETWORKS, SIDE = 32, TOKENS = 16, POINTS = 40, RESULT_MAX = 2048 };

/* A network that is opened, loaded and run. */
typedef struct network {
    const char *device;
    tensor_type type;
    int which;
    isnet mask;
    dinov2 encoder;
    partcrafter_dit dit;
    triposg_decoder decoder;
    size_t count;
    float result[RESULT_MAX];
} network;

static lumen_status open_network(const network *with, operators **run, lumen_error *error)
{
    const operators_options options = {.device = with->device,
                                       .threads = 1,
                                       .type = with->type,
                                       .arena_bytes = (size_t)1 << 26,
                                       .allow = failing_allow};
    return operators_open(&options, run, error);
}

static lumen_status load_network(network *with, operators *run, lumen_error *error)
{
    const dinov2_config encoder = tiny_dinov2();
    layer_loader in = {
        .from = &quiet_weights, .run = run, .network = "tiny", .type = operators_type(run), .error = error};
    switch (with->which) {
    case MASK: return isnet_load(&tiny_isnet, &in, &with->mask);
    case ENCODER: return dinov2_load(&encoder, &in, &with->encoder);
    case DIT: return partcrafter_dit_load(&tiny_dit, &in, &with->dit);
    default: return triposg_decoder_load(&tiny_decoder, &in, &with->decoder);
    }
}

static const float *made_up_values_of(size_t count)
{
    static float values[3 * SIDE * SIDE];
    assert_true(count <= sizeof values / sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i * 37 % 64) / 64.0f - 0.5f;
    return values;
}

static tensor values_of(operators *run, uint32_t rank, const size_t *sizes)
{
    tensor host = tensor_make(TENSOR_F32, rank, sizes, NULL);
    host.data = (void *)(uintptr_t)made_up_values_of(tensor_count(&host));
    return op_from(run, &host);
}

static tensor encode(network *with, operators *run)
{
    const dinov2_config *config = &with->encoder.config;
    uint8_t pixels[3 * 40 * 30];
    const picture_image picture = {.width = 40, .height = 30, .pixels = pixels};
    float patches[4 * 3 * 14 * 14];
    lumen_error error = {0};
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 31);
    assert_true(dinov2_value_count(config) == sizeof patches / sizeof *patches);
    if (dinov2_prepare(config, &picture, patches, &error) != LUMEN_OK) {
        assert_int_equal(error.status, LUMEN_ERROR_MEMORY);
        return (tensor){0};
    }
    return dinov2_forward(run, &with->encoder, patches);
}

static tensor denoise(network *with, operators *run)
{
    static const int32_t ids[] = {0, 1, 2, 3};
    static partcrafter_dit_image image;
    tensor seen = values_of(run, 3, (size_t[]){1, 5, tiny_dit.image_width});
    partcrafter_dit_look(run, &with->dit, &seen, &image);
    tensor latents = values_of(run, 3, (size_t[]){2, TOKENS, tiny_dit.channels});
    return partcrafter_dit_forward(
        run, &with->dit, &image,
        &(partcrafter_dit_input){.latents = &latents, .timestep = 500.0, .branches = DIT_BOTH, .part_ids = ids});
}

/* The one network that hands out numbers itself. */
static lumen_status ask_field(network *with, operators *run, float *result, lumen_error *error)
{
    triposg_part part;
    tensor latents = values_of(run, 3, (size_t[]){1, TOKENS, tiny_decoder.channels});
    with->count = POINTS;
    triposg_decoder_read(run, &with->decoder, &latents, &part);
    lumen_status status = operators_status(run, error);
    return status == LUMEN_OK ? triposg_decoder_field(run, &with->decoder, &part, made_up_values_of((size_t)3 * POINTS),
                                                      POINTS, result, error)
                              : status;
}

static lumen_status run_network(network *with, operators *run, float *result, lumen_error *error)
{
    const size_t mark = operators_mark(run);
    lumen_status status = LUMEN_OK;
    operators_clear(run);
    if (with->which == DECODER) {
        status = ask_field(with, run, result, error);
    } else {
        tensor x = {0};
        if (with->which == MASK)
            x = values_of(run, 4, (size_t[]){1, SIDE, SIDE, 3});
        tensor made = with->which == MASK      ? isnet_forward(run, &with->mask, &x)
                      : with->which == ENCODER ? encode(with, run)
                                               : denoise(with, run);
        status = operators_status(run, error);
        if (status == LUMEN_OK && made.data == NULL) /* before the operators were asked for anything */
            status = lumen_fail_memory(error, "the picture for the network");
        if (status == LUMEN_OK) {
            with->count = tensor_count(&made);
            assert_true(with->count <= RESULT_MAX);
            op_to_f32(run, &made, result);
            status = operators_status(run, error);
        }
    }
    operators_release(run, mark);
    return status;
}

static lumen_status open_load_and_run(void *user, lumen_error *error)
{
    network *with = user;
    operators *run = NULL;
    float result[RESULT_MAX];
    lumen_status status = open_network(with, &run, error);
    if (status == LUMEN_OK)
        status = load_network(with, run, error);
    if (status != LUMEN_OK) {
        operators_close(run);
        return status;
    }
    status = run_network(with, run, result, error);
    if (status != LUMEN_OK) {
        /* What ran out of memory leaves nothing behind that spoils the next run. */
        failing_pause();
        assert_int_equal(run_network(with, run, result, NULL), LUMEN_OK);
        failing_resume();
    }
    assert_memory_equal(result, with->result, with->count * sizeof *result);
    operators_close(run);
    return status;
}

static void run_out(size_t stride, const char *device, tensor_type type)
{
    static network with;
    for (int which = 0; which < NETWORKS; which++) {
        operators *run = NULL;
        lumen_error error = {0};
        with = (network){.device = device, .type = type, .which = which};
        if (open_network(&with, &run, &error) == LUMEN_ERROR_UNAVAILABLE && strcmp(device, "cpu") == 0)
            skip(); /* built without oneDNN */
        assert_int_equal(load_network(&with, run, &error), LUMEN_OK);
        assert_int_equal(run_network(&with, run, with.result, &error), LUMEN_OK);
        operators_close(run);
        assert_true(refuse_every(stride, open_load_and_run, &with, FAILING_OWN) > 50);
        forget_quiet_weights();
    }
}

/* oneDNN compiles for each attempt anew, which takes the longest by far: under a sanitizer the plain back end sees each
 * place, and the CPU's a share of its own. */
static void networks_in_f32_may_run_out_of_memory_anywhere(void **state)
{
    run_out(SANITIZED && strcmp(*state, "cpu") == 0 ? 11 : 1, *state, TENSOR_F32);
}

static void networks_in_bf16_may_run_out_of_memory_in_many_places(void **state)
{
    run_out(SANITIZED ? 29 : 5, *state, TENSOR_BF16);
}

/* ---- Models ---------------------------------------------------------------------------------------------- */

static lumen_status open_partcrafter(void *user, lumen_error *error)
{
    partcrafter **out = user, *model = NULL;
    const partcrafter_options options = {
        .path = folder, .threads = 1, .type = TENSOR_F32, .trust_memory = true, .allow = failing_allow};
    lumen_status status = partcrafter_open(&options, &model, error);
    assert_true((status == LUMEN_OK) == (model != NULL));
    if (out != NULL)
        *out = model;
    else
        partcrafter_close(model);
    return status;
}

static void partcrafter_may_run_out_of_memory_anywhere_while_it_is_opened(void **state)
{
    (void)state;
    assert_true(refuse_each(open_partcrafter, NULL, FAILING_OWN) > 100);
}

typedef struct making {
    partcrafter *model;
    bool known;
    float latents[2 * TOKENS * 16], field[POINTS];
} making;

static lumen_status make_parts(void *user, lumen_error *error)
{
    static float latents[2 * TOKENS * 16], field[POINTS];
    making *with = user;
    const partcrafter_request request = {
        .image = made_up_values_of((size_t)5 * 48), .image_tokens = 5, .parts = 2, .tokens = TOKENS, .steps = 2};
    lumen_status status = partcrafter_sample(with->model, &request, latents, error);
    if (status == LUMEN_OK)
        status = partcrafter_begin_part(with->model, latents + TOKENS * 16, TOKENS, error);
    if (status == LUMEN_OK)
        status = partcrafter_field(with->model, made_up_values_of((size_t)3 * POINTS), POINTS, field, error);
    if (status == LUMEN_OK && with->known) {
        assert_memory_equal(latents, with->latents, sizeof latents);
        assert_memory_equal(field, with->field, sizeof field);
    } else if (status == LUMEN_OK) {
        memcpy(with->latents, latents, sizeof latents);
        memcpy(with->field, field, sizeof field);
        with->known = true;
    }
    return status;
}

/* The model stays: whatever a refusal left of it is what the next attempt starts from. */
static void partcrafter_may_run_out_of_memory_anywhere_and_then_gives_the_same_bytes(void **state)
{
    (void)state;
    static making with;
    lumen_error error = {0};
    assert_int_equal(open_partcrafter(&with.model, &error), LUMEN_OK);
    if (make_parts(&with, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    assert_true(refuse_each(make_parts, &with, FAILING_OWN) > 50);
    partcrafter_close(with.model);
}

static lumen_status load_isnet(const void *config, layer_loader *in)
{
    static isnet made;
    return isnet_load(config, in, &made);
}

static lumen_status open_rmbg(void *path, lumen_error *error)
{
    rmbg *model = NULL;
    lumen_status status = rmbg_open(
        &(rmbg_options){.path = path, .threads = 1, .type = TENSOR_F32, .allow = failing_allow}, &model, error);
    assert_true((status == LUMEN_OK) == (model != NULL));
    rmbg_close(model);
    return status;
}

/* The file has the tiny widths, and is refused for them once everything has been looked at. */
static void a_file_that_is_not_rmbgs_may_run_out_of_memory_anywhere_before_that_is_seen(void **state)
{
    (void)state;
    char path[400];
    snprintf(path, sizeof path, "%s/tiny.safetensors", folder);
    write_made_up(path, load_isnet, &tiny_isnet);
    for (size_t nth = 0;; nth++) {
        lumen_error error = {0};
        failing_begin(nth, FAILING_OWN);
        lumen_status status = open_rmbg(path, &error);
        const bool reached = failing_end();
        if (status != (reached ? LUMEN_ERROR_MEMORY : LUMEN_ERROR_INVALID) || strlen(error.message) < 10)
            fail_msg("without piece %zu: %s: %s", nth, lumen_status_name(status), error.message);
        if (!reached)
            break;
    }
}

/* ---- Pictures -------------------------------------------------------------------------------------------- */

enum { WIDE = 90, HIGH = 70 };

static lumen_status make_photograph(bool alpha, uint32_t scale, picture_photograph *out, lumen_error *error)
{
    const uint32_t width = WIDE * scale, height = HIGH * scale;
    failing_pause();
    *out =
        (picture_photograph){.color = {.width = width, .height = height, .pixels = malloc((size_t)3 * width * height)},
                             .alpha = alpha ? malloc((size_t)width * height) : NULL};
    failing_resume();
    assert_non_null(out->color.pixels);
    for (uint32_t i = 0; i < width * height; i++) {
        const bool inside = i % width > width / 4 && i % width < width / 2;
        memset(out->color.pixels + (size_t)3 * i, inside ? 60 : 230, 3);
        if (alpha)
            out->alpha[i] = inside ? 255 : 0;
    }
    (void)error;
    return LUMEN_OK;
}

static lumen_status cut_out_by_alpha(void *user, lumen_error *error)
{
    picture_photograph photograph;
    rmbg_cut cut;
    lumen_status status = make_photograph(true, *(const uint32_t *)user, &photograph, error);
    if (status == LUMEN_OK)
        status = rmbg_cut_out_with(NULL, NULL, &photograph, &cut, error);
    assert_true((status == LUMEN_OK) == (cut.picture.pixels != NULL));
    if (status == LUMEN_OK)
        rmbg_cut_free(&cut);
    picture_photograph_free(&photograph);
    return status;
}

static lumen_status cut_out_by_map(void *user, lumen_error *error)
{
    static float values[3 * SIDE * SIDE], map[SIDE * SIDE];
    picture_photograph photograph;
    picture_image picture = {0};
    cutout_mask mask = {0};
    (void)user;
    for (size_t i = 0; i < SIDE * SIDE; i++)
        map[i] = i % SIDE > SIDE / 4 && i % SIDE < SIDE / 2 ? 0.9f : 0.1f;
    lumen_status status = make_photograph(false, 1, &photograph, error);
    if (status == LUMEN_OK)
        status = cutout_input(&photograph.color, SIDE, values, error);
    if (status == LUMEN_OK)
        status = cutout_mask_of_map(map, SIDE, SIDE, WIDE, HIGH, &mask, error);
    if (status == LUMEN_OK)
        status = cutout_compose(&photograph.color, &mask, &picture, error);
    picture_free(&picture);
    cutout_mask_free(&mask);
    picture_photograph_free(&photograph);
    return status;
}

static void a_picture_that_is_cut_out_may_run_out_of_memory_anywhere(void **state)
{
    (void)state;
    uint32_t usual = 1, too_large = 2000 / WIDE + 1;
    assert_true(refuse_each(cut_out_by_alpha, &usual, FAILING_OWN) >= 2);
    assert_true(refuse_each(cut_out_by_alpha, &too_large, FAILING_OWN) > 4);
    assert_true(refuse_each(cut_out_by_map, NULL, FAILING_OWN) > 6);
}

static int make_folder(void **state)
{
    (void)state;
    make_test_folder(folder, sizeof folder);
    write_small_parts(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    remove_test_folder(folder);
    return 0;
}

int main(void)
{
    static char plain[] = "plain", cpu[] = "cpu";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(networks_in_f32_may_run_out_of_memory_anywhere, plain),
        cmocka_unit_test_prestate(networks_in_f32_may_run_out_of_memory_anywhere, cpu),
        cmocka_unit_test_prestate(networks_in_bf16_may_run_out_of_memory_in_many_places, cpu),
        cmocka_unit_test(partcrafter_may_run_out_of_memory_anywhere_while_it_is_opened),
        cmocka_unit_test(partcrafter_may_run_out_of_memory_anywhere_and_then_gives_the_same_bytes),
        cmocka_unit_test(a_file_that_is_not_rmbgs_may_run_out_of_memory_anywhere_before_that_is_seen),
        cmocka_unit_test(a_picture_that_is_cut_out_may_run_out_of_memory_anywhere),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* Memory that runs out, at every single place where it is asked for: while weights, configuration and tokenizer are
 * opened, while networks are loaded, and while they run. Each time there is an error with a message, nothing is leaked
 * (under AddressSanitizer), and what is asked for next works. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../sanitized.h"
#include "base/process.h"
#include "failing.h"
#include "made_up.h"
#include "refuse.h"
#include "tensor/safetensors.h"
#include "tokenizer/clip_tokenizer.h"

static char folder[256];

/* Files of many tensors ask for each in the same places. */
enum { FILE_STRIDE = SANITIZED ? 7 : 1 };

/* ---- Files ----------------------------------------------------------------------------------------------- */

static void write_bytes(const char *name, const void *bytes, size_t size, char path[400])
{
    snprintf(path, 400, "%s/%s", folder, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

/* A file of weights with the tensor `name` of two numbers. */
static void write_weights(const char *file, const char *name, char path[400])
{
    char bytes[256] = {0};
    int length = snprintf(bytes + 8, sizeof bytes - 8,
                          "{\"__metadata__\":{\"format\":\"pt\"},\"%s\":{\"dtype\":\"F32\",\"shape\":[2],"
                          "\"data_offsets\":[0,8]}}",
                          name);
    bytes[0] = (char)length;
    write_bytes(file, bytes, (size_t)length + 16, path);
}

static lumen_status open_weights(void *path, lumen_error *error)
{
    safetensors *file = NULL;
    tensor x;
    lumen_status status = safetensors_open(path, &file, error);
    assert_true((status == LUMEN_OK) == (file != NULL));
    if (status == LUMEN_OK)
        status = safetensors_find(file, "first", &x, error);
    safetensors_close(file);
    return status;
}

static void a_file_of_weights_may_run_out_of_memory_anywhere(void **state)
{
    (void)state;
    char path[400];
    write_weights("one.safetensors", "first", path);
    assert_true(refuse_each(open_weights, path, FAILING_OWN_AND_JSON) > 20);
}

static void shards_of_weights_may_run_out_of_memory_anywhere(void **state)
{
    (void)state;
    static const char index[] = "{\"weight_map\": {\"first\": \"a.safetensors\", \"second\": \"b.safetensors\"}}";
    char path[400];
    write_weights("a.safetensors", "first", path);
    write_weights("b.safetensors", "second", path);
    write_bytes("index.json", index, sizeof index - 1, path);
    assert_true(refuse_each(open_weights, path, FAILING_OWN_AND_JSON) > 50);
}

static lumen_status open_configuration(void *path, lumen_error *error)
{
    configuration *from = NULL;
    size_t numbers[4] = {0}, count = 4;
    lumen_status status = configuration_open(path, &from, error);
    if (status != LUMEN_OK) {
        assert_null(from);
        return status;
    }
    assert_non_null(from);
    configuration_numbers(from, "widths", 1, 99, 4, numbers, &count);
    configuration_demand(from, "kind", "small");
    assert_int_equal(count, 3);
    assert_int_equal(numbers[2], 3);
    return configuration_close(from, error);
}

static void a_configuration_may_run_out_of_memory_anywhere(void **state)
{
    (void)state;
    static const char text[] = "{\"widths\": [1, 2, 3], \"kind\": \"small\", \"scale\": 0.5}";
    char path[400];
    write_bytes("config.json", text, sizeof text - 1, path);
    assert_true(refuse_each(open_configuration, path, FAILING_OWN_AND_JSON) > 10);
}

static lumen_status tokenize(void *path, lumen_error *error)
{
    clip_tokenizer *words = NULL;
    int32_t ids[CLIP_TOKENS] = {0};
    lumen_status status = clip_tokenizer_open(path, CLIP_END, &words, error);
    assert_true((status == LUMEN_OK) == (words != NULL));
    if (status == LUMEN_OK)
        status = clip_tokenizer_encode(words, "a horse", ids, CLIP_TOKENS, error);
    clip_tokenizer_close(words);
    return status;
}

static void a_tokenizer_may_run_out_of_memory_anywhere(void **state)
{
    (void)state;
    char path[400];
    snprintf(path, sizeof path, "%s/model/merges.txt", folder);
    assert_true(refuse_each(tokenize, path, FAILING_OWN) > 8);
}

/* ---- Checkpoints ----------------------------------------------------------------------------------------- */

/* Asks for every tensor of the second text encoder: in the single file some are slices, one is turned. */
static lumen_status open_checkpoint(void *path, lumen_error *error)
{
    static clip_text text;
    const sdxl_turbo_config config = small_config();
    checkpoint *files = NULL;
    configuration *from = NULL;
    lumen_status status = checkpoint_open(path, TENSOR_F32, &files, error);
    if (status != LUMEN_OK) {
        assert_null(files);
        return status;
    }
    layer_loader in = {.from = checkpoint_part_of(files, CHECKPOINT_TEXT_ENCODER_2),
                       .network = "text encoder 2",
                       .type = TENSOR_F32,
                       .error = error};
    status = checkpoint_configuration(files, "vae", &from, error);
    if (status == LUMEN_OK)
        status = configuration_close(from, error);
    if (status == LUMEN_OK)
        status = clip_text_load(&config.text[1], &in, &text);
    checkpoint_close(files);
    return status;
}

static void a_checkpoint_of_either_form_may_run_out_of_memory_anywhere(void **state)
{
    (void)state;
    char path[400];
    snprintf(path, sizeof path, "%s/model", folder);
    assert_true(refuse_every(FILE_STRIDE, open_checkpoint, path, FAILING_OWN) > 300);
    snprintf(path, sizeof path, "%s/single.safetensors", folder);
    assert_true(refuse_every(FILE_STRIDE, open_checkpoint, path, FAILING_OWN) > 300);
}

/* ---- Networks -------------------------------------------------------------------------------------------- */

/* As small as the structure allows, since each is loaded and run as often as it asks for memory. */
static sdxl_turbo_config tiny_config(void)
{
    sdxl_turbo_config config = small_config();
    config.text[1] = (clip_text_config){.width = 32,
                                        .layers = 2,
                                        .heads = 2,
                                        .hidden = 64,
                                        .vocabulary = 64,
                                        .positions = 77,
                                        .projection = 16,
                                        .end = 2,
                                        .activation = ACTIVATION_GELU,
                                        .epsilon = 1e-5f};
    config.unet = (sdxl_unet_config){.channels = 4,
                                     .levels = 2,
                                     .widths = {32, 32},
                                     .attends = {false, true},
                                     .depths = {1, 1},
                                     .heads = {1, 2},
                                     .resnets = 1,
                                     .context = 32,
                                     .pooled = 16,
                                     .size_embedding = 8,
                                     .groups = 16,
                                     .epsilon = 1e-5f};
    config.vae.levels = 2;
    config.vae.resnets = 1;
    return config;
}

enum { TEXT_PART, UNET_PART, VAE_PART, PARTS, SIDE = 4, RESULT_MAX = 4096 };

/* A network that is opened, loaded and run. */
typedef struct network {
    const char *device;
    tensor_type type;
    int part;
    sdxl_turbo_config config;
    clip_text text;
    sdxl_unet unet;
    sdxl_vae vae;
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
    layer_loader in = {
        .from = &quiet_weights, .run = run, .network = "tiny", .type = operators_type(run), .error = error};
    switch (with->part) {
    case TEXT_PART: return clip_text_load(&with->config.text[1], &in, &with->text);
    case UNET_PART: return sdxl_unet_load(&with->config.unet, &in, &with->unet);
    default: return sdxl_vae_load(&with->config.vae, &in, &with->vae);
    }
}

static tensor values_of(operators *run, uint32_t rank, const size_t *sizes)
{
    float values[2048];
    tensor host = tensor_make(TENSOR_F32, rank, sizes, values);
    assert_true(tensor_count(&host) <= 2048);
    for (size_t i = 0; i < tensor_count(&host); i++)
        values[i] = (float)(i * 37 % 64) / 32.0f - 1.0f;
    return op_from(run, &host);
}

static tensor forward(network *with, operators *run)
{
    static const int32_t ids[77] = {1, 5, 9, 63};
    const size_t picture[] = {1, SIDE, SIDE, 4}, context[] = {1, 7, 32}, vector[] = {1, 16};
    sdxl_unet_text text;
    tensor pooled = {0};
    if (with->part == TEXT_PART) {
        clip_text_forward(run, &with->text, ids, &pooled);
        return pooled;
    }
    tensor latent = values_of(run, 4, picture);
    if (with->part == VAE_PART)
        return sdxl_vae_decode(run, &with->vae, &latent);
    tensor words = values_of(run, 3, context), sum = values_of(run, 2, vector);
    sdxl_unet_condition(run, &with->unet, &words, &sum, SIDE * 8, &text);
    return sdxl_unet_forward(run, &with->unet, &text, &latent, 999.0);
}

static lumen_status run_network(network *with, operators *run, float *result, lumen_error *error)
{
    const size_t mark = operators_mark(run);
    operators_clear(run);
    tensor made = forward(with, run);
    if (made.data != NULL) {
        with->count = tensor_count(&made);
        assert_true(with->count <= RESULT_MAX);
        op_to_f32(run, &made, result);
    }
    operators_release(run, mark);
    return operators_status(run, error);
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

static void run_out_everywhere(size_t stride, const char *device, tensor_type type)
{
    static network with;
    size_t refused = 0;
    for (int part = 0; part < PARTS; part++) {
        operators *run = NULL;
        lumen_error error = {0};
        with = (network){.device = device, .type = type, .part = part, .config = tiny_config()};
        if (open_network(&with, &run, &error) == LUMEN_ERROR_UNAVAILABLE && strcmp(device, "cpu") == 0)
            skip(); /* built without oneDNN */
        assert_int_equal(load_network(&with, run, &error), LUMEN_OK);
        assert_int_equal(run_network(&with, run, with.result, &error), LUMEN_OK);
        operators_close(run);
        refused += refuse_every(stride, open_load_and_run, &with, FAILING_OWN);
        forget_quiet_weights();
    }
    assert_true(refused > 1000);
}

static void networks_in_f32_may_run_out_of_memory_anywhere(void **state)
{
    run_out_everywhere(SANITIZED && strcmp(*state, "cpu") == 0 ? 5 : 1, *state, TENSOR_F32);
}

static void networks_in_bf16_may_run_out_of_memory_anywhere(void **state)
{
    /* Under a sanitizer in a share of the places, which are those of f32 but for their sizes. */
    run_out_everywhere(SANITIZED ? 11 : 1, *state, TENSOR_BF16);
}

/* ---- From text to picture -------------------------------------------------------------------------------- */

static lumen_status open_model(void *user, lumen_error *error)
{
    char path[400];
    sdxl_turbo **out = user, *model = NULL;
    snprintf(path, sizeof path, "%s/model", folder);
    const sdxl_turbo_options options = {.path = path, .threads = 1, .type = TENSOR_F32, .trust_memory = true};
    lumen_status status = sdxl_turbo_open(&options, &model, error);
    assert_true((status == LUMEN_OK) == (model != NULL));
    if (out != NULL)
        *out = model;
    else
        sdxl_turbo_close(model);
    return status;
}

static void a_model_that_is_opened_may_run_out_of_memory_anywhere(void **state)
{
    (void)state;
    assert_true(refuse_every(FILE_STRIDE, open_model, NULL, FAILING_OWN) > 500);
}

typedef struct painting {
    sdxl_turbo *model;
    picture_image expected;
} painting;

static lumen_status paint(void *user, lumen_error *error)
{
    const painting *with = user;
    const sdxl_turbo_request request = {.prompt = "a horse", .size = 64, .steps = 2};
    picture_image picture = {0};
    lumen_status status = sdxl_turbo_paint(with->model, &request, &picture, error);
    assert_true((status == LUMEN_OK) == (picture.pixels != NULL));
    if (status == LUMEN_OK && with->expected.pixels != NULL)
        assert_memory_equal(picture.pixels, with->expected.pixels, 64 * 64 * 3);
    picture_free(&picture);
    return status;
}

/* What the model takes beside its operators, whose every piece is refused above: the noise, the pixels, the tokens. */
static void a_picture_may_run_out_of_memory_anywhere_and_the_next_one_is_whole(void **state)
{
    (void)state;
    painting with = {0};
    lumen_error error = {0};
    const sdxl_turbo_request request = {.prompt = "a horse", .size = 64, .steps = 2};
    assert_int_equal(open_model(&with.model, &error), LUMEN_OK);
    assert_int_equal(sdxl_turbo_paint(with.model, &request, &with.expected, &error), LUMEN_OK);
    assert_true(refuse_each(paint, &with, FAILING_OWN) > 10);
    picture_free(&with.expected);
    sdxl_turbo_close(with.model);
}

/* ---- A machine with too little --------------------------------------------------------------------------- */

static uint64_t free_memory; /* what the machine has, for the test; 0: what it really has */

process_memory __real_process_read_memory(void);
process_memory __wrap_process_read_memory(void);

process_memory __wrap_process_read_memory(void)
{
    if (free_memory == 0)
        return __real_process_read_memory();
    return (process_memory){.total_bytes = free_memory, .available_bytes = free_memory};
}

static lumen_status open_with(uint64_t available, bool low_memory, bool trust, sdxl_turbo **out, lumen_error *error)
{
    char path[400];
    snprintf(path, sizeof path, "%s/model", folder);
    const sdxl_turbo_options options = {.path = path,
                                        .device = "plain",
                                        .type = TENSOR_F32,
                                        .size_max = 64,
                                        .low_memory = low_memory,
                                        .trust_memory = trust};
    free_memory = available;
    lumen_status status = sdxl_turbo_open(&options, out, error);
    free_memory = 0;
    return status;
}

static void assert_refused(uint64_t available, bool low_memory, const char *needs, const char *mend)
{
    sdxl_turbo *model;
    lumen_error error = {0};
    char has[64];
    snprintf(has, sizeof has, "%.1f GB are free", (double)available / 1e9);
    assert_int_equal(open_with(available, low_memory, false, &model, &error), LUMEN_ERROR_MEMORY);
    assert_null(model);
    if (strstr(error.message, needs) == NULL || strstr(error.message, has) == NULL ||
        strstr(error.message, mend) == NULL)
        fail_msg("%s", error.message);
}

static void a_model_that_does_not_fit_is_refused_and_says_what_it_needs(void **state)
{
    (void)state;
    sdxl_turbo *model;
    lumen_error error = {0};
    char needs[64];
    assert_int_equal(open_with(0, false, false, &model, &error), LUMEN_OK);
    const sdxl_turbo_needs all = *sdxl_turbo_needs_of(model);
    sdxl_turbo_close(model);
    assert_true(all.low_peak < all.peak);
    snprintf(needs, sizeof needs, "needs %.1f GB of memory in f32", (double)all.peak / 1e9);

    assert_refused(all.peak - 1, false, needs, "use --low-memory");
    assert_refused(all.low_peak, false, needs, "use --low-memory");
    assert_refused(all.low_peak - 1, false, needs, "use a machine with more");
    snprintf(needs, sizeof needs, "needs %.1f GB of memory in f32", (double)all.low_peak / 1e9);
    assert_refused(all.low_peak - 1, true, needs, "use a machine with more");

    /* What fits is opened, and so is what the caller takes upon itself. */
    assert_int_equal(open_with(all.peak, false, false, &model, &error), LUMEN_OK);
    sdxl_turbo_close(model);
    assert_int_equal(open_with(all.low_peak, true, false, &model, &error), LUMEN_OK);
    sdxl_turbo_close(model);
    assert_int_equal(open_with(1, false, true, &model, &error), LUMEN_OK);
    sdxl_turbo_close(model);
}

static int make_folder(void **state)
{
    (void)state;
    static const char merges[] = "#version: 0.2\nh o\nho r\ns e</w>\nhor se</w>\n";
    char path[400];
    make_test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/single.safetensors", folder);
    write_small_single(path);
    snprintf(path, sizeof path, "%s/model", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_small_folder(path);
    write_bytes("model/merges.txt", merges, sizeof merges - 1, path);
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
        cmocka_unit_test(a_file_of_weights_may_run_out_of_memory_anywhere),
        cmocka_unit_test(shards_of_weights_may_run_out_of_memory_anywhere),
        cmocka_unit_test(a_configuration_may_run_out_of_memory_anywhere),
        cmocka_unit_test(a_tokenizer_may_run_out_of_memory_anywhere),
        cmocka_unit_test(a_checkpoint_of_either_form_may_run_out_of_memory_anywhere),
        cmocka_unit_test_prestate(networks_in_f32_may_run_out_of_memory_anywhere, plain),
        cmocka_unit_test_prestate(networks_in_f32_may_run_out_of_memory_anywhere, cpu),
        cmocka_unit_test_prestate(networks_in_bf16_may_run_out_of_memory_anywhere, cpu),
        cmocka_unit_test(a_model_that_is_opened_may_run_out_of_memory_anywhere),
        cmocka_unit_test(a_picture_may_run_out_of_memory_anywhere_and_the_next_one_is_whole),
        cmocka_unit_test(a_model_that_does_not_fit_is_refused_and_says_what_it_needs),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

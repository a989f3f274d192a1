/* The single file as its makers write it: the second text encoder is OpenCLIP's, with q, k and v in one matrix and the
 * projection multiplied from the other side, and the decoder's attention is made of convolutions of one pixel. Written
 * out by hand here, not by way of checkpoint_map_name; what is read must be what the folder holds. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "made_up.h"

#define OPEN_CLIP "conditioner.embedders.1.model."

/* ---- A file of weights that is being made ---------------------------------------------------------------- */

enum { HEADER_MAX = 64 << 10, DATA_MAX = 16 << 20 };

typedef struct weight_file {
    char header[HEADER_MAX];
    size_t header_size;
    unsigned char *data;
    size_t size;
} weight_file;

/* Begins a tensor; its values follow by put_values. */
static void begin_tensor(weight_file *file, const char *name, const char *shape, size_t bytes)
{
    int length = snprintf(file->header + file->header_size, HEADER_MAX - file->header_size,
                          "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                          file->header_size == 0 ? '{' : ',', name, shape, file->size, file->size + bytes);
    assert_true(length > 0 && (size_t)length < HEADER_MAX - file->header_size - 1);
    file->header_size += (size_t)length;
}

static void put_values(weight_file *file, const void *values, size_t bytes)
{
    assert_true(file->size + bytes <= DATA_MAX);
    memcpy(file->data + file->size, values, bytes);
    file->size += bytes;
}

static void save(weight_file *file, const char *path)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    file->header[file->header_size++] = '}';
    for (int i = 0; i < 8; i++)
        fputc((int)(file->header_size >> (8 * i) & 0xff), out);
    fwrite(file->header, 1, file->header_size, out);
    fwrite(file->data, 1, file->size, out);
    assert_int_equal(fclose(out), 0);
}

/* ---- Tensors by the folder's names ----------------------------------------------------------------------- */

static tensor make(const char *name, uint32_t rank, size_t rows, size_t columns)
{
    tensor x;
    assert_int_equal(made_up.find(NULL, name, rank, (size_t[]){rows, columns}, &x, NULL), LUMEN_OK);
    return x;
}

static void put(weight_file *file, const char *name, uint32_t rank, size_t rows, size_t columns)
{
    tensor x = make(name, rank, rows, columns);
    put_values(file, x.data, tensor_bytes(&x));
    made_up.forget(NULL, &x);
}

/* One tensor of the folder under another name. A matrix has columns. */
static void put_as(weight_file *file, const char *single, const char *folder, size_t rows, size_t columns)
{
    char shape[64];
    snprintf(shape, sizeof shape, columns > 0 ? "%zu,%zu" : "%zu", rows, columns);
    begin_tensor(file, single, shape, rows * (columns > 0 ? columns : 1) * sizeof(float));
    put(file, folder, columns > 0 ? 2 : 1, rows, columns);
}

/* ---- The second text encoder ----------------------------------------------------------------------------- */

static void put_in_projection(weight_file *file, size_t layer, size_t width)
{
    static const char *const joined[] = {"q_proj", "k_proj", "v_proj"};
    char name[LAYER_NAME_BYTES], shape[64];
    snprintf(shape, sizeof shape, "%zu,%zu", 3 * width, width);
    layer_name(name, OPEN_CLIP "transformer.resblocks.%zu.attn.in_proj_weight", layer);
    begin_tensor(file, name, shape, 3 * width * width * sizeof(float));
    for (size_t i = 0; i < 3; i++) {
        layer_name(name, "text_model.encoder.layers.%zu.self_attn.%s.weight", layer, joined[i]);
        put(file, name, 2, width, width);
    }
    snprintf(shape, sizeof shape, "%zu", 3 * width);
    layer_name(name, OPEN_CLIP "transformer.resblocks.%zu.attn.in_proj_bias", layer);
    begin_tensor(file, name, shape, 3 * width * sizeof(float));
    for (size_t i = 0; i < 3; i++) {
        layer_name(name, "text_model.encoder.layers.%zu.self_attn.%s.bias", layer, joined[i]);
        put(file, name, 1, width, 0);
    }
}

static void put_layer(weight_file *file, size_t layer, size_t width, size_t hidden)
{
    const struct {
        const char *single, *folder;
        size_t rows, columns;
    } pairs[] = {
        {"attn.out_proj.weight", "self_attn.out_proj.weight", width, width},
        {"attn.out_proj.bias", "self_attn.out_proj.bias", width, 0},
        {"ln_1.weight", "layer_norm1.weight", width, 0},
        {"ln_1.bias", "layer_norm1.bias", width, 0},
        {"ln_2.weight", "layer_norm2.weight", width, 0},
        {"ln_2.bias", "layer_norm2.bias", width, 0},
        {"mlp.c_fc.weight", "mlp.fc1.weight", hidden, width},
        {"mlp.c_fc.bias", "mlp.fc1.bias", hidden, 0},
        {"mlp.c_proj.weight", "mlp.fc2.weight", width, hidden},
        {"mlp.c_proj.bias", "mlp.fc2.bias", width, 0},
    };
    put_in_projection(file, layer, width);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char single[LAYER_NAME_BYTES], folder[LAYER_NAME_BYTES];
        layer_name(single, OPEN_CLIP "transformer.resblocks.%zu.%s", layer, pairs[i].single);
        layer_name(folder, "text_model.encoder.layers.%zu.%s", layer, pairs[i].folder);
        put_as(file, single, folder, pairs[i].rows, pairs[i].columns);
    }
}

/* The folder's (out, in) as (in, out). */
static void put_projection(weight_file *file, size_t outputs, size_t inputs)
{
    char shape[64];
    tensor x = make("text_projection.weight", 2, outputs, inputs);
    const float *values = x.data;
    snprintf(shape, sizeof shape, "%zu,%zu", inputs, outputs);
    begin_tensor(file, OPEN_CLIP "text_projection", shape, tensor_bytes(&x));
    for (size_t column = 0; column < inputs; column++)
        for (size_t row = 0; row < outputs; row++)
            put_values(file, &values[row * inputs + column], sizeof *values);
    made_up.forget(NULL, &x);
}

static void put_open_clip(weight_file *file, const clip_text_config *config)
{
    static const float temperature = 4.6f;
    put_as(file, OPEN_CLIP "positional_embedding", "text_model.embeddings.position_embedding.weight", config->positions,
           config->width);
    put_as(file, OPEN_CLIP "token_embedding.weight", "text_model.embeddings.token_embedding.weight", config->vocabulary,
           config->width);
    for (size_t i = 0; i < config->layers; i++)
        put_layer(file, i, config->width, config->hidden);
    put_as(file, OPEN_CLIP "ln_final.weight", "text_model.final_layer_norm.weight", config->width, 0);
    put_as(file, OPEN_CLIP "ln_final.bias", "text_model.final_layer_norm.bias", config->width, 0);
    put_projection(file, config->projection, config->width);
    begin_tensor(file, OPEN_CLIP "logit_scale", "", sizeof temperature); /* of training; nobody reads it */
    put_values(file, &temperature, sizeof temperature);
}

/* ---- Comparing ------------------------------------------------------------------------------------------- */

typedef struct comparison {
    const weight_source *from;
    size_t count;
} comparison;

static lumen_status find_and_compare(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                                     lumen_error *error)
{
    comparison *with = user;
    tensor expected;
    lumen_status status = with->from->find(with->from->user, name, rank, sizes, out, error);
    if (status != LUMEN_OK)
        return status;
    assert_int_equal(made_up.find(NULL, name, rank, sizes, &expected, error), LUMEN_OK);
    assert_int_equal(tensor_bytes(out), tensor_bytes(&expected));
    if (memcmp(out->data, expected.data, tensor_bytes(out)) != 0)
        fail_msg("%s is not what the folder holds", name);
    made_up.forget(NULL, &expected);
    with->count++;
    return LUMEN_OK;
}

static void forget_compared(void *user, const tensor *view)
{
    const comparison *with = user;
    with->from->forget(with->from->user, view);
}

/* ---- The tests ------------------------------------------------------------------------------------------- */

static char folder[256], path[300];
static weight_file file;

static int make_file(void **state)
{
    (void)state;
    make_test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    file.header_size = file.size = 0;
    file.data = malloc(DATA_MAX);
    assert_non_null(file.data);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    free(file.data);
    remove_test_folder(folder);
    return 0;
}

static checkpoint *open_file(void)
{
    checkpoint *files = NULL;
    lumen_error error = {0};
    if (checkpoint_open(path, TENSOR_F32, &files, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    assert_true(checkpoint_is_single(files));
    return files;
}

static clip_text_config encoder_config(void)
{
    clip_text_config config = small_config().text[1];
    config.vocabulary = 100;
    return config;
}

static void the_second_text_encoder_of_a_single_file_holds_what_the_folder_holds(void **state)
{
    (void)state;
    static clip_text text;
    const clip_text_config config = encoder_config();
    lumen_error error = {0};
    put_open_clip(&file, &config);
    save(&file, path);
    checkpoint *files = open_file();
    comparison with = {.from = checkpoint_part_of(files, CHECKPOINT_TEXT_ENCODER_2)};
    const weight_source source = {.find = find_and_compare, .forget = forget_compared, .user = &with};
    layer_loader in = {.from = &source, .network = "text encoder 2", .type = TENSOR_F32, .error = &error};
    if (clip_text_load(&config, &in, &text) != LUMEN_OK)
        fail_msg("%s", error.message);
    /* Of each layer q, k, v and out, two norms, two of the mlp, each with a bias; two tables, the last norm, the
     * projection. */
    assert_int_equal(with.count, config.layers * 16 + 5);
    checkpoint_close(files);
}

static void fused_rows_that_are_not_three_equal_parts_are_refused(void **state)
{
    (void)state;
    tensor x;
    lumen_error error = {0};
    begin_tensor(&file, OPEN_CLIP "transformer.resblocks.0.attn.in_proj_bias", "8", 8 * sizeof(float));
    put_values(&file, (float[8]){0}, 8 * sizeof(float));
    begin_tensor(&file, OPEN_CLIP "text_projection", "4", 4 * sizeof(float));
    put_values(&file, (float[4]){0}, 4 * sizeof(float));
    save(&file, path);
    checkpoint *files = open_file();
    const weight_source *from = checkpoint_part_of(files, CHECKPOINT_TEXT_ENCODER_2);
    static const char *const names[] = {"text_model.encoder.layers.0.self_attn.q_proj.bias", "text_projection.weight"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(from->find(from->user, names[i], 2, (size_t[]){4, 4}, &x, &error), LUMEN_ERROR_INVALID);
        assert_non_null(strstr(error.message, "pull"));
    }
    checkpoint_close(files);
}

static void attention_of_the_decoder_may_lie_as_convolutions_of_one_pixel(void **state)
{
    (void)state;
    static const char *const letters[] = {"q", "k", "v"};
    static const char *const names[] = {"to_q", "to_k", "to_v"};
    enum { WIDTH = 16 };
    lumen_error error = {0};
    for (size_t i = 0; i < 3; i++) {
        char single[LAYER_NAME_BYTES], inner[LAYER_NAME_BYTES];
        layer_name(single, "first_stage_model.decoder.mid.attn_1.%s.weight", letters[i]);
        layer_name(inner, "decoder.mid_block.attentions.0.%s.weight", names[i]);
        begin_tensor(&file, single, "16,16,1,1", WIDTH * WIDTH * sizeof(float));
        put(&file, inner, 2, WIDTH, WIDTH);
        layer_name(single, "first_stage_model.decoder.mid.attn_1.%s.bias", letters[i]);
        layer_name(inner, "decoder.mid_block.attentions.0.%s.bias", names[i]);
        put_as(&file, single, inner, WIDTH, 0);
    }
    save(&file, path);
    checkpoint *files = open_file();
    comparison with = {.from = checkpoint_part_of(files, CHECKPOINT_VAE)};
    const weight_source source = {.find = find_and_compare, .forget = forget_compared, .user = &with};
    layer_loader in = {.from = &source, .network = "VAE", .type = TENSOR_F32, .error = &error};
    load_joined(&in, "decoder.mid_block.attentions.0", names, 3, WIDTH, WIDTH, LINEAR_BIASED);
    if (in.status != LUMEN_OK)
        fail_msg("%s", error.message);
    assert_int_equal(with.count, 6);
    checkpoint_close(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_second_text_encoder_of_a_single_file_holds_what_the_folder_holds, make_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(fused_rows_that_are_not_three_equal_parts_are_refused, make_file, remove_file),
        cmocka_unit_test_setup_teardown(attention_of_the_decoder_may_lie_as_convolutions_of_one_pixel, make_file,
                                        remove_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "made_up.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/random.h"
#include "tensor/safetensors.h"

/* The reference's small encoders have only the first hundred rows of the table of tokens; a row depends on its number
 * alone. Here it has all, so that a prompt can be tokenized. */
enum { GOLDEN_BYTES_MAX = 300 << 10, CLIP_TABLE_SIZE = 49408 };

extern const unsigned char golden_safetensors[], golden_picture[];
extern const size_t golden_safetensors_size, golden_picture_size;

/* ---- Weights from names ---------------------------------------------------------------------------------- */

static bool ends(const char *name, const char *ending)
{
    const size_t length = strlen(name), of_ending = strlen(ending);
    return length >= of_ending && strcmp(name + length - of_ending, ending) == 0;
}

static void make_values(const char *name, const tensor *x, float *values)
{
    const size_t count = tensor_count(x), length = strlen(name);
    const uint64_t start = fnv1a(FNV_START, name, length);
    const double middle =
        x->rank == 1 && (ends(name, ".weight") || ends(name, ".running_var") || ends(name, ".lambda1")) ? 1.0 : 0.0;
    const double width = x->rank > 1 ? sqrt(3.0 / (double)(count / x->sizes[0])) : 0.1;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(middle + width * ((double)(random_hash(start + i) >> 40) * 0x1p-23 - 1.0));
}

static lumen_status make_up(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                            lumen_error *error)
{
    (void)user;
    (void)error;
    *out = tensor_make(TENSOR_F32, rank, sizes, NULL);
    float *values = malloc(tensor_bytes(out));
    assert_non_null(values);
    make_values(name, out, values);
    out->data = values;
    return LUMEN_OK;
}

static void forget(void *user, const tensor *view)
{
    (void)user;
    free(view->data);
}

const weight_source made_up = {.find = make_up, .forget = forget};

sdxl_turbo_config small_config(void)
{
    sdxl_turbo_config config = sdxl_turbo_default();
    config.text[0] = (clip_text_config){.width = 32,
                                        .layers = 3,
                                        .heads = 2,
                                        .hidden = 128,
                                        .vocabulary = CLIP_TABLE_SIZE,
                                        .positions = 77,
                                        .end = 2,
                                        .activation = ACTIVATION_QUICK_GELU,
                                        .epsilon = 1e-5f};
    config.text[1] = (clip_text_config){.width = 64,
                                        .layers = 3,
                                        .heads = 4,
                                        .hidden = 256,
                                        .vocabulary = CLIP_TABLE_SIZE,
                                        .positions = 77,
                                        .projection = 48,
                                        .end = 2,
                                        .activation = ACTIVATION_GELU,
                                        .epsilon = 1e-5f};
    config.unet = (sdxl_unet_config){.channels = 4,
                                     .levels = 3,
                                     .widths = {32, 64, 64},
                                     .attends = {false, true, true},
                                     .depths = {1, 1, 2},
                                     .heads = {1, 2, 4},
                                     .resnets = 2,
                                     .context = 96,
                                     .pooled = 48,
                                     .size_embedding = 16,
                                     .groups = 16,
                                     .epsilon = 1e-5f};
    config.vae = (sdxl_vae_config){.latent_channels = 4,
                                   .picture_channels = 3,
                                   .levels = 4,
                                   .widths = {16, 32, 32, 32},
                                   .resnets = 2,
                                   .groups = 16,
                                   .scaling = 0.13025};
    return config;
}

/* ---- Writing files --------------------------------------------------------------------------------------- */

/* The tensors of a file that is being made, in the order in which the loaders ask for them. */
typedef struct file_maker {
    json_t *header;
    unsigned char *bytes;
    size_t size, capacity;
    made_up_values *values; /* NULL: as their names say */
    bool single;
    checkpoint_part part;
} file_maker;

static json_t *shape_of(uint32_t rank, const size_t *sizes)
{
    json_t *shape = json_array();
    for (uint32_t i = 0; i < rank; i++)
        json_array_append_new(shape, json_integer((json_int_t)sizes[i]));
    return shape;
}

static unsigned char *add_bytes(file_maker *file, size_t count)
{
    if (file->size + count > file->capacity) {
        file->capacity = 2 * (file->size + count);
        file->bytes = realloc(file->bytes, file->capacity);
        assert_non_null(file->bytes);
    }
    file->size += count;
    return file->bytes + file->size - count;
}

/* Room for a tensor of the file; that of a fused one is made when its first slice comes. */
static unsigned char *place_tensor(file_maker *file, const char *name, uint32_t rank, const size_t *sizes, size_t bytes)
{
    json_t *entry = json_object_get(file->header, name);
    if (entry == NULL) {
        const size_t begin = file->size;
        unsigned char *at = add_bytes(file, bytes);
        json_object_set_new(file->header, name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape_of(rank, sizes),
                                      "data_offsets", (json_int_t)begin, (json_int_t)(begin + bytes)));
        return at;
    }
    return file->bytes + json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 0));
}

static void put_tensor(file_maker *file, const char *name, const tensor *values)
{
    const size_t bytes = tensor_bytes(values);
    checkpoint_single_name place = {.slices = 1};
    layer_name(place.name, "%s", name);
    if (file->single)
        assert_true(checkpoint_map_name(file->part, name, &place));
    size_t sizes[TENSOR_RANK_MAX];
    memcpy(sizes, values->sizes, sizeof sizes);
    sizes[0] *= place.slices;
    if (!place.transposed) {
        unsigned char *at = place_tensor(file, place.name, values->rank, sizes, place.slices * bytes);
        memcpy(at + place.slice * bytes, values->data, bytes);
        return;
    }
    const size_t turned[] = {sizes[1], sizes[0]};
    unsigned char *at = place_tensor(file, place.name, 2, turned, bytes);
    const float *from = values->data;
    for (size_t row = 0; row < sizes[0]; row++)
        for (size_t column = 0; column < sizes[1]; column++)
            memcpy(at + (column * sizes[0] + row) * sizeof(float), from + row * sizes[1] + column, sizeof(float));
}

static lumen_status make_up_and_put(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                                    lumen_error *error)
{
    const file_maker *file = user;
    lumen_status status = make_up(NULL, name, rank, sizes, out, error);
    if (file->values != NULL)
        file->values(name, out, out->data);
    put_tensor(user, name, out);
    return status;
}

static void save_file(file_maker *file, const char *path)
{
    char *text = json_dumps(file->header, JSON_COMPACT);
    assert_non_null(text);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    const uint64_t length = strlen(text);
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> (8 * i) & 0xff), out);
    fwrite(text, 1, length, out);
    fwrite(file->bytes, 1, file->size, out);
    assert_int_equal(fclose(out), 0);
    free(text);
    free(file->bytes);
    json_decref(file->header);
    *file = (file_maker){.header = json_object(), .single = file->single};
}

static void put_part(file_maker *file, checkpoint_part part)
{
    static clip_text text;
    static sdxl_unet unet;
    static sdxl_vae vae;
    const sdxl_turbo_config config = small_config();
    const weight_source source = {.find = make_up_and_put, .forget = forget, .user = file};
    lumen_error error = {0};
    layer_loader in = {.from = &source, .network = "small", .type = TENSOR_F32, .error = &error};
    file->part = part;
    lumen_status status;
    if (part == CHECKPOINT_UNET)
        status = sdxl_unet_load(&config.unet, &in, &unet);
    else if (part == CHECKPOINT_VAE)
        status = sdxl_vae_load(&config.vae, &in, &vae);
    else
        status = clip_text_load(&config.text[part], &in, &text);
    assert_int_equal(status, LUMEN_OK);
}

void write_text(const char *folder, const char *name, const char *text)
{
    char path[4400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

/* As the reference writes them, less what nobody reads. */
static const char *const small_json[CHECKPOINT_PARTS] = {
    ("{\"hidden_size\": 32, \"num_hidden_layers\": 3, \"num_attention_heads\": 2, \"intermediate_size\": 128, "
     "\"vocab_size\": 49408, \"max_position_embeddings\": 77, \"hidden_act\": \"quick_gelu\", \"layer_norm_eps\": "
     "1e-05, "
     "\"projection_dim\": 32, \"eos_token_id\": 2}"),
    ("{\"hidden_size\": 64, \"num_hidden_layers\": 3, \"num_attention_heads\": 4, \"intermediate_size\": 256, "
     "\"vocab_size\": 49408, \"max_position_embeddings\": 77, \"hidden_act\": \"gelu\", \"layer_norm_eps\": 1e-05, "
     "\"projection_dim\": 48, \"eos_token_id\": 2}"),
    ("{\"in_channels\": 4, \"out_channels\": 4, \"block_out_channels\": [32, 64, 64], \"down_block_types\": "
     "[\"DownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\"], \"up_block_types\": "
     "[\"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\", \"UpBlock2D\"], \"layers_per_block\": 2, "
     "\"transformer_layers_per_block\": [1, 1, 2], \"attention_head_dim\": [1, 2, 4], \"cross_attention_dim\": 96, "
     "\"use_linear_projection\": true, \"norm_num_groups\": 16, \"addition_embed_type\": \"text_time\", "
     "\"addition_time_embed_dim\": 16, \"projection_class_embeddings_input_dim\": 144, \"upcast_attention\": null}"),
    ("{\"out_channels\": 3, \"latent_channels\": 4, \"block_out_channels\": [16, 32, 32, 32], \"layers_per_block\": 2, "
     "\"norm_num_groups\": 16, \"scaling_factor\": 0.13025}")};

void write_small_folder(const char *path)
{
    file_maker file = {.header = json_object()};
    for (int i = 0; i < CHECKPOINT_PARTS; i++) {
        const char *stem = i < CHECKPOINT_UNET ? "model" : "diffusion_pytorch_model";
        char folder[4200], name[4300];
        snprintf(folder, sizeof folder, "%s/%s", path, checkpoint_folder_name((checkpoint_part)i));
        assert_int_equal(mkdir(folder, 0700), 0);
        write_text(folder, "config.json", small_json[i]);
        put_part(&file, (checkpoint_part)i);
        snprintf(name, sizeof name, "%s/%s.safetensors", folder, stem);
        save_file(&file, name);
    }
    json_decref(file.header);
}

void write_made_up(const char *path, lumen_status (*load)(const void *config, layer_loader *in), const void *config)
{
    write_thought_up(path, load, config, NULL);
}

void write_thought_up(const char *path, lumen_status (*load)(const void *config, layer_loader *in), const void *config,
                      made_up_values *values)
{
    file_maker file = {.header = json_object(), .values = values};
    const weight_source source = {.find = make_up_and_put, .forget = forget, .user = &file};
    lumen_error error = {0};
    layer_loader in = {.from = &source, .network = "small", .type = TENSOR_F32, .error = &error};
    assert_int_equal(load(config, &in), LUMEN_OK);
    save_file(&file, path);
    json_decref(file.header);
}

void write_small_single(const char *path)
{
    file_maker file = {.header = json_object(), .single = true};
    for (int i = 0; i < CHECKPOINT_PARTS; i++)
        put_part(&file, (checkpoint_part)i);
    save_file(&file, path);
    json_decref(file.header);
}

void make_test_folder(char *path, size_t capacity)
{
    const char *base = getenv("TMPDIR");
    snprintf(path, capacity, "%s/lumen-networks-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *where)
{
    (void)facts;
    (void)kind;
    (void)where;
    return remove(path);
}

void remove_test_folder(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- Golden data ----------------------------------------------------------------------------------------- */

/* An embedded file, where numbers lie aligned; its array need not. */
static safetensors *open_golden(const unsigned char *bytes, size_t size, double *aligned, size_t capacity)
{
    safetensors *file = NULL;
    lumen_error error = {0};
    assert_true(size <= capacity);
    memcpy(aligned, bytes, size);
    assert_int_equal(safetensors_from_bytes("golden", aligned, size, &file, &error), LUMEN_OK);
    return file;
}

tensor golden(const char *name)
{
    static double aligned[2][GOLDEN_BYTES_MAX / sizeof(double)];
    static safetensors *files[2];
    lumen_error error = {0};
    tensor view = {0};
    if (files[0] == NULL) {
        files[0] = open_golden(golden_safetensors, golden_safetensors_size, aligned[0], sizeof aligned[0]);
        files[1] = open_golden(golden_picture, golden_picture_size, aligned[1], sizeof aligned[1]);
    }
    if (safetensors_find(files[safetensors_has(files[1], name) ? 1 : 0], name, &view, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return view;
}

likeness compare(const float *values, const float *expected, size_t count)
{
    double most = 0.0, difference = 0.0, product = 0.0, squares = 0.0, expected_squares = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double a = (double)values[i], b = (double)expected[i];
        most = fmax(most, fabs(b));
        /* Not fmax, which would pass over a NaN. */
        difference = fabs(a - b) <= difference ? difference : fabs(a - b);
        product += a * b;
        squares += a * a;
        expected_squares += b * b;
    }
    return (likeness){.relative = difference / most, .cosine = product / sqrt(squares * expected_squares)};
}

float *channels_last(const tensor *x)
{
    const size_t channels = x->sizes[0], pixels = x->sizes[1] * x->sizes[2];
    float *out = malloc(tensor_bytes(x));
    assert_non_null(out);
    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < pixels; p++)
            memcpy(&out[p * channels + c], (const float *)x->data + c * pixels + p, sizeof(float));
    return out;
}

operators *open_made_up_device(const setting *how)
{
    operators *run = NULL;
    lumen_error error = {0};
    const operators_options options = {.device = how->device, .threads = 2, .type = how->type, .arena_bytes = 1u << 30};
    lumen_status status = operators_open(&options, &run, &error);
    if (status == LUMEN_ERROR_UNAVAILABLE)
        skip();
    if (status != LUMEN_OK)
        fail_msg("%s", error.message);
    return run;
}

layer_loader made_up_loader(operators *run, lumen_error *error)
{
    return (layer_loader){
        .from = &made_up, .run = run, .network = "small", .type = operators_type(run), .error = error};
}

void assert_run_went_well(const operators *run)
{
    lumen_error error = {0};
    if (operators_status(run, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
}

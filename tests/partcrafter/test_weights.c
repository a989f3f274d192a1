/* Weight files that are not what they should be: cut short, exchanged, or with a tensor that is missing, of another
 * size, of another type, or no number. Each is an error that names the file, and with the right file the next request
 * of the same library works. */

#include "engine_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Below the folder of models. `named`: what a message must say of it. */
typedef struct weights {
    const char *path, *named;
} weights;

static const weights all[] = {
    {"rmbg-1.4/model.safetensors", "rmbg-1.4"},
    {"partcrafter/image_encoder_dinov2/model.safetensors", "image_encoder_dinov2"},
    {"partcrafter/transformer/diffusion_pytorch_model.safetensors", "partcrafter/transformer"},
    {"partcrafter/vae/diffusion_pytorch_model.safetensors", "partcrafter/vae"},
    {"sdxl-turbo/unet/diffusion_pytorch_model.safetensors", "sdxl-turbo/unet"}};

enum { FILES = sizeof all / sizeof *all };

/* Of each test its own: what a library has once looked at it looks at no more. */
static lumen *usual;

static int make_models(void **state)
{
    (void)state;
    return make_shared_models(&bush_of_ellipsoids);
}

static int open_own(void **state)
{
    (void)state;
    usual = open_usual();
    return 0;
}

static int close_own(void **state)
{
    (void)state;
    lumen_close(usual);
    return 0;
}

/* ---- Files ------------------------------------------------------------------------------------------------ */

typedef struct content {
    unsigned char *bytes;
    size_t size;
} content;

static void path_of(const weights *file, const char *ending, char path[600])
{
    snprintf(path, 600, "%s/%s%s", models_folder, file->path, ending);
}

static content read_weights(const weights *file)
{
    char path[600];
    struct stat facts;
    path_of(file, "", path);
    assert_int_equal(stat(path, &facts), 0);
    content whole = {.bytes = malloc((size_t)facts.st_size + 1), .size = (size_t)facts.st_size};
    FILE *in = fopen(path, "rb");
    assert_true(whole.bytes != NULL && in != NULL);
    assert_int_equal(fread(whole.bytes, 1, whole.size, in), whole.size);
    fclose(in);
    return whole;
}

/* The right file waits beside it. */
static void put_aside(const weights *file)
{
    char path[600], aside[600];
    path_of(file, "", path);
    path_of(file, ".right", aside);
    assert_int_equal(rename(path, aside), 0);
}

static void put_back(const weights *file)
{
    char path[600], aside[600];
    path_of(file, "", path);
    path_of(file, ".right", aside);
    assert_int_equal(rename(aside, path), 0);
}

static void replace(const weights *file, const void *bytes, size_t size)
{
    char path[600];
    put_aside(file);
    path_of(file, "", path);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

/* What is seen before anything is made. Who brings a picture does without the painter's files. */
static void assert_refused(const weights *file, const void *bytes, size_t size)
{
    const bool of_painter = strncmp(file->path, "sdxl-turbo", 10) == 0;
    replace(file, bytes, size);
    assert_fails(usual, of_painter ? &painted : &pictured, LUMEN_ERROR_INVALID, file->named);
    put_back(file);
}

/* ---- What is seen in the headers --------------------------------------------------------------------------- */

static void files_that_are_cut_short_anywhere_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        const content whole = read_weights(&all[i]);
        const size_t cuts[] = {0, 1, 8, 100, whole.size / 2, whole.size - 1};
        for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++)
            assert_refused(&all[i], whole.bytes, cuts[k]);
        free(whole.bytes);
    }
    assert_works(usual);
}

static void files_of_other_networks_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++)
        for (size_t k = 0; k < FILES; k++) {
            const content whole = read_weights(&all[k]);
            if (k != i)
                assert_refused(&all[i], whole.bytes, whole.size);
            free(whole.bytes);
        }
    assert_works(usual);
}

/* The text in the header of a file of weights, as often as it is there, in place. */
static size_t exchange(content *whole, const char *from, const char *to)
{
    size_t count = 0;
    uint64_t length = 0;
    assert_int_equal(strlen(from), strlen(to));
    for (int i = 7; i >= 0; i--)
        length = length << 8 | whole->bytes[i];
    for (size_t at = 8; at + strlen(from) <= 8 + length; at++)
        if (memcmp(whole->bytes + at, from, strlen(from)) == 0) {
            memcpy(whole->bytes + at, to, strlen(to));
            count++;
        }
    return count;
}

/* A tensor of each file with two different sizes, as the header writes it. */
static const struct {
    const char *name, *other_name, *shape, *other_shape;
} changes[FILES] = {
    {"stage1.rebnconvin.bn_s1.bias", "stage1.rebnconvin.bn_s1.bios", "[4,3,3,3]", "[3,4,3,3]"},
    {"layernorm.weight", "layernorm.woight", "[96,48]", "[48,96]"},
    {"norm_out.weight", "norm_out.woight", "[32,64]", "[64,32]"},
    {"decoder.proj_out.weight", "decoder.proj_out.woight", "[64,51]", "[51,64]"},
    {"conv_in.weight", "conv_in.woight", "[32,4,3,3]", "[4,32,3,3]"},
};

static void a_tensor_that_is_missing_or_of_another_size_or_type_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        content whole = read_weights(&all[i]);
        assert_true(exchange(&whole, changes[i].name, changes[i].other_name) > 0);
        assert_refused(&all[i], whole.bytes, whole.size);
        exchange(&whole, changes[i].other_name, changes[i].name);
        assert_true(exchange(&whole, changes[i].shape, changes[i].other_shape) > 0);
        assert_refused(&all[i], whole.bytes, whole.size);
        free(whole.bytes);
        whole = read_weights(&all[i]);
        assert_true(exchange(&whole, "\"F32\"", "\"I32\"") > 0);
        assert_refused(&all[i], whole.bytes, whole.size);
        free(whole.bytes);
    }
    assert_works(usual);
}

/* ---- What is seen in the numbers --------------------------------------------------------------------------- */

/* The headers say nothing of it; what comes out of the network does. */
static void weights_that_are_no_numbers_are_a_failure_that_says_so(void **state)
{
    (void)state;
    static const char *const network[FILES] = {"what a picture shows", "image_encoder_dinov2", "DiT",
                                               "the network that gives it is broken", "weights are damaged"};
    buffer disc = draw_disc(64, 200);
    for (size_t i = 0; i < FILES; i++) {
        content whole = read_weights(&all[i]);
        const uint32_t none = 0x7fc00000;
        for (size_t at = whole.size - whole.size / 3 / 4 * 4; at < whole.size; at += 4)
            memcpy(whole.bytes + at, &none, 4);
        replace(&all[i], whole.bytes, whole.size);
        lumen *library = open_usual();
        const lumen_request opaque = from_picture(&disc, painted.text);
        assert_fails(library, i == 0 ? &opaque : i == FILES - 1 ? &painted : &pictured, LUMEN_ERROR_FAILED, network[i]);
        lumen_close(library);
        put_back(&all[i]);
        free(whole.bytes);
    }
    assert_works(usual);
    buffer_close(&disc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_that_are_cut_short_anywhere_are_refused, open_own, close_own),
        cmocka_unit_test_setup_teardown(files_of_other_networks_are_refused, open_own, close_own),
        cmocka_unit_test_setup_teardown(a_tensor_that_is_missing_or_of_another_size_or_type_is_refused, open_own,
                                        close_own),
        cmocka_unit_test_setup_teardown(weights_that_are_no_numbers_are_a_failure_that_says_so, open_own, close_own),
    };
    return cmocka_run_group_tests(tests, make_models, remove_shared_models);
}

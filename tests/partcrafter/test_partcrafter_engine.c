/* From a word, or from a picture, to named parts: the whole way through the library, with small models of the official
 * layout whose parts are ellipsoids. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../networks/made_up.h"
#include "geometry/surface.h"
#include "lumen.h"
#include "networks/dinov2.h"
#include "networks/partcrafter.h"
#include "networks/rmbg.h"
#include "partcrafter/partcrafter_engine.h"
#include "picture/picture.h"
#include "pipeline/pipeline.h"
#include "small_models.h"

/* All models with the parts of a tree, and a second folder whose parts are a test's own. */
static char folder[256], own_folder[256];

/* Quick: the diffusion of these models comes to the same in any number of steps. */
static const lumen_request tree = {
    .text = "tree", .engine = "partcrafter", .quality = LUMEN_QUALITY_FAST, .steps = 2, .tokens = 16};

/* The same without painting first, which takes the longest. */
static lumen_request pictured;
static buffer picture;

/* A disc of one color on white. */
static buffer draw_disc(uint32_t size, uint8_t red)
{
    picture_image image = {.width = size, .height = size, .pixels = malloc((size_t)3 * size * size)};
    lumen_error error = {0};
    buffer bytes;
    assert_non_null(image.pixels);
    const double middle = 0.5 * (double)size;
    for (uint32_t i = 0; i < size * size; i++) {
        const double x = (double)(i % size) - middle, y = (double)(i / size) - middle;
        const bool inside = x * x + y * y < middle * middle / 4.0;
        memset(image.pixels + (size_t)3 * i, inside ? 40 : 255, 3);
        image.pixels[(size_t)3 * i] = inside ? red : 255;
    }
    buffer_open(&bytes, 1 << 22);
    assert_int_equal(picture_write_png(&image, &bytes, &error), LUMEN_OK);
    picture_free(&image);
    return bytes;
}

static int make_models(void **state)
{
    (void)state;
    make_test_folder(folder, sizeof folder);
    write_small_models(folder, &tree_of_ellipsoids);
    picture = draw_disc(64, 200);
    pictured = tree;
    pictured.image = picture.data;
    pictured.image_size = picture.size;
    return 0;
}

static int remove_models(void **state)
{
    (void)state;
    buffer_close(&picture);
    remove_test_folder(folder);
    return 0;
}

/* The models of `folder`, with other parts; NULL: without PartCrafter. */
static void make_own_folder(const ellipsoids *parts)
{
    char from[512], to[512];
    static const char *const shared[] = {"sdxl-turbo", "rmbg-1.4"};
    make_test_folder(own_folder, sizeof own_folder);
    for (size_t i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "%s/%s", folder, shared[i]);
        snprintf(to, sizeof to, "%s/%s", own_folder, shared[i]);
        assert_int_equal(symlink(from, to), 0);
    }
    if (parts != NULL)
        write_small_maker(own_folder, parts);
}

static lumen *open_library(const lumen_options *how)
{
    lumen_options options = *how;
    lumen *library = NULL;
    lumen_error error = {0};
    if (options.models == NULL)
        options.models = folder;
    if (options.precision == NULL)
        options.precision = "f32";
    options.threads = 1;
    if (lumen_open(&options, &library, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return library;
}

static lumen *open_usual(void)
{
    return open_library(&(lumen_options){0});
}

static lumen_shape *generate(lumen *library, const lumen_request *request)
{
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    if (lumen_generate(library, request, &shape, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return shape;
}

static void assert_fails(lumen *library, const lumen_request *request, lumen_status expected, const char *naming)
{
    lumen_shape *shape = (lumen_shape *)&shape;
    lumen_error error = {0};
    lumen_status status = lumen_generate(library, request, &shape, &error);
    if (status != expected || error.status != expected || strstr(error.message, naming) == NULL)
        fail_msg("%s, not %s of %s: %s", lumen_status_name(status), lumen_status_name(expected), naming, error.message);
    assert_null(shape);
}

static void assert_same(const lumen_shape *one, const lumen_shape *other)
{
    assert_int_equal(one->point_count, other->point_count);
    assert_memory_equal(one->positions, other->positions, one->point_count * 3 * sizeof(float));
    assert_memory_equal(one->part_ids, other->part_ids, one->point_count);
    assert_int_equal(one->part_count, other->part_count);
    for (uint32_t k = 0; k < one->part_count; k++) {
        assert_string_equal(one->part_names[k], other->part_names[k]);
        assert_int_equal(one->part_meshes[k].vertex_count, other->part_meshes[k].vertex_count);
    }
}

/* The next request works, and gives what the first did. */
static void assert_works(lumen *library, const lumen_shape *expected)
{
    lumen_shape *shape = generate(library, &pictured);
    assert_string_equal(shape->pipeline, "partcrafter");
    if (expected != NULL)
        assert_same(shape, expected);
    lumen_shape_free(shape);
}

static int32_t part_named(const lumen_shape *shape, const char *name)
{
    for (uint32_t k = 0; k < shape->part_count; k++)
        if (strcmp(shape->part_names[k], name) == 0)
            return (int32_t)k;
    fail_msg("no part is called %s", name);
    return -1;
}

/* ---- Pictures --------------------------------------------------------------------------------------------- */

static buffer draw_black(uint32_t size)
{
    picture_image image = {.width = size, .height = size, .pixels = calloc((size_t)3 * size, size)};
    lumen_error error = {0};
    buffer bytes;
    buffer_open(&bytes, 1 << 22);
    assert_int_equal(picture_write_png(&image, &bytes, &error), LUMEN_OK);
    picture_free(&image);
    return bytes;
}

static lumen_request from_picture(const buffer *bytes, const char *text)
{
    lumen_request request = tree;
    request.text = text;
    request.image = bytes->data;
    request.image_size = bytes->size;
    return request;
}

/* ---- What comes out --------------------------------------------------------------------------------------- */

static void a_word_becomes_named_parts(void **state)
{
    (void)state;
    make_own_folder(&cat_of_ellipsoids);
    lumen *library = open_library(&(lumen_options){.models = own_folder});
    lumen_request request = tree;
    request.text = "a cat";
    lumen_shape *shape = generate(library, &request);
    assert_string_equal(shape->pipeline, "partcrafter");
    assert_string_equal(shape->template_type, "quadruped");
    assert_string_equal(shape->concept_name, "cat");
    assert_null(shape->fallback_reason);
    assert_int_equal(shape->point_count, LUMEN_POINTS_DEFAULT);
    assert_int_equal(shape->part_count, cat_of_ellipsoids.count);
    assert_non_null(shape->part_confidence);
    for (size_t i = 0; i < cat_of_ellipsoids.count; i++) {
        const int32_t k = part_named(shape, cat_names[i]);
        assert_true(shape->part_confidence[k] > 0.8f && shape->part_confidence[k] <= 1.0f);
    }
    lumen_shape_free(shape);
    lumen_close(library);
    remove_test_folder(own_folder);
}

/* How far a place is from the ellipsoid of small_models.h, about. */
static double distance_from(const ellipsoid *part, const float *at)
{
    double value = -0.5, slope = 0.0;
    for (int axis = 0; axis < 3; axis++) {
        const double weight = 1.0 / (part->axes[axis] * part->axes[axis]);
        const double from = (double)at[axis] - part->center[axis];
        value += weight * (1.0 - cos(from));
        slope += weight * weight * sin(from) * sin(from);
    }
    return fabs(value) / sqrt(slope);
}

/* Asks the engine itself, whose meshes are in the frame of the field. */
static void every_vertex_lies_on_the_surface_of_its_part(void **state)
{
    (void)state;
    static words_phrase phrase;
    lumen *library = open_usual();
    lumen_error error = {0};
    arena *scratch = arena_create((size_t)1 << 28), *memory = arena_create((size_t)1 << 28);
    const engine *one = pipeline_engine(library, "partcrafter");
    engine_result made;
    assert_int_equal(words_parse("tree", NULL, &phrase, &error), LUMEN_OK);
    const engine_request request = {.phrase = &phrase, .quality = LUMEN_QUALITY_FAST, .steps = 2, .tokens = 16};
    if (one->generate(one, &request, scratch, memory, &made, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    assert_int_equal(made.part_count, 2);
    for (uint32_t k = 0; k < made.part_count; k++) {
        const size_t which = strcmp(made.part_names[k], tree_names[0]) == 0 ? 0 : 1;
        const lumen_mesh *mesh = &made.part_meshes[k];
        double most = 0.0;
        assert_string_equal(made.part_names[k], tree_names[which]);
        assert_true(mesh->vertex_count > 1000);
        for (uint32_t i = 0; i < mesh->vertex_count; i++)
            most = fmax(most, distance_from(&tree_of_ellipsoids.parts[which], mesh->positions + (size_t)3 * i));
        if (most > 0.006) /* a third of a cell; the picture moves it a little, too */
            fail_msg("the %s is %g away from where it should be", made.part_names[k], most);
    }
    arena_destroy(memory);
    arena_destroy(scratch);
    lumen_close(library);
}

static void a_part_bends_from_its_joint_to_its_extremity(void **state)
{
    (void)state;
    lumen *library = open_usual();
    lumen_shape *shape = generate(library, &pictured);
    const uint8_t canopy = (uint8_t)(part_named(shape, "canopy") + 1);
    float least = 1.0f, most = 0.0f;
    for (uint32_t i = 0; i < shape->point_count; i++) {
        assert_true(shape->attachments[i] >= 0.0f && shape->attachments[i] <= 1.0f);
        if (shape->part_ids[i] != canopy)
            continue;
        least = fminf(least, shape->attachments[i]);
        most = fmaxf(most, shape->attachments[i]);
    }
    assert_true(least < 0.3f && most > 0.7f);
    lumen_shape_free(shape);
    lumen_close(library);
}

static void the_same_request_gives_the_same_bytes(void **state)
{
    (void)state;
    lumen *library = open_usual(), *other = open_library(&(lumen_options){.low_memory = true});
    lumen_shape *first = generate(library, &pictured);
    assert_works(library, first); /* with networks that stayed */
    assert_works(other, first);   /* with networks that come and go */
    lumen_request again = pictured;
    again.guidance = 2.0f;
    lumen_shape *guided = generate(library, &again);
    assert_string_not_equal(guided->key, first->key);
    lumen_shape_free(guided);
    lumen_shape_free(first);
    lumen_close(library);
    lumen_close(other);
}

static void a_picture_takes_the_place_of_the_painting(void **state)
{
    (void)state;
    lumen *library = open_usual();
    buffer disc = draw_disc(128, 200);
    const lumen_request named = from_picture(&disc, "tree"), unnamed = from_picture(&disc, NULL);
    lumen_shape *shape = generate(library, &named);
    assert_string_equal(shape->template_type, "plant");
    part_named(shape, "canopy");
    part_named(shape, "trunk");
    lumen_shape *painted = generate(library, &tree);
    assert_string_not_equal(shape->key, painted->key);
    lumen_shape_free(painted);
    lumen_shape_free(shape);
    /* Nobody says what it shows: the parts keep their numbers. */
    lumen_request two = unnamed;
    two.num_parts = 2;
    shape = generate(library, &two);
    assert_string_equal(shape->template_type, "abstract");
    assert_string_equal(shape->part_names[0], "part_1");
    assert_string_equal(shape->part_names[1], "part_2");
    lumen_shape_free(shape);
    buffer_close(&disc);
    lumen_close(library);
}

/* ---- Stage by stage --------------------------------------------------------------------------------------- */

static lumen_status ask(void *user, const float *points, size_t count, float *values, lumen_error *error)
{
    return partcrafter_field(user, points, count, values, error);
}

static void check(lumen_status status, const lumen_error *error)
{
    if (status != LUMEN_OK)
        fail_msg("%s", error->message);
}

/* The tokens of the picture of a prompt, each network asked by its own header. */
static float *encode_by_hand(const char *prompt, const dinov2_config *config)
{
    char path[400];
    lumen_error error = {0};
    sdxl_turbo *painter;
    picture_photograph painting = {0};
    snprintf(path, sizeof path, "%s/sdxl-turbo", folder);
    check(sdxl_turbo_open(&(sdxl_turbo_options){.path = path, .threads = 1, .type = TENSOR_F32}, &painter, &error),
          &error);
    const sdxl_turbo_request request = {.prompt = prompt, .steps = 1};
    check(sdxl_turbo_paint(painter, &request, &painting.color, &error), &error);
    sdxl_turbo_close(painter);

    const operators_options how = {.threads = 1, .type = TENSOR_F32};
    operators *run;
    weight_file *file;
    static isnet cutter;
    rmbg_cut cut;
    const isnet_config small = {.channels = 3,
                                .first = 4,
                                .down = {{2, 4}, {2, 4}, {2, 4}, {4, 8}, {4, 8}, {4, 8}},
                                .up = {{2, 4}, {2, 4}, {2, 4}, {2, 4}, {4, 8}}};
    check(operators_open(&how, &run, &error), &error);
    snprintf(path, sizeof path, "%s/rmbg-1.4", folder);
    check(weight_file_open(path, "", "rmbg-1.4", TENSOR_F32, &file, &error), &error);
    layer_loader in = {.from = weight_file_source(file), .run = run, .type = TENSOR_F32, .error = &error};
    check(isnet_load(&small, &in, &cutter), &error);
    check(rmbg_cut_out_with(run, &cutter, &painting, &cut, &error), &error);
    weight_file_close(file);
    operators_unload(run);

    static dinov2 encoder;
    snprintf(path, sizeof path, "%s/partcrafter", folder);
    check(weight_file_open(path, "image_encoder_dinov2", "partcrafter", TENSOR_F32, &file, &error), &error);
    in.from = weight_file_source(file);
    check(dinov2_load(config, &in, &encoder), &error);
    float *patches = malloc(dinov2_value_count(config) * sizeof *patches);
    float *tokens = malloc(dinov2_tokens(config) * config->width * sizeof *tokens);
    assert_true(patches != NULL && tokens != NULL);
    check(dinov2_prepare(config, &cut.picture, patches, &error), &error);
    tensor made = dinov2_forward(run, &encoder, patches);
    op_to_f32(run, &made, tokens);
    weight_file_close(file);
    operators_close(run);
    free(patches);
    rmbg_cut_free(&cut);
    picture_photograph_free(&painting);
    return tokens;
}

static void the_engine_does_what_its_networks_do_one_by_one(void **state)
{
    (void)state;
    static words_phrase phrase;
    char path[400];
    lumen_error error = {0};
    dinov2_config config = dinov2_default();
    config.width = 48;
    config.layers = 2;
    config.heads = 4;
    config.hidden = 96;
    config.trained = 224;
    check(words_parse("tree", NULL, &phrase, &error), &error);
    float *tokens = encode_by_hand(phrase.prompt, &config), *latents = malloc(2 * 16 * 16 * sizeof *latents);
    partcrafter *maker;
    snprintf(path, sizeof path, "%s/partcrafter", folder);
    check(partcrafter_open(&(partcrafter_options){.path = path, .threads = 1, .type = TENSOR_F32}, &maker, &error),
          &error);
    const partcrafter_preset preset = partcrafter_preset_of(LUMEN_QUALITY_FAST);
    const partcrafter_request order = {.image = tokens,
                                       .image_tokens = dinov2_tokens(&config),
                                       .parts = 2,
                                       .tokens = 16,
                                       .steps = 2,
                                       .guidance = preset.guidance,
                                       .guidance_from = preset.guidance_from,
                                       .guidance_until = preset.guidance_until};
    check(partcrafter_sample(maker, &order, latents, &error), &error);

    lumen *library = open_usual();
    arena *scratch = arena_create((size_t)1 << 28), *memory = arena_create((size_t)1 << 28);
    const engine *one = pipeline_engine(library, "partcrafter");
    engine_result made;
    const engine_request request = {.phrase = &phrase, .quality = LUMEN_QUALITY_FAST, .steps = 2, .tokens = 16};
    check(one->generate(one, &request, scratch, memory, &made, &error), &error);
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    for (size_t i = 0; i < 2; i++) {
        lumen_mesh mesh;
        const batch_field field = {.evaluate = ask, .user = maker};
        const lumen_mesh *same = NULL;
        check(partcrafter_begin_part(maker, latents + i * 16 * 16, 16, &error), &error);
        check(surface_extract(&field, &settings, scratch, memory, &mesh, NULL, &error), &error);
        for (uint32_t k = 0; k < made.part_count; k++)
            if (strcmp(made.part_names[k], tree_names[i]) == 0)
                same = &made.part_meshes[k];
        assert_non_null(same);
        assert_int_equal(same->vertex_count, mesh.vertex_count);
        /* The naming may have turned it about the vertical; heights stay. */
        for (uint32_t v = 0; v < mesh.vertex_count; v++)
            assert_memory_equal(&same->positions[3 * v + 1], &mesh.positions[3 * v + 1], sizeof(float));
    }
    arena_destroy(memory);
    arena_destroy(scratch);
    lumen_close(library);
    partcrafter_close(maker);
    free(latents);
    free(tokens);
}

/* What is told of a request, and when it is called off. */
typedef struct listener {
    const char *until; /* the stage at which it is called off; NULL: never */
    size_t calls, until_call;
    double last;
    int stage; /* the last that was told */
    bool backwards;
} listener;

static bool listen(void *user, const char *stage, double fraction)
{
    listener *one = user;
    one->calls++;
    one->backwards = one->backwards || fraction < one->last || fraction > 1.0;
    one->last = fraction;
    for (int i = 0; i < PARTCRAFTER_STAGES; i++)
        if (strcmp(stage, partcrafter_stage_name((partcrafter_stage)i)) == 0) {
            one->backwards = one->backwards || i < one->stage;
            one->stage = i;
        }
    return (one->until == NULL || strcmp(stage, one->until) != 0) &&
           (one->until_call == 0 || one->calls < one->until_call);
}

static void progress_goes_through_the_stages_to_its_end(void **state)
{
    (void)state;
    lumen *library = open_usual();
    listener one = {0};
    lumen_request request = tree;
    request.progress = listen;
    request.progress_user = &one;
    lumen_shape_free(generate(library, &request));
    assert_false(one.backwards);
    assert_int_equal(one.stage, PARTCRAFTER_STAGE_NAMING);
    assert_true(one.last >= 1.0);
    assert_true(one.calls > 50);
    lumen_close(library);
}

static void it_can_be_called_off_at_every_stage(void **state)
{
    (void)state;
    lumen *library = open_usual();
    lumen_shape *whole = generate(library, &pictured);
    for (int i = 0; i < PARTCRAFTER_STAGES; i++) {
        listener one = {.until = partcrafter_stage_name((partcrafter_stage)i)};
        lumen_request request = i == PARTCRAFTER_STAGE_IMAGE ? tree : pictured;
        request.progress = listen;
        request.progress_user = &one;
        assert_fails(library, &request, LUMEN_ERROR_CANCELLED, "");
        assert_int_equal(one.stage, i);
    }
    assert_works(library, whole);
    /* And between the blocks of any network. */
    for (size_t call = 1; call < 80; call = call * 3 / 2 + 1) {
        listener one = {.until_call = call};
        lumen_request request = call % 3 == 0 ? tree : pictured;
        request.progress = listen;
        request.progress_user = &one;
        assert_fails(library, &request, LUMEN_ERROR_CANCELLED, "");
        assert_int_equal(one.calls, call);
    }
    assert_works(library, whole);
    lumen_shape_free(whole);
    lumen_close(library);
}

/* ---- Several at once -------------------------------------------------------------------------------------- */

/* The first holds its turn until the second has been told that it waits. */
typedef struct crowd {
    lumen *library;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool first_works, second_waits;
} crowd;

static bool hold(void *user, const char *stage, double fraction)
{
    crowd *all = user;
    (void)fraction;
    pthread_mutex_lock(&all->lock);
    all->first_works = true;
    pthread_cond_broadcast(&all->changed);
    while (strcmp(stage, "encode") == 0 && !all->second_waits)
        pthread_cond_wait(&all->changed, &all->lock);
    pthread_mutex_unlock(&all->lock);
    return true;
}

static bool give_up_waiting(void *user, const char *stage, double fraction)
{
    crowd *all = user;
    (void)fraction;
    pthread_mutex_lock(&all->lock);
    all->second_waits = all->second_waits || strcmp(stage, "waiting") == 0;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    return strcmp(stage, "waiting") != 0;
}

static void *generate_first(void *user)
{
    crowd *all = user;
    lumen_request request = pictured;
    request.progress = hold;
    request.progress_user = all;
    return generate(all->library, &request);
}

static void whoever_waits_for_a_turn_can_be_called_off(void **state)
{
    (void)state;
    crowd all = {.library = open_usual(), .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    void *shape = NULL;
    assert_int_equal(pthread_create(&thread, NULL, generate_first, &all), 0);
    pthread_mutex_lock(&all.lock);
    while (!all.first_works)
        pthread_cond_wait(&all.changed, &all.lock);
    pthread_mutex_unlock(&all.lock);
    lumen_request request = pictured;
    request.progress = give_up_waiting;
    request.progress_user = &all;
    assert_fails(all.library, &request, LUMEN_ERROR_CANCELLED, "turn");
    assert_int_equal(pthread_join(thread, &shape), 0);
    assert_works(all.library, shape);
    lumen_shape_free(shape);
    lumen_close(all.library);
}

static void *generate_one(void *library)
{
    return generate(library, &pictured);
}

static void several_threads_get_right_answers(void **state)
{
    (void)state;
    lumen *library = open_usual();
    pthread_t threads[3];
    void *shapes[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, generate_one, library), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], &shapes[i]), 0);
    for (int i = 1; i < 3; i++)
        assert_same(shapes[0], shapes[i]);
    for (int i = 0; i < 3; i++)
        lumen_shape_free(shapes[i]);
    lumen_close(library);
}

/* ---- Parts that are not there ------------------------------------------------------------------------------ */

static void a_part_without_a_surface_is_left_out(void **state)
{
    (void)state;
    ellipsoids parts = cat_of_ellipsoids;
    parts.parts[0].axes[0] = 0.0;                                                        /* outside everywhere */
    parts.parts[4] = (ellipsoid){.center = {0.0, 0.0, 0.0}, .axes = {50.0, 50.0, 50.0}}; /* inside everywhere */
    make_own_folder(&parts);
    lumen *library = open_library(&(lumen_options){.models = own_folder});
    lumen_request request = pictured;
    request.text = "cat";
    lumen_shape *shape = generate(library, &request);
    assert_int_equal(shape->part_count, 4);
    part_named(shape, "head");
    part_named(shape, "body");
    lumen_shape_free(shape);
    lumen_close(library);
    remove_test_folder(own_folder);
}

/* What "auto" makes of a failure: the procedural shape, under its own name and key, and the reason. */
static void assert_done_without(lumen *library, const char *reason)
{
    lumen_request request = tree, plain = {.text = "tree", .quality = LUMEN_QUALITY_FAST, .engine = "procedural"};
    request.engine = NULL;
    lumen_shape *shape = generate(library, &request), *procedural = generate(library, &plain);
    assert_string_equal(shape->pipeline, "procedural");
    assert_string_equal(shape->key, procedural->key);
    assert_same(shape, procedural);
    assert_null(shape->part_confidence);
    assert_null(procedural->fallback_reason);
    if (reason == NULL)
        assert_null(shape->fallback_reason);
    else if (shape->fallback_reason == NULL || strstr(shape->fallback_reason, reason) == NULL)
        fail_msg("the reason does not name %s: %s", reason, shape->fallback_reason);
    lumen_shape_free(shape);
    lumen_shape_free(procedural);
}

static void fewer_than_two_parts_are_a_failure(void **state)
{
    (void)state;
    ellipsoids parts = tree_of_ellipsoids;
    parts.parts[1].axes[0] = 0.0;
    make_own_folder(&parts);
    lumen *library = open_library(&(lumen_options){.models = own_folder});
    assert_fails(library, &pictured, LUMEN_ERROR_FAILED, "1 of 2 parts");
    assert_done_without(library, "1 of 2 parts");
    /* Of one that was asked for, one is enough. */
    lumen_request one = pictured;
    one.num_parts = 1;
    one.guidance = 1.0f;
    lumen_shape *shape = generate(library, &one);
    assert_int_equal(shape->part_count, 1);
    lumen_shape_free(shape);
    lumen_close(library);
    remove_test_folder(own_folder);
}

static void pictures_that_show_nothing_are_refused(void **state)
{
    (void)state;
    lumen *library = open_usual();
    buffer black = draw_black(64), speck = draw_black(1), disc = draw_disc(64, 200);
    lumen_request request = from_picture(&black, "tree");
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "black");
    request = from_picture(&speck, "tree");
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "picture");
    request = from_picture(&disc, "tree");
    request.image_size /= 2;
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "picture");
    request.image = "a picture, surely";
    request.image_size = 17;
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "neither PNG nor JPEG");
    request.image_size = 0;
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "picture");
    /* A picture of one's own is never exchanged for a shape that has nothing to do with it. */
    request = from_picture(&black, "tree");
    request.engine = "auto";
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "black");
    request.engine = "procedural";
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "procedural");
    assert_works(library, NULL);
    buffer_close(&black);
    buffer_close(&speck);
    buffer_close(&disc);
    lumen_close(library);
}

static void settings_out_of_range_are_refused(void **state)
{
    (void)state;
    lumen *library = open_usual();
    const struct {
        lumen_request request;
        const char *naming;
    } cases[] = {
        {{.text = "tree", .engine = "partcrafter", .steps = 1001}, "steps"},
        {{.text = "tree", .engine = "partcrafter", .tokens = 15}, "tokens"},
        {{.text = "tree", .engine = "partcrafter", .tokens = 2049}, "tokens"},
        {{.text = "tree", .engine = "partcrafter", .guidance = 0.5f}, "guidance"},
        {{.text = "tree", .engine = "partcrafter", .guidance = -1.0f}, "guidance"},
        {{.text = "tree", .engine = "partcrafter", .guidance = NAN}, "guidance"},
        {{.text = "tree", .engine = "partcrafter", .guidance = 21.0f}, "guidance"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(library, &cases[i].request, LUMEN_ERROR_INVALID, cases[i].naming);
    lumen_close(library);
}

/* ---- Weights ---------------------------------------------------------------------------------------------- */

static void missing_weights_are_named(void **state)
{
    (void)state;
    make_own_folder(NULL);
    lumen *library = open_library(&(lumen_options){.models = own_folder}), *without;
    lumen_error error;
    assert_fails(library, &tree, LUMEN_ERROR_UNAVAILABLE, "lumen pull partcrafter");
    assert_done_without(library, NULL); /* there was no better engine */
    buffer disc = draw_disc(64, 200);
    lumen_request request = from_picture(&disc, "tree");
    request.engine = NULL;
    assert_fails(library, &request, LUMEN_ERROR_UNAVAILABLE, "lumen pull partcrafter");
    lumen_close(library);
    assert_int_equal(lumen_open(NULL, &without, &error), LUMEN_OK);
    assert_fails(without, &tree, LUMEN_ERROR_UNAVAILABLE, "no folder of models");
    assert_fails(without, &request, LUMEN_ERROR_UNAVAILABLE, "no folder of models");
    lumen_close(without);
    buffer_close(&disc);
    remove_test_folder(own_folder);
}

static void damaged_weights_are_refused_and_auto_does_without(void **state)
{
    (void)state;
    static const char *const damaged[] = {"transformer/diffusion_pytorch_model.safetensors",
                                          "vae/diffusion_pytorch_model.safetensors",
                                          "image_encoder_dinov2/model.safetensors"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        char path[512], other[512];
        struct stat facts;
        make_own_folder(&tree_of_ellipsoids);
        lumen *library = open_library(&(lumen_options){.models = own_folder});
        snprintf(path, sizeof path, "%s/partcrafter/%s", own_folder, damaged[i]);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(truncate(path, facts.st_size - 100), 0); /* its end is missing */
        assert_fails(library, &pictured, LUMEN_ERROR_INVALID, "safetensors");
        assert_done_without(library, "safetensors");
        snprintf(other, sizeof other, "%s/partcrafter/%s", own_folder, damaged[(i + 1) % 3]);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(link(other, path), 0); /* another network's */
        assert_fails(library, &pictured, LUMEN_ERROR_INVALID, "");
        assert_int_equal(unlink(path), 0);
        assert_fails(library, &pictured, LUMEN_ERROR_UNAVAILABLE, "lumen pull partcrafter");
        lumen_close(library);
        remove_test_folder(own_folder);
    }
}

/* ---- Memory ----------------------------------------------------------------------------------------------- */

static partcrafter_engine_needs measure(const lumen *library, lumen_status expected)
{
    static words_phrase phrase;
    partcrafter_engine_needs needs;
    lumen_error error = {0};
    check(words_parse("tree", NULL, &phrase, &error), &error);
    const engine_request request = {.phrase = &phrase, .quality = LUMEN_QUALITY_FAST, .steps = 2, .tokens = 16};
    assert_int_equal(partcrafter_engine_measure(pipeline_engine(library, "partcrafter"), &request, &needs, &error),
                     expected);
    return needs;
}

static void a_budget_decides_what_is_held(void **state)
{
    (void)state;
    lumen *library = open_usual();
    const partcrafter_engine_needs all = measure(library, LUMEN_OK);
    assert_int_equal(all.holding, PARTCRAFTER_HOLDS_ALL);
    assert_true(all.weights[PARTCRAFTER_STAGE_IMAGE] > all.weights[PARTCRAFTER_STAGE_CUTOUT]);
    assert_true(all.peak[PARTCRAFTER_HOLDS_ALL] >= all.peak[PARTCRAFTER_HOLDS_STAGE]);
    assert_true(all.peak[PARTCRAFTER_HOLDS_STAGE] >= all.peak[PARTCRAFTER_HOLDS_PIECE]);
    lumen_shape *shape = generate(library, &pictured);
    for (int holding = PARTCRAFTER_HOLDS_ALL; holding <= PARTCRAFTER_HOLDS_PIECE; holding++) {
        lumen *tight = open_library(&(lumen_options){.memory_budget = all.peak[holding]});
        assert_true(measure(tight, LUMEN_OK).holding <= (partcrafter_holding)holding);
        assert_works(tight, shape);
        if (holding == PARTCRAFTER_HOLDS_PIECE)
            lumen_shape_free(generate(tight, &tree));
        lumen_close(tight);
    }
    lumen *tighter = open_library(&(lumen_options){.memory_budget = all.peak[PARTCRAFTER_HOLDS_PIECE] - 1});
    measure(tighter, LUMEN_ERROR_MEMORY);
    assert_fails(tighter, &tree, LUMEN_ERROR_MEMORY, "budget");
    assert_done_without(tighter, "budget");
    lumen_close(tighter);
    lumen_shape_free(shape);
    lumen_close(library);
}

static void high_quality_is_what_the_reference_does(void **state)
{
    (void)state;
    const partcrafter_preset high = partcrafter_preset_of(LUMEN_QUALITY_HIGH);
    const partcrafter_preset standard = partcrafter_preset_of(LUMEN_QUALITY_STANDARD);
    const partcrafter_preset fast = partcrafter_preset_of(LUMEN_QUALITY_FAST);
    const partcrafter_config config = partcrafter_default();
    assert_int_equal(high.steps, 50);
    assert_int_equal(high.tokens, 1024);
    assert_true(high.guidance == 7.0f && high.guidance_from == 0.0f && high.guidance_until == 1.0f);
    const partcrafter_preset *const presets[] = {&fast, &standard, &high};
    double before = 0.0;
    for (size_t i = 0; i < 3; i++) {
        const partcrafter_request request = {.image_tokens = 257,
                                             .parts = 4,
                                             .tokens = presets[i]->tokens,
                                             .steps = presets[i]->steps,
                                             .guidance = presets[i]->guidance,
                                             .guidance_from = presets[i]->guidance_from,
                                             .guidance_until = presets[i]->guidance_until};
        const partcrafter_work work = partcrafter_work_of(&config, &request);
        assert_true(work.sample > 3.0 * before);
        before = work.sample;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_becomes_named_parts),
        cmocka_unit_test(every_vertex_lies_on_the_surface_of_its_part),
        cmocka_unit_test(a_part_bends_from_its_joint_to_its_extremity),
        cmocka_unit_test(the_same_request_gives_the_same_bytes),
        cmocka_unit_test(a_picture_takes_the_place_of_the_painting),
        cmocka_unit_test(the_engine_does_what_its_networks_do_one_by_one),
        cmocka_unit_test(progress_goes_through_the_stages_to_its_end),
        cmocka_unit_test(it_can_be_called_off_at_every_stage),
        cmocka_unit_test(whoever_waits_for_a_turn_can_be_called_off),
        cmocka_unit_test(several_threads_get_right_answers),
        cmocka_unit_test(a_part_without_a_surface_is_left_out),
        cmocka_unit_test(fewer_than_two_parts_are_a_failure),
        cmocka_unit_test(pictures_that_show_nothing_are_refused),
        cmocka_unit_test(settings_out_of_range_are_refused),
        cmocka_unit_test(missing_weights_are_named),
        cmocka_unit_test(damaged_weights_are_refused_and_auto_does_without),
        cmocka_unit_test(a_budget_decides_what_is_held),
        cmocka_unit_test(high_quality_is_what_the_reference_does),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}

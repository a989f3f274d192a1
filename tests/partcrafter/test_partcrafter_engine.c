/* From a word, or from a picture, to named parts: the whole way through the library, with small models of the official
 * layout whose parts are ellipsoids. */

#include "engine_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../networks/made_up.h"
#include "geometry/surface.h"
#include "networks/dinov2.h"
#include "networks/partcrafter.h"
#include "networks/rmbg.h"
#include "partcrafter/partcrafter_engine.h"
#include "pipeline/pipeline.h"

/* What the engine itself makes of the word, before the pipeline scales it: in the frame of the field. */
static words_phrase phrase;
static lumen *library;
static arena *scratch, *memory;
static engine_result of_word;

static int make_models(void **state)
{
    (void)state;
    lumen_error error = {0};
    make_shared_models(&tree_of_ellipsoids);
    library = open_usual();
    scratch = arena_create((size_t)1 << 28);
    memory = arena_create((size_t)1 << 28);
    assert_int_equal(words_parse("tree", NULL, &phrase, &error), LUMEN_OK);
    const engine *one = pipeline_engine(library, "partcrafter");
    const engine_request request = as_engine_request(&phrase);
    if (one->generate(one, &request, scratch, memory, &of_word, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return 0;
}

static int remove_models(void **state)
{
    arena_destroy(memory);
    arena_destroy(scratch);
    lumen_close(library);
    return remove_shared_models(state);
}

/* ---- What comes out --------------------------------------------------------------------------------------- */

/* What is told of a request. */
typedef struct listener {
    size_t calls;
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
    return true;
}

static void a_word_becomes_named_parts_and_progress_goes_through_the_stages(void **state)
{
    (void)state;
    make_own_folder(&cat_of_ellipsoids);
    lumen *own = open_library(&(lumen_options){.models = own_folder});
    listener one = {0};
    lumen_request request = painted;
    request.text = "a cat";
    request.progress = listen;
    request.progress_user = &one;
    lumen_shape *shape = generate(own, &request);
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
    assert_false(one.backwards);
    assert_int_equal(one.stage, PARTCRAFTER_STAGE_NAMING);
    assert_true(one.last >= 1.0);
    assert_true(one.calls > 50);
    lumen_shape_free(shape);
    lumen_close(own);
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

static void every_vertex_lies_on_the_surface_of_its_part(void **state)
{
    (void)state;
    assert_int_equal(of_word.part_count, 2);
    for (uint32_t k = 0; k < of_word.part_count; k++) {
        const size_t which = strcmp(of_word.part_names[k], tree_names[0]) == 0 ? 0 : 1;
        const lumen_mesh *mesh = &of_word.part_meshes[k];
        double most = 0.0;
        assert_string_equal(of_word.part_names[k], tree_names[which]);
        assert_true(mesh->vertex_count > 1000);
        for (uint32_t i = 0; i < mesh->vertex_count; i++)
            most = fmax(most, distance_from(&tree_of_ellipsoids.parts[which], mesh->positions + (size_t)3 * i));
        if (most > 0.006) /* a third of a cell; the picture moves it a little, too */
            fail_msg("the %s is %g away from where it should be", of_word.part_names[k], most);
    }
}

static void a_part_bends_from_its_joint_to_its_extremity(void **state)
{
    (void)state;
    const lumen_shape *shape = expected_shape();
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
}

static uint64_t key_of(const lumen_request *request)
{
    static pipeline_plan plan;
    lumen_error error = {0};
    if (pipeline_plan_request(library, request, &plan, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return plan.key;
}

static void the_same_request_gives_the_same_bytes(void **state)
{
    (void)state;
    lumen *other = open_library(&(lumen_options){.low_memory = true});
    assert_works(library); /* with networks that stayed */
    assert_works(other);   /* with networks that come and go */
    lumen_close(other);
}

static void what_changes_the_shape_changes_its_key(void **state)
{
    (void)state;
    buffer other_picture = draw_cut_out_disc(64, 100);
    const lumen_request other = from_picture(&other_picture, painted.text);
    lumen_request guided = pictured, again = pictured;
    guided.guidance = 2.0f;
    assert_true(key_of(&again) == key_of(&pictured));
    assert_true(key_of(&guided) != key_of(&pictured));
    assert_true(key_of(&painted) != key_of(&pictured));
    assert_true(key_of(&other) != key_of(&pictured));
    buffer_close(&other_picture);
}

/* Without alpha a network says what the picture shows. */
static void a_picture_takes_the_place_of_the_painting(void **state)
{
    (void)state;
    buffer disc = draw_disc(128, 200);
    const lumen_request named = from_picture(&disc, "tree");
    lumen_shape *shape = generate(library, &named);
    assert_string_equal(shape->template_type, "plant");
    part_named(shape, "canopy");
    part_named(shape, "trunk");
    lumen_shape_free(shape);
    buffer_close(&disc);
}

static void parts_of_a_picture_without_a_word_keep_their_numbers(void **state)
{
    (void)state;
    lumen_request request = pictured;
    request.text = NULL;
    request.num_parts = 2;
    lumen_shape *shape = generate(library, &request);
    assert_string_equal(shape->template_type, "abstract");
    assert_string_equal(shape->part_names[0], "part_1");
    assert_string_equal(shape->part_names[1], "part_2");
    lumen_shape_free(shape);
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
    snprintf(path, sizeof path, "%s/sdxl-turbo", models_folder);
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
    snprintf(path, sizeof path, "%s/rmbg-1.4", models_folder);
    check(weight_file_open(path, "", "rmbg-1.4", TENSOR_F32, &file, &error), &error);
    layer_loader in = {.from = weight_file_source(file), .run = run, .type = TENSOR_F32, .error = &error};
    check(isnet_load(&small, &in, &cutter), &error);
    check(rmbg_cut_out_with(run, &cutter, &painting, &cut, &error), &error);
    weight_file_close(file);
    operators_unload(run);

    static dinov2 encoder;
    snprintf(path, sizeof path, "%s/partcrafter", models_folder);
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
    char path[400];
    lumen_error error = {0};
    dinov2_config config = dinov2_default();
    config.width = 48;
    config.layers = 2;
    config.heads = 4;
    config.hidden = 96;
    config.trained = 224;
    float *tokens = encode_by_hand(phrase.prompt, &config), *latents = malloc(2 * 16 * 16 * sizeof *latents);
    partcrafter *maker;
    snprintf(path, sizeof path, "%s/partcrafter", models_folder);
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

    arena *own = arena_create((size_t)1 << 28), *free_again = arena_create((size_t)1 << 28);
    surface_settings settings = surface_settings_for(LUMEN_QUALITY_FAST);
    for (size_t i = 0; i < 2; i++) {
        lumen_mesh mesh;
        const batch_field field = {.evaluate = ask, .user = maker};
        const lumen_mesh *same = NULL;
        check(partcrafter_begin_part(maker, latents + i * 16 * 16, 16, &error), &error);
        check(surface_extract(&field, &settings, free_again, own, &mesh, NULL, &error), &error);
        for (uint32_t k = 0; k < of_word.part_count; k++)
            if (strcmp(of_word.part_names[k], tree_names[i]) == 0)
                same = &of_word.part_meshes[k];
        assert_non_null(same);
        assert_int_equal(same->vertex_count, mesh.vertex_count);
        /* The naming may have turned it about the vertical; heights stay. */
        for (uint32_t v = 0; v < mesh.vertex_count; v++)
            assert_memory_equal(&same->positions[3 * v + 1], &mesh.positions[3 * v + 1], sizeof(float));
    }
    arena_destroy(free_again);
    arena_destroy(own);
    partcrafter_close(maker);
    free(latents);
    free(tokens);
}

/* ---- Settings ---------------------------------------------------------------------------------------------- */

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

static void settings_out_of_range_are_refused(void **state)
{
    (void)state;
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_becomes_named_parts_and_progress_goes_through_the_stages),
        cmocka_unit_test(every_vertex_lies_on_the_surface_of_its_part),
        cmocka_unit_test(a_part_bends_from_its_joint_to_its_extremity),
        cmocka_unit_test(the_same_request_gives_the_same_bytes),
        cmocka_unit_test(what_changes_the_shape_changes_its_key),
        cmocka_unit_test(a_picture_takes_the_place_of_the_painting),
        cmocka_unit_test(parts_of_a_picture_without_a_word_keep_their_numbers),
        cmocka_unit_test(the_engine_does_what_its_networks_do_one_by_one),
        cmocka_unit_test(high_quality_is_what_the_reference_does),
        cmocka_unit_test(settings_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}

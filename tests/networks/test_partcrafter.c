/* The networks from a picture's tokens to fields against the reference: small ones of the same structure, with equal
 * weights. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "made_up_parts.h"

static setting plain_f32 = {"plain", TENSOR_F32};
static setting cpu_f32 = {"cpu", TENSOR_F32}, cpu_bf16 = {"cpu", TENSOR_BF16};

static void assert_like(const setting *how, const float *values, const char *name, double cosine)
{
    tensor expected = golden_parts(name);
    const likeness found = compare(values, expected.data, tensor_count(&expected));
    if (how->type == TENSOR_F32 ? !(found.relative <= 1e-4) : !(found.cosine >= cosine))
        fail_msg("%s on %s: relative error %.3g, cosine %.6f", name, how->device, found.relative, found.cosine);
}

/* (T, C) or (N, T, C) of the golden data in the arena, with three sizes. */
static tensor from_golden(operators *run, const char *name)
{
    tensor x = golden_parts(name);
    if (x.rank == 2)
        x = tensor_reshape(&x, 3, (size_t[]){1, x.sizes[0], x.sizes[1]});
    return op_from(run, &x);
}

/* ---- The DiT --------------------------------------------------------------------------------------------- */

static partcrafter_dit dit;
static partcrafter_dit_image image;

static operators *open_dit(const setting *how)
{
    const partcrafter_config config = small_parts_config();
    lumen_error error = {0};
    operators *run = open_made_up_device(how);
    layer_loader in = made_up_loader(run, &error);
    assert_int_equal(partcrafter_dit_load(&config.dit, &in, &dit), LUMEN_OK);
    tensor tokens = from_golden(run, "dit.image");
    partcrafter_dit_look(run, &dit, &tokens, &image);
    return run;
}

enum { SMALL_LATENTS = SMALL_PARTS * SMALL_TOKENS * 16 };

/* The parts of both branches as the reference's pipeline numbers them. */
static const int32_t part_ids[2 * SMALL_PARTS] = {0, 1, 2, 3, 4, 5};

static void predict(operators *run, double timestep, dit_branches branches, const int32_t *ids, float *velocity)
{
    tensor latents = from_golden(run, "dit.latents");
    const partcrafter_dit_input input = {
        .latents = &latents, .timestep = timestep, .branches = branches, .part_ids = ids};
    tensor result = partcrafter_dit_forward(run, &dit, &image, &input);
    op_to_f32(run, &result, velocity);
    assert_run_went_well(run);
}

static void the_dit_gives_the_velocity_of_the_reference_at_each_step(void **state)
{
    const setting *how = *state;
    operators *run = open_dit(how);
    float velocity[SMALL_LATENTS];
    predict(run, 1000.0, DIT_UNCONDITIONAL, part_ids, velocity);
    assert_like(how, velocity, "dit.unconditional1000", 0.999);
    predict(run, 1000.0, DIT_CONDITIONAL, part_ids + SMALL_PARTS, velocity);
    assert_like(how, velocity, "dit.conditional1000", 0.999);
    /* What was seen in the picture serves every step. */
    predict(run, 340.0, DIT_UNCONDITIONAL, part_ids, velocity);
    assert_like(how, velocity, "dit.unconditional340", 0.999);
    predict(run, 340.0, DIT_CONDITIONAL, part_ids + SMALL_PARTS, velocity);
    assert_like(how, velocity, "dit.conditional340", 0.999);
    /* Without guidance the reference counts the parts from 0. */
    predict(run, 1000.0, DIT_CONDITIONAL, part_ids, velocity);
    assert_like(how, velocity, "dit.unguided", 0.999);
    operators_close(run);
}

static void both_branches_in_one_pass_are_the_two_one_after_the_other(void **state)
{
    const setting *how = *state;
    operators *run = open_dit(how);
    float both[2 * SMALL_LATENTS];
    predict(run, 1000.0, DIT_BOTH, part_ids, both);
    assert_like(how, both, "dit.unconditional1000", 0.999);
    assert_like(how, both + SMALL_LATENTS, "dit.conditional1000", 0.999);
    operators_close(run);
}

static void the_unconditional_branch_needs_no_picture(void **state)
{
    const setting *how = *state;
    operators *run = open_dit(how);
    float velocity[SMALL_LATENTS];
    partcrafter_dit_look(run, &dit, NULL, &image);
    predict(run, 340.0, DIT_UNCONDITIONAL, part_ids, velocity);
    assert_like(how, velocity, "dit.unconditional340", 0.999);
    operators_close(run);
}

static void a_forward_pass_gives_its_memory_back(void **state)
{
    const setting *how = *state;
    operators *run = open_dit(how);
    const size_t element = tensor_type_bytes(how->type), page = 4096;
    const size_t looked = operators_mark(run);
    assert_true(looked <= (partcrafter_dit_image_elements(&dit.config, SMALL_IMAGE_TOKENS)) * element);
    tensor latents = from_golden(run, "dit.latents");
    const size_t before = operators_mark(run);
    const partcrafter_dit_input input = {
        .latents = &latents, .timestep = 1000.0, .branches = DIT_BOTH, .part_ids = part_ids};
    tensor result = partcrafter_dit_forward(run, &dit, &image, &input);
    assert_run_went_well(run);
    assert_true(operators_mark(run) - before <= (tensor_bytes(&result) + page - 1) / page * page);
    /* What the refusal of too small machines is computed from. */
    const size_t bound = partcrafter_dit_elements(&dit.config, 2 * SMALL_PARTS, SMALL_TOKENS) * element;
    assert_true(operators_peak_bytes(run) - before <= bound);
    operators_close(run);
}

/* ---- The flow -------------------------------------------------------------------------------------------- */

static void the_flow_takes_the_steps_of_the_reference(void **state)
{
    (void)state;
    static rectified_flow flow;
    const rectified_flow_config config = rectified_flow_default();
    const size_t steps[] = {4, 50};
    const char *const times[] = {"flow.timesteps4", "flow.timesteps50"};
    const char *const sigmas[] = {"flow.sigmas4", "flow.sigmas50"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rectified_flow_plan(&config, steps[i], &flow, NULL), LUMEN_OK);
        assert_memory_equal(flow.timesteps, golden_parts(times[i]).data, steps[i] * sizeof(float));
        assert_memory_equal(flow.sigmas, golden_parts(sigmas[i]).data, (steps[i] + 1) * sizeof(float));
    }
    lumen_error error = {0};
    assert_int_equal(rectified_flow_plan(&config, 0, &flow, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(rectified_flow_plan(&config, FLOW_STEPS_MAX + 1, &flow, &error), LUMEN_ERROR_INVALID);
}

static void a_step_with_the_true_velocity_ends_at_the_data(void **state)
{
    (void)state;
    static rectified_flow flow;
    const rectified_flow_config config = {.trained = 1000, .shift = 3.0};
    assert_int_equal(rectified_flow_plan(&config, 7, &flow, NULL), LUMEN_OK);
    float x = -2.0f;
    const float velocity = 5.0f - x; /* data - noise, with the data at 5 */
    for (size_t step = 0; step < flow.steps; step++)
        rectified_flow_step(&flow, step, &velocity, &x, 1);
    assert_true(fabsf(x - 5.0f) < 1e-5f);
}

static void guidance_of_one_is_the_conditional_branch_and_of_zero_the_other(void **state)
{
    (void)state;
    const float unconditional[2] = {1.0f, -4.0f};
    float conditional[2] = {3.0f, 2.0f};
    rectified_flow_guide(1.0f, unconditional, conditional, 2);
    assert_true(conditional[0] == 3.0f && conditional[1] == 2.0f);
    rectified_flow_guide(7.0f, unconditional, conditional, 2);
    assert_true(conditional[0] == 15.0f && conditional[1] == 38.0f);
    rectified_flow_guide(0.0f, unconditional, conditional, 2);
    assert_true(conditional[0] == 1.0f && conditional[1] == -4.0f);
}

/* ---- The decoder ----------------------------------------------------------------------------------------- */

static triposg_decoder decoder;

static operators *open_decoder(const setting *how, triposg_part *part)
{
    const partcrafter_config config = small_parts_config();
    lumen_error error = {0};
    operators *run = open_made_up_device(how);
    layer_loader in = made_up_loader(run, &error);
    assert_int_equal(triposg_decoder_load(&config.decoder, &in, &decoder), LUMEN_OK);
    tensor latents = from_golden(run, "decoder.latents");
    triposg_decoder_read(run, &decoder, &latents, part);
    return run;
}

static void ask(operators *run, const triposg_part *part, const float *points, size_t count, float *values)
{
    lumen_error error = {0};
    if (triposg_decoder_field(run, &decoder, part, points, count, values, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
}

static void the_field_is_that_of_the_reference(void **state)
{
    const setting *how = *state;
    triposg_part part;
    float values[SMALL_POINTS];
    operators *run = open_decoder(how, &part);
    ask(run, &part, golden_parts("decoder.points").data, SMALL_POINTS, values);
    assert_like(how, values, "decoder.field", 0.999);
    operators_close(run);
}

static void a_value_depends_on_its_point_alone(void **state)
{
    enum { MANY = 4500, SOME = 37 };
    const setting *how = *state;
    triposg_part part;
    operators *run = open_decoder(how, &part);
    float *points = malloc(3 * MANY * sizeof *points), *values = malloc(MANY * sizeof *values), one[SOME];
    assert_true(points != NULL && values != NULL);
    random_state random = random_seed(1);
    for (size_t i = 0; i < 3 * MANY; i++)
        points[i] = 2.0f * random_float(&random) - 1.0f;
    const size_t before = operators_mark(run);
    ask(run, &part, points, MANY, values); /* more than one chunk */
    assert_int_equal(operators_mark(run), before);
    for (size_t i = 0; i < MANY; i += MANY / 5) {
        ask(run, &part, points + 3 * i, 1, one);
        assert_true(one[0] == values[i]);
    }
    ask(run, &part, points + 3 * 1000, SOME, one);
    assert_memory_equal(one, values + 1000, SOME * sizeof *one);
    free(points);
    free(values);
    operators_close(run);
}

static void no_points_are_no_work(void **state)
{
    const setting *how = *state;
    triposg_part part;
    operators *run = open_decoder(how, &part);
    ask(run, &part, NULL, 0, NULL);
    operators_close(run);
}

static void a_decoder_keeps_to_its_bound_of_memory(void **state)
{
    const setting *how = *state;
    triposg_part part;
    float values[SMALL_POINTS];
    operators *run = open_decoder(how, &part);
    ask(run, &part, golden_parts("decoder.points").data, SMALL_POINTS, values);
    const size_t work = triposg_decoder_elements(&decoder.config, SMALL_TOKENS);
    const size_t field = triposg_field_elements(&decoder.config, SMALL_TOKENS);
    const size_t most = triposg_part_elements(&decoder.config, SMALL_TOKENS) + (work > field ? work : field);
    assert_true(operators_peak_bytes(run) <= most * tensor_type_bytes(how->type));
    operators_close(run);
}

/* ---- The field in two precisions ------------------------------------------------------------------------- */

static triposg_field field;

static void open_field(const setting *how)
{
    const setting fine = {how->device, TENSOR_F32};
    const partcrafter_config config = small_parts_config();
    lumen_error error = {0};
    field = (triposg_field){.fine = open_made_up_device(&fine),
                            .quick = how->type == TENSOR_F32 ? NULL : open_made_up_device(how)};
    layer_loader in = made_up_loader(field.fine, &error);
    assert_int_equal(triposg_field_load(&config.decoder, &in, how->type, &field), LUMEN_OK);
    const tensor latents = golden_parts("decoder.latents");
    assert_int_equal(triposg_field_begin(&field, latents.data, SMALL_TOKENS, &error), LUMEN_OK);
}

static void close_field(void)
{
    operators_close(field.fine);
    operators_close(field.quick);
}

static float *random_points(size_t count)
{
    float *points = malloc(3 * count * sizeof *points);
    assert_non_null(points);
    random_state random = random_seed(2);
    for (size_t i = 0; i < 3 * count; i++)
        points[i] = 2.0f * random_float(&random) - 1.0f;
    return points;
}

static void every_sign_of_the_field_is_that_of_the_reference(void **state)
{
    const tensor expected = golden_parts("decoder.field");
    float values[SMALL_POINTS];
    lumen_error error = {0};
    open_field(*state);
    assert_int_equal(triposg_field_ask(&field, golden_parts("decoder.points").data, SMALL_POINTS, values, &error),
                     LUMEN_OK);
    assert_like(*state, values, "decoder.field", 0.999);
    for (size_t i = 0; i < SMALL_POINTS; i++)
        assert_true(signbit(values[i]) == signbit(((const float *)expected.data)[i]));
    close_field();
}

static void values_near_zero_are_those_of_f32(void **state)
{
    enum { MANY = 5000 };
    float *points = random_points(MANY), values[MANY], fine[MANY];
    lumen_error error = {0};
    size_t near = 0, wrong = 0;
    open_field(*state);
    assert_int_equal(triposg_field_ask(&field, points, MANY, values, &error), LUMEN_OK);
    assert_int_equal(triposg_decoder_field(field.fine, &field.decoder, &field.part, points, MANY, fine, &error),
                     LUMEN_OK);
    for (size_t i = 0; i < MANY; i++) {
        wrong += signbit(values[i]) != signbit(fine[i]);
        if (fabsf(values[i]) > 0.5f * field.doubt)
            continue;
        near++;
        assert_true(fabsf(values[i] - fine[i]) < 1e-5f);
    }
    assert_true(near > 0 && wrong <= MANY / 1000);
    assert_true(field.asked == MANY && field.doubtful >= near && field.doubtful < MANY / 10);
    free(points);
    close_field();
}

static void what_is_asked_again_depends_on_its_point_alone(void **state)
{
    enum { MANY = 1000 };
    float *points = random_points(MANY), values[MANY], one;
    lumen_error error = {0};
    open_field(*state);
    assert_int_equal(triposg_field_ask(&field, points, MANY, values, &error), LUMEN_OK);
    for (size_t i = 0; i < MANY; i += 50) {
        assert_int_equal(triposg_field_ask(&field, points + 3 * i, 1, &one, &error), LUMEN_OK);
        assert_true(fabsf(one - values[i]) < 1e-5f);
    }
    assert_int_equal(triposg_field_ask(&field, NULL, 0, NULL, &error), LUMEN_OK);
    free(points);
    close_field();
}

static void a_field_keeps_to_its_bounds_of_memory(void **state)
{
    const setting *how = *state;
    float *points = random_points(SMALL_POINTS), values[SMALL_POINTS];
    lumen_error error = {0};
    open_field(how);
    assert_int_equal(triposg_field_ask(&field, points, SMALL_POINTS, values, &error), LUMEN_OK);
    assert_true(operators_peak_bytes(field.fine) <= triposg_fine_bytes(&field.decoder.config, SMALL_TOKENS));
    assert_true(operators_peak_bytes(field.quick) <=
                triposg_quick_bytes(&field.decoder.config, how->type, SMALL_TOKENS));
    free(points);
    close_field();
}

static void a_field_in_f32_doubts_nothing(void **state)
{
    float value;
    const float point[3] = {0};
    lumen_error error = {0};
    open_field(*state);
    assert_int_equal(triposg_field_ask(&field, point, 1, &value, &error), LUMEN_OK);
    assert_true(field.asked == 1 && field.doubtful == 0);
    close_field();
}

int main(void)
{
#define ON_EACH(test)                                                                                                  \
    cmocka_unit_test_prestate(test, &plain_f32), cmocka_unit_test_prestate(test, &cpu_f32),                            \
        cmocka_unit_test_prestate(test, &cpu_bf16)
    const struct CMUnitTest tests[] = {
        ON_EACH(the_dit_gives_the_velocity_of_the_reference_at_each_step),
        ON_EACH(both_branches_in_one_pass_are_the_two_one_after_the_other),
        ON_EACH(the_unconditional_branch_needs_no_picture),
        ON_EACH(a_forward_pass_gives_its_memory_back),
        cmocka_unit_test_prestate(every_sign_of_the_field_is_that_of_the_reference, &cpu_f32),
        cmocka_unit_test_prestate(every_sign_of_the_field_is_that_of_the_reference, &cpu_bf16),
        cmocka_unit_test_prestate(values_near_zero_are_those_of_f32, &cpu_bf16),
        cmocka_unit_test_prestate(what_is_asked_again_depends_on_its_point_alone, &cpu_bf16),
        cmocka_unit_test_prestate(a_field_keeps_to_its_bounds_of_memory, &cpu_bf16),
        cmocka_unit_test_prestate(a_field_in_f32_doubts_nothing, &cpu_f32),
        cmocka_unit_test(the_flow_takes_the_steps_of_the_reference),
        cmocka_unit_test(a_step_with_the_true_velocity_ends_at_the_data),
        cmocka_unit_test(guidance_of_one_is_the_conditional_branch_and_of_zero_the_other),
        ON_EACH(the_field_is_that_of_the_reference),
        ON_EACH(a_value_depends_on_its_point_alone),
        ON_EACH(no_points_are_no_work),
        ON_EACH(a_decoder_keeps_to_its_bound_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

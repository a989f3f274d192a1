/* The sampler against the reference's tables, and noise that is the same everywhere. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "made_up.h"
#include "networks/gaussian_noise.h"

static void assert_near(double value, double expected, double relative)
{
    if (!(fabs(value - expected) <= relative * fabs(expected)))
        fail_msg("%.9g is not %.9g", value, expected);
}

static void plan(size_t steps, euler_ancestral *sampler)
{
    const euler_ancestral_config config = euler_ancestral_default();
    lumen_error error = {0};
    assert_int_equal(euler_ancestral_plan(&config, steps, sampler, &error), LUMEN_OK);
}

static void plans_are_those_of_the_reference(void **state)
{
    (void)state;
    static const double timesteps[4][4] = {{999}, {999, 499}, {999, 666, 332}, {999, 749, 499, 249}};
    static const double sigmas[4][5] = {{14.614645, 0},
                                        {14.614645, 1.6128870, 0},
                                        {14.614645, 2.9183083, 0.9292147, 0},
                                        {14.614645, 4.0817308, 1.6128870, 0.6932054, 0}};
    for (size_t steps = 1; steps <= 4; steps++) {
        euler_ancestral sampler;
        plan(steps, &sampler);
        assert_int_equal(sampler.steps, steps);
        for (size_t i = 0; i < steps; i++)
            assert_near(sampler.timesteps[i], timesteps[steps - 1][i], 0.0);
        for (size_t i = 0; i <= steps; i++)
            assert_near(sampler.sigmas[i], sigmas[steps - 1][i], 1e-6);
    }
    for (int steps = 1; steps <= 3; steps += 2) {
        euler_ancestral sampler;
        char name[32];
        plan((size_t)steps, &sampler);
        snprintf(name, sizeof name, "sampler.sigmas%d", steps);
        const float *expected = golden(name).data;
        for (int i = 0; i <= steps; i++)
            assert_near(sampler.sigmas[i], (double)expected[i], 1e-6);
    }
}

static void one_step_takes_all_the_noise_away(void **state)
{
    (void)state;
    euler_ancestral sampler;
    plan(1, &sampler);
    float x[2] = {14.0f, -3.0f};
    const float noise[2] = {0.5f, -0.25f};
    assert_near(euler_ancestral_input_scale(&sampler, 0), 0.06826491, 1e-6);
    euler_ancestral_step(&sampler, 0, noise, NULL, x, 2);
    assert_near((double)x[0], 14.0 - 14.614645 * 0.5, 1e-5);
    assert_near((double)x[1], -3.0 + 14.614645 * 0.25, 1e-5);
}

static void a_step_between_mixes_fresh_noise_in(void **state)
{
    (void)state;
    euler_ancestral sampler;
    plan(2, &sampler);
    float x = 10.0f;
    const float noise = 0.5f, fresh = -1.0f;
    euler_ancestral_step(&sampler, 0, &noise, &fresh, &x, 1);
    /* sigma_down 0.178000, sigma_up 1.603034 */
    assert_near((double)x, 10.0 + 0.5 * (0.178000 - 14.614645) - 1.603034, 1e-5);
}

static void steps_beyond_the_plan_are_refused(void **state)
{
    (void)state;
    const euler_ancestral_config config = euler_ancestral_default();
    euler_ancestral sampler;
    lumen_error error = {0};
    assert_int_equal(euler_ancestral_plan(&config, 0, &sampler, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(euler_ancestral_plan(&config, EULER_STEPS_MAX + 1, &sampler, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(euler_ancestral_plan(&config, EULER_STEPS_MAX, &sampler, &error), LUMEN_OK);
}

static void noise_is_standard_normal(void **state)
{
    (void)state;
    enum { COUNT = 200001 };
    static float values[COUNT];
    random_state generator = random_seed(5);
    gaussian_noise(&generator, values, COUNT);
    double moments[5] = {0};
    size_t beyond_two = 0;
    for (size_t i = 0; i < COUNT; i++) {
        double power = 1.0;
        for (int m = 1; m <= 4; m++)
            moments[m] += (power *= (double)values[i]) / (double)COUNT;
        beyond_two += fabsf(values[i]) > 2.0f;
    }
    assert_true(fabs(moments[1]) < 0.01);
    assert_true(fabs(moments[2] - 1.0) < 0.02);
    assert_true(fabs(moments[3]) < 0.03);
    assert_true(fabs(moments[4] - 3.0) < 0.1);
    assert_true(fabs((double)beyond_two / (double)COUNT - 0.0455) < 0.003);
}

static void the_same_seed_gives_the_same_noise_everywhere(void **state)
{
    (void)state;
    float values[5];
    random_state generator = random_seed(7);
    gaussian_noise(&generator, values, 5);
    static const float expected[5] = {-0x1.1ea33ap-2f, 0x1.3997ecp-2f, 0x1.2705ap-2f, -0x1.bd9ac8p+0f, -0x1.702982p-2f};
    for (size_t i = 0; i < 5; i++)
        assert_true(values[i] == expected[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_those_of_the_reference),
        cmocka_unit_test(one_step_takes_all_the_noise_away),
        cmocka_unit_test(a_step_between_mixes_fresh_noise_in),
        cmocka_unit_test(steps_beyond_the_plan_are_refused),
        cmocka_unit_test(noise_is_standard_normal),
        cmocka_unit_test(the_same_seed_gives_the_same_noise_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

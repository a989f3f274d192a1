/* The transform held against the sum that defines it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/random.h"
#include "voice/spectrum.h"

enum { SIZE_MAX_TESTED = 1024 };
static const double PI = 3.14159265358979323846;

static double magnitude_by_definition(const float *samples, uint32_t size, uint32_t k)
{
    double real = 0.0, imaginary = 0.0;
    for (uint32_t i = 0; i < size; i++) {
        double weight = (0.5 - 0.5 * cos(2.0 * PI * i / size)) * 4.0 / size;
        double angle = 2.0 * PI * k * i / size;
        real += samples[i] * weight * cos(angle);
        imaginary -= samples[i] * weight * sin(angle);
    }
    /* Of the two outermost bins there is no second half at negative frequencies. */
    return sqrt(real * real + imaginary * imaginary) * (k == 0 || k == size / 2 ? 0.5 : 1.0);
}

static void every_bin_is_what_the_definition_says(void **state)
{
    (void)state;
    static float samples[SIZE_MAX_TESTED];
    random_state dice = random_seed(1);
    for (uint32_t size = 8; size <= SIZE_MAX_TESTED; size *= 2) {
        arena *memory = arena_create(1u << 20);
        spectrum lens;
        assert_true(spectrum_make(&lens, size, memory));
        for (uint32_t i = 0; i < size; i++)
            samples[i] = 2.0f * random_float(&dice) - 1.0f;
        spectrum_look(&lens, samples);
        for (uint32_t k = 0; k <= size / 2; k++)
            assert_true(fabs(lens.magnitudes[k] - magnitude_by_definition(samples, size, k)) < 2e-6);
        arena_destroy(memory);
    }
}

static void a_sine_of_amplitude_one_gives_one(void **state)
{
    (void)state;
    static float samples[SIZE_MAX_TESTED];
    arena *memory = arena_create(1u << 20);
    spectrum lens;
    assert_true(spectrum_make(&lens, SIZE_MAX_TESTED, memory));
    for (uint32_t i = 0; i < SIZE_MAX_TESTED; i++)
        samples[i] = (float)sin(2.0 * PI * 100 * i / SIZE_MAX_TESTED + 0.3);
    spectrum_look(&lens, samples);
    assert_float_equal(lens.magnitudes[100], 1.0f, 1e-5f);
    assert_float_equal(lens.magnitudes[99], 0.5f, 1e-5f);
    assert_float_equal(lens.magnitudes[103], 0.0f, 1e-5f);
    arena_destroy(memory);
}

static void too_little_memory_is_said(void **state)
{
    (void)state;
    arena *memory = arena_create(4096);
    spectrum lens;
    assert_false(spectrum_make(&lens, 2048, memory));
    arena_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bin_is_what_the_definition_says),
        cmocka_unit_test(a_sine_of_amplitude_one_gives_one),
        cmocka_unit_test(too_little_memory_is_said),
    };
    return cmocka_run_group_tests_name("voice_spectrum", tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/random.h"
#include "base/utf8.h"
#include "base/vector.h"

static void arena_gives_aligned_memory_up_to_its_limit(void **state)
{
    (void)state;
    arena *memory = arena_create(1u << 20);
    assert_non_null(memory);
    void *first = arena_allocate(memory, 100);
    void *second = arena_allocate(memory, 1);
    assert_non_null(first);
    assert_non_null(second);
    assert_int_equal((uintptr_t)first % 64, 0);
    assert_int_equal((uintptr_t)second % 64, 0);
    assert_null(arena_allocate(memory, 1u << 20));
    assert_null(arena_allocate(memory, SIZE_MAX));
    assert_null(arena_allocate_array(memory, SIZE_MAX / 2, 4));
    assert_non_null(arena_allocate(memory, 1u << 18));
    arena_destroy(memory);
}

static void arena_reset_keeps_its_pages_and_takes_no_more(void **state)
{
    (void)state;
    arena *memory = arena_create(64u << 20);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_allocate(memory, 50000));
    size_t held = arena_held(memory);
    for (int round = 0; round < 5; round++) {
        arena_reset(memory);
        for (int i = 0; i < 100; i++)
            assert_non_null(arena_allocate(memory, 50000));
    }
    assert_int_equal(arena_held(memory), held);
    arena_destroy(memory);
}

static void arena_rewind_returns_to_the_mark(void **state)
{
    (void)state;
    arena *memory = arena_create(64u << 20);
    char *kept = arena_copy_text(memory, "kept", 4);
    arena_mark mark = arena_now(memory);
    void *first = arena_allocate(memory, 1000);
    assert_non_null(arena_allocate(memory, 5u << 20));
    arena_rewind(memory, mark);
    assert_ptr_equal(arena_allocate(memory, 1000), first);
    assert_string_equal(kept, "kept");
    arena_destroy(memory);
}

static void buffer_fails_once_and_stays_failed(void **state)
{
    (void)state;
    buffer out;
    buffer_open(&out, 10);
    buffer_text(&out, "12345");
    buffer_u32(&out, 0x01020304);
    assert_false(buffer_failed(&out));
    assert_memory_equal(out.data, "12345\4\3\2\1", 9);
    buffer_text(&out, "too long");
    assert_true(buffer_failed(&out));
    buffer_text(&out, "x");
    assert_int_equal(out.size, 9);
    buffer_close(&out);
}

static void sine_and_cosine_match_the_library_closely(void **state)
{
    (void)state;
    for (int i = -7200; i <= 7200; i++) {
        float angle = (float)i * 0.1f;
        double radians = (double)angle * 3.14159265358979323846 / 180.0;
        assert_true(fabs((double)sin_degrees(angle) - sin(radians)) < 1e-6);
        assert_true(fabs((double)cos_degrees(angle) - cos(radians)) < 1e-6);
    }
    assert_true(sin_degrees(180.0f) == 0.0f);
    assert_true(cos_degrees(90.0f) == 0.0f);
}

static void random_numbers_are_the_same_everywhere(void **state)
{
    (void)state;
    random_state generator = random_seed(42);
    uint32_t first = random_u32(&generator);
    random_state again = random_seed(42);
    assert_int_equal(random_u32(&again), first);
    for (int i = 0; i < 1000; i++) {
        float value = random_float(&generator);
        assert_true(value >= 0.0f && value < 1.0f);
    }
    assert_true(fnv1a(FNV_START, "a", 1) == 0xaf63dc4c8601ec8cu);
}

static void errors_name_themselves(void **state)
{
    (void)state;
    lumen_error error;
    assert_int_equal(lumen_fail(&error, LUMEN_ERROR_INVALID, "%s is empty", "text"), LUMEN_ERROR_INVALID);
    assert_string_equal(error.message, "text is empty");
    assert_string_equal(lumen_status_name(LUMEN_ERROR_CANCELLED), "cancelled");
    assert_int_equal(lumen_fail_memory(NULL, "a thing"), LUMEN_ERROR_MEMORY);
}

static void utf8_reads_back_every_character_that_it_writes(void **state)
{
    (void)state;
    for (int32_t written = 0; written <= 0x10ffff; written++) {
        if (written >= 0xd800 && written <= 0xdfff)
            continue;
        char bytes[UTF8_BYTES_MAX];
        int32_t read;
        size_t size = utf8_encode(written, bytes);
        assert_int_equal(utf8_decode(bytes, size, &read), size);
        assert_int_equal(read, written);
        assert_int_equal(utf8_decode(bytes, size - 1, &read), 0);
    }
}

static void utf8_refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc3",
        "\xc3(",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xe2\x82",
        "\xe2(\x82",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf0\x9f\x98",
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80",
        "\xff",
        "\xfe",
        "\xf0\x9f\x98(",
    };
    int32_t character = 0;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (utf8_decode(refused[i], strlen(refused[i]), &character) != 0)
            fail_msg("bytes %zu were read as U+%04X", i, (unsigned)character);
        assert_int_equal(character, -1);
    }
    char bytes[UTF8_BYTES_MAX];
    assert_int_equal(utf8_encode(0xd800, bytes), 3);
    assert_memory_equal(bytes, "\xef\xbf\xbd", 3);
    assert_int_equal(utf8_encode(-1, bytes), 3);
    assert_int_equal(utf8_encode(0x110000, bytes), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_reads_back_every_character_that_it_writes),
        cmocka_unit_test(utf8_refuses_what_is_none),
        cmocka_unit_test(arena_gives_aligned_memory_up_to_its_limit),
        cmocka_unit_test(arena_reset_keeps_its_pages_and_takes_no_more),
        cmocka_unit_test(arena_rewind_returns_to_the_mark),
        cmocka_unit_test(buffer_fails_once_and_stays_failed),
        cmocka_unit_test(sine_and_cosine_match_the_library_closely),
        cmocka_unit_test(random_numbers_are_the_same_everywhere),
        cmocka_unit_test(errors_name_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

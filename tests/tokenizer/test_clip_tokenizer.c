/* CLIP's tokenizer with a small table: the tokens of the reference (golden.json, made by make_golden.py), and what is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "base/clock.h"
#include "tokenizer/clip_tokenizer.h"

extern const unsigned char test_merges[];
extern const size_t test_merges_size;
extern const unsigned char test_golden[];
extern const size_t test_golden_size;

enum { SMALL_MERGES = 250, SMALL_START = 512 + SMALL_MERGES, SMALL_END };

static clip_tokenizer *open_table(const char *merges, size_t size, int32_t pad)
{
    clip_tokenizer *words;
    lumen_error error = {0};
    if (clip_tokenizer_from_bytes("merges", merges, size, pad, &words, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return words;
}

static clip_tokenizer *open_small(int32_t pad)
{
    return open_table((const char *)test_merges, test_merges_size, pad);
}

static void encode(const clip_tokenizer *words, const char *text, int32_t *ids, size_t length)
{
    lumen_error error = {0};
    if (clip_tokenizer_encode(words, text, ids, length, &error) != LUMEN_OK)
        fail_msg("%s: %s", text, error.message);
}

static void refuse(const char *merges, const char *reason)
{
    clip_tokenizer *words;
    lumen_error error = {0};
    if (clip_tokenizer_from_bytes("merges", merges, strlen(merges), CLIP_END, &words, &error) == LUMEN_OK)
        fail_msg("\"%s\" is taken", merges);
    assert_null(words);
    assert_int_equal(error.status, LUMEN_ERROR_INVALID);
    if (strstr(error.message, reason) == NULL)
        fail_msg("\"%s\": %s; not a word of \"%s\"", merges, error.message, reason);
}

/* ---- As the reference ------------------------------------------------------------------------------------------- */

static void compare(const char *column, int32_t pad, int32_t pad_id)
{
    clip_tokenizer *words = open_small(pad);
    json_t *golden = json_loadb((const char *)test_golden, test_golden_size, 0, NULL);
    assert_true(json_array_size(golden) > 10);
    for (size_t i = 0; i < json_array_size(golden); i++) {
        const json_t *one = json_array_get(golden, i);
        const char *text = json_string_value(json_object_get(one, "text"));
        const json_t *expected = json_object_get(one, column);
        int32_t ids[CLIP_TOKENS];
        encode(words, text, ids, CLIP_TOKENS);
        assert_true(json_array_size(expected) >= 2);
        for (size_t j = 0; j < CLIP_TOKENS; j++) {
            json_int_t id = j < json_array_size(expected) ? json_integer_value(json_array_get(expected, j)) : pad_id;
            if (ids[j] != id)
                fail_msg("\"%s\": token %zu is %d, not %d", text, j, (int)ids[j], (int)id);
        }
    }
    json_decref(golden);
    clip_tokenizer_close(words);
}

static void tokens_are_those_of_the_reference(void **state)
{
    (void)state;
    compare("padded by the end", CLIP_END, SMALL_END);
}

static void an_exclamation_mark_that_pads_is_a_token_of_its_own(void **state)
{
    (void)state;
    compare("padded by !", CLIP_EXCLAMATION, CLIP_EXCLAMATION);
}

/* ---- By hand ---------------------------------------------------------------------------------------------------- */

/* "a" is byte 97, the 65th visible one: token 64, and 320 at the end of a word. */
static void bytes_are_tokens_where_nothing_merges(void **state)
{
    (void)state;
    clip_tokenizer *words = open_table("x y\n", 4, CLIP_EXCLAMATION);
    int32_t ids[6];
    encode(words, "aA a", ids, 6);
    assert_memory_equal(ids, ((int32_t[]){513, 64, 320, 320, 514, 0}), sizeof ids);
    clip_tokenizer_close(words);
}

static void the_first_line_of_the_table_merges_first(void **state)
{
    (void)state;
    static const char merges[] = "#version: 0.2\nb c\na b\nab c</w>\n"; /* abc: b c goes first, and a bc is unknown */
    clip_tokenizer *words = open_table(merges, sizeof merges - 1, CLIP_EXCLAMATION);
    int32_t ids[5];
    encode(words, "abcd", ids, 5);
    assert_memory_equal(ids, ((int32_t[]){515, 64, 512, 323, 516}), sizeof ids);
    encode(words, "abc", ids, 5); /* c at the end is another token than c */
    assert_memory_equal(ids, ((int32_t[]){515, 514, 516, 0, 0}), sizeof ids);
    clip_tokenizer_close(words);
}

static void a_run_merges_from_the_left(void **state)
{
    (void)state;
    clip_tokenizer *words = open_table("a a\n", 4, CLIP_EXCLAMATION);
    int32_t ids[6];
    encode(words, "aaaab", ids, 6);
    assert_memory_equal(ids, ((int32_t[]){513, 512, 512, 321, 514, 0}), sizeof ids);
    encode(words, "aaab", ids, 6);
    assert_memory_equal(ids, ((int32_t[]){513, 512, 64, 321, 514, 0}), sizeof ids);
    clip_tokenizer_close(words);
}

static void lines_may_end_as_they_do_elsewhere(void **state)
{
    (void)state;
    static const char merges[] = "#version: 0.2\r\na b\r\nab a</w>"; /* and the last one not at all */
    clip_tokenizer *words = open_table(merges, sizeof merges - 1, CLIP_END);
    int32_t ids[3];
    encode(words, "aba", ids, 3);
    assert_memory_equal(ids, ((int32_t[]){514, 513, 515}), sizeof ids);
    clip_tokenizer_close(words);
}

static void a_long_text_is_cut_and_keeps_its_end(void **state)
{
    (void)state;
    clip_tokenizer *words = open_small(CLIP_END);
    char text[400];
    memset(text, ' ', sizeof text);
    for (size_t i = 0; i < sizeof text; i += 2)
        text[i] = '7';
    text[sizeof text - 1] = '\0';
    int32_t ids[CLIP_TOKENS];
    encode(words, text, ids, CLIP_TOKENS);
    assert_int_equal(ids[0], SMALL_START);
    assert_int_equal(ids[CLIP_TOKENS - 2], ids[1]);
    assert_int_equal(ids[CLIP_TOKENS - 1], SMALL_END);
    clip_tokenizer_close(words);
}

/* With a search for the lowest pair after every merge these would take minutes. */
static void the_worst_texts_take_no_longer_than_others(void **state)
{
    (void)state;
    clip_tokenizer *words = open_small(CLIP_END);
    char *text = malloc(CLIP_TEXT_BYTES_MAX + 1);
    assert_non_null(text);
    int32_t ids[CLIP_TOKENS];
    /* One word; nothing but marks, in the wrong order; marks of the end; what merges and merges. */
    static const char *const repeated[] = {"a", "\xcc\x81\xcc\xa3", "<|endoftext|>", "horse", "!", "\xf0\x9f\x90\x8e"};
    double started = clock_now_seconds();
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        size_t size = strlen(repeated[i]), length = 0;
        for (; length + size <= CLIP_TEXT_BYTES_MAX; length += size)
            memcpy(text + length, repeated[i], size);
        text[length] = '\0';
        encode(words, text, ids, CLIP_TOKENS);
    }
    assert_true(clock_now_seconds() - started < 5.0);
    free(text);
    clip_tokenizer_close(words);
}

/* ---- Refused ---------------------------------------------------------------------------------------------------- */

static void a_text_that_is_no_utf8_is_refused(void **state)
{
    (void)state;
    clip_tokenizer *words = open_small(CLIP_END);
    static const char *const texts[] = {"a\xff", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int32_t ids[CLIP_TOKENS];
        lumen_error error = {0};
        assert_int_equal(clip_tokenizer_encode(words, texts[i], ids, CLIP_TOKENS, &error), LUMEN_ERROR_INVALID);
        assert_non_null(strstr(error.message, "UTF-8"));
    }
    clip_tokenizer_close(words);
}

static void a_text_has_a_longest_length(void **state)
{
    (void)state;
    clip_tokenizer *words = open_small(CLIP_END);
    char *text = malloc(CLIP_TEXT_BYTES_MAX + 2);
    assert_non_null(text);
    memset(text, 'a', CLIP_TEXT_BYTES_MAX + 1);
    text[CLIP_TEXT_BYTES_MAX + 1] = '\0';
    int32_t ids[CLIP_TOKENS];
    lumen_error error = {0};
    assert_int_equal(clip_tokenizer_encode(words, text, ids, CLIP_TOKENS, &error), LUMEN_ERROR_INVALID);
    assert_int_equal(clip_tokenizer_encode(words, "a", ids, 1, &error), LUMEN_ERROR_INVALID);
    free(text);
    clip_tokenizer_close(words);
}

static void a_table_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    refuse("", "no merges");
    refuse("#version: 0.2\n", "no merges");
    refuse("ab\n", ":1:");
    refuse("a b\nab\n", ":2:");
    refuse("a\n", "two tokens");
    refuse("a bc\n", "no line before makes");
    refuse("a b c\n", "no line before makes");
    refuse("a  b\n", "no line before makes");
    refuse(" b\n", "no line before makes");
    refuse("a \n", "no line before makes");
    refuse("a b\na b\n", "a line before makes");
    refuse("a b\nb c\nab c\na bc\n", ":4:"); /* abc twice: which of the two ids would it have? */
    refuse("a </w>\n", "no line before makes");
    refuse("a b\n#version: 0.2\n", ":2:");
    refuse("\xff a\n", "no line before makes");
}

static void what_is_no_table_is_told(void **state)
{
    (void)state;
    clip_tokenizer *words;
    lumen_error error = {0};
    assert_int_equal(clip_tokenizer_open("/tmp/no/merges.txt", CLIP_END, &words, &error), LUMEN_ERROR_IO);
    assert_non_null(strstr(error.message, "/tmp/no/merges.txt"));
    assert_int_equal(clip_tokenizer_open("/tmp", CLIP_END, &words, &error), LUMEN_ERROR_IO);
    assert_int_equal(clip_tokenizer_from_bytes("merges", "a b\n", 4, 7, &words, &error), LUMEN_ERROR_INVALID);
    assert_null(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_those_of_the_reference),
        cmocka_unit_test(an_exclamation_mark_that_pads_is_a_token_of_its_own),
        cmocka_unit_test(bytes_are_tokens_where_nothing_merges),
        cmocka_unit_test(the_first_line_of_the_table_merges_first),
        cmocka_unit_test(a_run_merges_from_the_left),
        cmocka_unit_test(lines_may_end_as_they_do_elsewhere),
        cmocka_unit_test(a_long_text_is_cut_and_keeps_its_end),
        cmocka_unit_test(the_worst_texts_take_no_longer_than_others),
        cmocka_unit_test(a_text_that_is_no_utf8_is_refused),
        cmocka_unit_test(a_text_has_a_longest_length),
        cmocka_unit_test(a_table_that_makes_no_sense_is_refused),
        cmocka_unit_test(what_is_no_table_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Templates: the language, the shipped ones, and how one is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "motion/internal.h"
#include "words/words.h"

static motion_library *open_with(const char *text)
{
    motion_library *motions;
    lumen_error error;
    if (motion_library_open(text, "mine.motion", &motions, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return motions;
}

/* The text must be refused, in this line, with these words. */
static void expect_refusal(const char *text, unsigned line, const char *words)
{
    motion_library *motions;
    lumen_error error;
    if (motion_library_open(text, "mine.motion", &motions, &error) == LUMEN_OK)
        fail_msg("accepted: %s", text);
    assert_null(motions);
    assert_int_equal(error.status, LUMEN_ERROR_INVALID);
    char place[64];
    snprintf(place, sizeof place, "mine.motion:%u: ", line);
    if (strncmp(error.message, place, strlen(place)) != 0 || strstr(error.message, words) == NULL)
        fail_msg("'%s' instead of '%s...%s'", error.message, place, words);
}

/* ---- The language -------------------------------------------------------------------------------------- */

static void a_template_is_read_as_docs_motion_shows_it(void **state)
{
    (void)state;
    motion_library *motions =
        open_with("# A comment.\n"
                  "motion salute   # and another\n"
                  "  verbs salute greet\n"
                  "  body in biped : oscillate_translate axis y amplitude 0.02 frequency 0.5\n"
                  "  part *arm* with torso without tail : oscillate_bend axis -x amplitude -1.25 at torso\n"
                  "  part head : still\n"
                  "  part wheels : rigid_rotate axis x at axles frequency 2\n"
                  "  part fins tail : oscillate_translate axis 0 3 4 amplitude 0.25 reach phase 0.5 ease -1\r\n");
    const motion_template *one = motion_find(motions, "salute", NULL);
    assert_string_equal(motion_name(one), "salute");
    assert_int_equal(one->rule_count, 5);
    assert_true(one->rules[0].whole && one->rules[0].place == MOTION_AT_MIDDLE);
    assert_true(motion_list_matches(&one->rules[0].types, "biped"));
    const motion_rule *arm = &one->rules[1];
    assert_true(arm->row.primitive == MOTION_OSCILLATE_BEND && arm->row.axis[0] == -1.0f && arm->row.axis[1] == 0.0f);
    assert_true(arm->row.amplitude == -1.25f && arm->place == MOTION_AT_PART);
    assert_string_equal(arm->place_part, "torso");
    assert_true(motion_list_matches(&arm->parts, "left_arm") && !motion_list_matches(&arm->parts, "leg"));
    assert_true(motion_list_has(&arm->with, "torso") && motion_list_has(&arm->without, "tail"));
    assert_true(one->rules[2].row.primitive == MOTION_NONE);
    assert_true(one->rules[3].place == MOTION_AT_AXLES);
    const motion_rule *fins = &one->rules[4];
    assert_true(fins->of_reach && fabsf(fins->row.axis[1] - 0.6f) < 1e-6f && fabsf(fins->row.axis[2] - 0.8f) < 1e-6f);
    assert_true(fins->row.phase == 0.5f && fins->row.ease == -1.0f && fins->row.frequency == 1.0f);
    motion_library_close(motions);
}

static void a_mistake_is_named_with_its_line_and_its_mend(void **state)
{
    (void)state;
    expect_refusal("motion a\nbody : jiggle\n", 2, "'jiggle' is no primitive");
    expect_refusal("body : twist\n", 1, "belongs to no motion");
    expect_refusal("motion\n", 1, "the name of a motion is missing");
    expect_refusal("motion a b\n", 1, "'b' is too much");
    expect_refusal("motion a\n\nmotion a\n", 3, "there twice");
    expect_refusal("motion a\ndance : twist\n", 2, "begins with motion, verbs, body or part");
    expect_refusal("motion a\nbody twist\n", 2, "no condition");
    expect_refusal("motion a\nbody in bird\n", 2, "a colon is missing");
    expect_refusal("motion a\nbody in : twist\n", 2, "name at least one");
    expect_refusal("motion a\nbody in a in b : twist\n", 2, "there twice");
    expect_refusal("motion a\npart : twist\n", 2, "name at least one");
    expect_refusal("motion a\nbody : twist amplitude\n", 2, "no number");
    expect_refusal("motion a\nbody : twist amplitude 1e9\n", 2, "no number");
    expect_refusal("motion a\nbody : twist amplitude 1.2.3\n", 2, "no number");
    expect_refusal("motion a\nbody : twist amplitude nan\n", 2, "no number");
    expect_refusal("motion a\nbody : twist amplitude 5000\n", 2, "larger than a thousand");
    expect_refusal("motion a\nbody : twist amplitude 1234567890\n", 2, "no number");
    expect_refusal("motion a\nbody : twist axis 0 0 0\n", 2, "no length");
    expect_refusal("motion a\nbody : twist axis 1 0\n", 2, "no number");
    expect_refusal("motion a\nbody : twist duration 2\n", 2, "twist takes no 'duration'");
    expect_refusal("motion a\nbody : twist axis_x 2\n", 2, "twist takes no 'axis_x'");
    expect_refusal("motion a\nbody : oscillate_translate at floor\n", 2, "takes no 'at'");
    expect_refusal("motion a\nbody : twist at\n", 2, "is missing");
    expect_refusal("motion a\nbody : still amplitude 1\n", 2, "takes no parameters");
    expect_refusal("motion a\nbody : rigid_rotate at axles\n", 2, "for parts that rigid_rotate");
    expect_refusal("motion a\nverbs\n", 2, "name at least one");
    expect_refusal("motion a\nbody : twist $\n", 2, "0x24 has no meaning");
    expect_refusal("motion a\nbody : twist \xff\n", 2, "0xff has no meaning");
    expect_refusal("motion abcdefghijklmnopqrstuvwxyz0123456789\n", 1, "longer than 31 characters");
}

/* The text in a buffer. */
static const char *ended(buffer *text)
{
    buffer_append(text, "", 1);
    assert_false(buffer_failed(text));
    return (const char *)text->data;
}

static void too_much_of_anything_is_refused(void **state)
{
    (void)state;
    buffer text;
    buffer_open(&text, MOTION_TEXT_MOST + 64);
    buffer_fill(&text, ' ', MOTION_TEXT_MOST + 8);
    motion_library *motions;
    lumen_error error;
    assert_int_equal(motion_library_open(ended(&text), "mine", &motions, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "split it"));

    text.size = 0;
    buffer_text(&text, "motion a\n");
    for (int i = 0; i <= MOTION_RULES_MOST; i++)
        buffer_text(&text, "body : twist\n");
    expect_refusal(ended(&text), MOTION_RULES_MOST + 2, "more than 64 rules");
    text.size = 0;
    buffer_text(&text, "motion a\nverbs");
    for (int i = 0; i <= MOTION_WORDS_MOST; i++)
        buffer_print(&text, " v%d", i);
    expect_refusal(ended(&text), 2, "more than 64");
    text.size = 0;
    for (int i = 0; i <= MOTION_TEMPLATES_MOST; i++)
        buffer_print(&text, "motion m%d\n", i);
    assert_int_equal(motion_library_open(ended(&text), "mine", &motions, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "more than 256 motions"));
    buffer_close(&text);
}

static void a_pattern_matches_as_a_shell_would(void **state)
{
    (void)state;
    assert_true(motion_glob("*leg*", "front_legs") && motion_glob("*leg*", "leg") && motion_glob("*", ""));
    assert_true(motion_glob("left_*", "left_wing") && motion_glob("a*b*c", "aXbYbZc") && motion_glob("**", "x"));
    assert_false(motion_glob("*leg*", "lag") || motion_glob("left_*", "my_left_wing") || motion_glob("a", "ab"));
    assert_false(motion_glob("", "a") || motion_glob("a*b", "ac"));
    /* What blows up a naive matcher does not even slow this one. */
    assert_false(
        motion_glob("*a*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

/* ---- Finding --------------------------------------------------------------------------------------------- */

static void a_template_is_found_by_name_by_verb_or_it_is_idle(void **state)
{
    (void)state;
    motion_library *motions = open_with(NULL);
    assert_string_equal(motion_name(motion_find(motions, "gallop", "canter")), "gallop");
    assert_string_equal(motion_name(motion_find(motions, "swim", "canter")), "swim");
    assert_string_equal(motion_name(motion_find(motions, NULL, "canter")), "gallop");
    assert_string_equal(motion_name(motion_find(motions, "no such", "no such")), "idle");
    assert_string_equal(motion_name(motion_find(motions, NULL, NULL)), "idle");
    assert_string_equal(motion_name(motion_find(motions, "idle", "")), "idle");
    motion_library_close(motions);
}

static void own_templates_come_first_by_verb_and_replace_by_name(void **state)
{
    (void)state;
    motion_library *plain = open_with(NULL);
    motion_library *motions = open_with("motion moonwalk\n verbs walk\n body : twist\n"
                                        "motion fly\n body : pendulum\n");
    assert_int_equal(motion_count(motions), motion_count(plain) + 1);
    assert_string_equal(motion_name(motion_find(motions, "walk", "walk")), "moonwalk");
    assert_string_equal(motion_name(motion_find(motions, "walk", "stroll")), "walk");
    const motion_template *fly = motion_find(motions, "fly", "fly");
    assert_int_equal(fly->rule_count, 1);
    assert_true(fly->rules[0].row.primitive == MOTION_PENDULUM);
    assert_null(motion_at(motions, motion_count(motions)));
    motion_library_close(plain);
    motion_library_close(motions);
}

/* ---- The shipped ones ------------------------------------------------------------------------------------ */

static void every_motion_that_words_lead_to_is_there(void **state)
{
    (void)state;
    static const char *const names[] = {"idle",    "gallop", "walk",  "run",  "fly",   "flap",    "swim",
                                        "slither", "crawl",  "hop",   "jump", "dance", "spin",    "bounce",
                                        "sway",    "grow",   "shake", "nod",  "wave",  "explode", "melt",
                                        "float",   "fall",   "roll",  "drive"};
    motion_library *motions = open_with(NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(motion_name(motion_find(motions, names[i], NULL)), names[i]);
    motion_library_close(motions);
}

static void every_anchor_verb_leads_to_its_template_in_the_words_room_too(void **state)
{
    (void)state;
    motion_library *motions = open_with(NULL);
    for (uint32_t i = 0; i < motion_count(motions); i++) {
        const motion_template *one = motion_at(motions, i);
        assert_true(one->verbs.count > 0 && one->rule_count > 0);
        const char *verb = one->verbs.text;
        for (uint32_t k = 0; k < one->verbs.count; k++, verb += strlen(verb) + 1) {
            words_phrase phrase;
            lumen_error error;
            assert_int_equal(words_parse("cat", verb, &phrase, &error), LUMEN_OK);
            if (strcmp(phrase.motion, motion_name(one)) != 0)
                fail_msg("%s: '%s' leads to %s", motion_name(one), verb, phrase.motion);
            assert_string_equal(motion_name(motion_find(motions, NULL, verb)), motion_name(one));
        }
    }
    motion_library_close(motions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_is_read_as_docs_motion_shows_it),
        cmocka_unit_test(a_mistake_is_named_with_its_line_and_its_mend),
        cmocka_unit_test(too_much_of_anything_is_refused),
        cmocka_unit_test(a_pattern_matches_as_a_shell_would),
        cmocka_unit_test(a_template_is_found_by_name_by_verb_or_it_is_idle),
        cmocka_unit_test(own_templates_come_first_by_verb_and_replace_by_name),
        cmocka_unit_test(every_motion_that_words_lead_to_is_there),
        cmocka_unit_test(every_anchor_verb_leads_to_its_template_in_the_words_room_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

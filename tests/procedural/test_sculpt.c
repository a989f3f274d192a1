/* The sculpt language: what it reads, what it refuses, and what it says then. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "procedural/model.h"

static sculpt_library *open_text(const char *text)
{
    sculpt_library *library = NULL;
    lumen_error error = {0};
    sculpt_source source = {.name = "test.sculpt", .text = text, .size = strlen(text)};
    if (sculpt_library_open(&source, 1, &library, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return library;
}

/* Opens a text that must be refused with a message that holds `expected`. */
static void refuse(const char *text, const char *expected)
{
    sculpt_library *library = NULL;
    lumen_error error = {0};
    sculpt_source source = {.name = "test.sculpt", .text = text, .size = strlen(text)};
    assert_int_equal(sculpt_library_open(&source, 1, &library, &error), LUMEN_ERROR_INVALID);
    assert_null(library);
    if (strstr(error.message, expected) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, expected);
}

/* Builds a concept for itself, without adjectives. */
static model *build(const sculpt_library *library, const char *name, arena *memory)
{
    lumen_error error = {0};
    model *individual = NULL;
    model_variation variation = {0};
    const sculpt_concept *entry = sculpt_find_concept(library, name);
    assert_non_null(entry);
    if (model_build(library, entry, &variation, memory, &individual, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return individual;
}

static void a_template_places_its_solids_part_by_part(void **state)
{
    (void)state;
    sculpt_library *library = open_text("template lollipop\n"
                                        "  parts candy stick\n"
                                        "  set stick_length 2   # a comment\n"
                                        "  part candy color #ff0000\n"
                                        "    ball (0, stick_length, 0), 0.5\n"
                                        "  part stick on candy\n"
                                        "    rod (0, 0, 0), (0, stick_length, 0), 0.05\n"
                                        "concept lollipop of lollipop\n"
                                        "concept short_lollipop of lollipop\n"
                                        "  stick_length *0.5\n");
    arena *memory = arena_create(64u << 20);
    model *plain = build(library, "lollipop", memory);
    assert_int_equal(plain->part_count, 2);
    assert_string_equal(plain->parts[0].name, "candy");
    assert_int_equal(plain->parts[1].parent, 0);
    assert_int_equal(plain->solid_count, 2);
    assert_float_equal(plain->solids[0].center.y, 2.0f, 1e-6f);
    assert_int_equal(plain->parts[0].rgb[0], 255);
    model *shorter = build(library, "short_lollipop", memory);
    assert_float_equal(shorter->solids[0].center.y, 1.0f, 1e-6f);
    arena_destroy(memory);
    sculpt_library_close(library);
}

static void arithmetic_follows_the_usual_rules(void **state)
{
    (void)state;
    static const struct {
        const char *expression;
        float value;
    } cases[] = {
        {"1 + 2 * 3", 7},         {"(1 + 2) * 3", 9},
        {"8 / 2 / 2", 2},         {"-2 * -3", 6},
        {"5 - 3 - 1", 1},         {"1 / 0", 0},
        {"min(3, 2)", 2},         {"max(3, 2)", 3},
        {"abs(-4)", 4},           {"sqrt(9)", 3},
        {"sqrt(-1)", 0},          {"floor(2.7)", 2},
        {"sin(30)", 0.5f},        {"cos(60)", 0.5f},
        {"mix(1, 3, 0.5)", 2},    {"(1, 2, 3).y", 2},
        {"length((3, 4, 0))", 5}, {"((1, 2, 3) * 2 + (1, 0, 0)).x", 3},
        {"(1 < 2) + (2 > 3)", 1}, {"min((1, 5, 2), (2, 3, 4)).y", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "template t\nparts a\npart a\nball (%s, 0, 0), 1\nconcept t of t\n",
                 cases[i].expression);
        sculpt_library *library = open_text(text);
        arena *memory = arena_create(64u << 20);
        float value = build(library, "t", memory)->solids[0].center.x;
        if (value < cases[i].value - 1e-5f || value > cases[i].value + 1e-5f)
            fail_msg("%s is %g, not %g", cases[i].expression, (double)value, (double)cases[i].value);
        arena_destroy(memory);
        sculpt_library_close(library);
    }
}

static void loops_conditions_and_frames_do_what_they_say(void **state)
{
    (void)state;
    sculpt_library *library = open_text("template t\nparts a\n"
                                        "set leaf_count 3\nset thorn_size 0\n"
                                        "part a\n"
                                        "for i leaf_count\n"
                                        "  if i > 0\n    ball (i, 0, 0), 0.1\n"
                                        "  else\n    ball (10, 0, 0), 0.1\n  end\n"
                                        "end\n"
                                        "if thorn_size\n  ball (5, 5, 5), thorn_size\nend\n"
                                        "frame (0, 1, 0) turn (0, 0, 90) scale 2\n"
                                        "  ball (1, 0, 0), 0.25\n"
                                        "end\n"
                                        "ball (0, 0, 9), thorn_size\n"
                                        "ball (3, 0, 0), 0.1 mirror\n"
                                        "concept t of t\n");
    arena *memory = arena_create(64u << 20);
    model *individual = build(library, "t", memory);
    assert_int_equal(individual->solid_count, 6);
    assert_float_equal(individual->solids[0].center.x, 10.0f, 1e-6f);
    assert_float_equal(individual->solids[2].center.x, 2.0f, 1e-6f);
    /* Turned about z, x points up: one unit, twice as long, above the frame's foot. */
    assert_float_equal(individual->solids[3].center.x, 0.0f, 1e-6f);
    assert_float_equal(individual->solids[3].center.y, 3.0f, 1e-6f);
    assert_float_equal(individual->solids[3].size[0], 0.5f, 1e-6f);
    assert_float_equal(individual->solids[5].center.x, -3.0f, 1e-6f);
    arena_destroy(memory);
    sculpt_library_close(library);
}

static void a_later_concept_replaces_an_earlier_one(void **state)
{
    (void)state;
    sculpt_library *library = open_text("template t\nparts a\nset size 1\npart a\nball (size, 0, 0), 1\n"
                                        "concept thing of t\n size 2\n"
                                        "concept child of thing\n size *3\n"
                                        "concept thing of t\n size 5\n");
    arena *memory = arena_create(64u << 20);
    assert_int_equal(sculpt_concept_count(library), 2);
    assert_float_equal(build(library, "child", memory)->solids[0].center.x, 15.0f, 1e-5f);
    assert_null(sculpt_find_concept(library, "nothing"));
    assert_string_equal(sculpt_template_name(sculpt_find_concept(library, "child")), "t");
    arena_destroy(memory);
    sculpt_library_close(library);
}

static void a_later_source_replaces_shapes_and_leaves_their_relatives_alone(void **state)
{
    (void)state;
    const char *shipped = "template t\nparts a\nset size 1\npart a\nball (size, 0, 0), 1\n"
                          "concept horse of t\n size 2\nconcept pony of horse\n size *0.5\n";
    const char *own = "template t\nparts b\npart b\nball (9, 0, 0), 1\n"
                      "concept horse of horse\n size *3\nconcept thing of t\n";
    const sculpt_source sources[] = {{"shipped", shipped, strlen(shipped)}, {"own", own, strlen(own)}};
    sculpt_library *library;
    lumen_error error = {0};
    if (sculpt_library_open(sources, 2, &library, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    arena *memory = arena_create(64u << 20);
    assert_float_equal(build(library, "horse", memory)->solids[0].center.x, 6.0f, 1e-6f);
    assert_float_equal(build(library, "pony", memory)->solids[0].center.x, 1.0f, 1e-6f);
    assert_float_equal(build(library, "thing", memory)->solids[0].center.x, 9.0f, 1e-6f);
    arena_destroy(memory);
    sculpt_library_close(library);
}

static void a_concept_hides_a_template_of_its_name_only_when_made_of_it(void **state)
{
    (void)state;
    sculpt_library *library = open_text("template bird\nparts a\nset size 1\npart a\nball (size, 0, 0), 1\n"
                                        "template crane\nparts a\nset height 7\npart a\nball (height, 0, 0), 1\n"
                                        "concept bird of bird\n size 2\n"
                                        "concept sparrow of bird\n"
                                        "concept crane of bird\n"
                                        "concept tower_crane of crane\n");
    arena *memory = arena_create(64u << 20);
    assert_float_equal(build(library, "sparrow", memory)->solids[0].center.x, 2.0f, 1e-6f);
    assert_float_equal(build(library, "crane", memory)->solids[0].center.x, 2.0f, 1e-6f);
    assert_float_equal(build(library, "tower_crane", memory)->solids[0].center.x, 7.0f, 1e-6f);
    arena_destroy(memory);
    sculpt_library_close(library);
}

static void faults_are_named_with_file_and_line(void **state)
{
    (void)state;
    refuse("template t\nparts a\npart b\n", "test.sculpt:3");
    refuse("template t\nparts a\npart b\n", "'b'");
    refuse("template t\n", "no parts");
    refuse("template t\nparts a a\n", "twice");
    refuse("template t\nparts a\nball (0,0,0), 1\n", "belongs into a part");
    refuse("template t\nparts a\npart a\nball (0,0,0)\n", "ball needs 2 arguments");
    refuse("template t\nparts a\npart a\nball 1, 1\n", "a point such as");
    refuse("template t\nparts a\npart a\nball (0,0,0), (1,1,1)\n", "a number is needed");
    refuse("template t\nparts a\npart a\nball (0,0,0), size\n", "'size' has no value");
    refuse("template t\nparts a\npart a\nball (0,0,0), 1 shade #fff\n", "'shade'");
    refuse("template t\nparts a\npart a\nball (0,0,0), 1 color fur\n", "no color 'fur'");
    refuse("template t\nparts a\npart a\nslab (0,0,0), 1, 0, 0, 1\n", "groups of 2");
    refuse("template t\nparts a\npart a\nlathe (0,0,0), (0,1,0), 1, 0\n", "at least 2 groups");
    refuse("template t\nparts a\npart a\nrod (0,0,0), (0,1,0), 1, 1, 1\n", "more arguments");
    refuse("template t\nparts a\ncolor color #fff\npart a\nball (0,0,0), 1 color\nmirror\n", "missing behind color");
    refuse("template t\nparts a\nlet x 1000001\n", "a million");
    refuse("template t\nparts a\npart a\nif 1\n", "end is missing");
    refuse("template t\nparts a\npart a\nend\n", "stands alone");
    refuse("template t\nparts a\npart a\nelse\n", "stands alone");
    refuse("template t\nparts a\nset x (1,2,3)\n", "a number is needed");
    refuse("template t\nparts a\nlet x 1 + (1,2,3)\n", "cannot be added");
    refuse("template t\nparts a\nlet x 1 / (1,2,3)\n", "divided");
    refuse("template t\nparts a\nlet x (1, 2)\n", "',' is missing");
    refuse("template t\nparts a\nlet x tan(1)\n", "no function 'tan'");
    refuse("template t\nparts a\nlet x sin((1,2,3))\n", "takes a number");
    refuse("template t\nparts a\nlet x 1.x\n", "no components");
    refuse("template t\nparts a\nlet x 1 2\n", "line goes on");
    refuse("template t\nparts a\npaint b\n", "'b'");
    refuse("template t\nparts a\npart a on a\n", "no other part");
    refuse("template t\nparts a\npart a on b\n", "'b'");
    refuse("template t\nparts a\ncolor x 5\n", "a color such as");
    refuse("template t\nparts a\ncolor x #12345\n", "3 or 6");
    refuse("template t\nparts a\nblob (0,0,0)\n", "'blob'");
    refuse("template t\nparts a\nset x 1\nlet x 2\n", "already");
    refuse("concept a of b\n", "neither a template nor a concept");
    refuse("concept a of b\nconcept b of a\n", "within");
    refuse("template a\nparts p\nconcept a of b\nconcept b of a\n", "itself among its ancestors");
    refuse("concept a\n", "names what it varies");
    refuse("template t\nparts a\nconcept a of t loud\n", "'loud'");
    refuse("template t\nparts a\nconcept a of t\nsize 1\n", "'size'");
    refuse("template t\nparts a\nconcept a of t\ncolor fur #fff\n", "'fur'");
    refuse("template t\nparts a\nset size 1\nconcept a of t\nsize\n", "a number is missing");
    refuse("adjective\n", "adjective is missing");
    refuse("adjective tall\nstretch 1 2\n", "three numbers");
    refuse("adjective tall\nstretch 1 2 99\n", "between");
    refuse("tint red\n", "names and a color");
    refuse("horse\n", "begins with template");
    refuse("template t\nparts a\nlet x 1 ? 2\n", "0x3f");
    refuse("template t\nparts a\nlet x 12345678901234567\n", "15 digits");
    refuse("template a_name_that_is_much_too_long_for_any_thing_in_the_world\n", "shorten it");
}

static void nesting_and_size_have_bounds(void **state)
{
    (void)state;
    char text[4096] = "template t\nparts a\nlet x ";
    for (int i = 0; i < 200; i++)
        strcat(text, "(");
    refuse(text, "too deep");
    strcpy(text, "template t\nparts a\nlet x ");
    for (int i = 0; i < 200; i++)
        strcat(text, "-");
    refuse(text, "too deep");
    strcpy(text, "template t\nparts a\npart a\n");
    for (int i = 0; i < 40; i++)
        strcat(text, "for i 2\n");
    refuse(text, "deep");
    strcpy(text, "template t\nparts ");
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "p%d ", i);
    refuse(text, "at most 32 parts");
}

static void a_template_that_runs_away_is_stopped(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "template t\nparts a\npart a\nfor i 64\nfor j 64\nfor k 64\nlet x i\nend\nend\nend\nconcept t of t\n",
        "template t\nparts a\npart a\nfor i 64\nfor j 64\nball (i, j, 0), 1\nend\nend\nconcept t of t\n",
    };
    for (size_t i = 0; i < 2; i++) {
        sculpt_library *library = open_text(texts[i]);
        arena *memory = arena_create(64u << 20);
        lumen_error error = {0};
        model *individual;
        model_variation variation = {0};
        assert_int_equal(
            model_build(library, sculpt_find_concept(library, "t"), &variation, memory, &individual, &error),
            LUMEN_ERROR_FAILED);
        assert_non_null(strstr(error.message, "'t'"));
        arena_destroy(memory);
        sculpt_library_close(library);
    }
}

/* ---- Adjectives and seeds ---------------------------------------------------------------------------- */

static const char creature[] = "template creature\nparts body\nset neck_length 1\nset leg_length 1\nset nose_size 1\n"
                               "set eye_count 2\ncolor eye #000000\npaint body\n"
                               "part body color #808080\n"
                               "ball (neck_length, leg_length, nose_size), eye_count\n"
                               "ball (0, 0, 0), 1 color eye\n"
                               "concept creature of creature\n"
                               "adjective tall\nstretch 1 2 1\nleg_length *3\n"
                               "adjective wide\nstretch 2 1 1\n"
                               "measure long\nlength *2 size *1.5\n"
                               "tint red #ff0000\n";

static model *build_varied(const sculpt_library *library, const char *adjective, uint64_t seed, arena *memory)
{
    lumen_error error = {0};
    model *individual = NULL;
    model_variation variation = {.adjectives = &adjective, .adjective_count = adjective != NULL, .seed = seed};
    assert_int_equal(
        model_build(library, sculpt_find_concept(library, "creature"), &variation, memory, &individual, &error),
        LUMEN_OK);
    return individual;
}

static void an_adjective_changes_the_proportions_that_a_template_has(void **state)
{
    (void)state;
    sculpt_library *library = open_text(creature);
    arena *memory = arena_create(64u << 20);
    model *tall = build_varied(library, "tall", 0, memory);
    assert_float_equal(tall->solids[0].center.y, 3.0f, 1e-5f);
    assert_float_equal(tall->stretch[1], 1.5f, 1e-5f); /* half of the stretch, as a proportion carries it too */
    model *wide = build_varied(library, "wide", 0, memory);
    assert_float_equal(wide->stretch[0], 2.0f, 1e-5f);
    model *unknown = build_varied(library, "melancholic", 0, memory);
    assert_float_equal(unknown->solids[0].center.y, 1.0f, 1e-5f);
    arena_destroy(memory);
    sculpt_library_close(library);
}

static void a_compound_adjective_works_on_the_part_it_names(void **state)
{
    (void)state;
    sculpt_library *library = open_text(creature);
    arena *memory = arena_create(64u << 20);
    assert_float_equal(build_varied(library, "long-necked", 0, memory)->solids[0].center.x, 2.0f, 1e-5f);
    assert_float_equal(build_varied(library, "long-neck", 0, memory)->solids[0].center.x, 2.0f, 1e-5f);
    assert_float_equal(build_varied(library, "long-legged", 0, memory)->solids[0].center.y, 2.0f, 1e-5f);
    assert_float_equal(build_varied(library, "long-nosed", 0, memory)->solids[0].center.z, 1.5f, 1e-5f);
    assert_float_equal(build_varied(library, "long-tailed", 0, memory)->solids[0].center.x, 1.0f, 1e-5f);
    assert_float_equal(build_varied(library, "odd-necked", 0, memory)->solids[0].center.x, 1.0f, 1e-5f);
    arena_destroy(memory);
    sculpt_library_close(library);
}

static void a_tint_paints_what_may_be_painted_and_nothing_else(void **state)
{
    (void)state;
    sculpt_library *library = open_text(creature);
    arena *memory = arena_create(64u << 20);
    model *red = build_varied(library, "red", 0, memory);
    assert_true(red->parts[0].rgb[0] > 200 && red->parts[0].rgb[1] < 60);
    assert_int_equal(red->solids[1].rgb[0], 0);
    arena_destroy(memory);
    sculpt_library_close(library);
}

static void a_seed_varies_proportions_but_not_counts(void **state)
{
    (void)state;
    sculpt_library *library = open_text(creature);
    arena *memory = arena_create(64u << 20);
    model *first = build_varied(library, NULL, 1, memory);
    model *second = build_varied(library, NULL, 2, memory);
    model *again = build_varied(library, NULL, 1, memory);
    assert_true(first->solids[0].center.x != second->solids[0].center.x);
    assert_true(first->solids[0].center.x == again->solids[0].center.x);
    assert_true(first->solids[0].center.x > 0.9f && first->solids[0].center.x < 1.1f);
    assert_float_equal(first->solids[0].size[0], 2.0f, 1e-6f);
    arena_destroy(memory);
    sculpt_library_close(library);
}

static void fewer_parts_join_what_they_are_attached_to(void **state)
{
    (void)state;
    sculpt_library *library = open_text("template t\nparts trunk branch leaf\n"
                                        "part trunk\nball (0,0,0), 1\n"
                                        "part branch on trunk\nball (1,0,0), 1\n"
                                        "part leaf on branch\nball (2,0,0), 1\n"
                                        "concept t of t\n");
    for (uint32_t limit = 1; limit <= 4; limit++) {
        arena *memory = arena_create(64u << 20);
        lumen_error error = {0};
        model *individual;
        model_variation variation = {.parts_max = limit};
        assert_int_equal(
            model_build(library, sculpt_find_concept(library, "t"), &variation, memory, &individual, &error), LUMEN_OK);
        uint32_t left = 0;
        for (uint32_t k = 0; k < individual->part_count; k++)
            left += !individual->parts[k].merged;
        assert_int_equal(left, limit < 3 ? limit : 3);
        assert_int_equal(individual->solid_count, 3);
        arena_destroy(memory);
    }
    sculpt_library_close(library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_places_its_solids_part_by_part),
        cmocka_unit_test(arithmetic_follows_the_usual_rules),
        cmocka_unit_test(loops_conditions_and_frames_do_what_they_say),
        cmocka_unit_test(a_later_concept_replaces_an_earlier_one),
        cmocka_unit_test(a_later_source_replaces_shapes_and_leaves_their_relatives_alone),
        cmocka_unit_test(a_concept_hides_a_template_of_its_name_only_when_made_of_it),
        cmocka_unit_test(faults_are_named_with_file_and_line),
        cmocka_unit_test(nesting_and_size_have_bounds),
        cmocka_unit_test(a_template_that_runs_away_is_stopped),
        cmocka_unit_test(an_adjective_changes_the_proportions_that_a_template_has),
        cmocka_unit_test(a_compound_adjective_works_on_the_part_it_names),
        cmocka_unit_test(a_tint_paints_what_may_be_painted_and_nothing_else),
        cmocka_unit_test(a_seed_varies_proportions_but_not_counts),
        cmocka_unit_test(fewer_parts_join_what_they_are_attached_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

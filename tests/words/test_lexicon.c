/* The compiled tables, the forms of words, and the readers of the files that tables are compiled from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../tools/lexicon/sources.h"
#include "words/morphology.h"
#include "words/unicode.h"
#include "words/words.h"

/* ---- Tables --------------------------------------------------------------------------------- */

static void every_word_of_a_table_is_found_at_its_place(void **state)
{
    (void)state;
    const words_table *tables[] = {&words_the_lexicon.nouns, &words_the_lexicon.verbs,
                                   &words_the_lexicon.noun_exceptions, &words_the_lexicon.functions};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        char word[TABLE_WORD_BYTES], before[TABLE_WORD_BYTES] = "";
        for (uint32_t place = 0; place < tables[t]->count; place++) {
            size_t length = table_word(tables[t], place, word);
            assert_int_equal(length, strlen(word));
            assert_int_equal(table_find(tables[t], word, length), place);
            assert_true(table_compare(before, strlen(before), word, length) < 0);
            strcpy(before, word);
        }
    }
    assert_true(words_the_lexicon.nouns.count > 55000);
    assert_true(words_the_lexicon.verbs.count > 8000);
}

static void words_that_are_not_there_are_not_found(void **state)
{
    (void)state;
    static const char *const words[] = {"", "0", "aaaaa", "horsf", "hors", "horsez", "zzzzz", "\xff", " ", "horse "};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_int_equal(table_find(&words_the_lexicon.nouns, words[i], strlen(words[i])), TABLE_NONE);
}

static void a_hyphen_equals_a_space(void **state)
{
    (void)state;
    uint32_t place = table_find(&words_the_lexicon.nouns, "t-shirt", 7);
    assert_int_not_equal(place, TABLE_NONE);
    assert_int_equal(table_find(&words_the_lexicon.nouns, "t shirt", 7), place);
    assert_true(table_has_prefix(&words_the_lexicon.nouns, "palm ", 5));
    assert_true(table_has_prefix(&words_the_lexicon.nouns, "palm t", 6));
    assert_false(table_has_prefix(&words_the_lexicon.nouns, "palm zz", 7));
    assert_false(table_has_prefix(&words_the_lexicon.nouns, "zzzz", 4));
}

/* These must hold with any set of concepts that Lumen may come to have. */
static void everyday_nouns_lead_to_concepts(void **state)
{
    (void)state;
    static const char *const nouns[] = {"horse", "dog",   "cat",   "car", "tree", "bird",
                                        "fish",  "house", "chair", "man", "woman"};
    for (size_t i = 0; i < sizeof nouns / sizeof nouns[0]; i++)
        if (words_concept_of(nouns[i])[0] == 0)
            fail_msg("\"%s\" has no concept", nouns[i]);
    assert_string_equal(words_concept_of("stallions"), words_concept_of("stallion"));
}

/* ---- Forms of words ------------------------------------------------------------------------- */

static void verbs_are_traced_to_their_base(void **state)
{
    (void)state;
    static const struct {
        const char *form, *base;
        verb_ending ending;
    } cases[] = {
        {"gallop", "gallop", VERB_BASE},    {"gallops", "gallop", VERB_S},     {"galloped", "gallop", VERB_PAST},
        {"galloping", "gallop", VERB_ING},  {"ran", "run", VERB_PAST},         {"running", "run", VERB_ING},
        {"swum", "swim", VERB_PAST},        {"flew", "fly", VERB_PAST},        {"flies", "fly", VERB_S},
        {"travelling", "travel", VERB_ING}, {"traveling", "travel", VERB_ING}, {"travelled", "travel", VERB_PAST},
        {"hopping", "hop", VERB_ING},       {"hoping", "hope", VERB_ING},      {"riding", "ride", VERB_ING},
        {"singing", "sing", VERB_ING},      {"dancing", "dance", VERB_ING},    {"danced", "dance", VERB_PAST},
        {"swinging", "swing", VERB_ING},    {"dies", "die", VERB_S},           {"lying", "lie", VERB_ING},
        {"carried", "carry", VERB_PAST},    {"watches", "watch", VERB_S},      {"goes", "go", VERB_S},
        {"rolled", "roll", VERB_PAST},      {"passes", "pass", VERB_S},        {"nodding", "nod", VERB_ING},
        {"frolicking", "frolic", VERB_ING}, {"slithers", "slither", VERB_S},   {"waved", "wave", VERB_PAST},
        {"fell", "fall", VERB_PAST},        {"boxing", "box", VERB_ING},       {"playing", "play", VERB_ING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        verb_form found;
        char base[TABLE_WORD_BYTES];
        if (!morphology_verb(cases[i].form, strlen(cases[i].form), &found))
            fail_msg("\"%s\" is no verb", cases[i].form);
        table_word(&words_the_lexicon.verbs, found.place, base);
        if (strcmp(base, cases[i].base) != 0 || found.ending != cases[i].ending)
            fail_msg("\"%s\" is a form of \"%s\"", cases[i].form, base);
    }
    verb_form found;
    assert_false(morphology_verb("blorbing", 8, &found));
    assert_false(morphology_verb("ing", 3, &found));
    assert_false(morphology_verb("", 0, &found));
}

static void the_ing_form_is_spelt_right(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"gallop", "galloping"}, {"run", "running"},  {"dance", "dancing"},
                                           {"lie", "lying"},        {"fly", "flying"},   {"see", "seeing"},
                                           {"swim", "swimming"},    {"roll", "rolling"}, {"row", "rowing"},
                                           {"box", "boxing"},       {"eat", "eating"},   {"hop", "hopping"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[TABLE_WORD_BYTES + 8];
        morphology_ing(cases[i][0], out);
        assert_string_equal(out, cases[i][1]);
    }
}

static void every_motion_has_a_verb_and_every_doer_a_noun(void **state)
{
    (void)state;
    bool used[WORDS_MOTION_COUNT] = {false};
    for (uint32_t place = 0; place < words_the_lexicon.verbs.count; place++) {
        const words_motion *motion = &words_the_lexicon.motions[table_value(&words_the_lexicon.verbs, place)];
        noun_form doer;
        used[motion->name] = true;
        assert_true(motion->tempo > 0.0f && motion->size > 0.0f);
        if (*motion->by != 0 && !morphology_noun(motion->by, strlen(motion->by), &doer))
            fail_msg("nothing is known of \"%s\"", motion->by);
    }
    for (size_t i = 0; i < WORDS_MOTION_COUNT; i++)
        if (!used[i])
            fail_msg("no verb leads to %s", words_motion_names[i]);
}

static void a_verb_that_is_not_listed_inherits_its_motion(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"backstroke", "swim"}, {"foxtrot", "dance"}, {"jitterbug", "dance"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        verb_form found;
        assert_true(morphology_verb(cases[i][0], strlen(cases[i][0]), &found));
        assert_string_equal(words_motion_names[words_the_lexicon.motions[found.value].name], cases[i][1]);
    }
}

/* ---- Sources -------------------------------------------------------------------------------- */

static lumen_status read_source(source_kind kind, const char *text, arena *memory, lexicon_sources *sources,
                                lumen_error *error)
{
    return sources_read(kind, "file", text, strlen(text), memory, sources, error);
}

static void a_concept_line_gives_name_anchors_and_other_words(void **state)
{
    (void)state;
    arena *memory = arena_create(16u << 20);
    lexicon_sources sources = {0};
    lumen_error error;
    const char *text = "# a comment\n"
                       "template quadruped { \xff anything }\n"
                       "concept horse of quadruped is horse.n.01, pony.n.01 also steed, hobby_horse # tall\n"
                       "  concept void of abstract is nothing\r\n"
                       "concept plain of abstract";
    assert_int_equal(read_source(SOURCE_CONCEPTS, text, memory, &sources, &error), LUMEN_OK);
    assert_int_equal(sources.concept_count, 3);
    assert_string_equal(sources.concepts[0].name, "horse");
    assert_string_equal(sources.concepts[0].parent, "quadruped");
    assert_int_equal(sources.concepts[0].anchors.count, 2);
    assert_string_equal(sources.concepts[0].anchors.words[1], "pony.n.01");
    assert_int_equal(sources.concepts[0].also.count, 2);
    assert_string_equal(sources.concepts[0].also.words[1], "hobby_horse");
    assert_int_equal(sources.concepts[0].place.line, 3);
    assert_true(sources.concepts[1].is_nothing);
    assert_int_equal(sources.concepts[2].place.line, 5);
    arena_destroy(memory);
}

static void a_bad_line_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct {
        source_kind kind;
        const char *line, *message;
    } cases[] = {
        {SOURCE_CONCEPTS, "concept", "no name"},
        {SOURCE_CONCEPTS, "concept horse", "no parent"},
        {SOURCE_CONCEPTS, "concept horse of", "no parent"},
        {SOURCE_CONCEPTS, "concept horse of animal is", "at least one"},
        {SOURCE_CONCEPTS, "concept horse of animal is horse", "horse.n.01"},
        {SOURCE_CONCEPTS, "concept horse of animal is horse.n.01,", "at least one"},
        {SOURCE_CONCEPTS, "concept horse of animal is horse.v.01", "no sense"},
        {SOURCE_CONCEPTS, "concept horse of animal is horse.n.0", "no sense"},
        {SOURCE_CONCEPTS, "concept horse of animal also steed mare", "not understood"},
        {SOURCE_CONCEPTS, "concept Horse of animal", "lower-case"},
        {SOURCE_CONCEPTS, "concept h\xc3\xb6rse of animal", "0xc3"},
        {SOURCE_SENSES, "man", "no meaning"},
        {SOURCE_SENSES, "= man.n.01", "no meaning"},
        {SOURCE_SENSES, "man = man", "no sense"},
        {SOURCE_SENSES, "man = man.n.01 woman.n.01", "not understood"},
        {SOURCE_VERBS, "hurtle : hurtle", "no motion"},
        {SOURCE_VERBS, "run tempo : run", "no number"},
        {SOURCE_VERBS, "run tempo 99 : run", "between"},
        {SOURCE_VERBS, "run tempo nan : run", "no number"},
        {SOURCE_VERBS, "run : ", "at least one"},
        {SOURCE_VERBS, "run run", "not understood"},
        {SOURCE_MANNERS, "pace 1 : slow", "not understood"},
        {SOURCE_MANNERS, "tempo 1", "not understood"},
        {SOURCE_FUNCTIONS, "verb : run", "no class"},
        {SOURCE_FUNCTIONS, "article a", "colon"},
        {SOURCE_TRAITS, "necked neck", "no form"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        arena *memory = arena_create(16u << 20);
        lexicon_sources sources = {0};
        lumen_error error = {0};
        char text[200] = "\n";
        strcat(text, cases[i].line);
        assert_int_equal(read_source(cases[i].kind, text, memory, &sources, &error), LUMEN_ERROR_INVALID);
        if (strncmp(error.message, "file:2: ", 8) != 0 || strstr(error.message, cases[i].message) == NULL)
            fail_msg("\"%s\" gives \"%s\"", cases[i].line, error.message);
        arena_destroy(memory);
    }
}

static void a_line_may_not_be_endless(void **state)
{
    (void)state;
    static char text[20000];
    arena *memory = arena_create(16u << 20);
    lexicon_sources sources = {0};
    lumen_error error;
    memset(text, 'a', 200);
    assert_int_equal(read_source(SOURCE_TRAITS, text, memory, &sources, &error), LUMEN_ERROR_INVALID);
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "a ", 2);
    assert_int_equal(read_source(SOURCE_TRAITS, text, memory, &sources, &error), LUMEN_ERROR_INVALID);
    arena *small = arena_create(1024);
    assert_int_equal(read_source(SOURCE_TRAITS, "necked : neck", small, &sources, &error), LUMEN_ERROR_MEMORY);
    arena_destroy(small);
    arena_destroy(memory);
}

/* ---- Unicode -------------------------------------------------------------------------------- */

static void folding_makes_forms_equal(void **state)
{
    (void)state;
    static const char *const cases[][3] = {/* text, plain, with accents */
                                           {"Caf\xc3\xa9", "cafe", "caf\xc3\xa9"},
                                           {"STRASSE", "strasse", "strasse"},
                                           {"Stra\xc3\x9f"
                                            "e",
                                            "strasse", "strasse"},
                                           {"it\xe2\x80\x99s", "it's", "it's"},
                                           {"T\xe2\x80\x90Shirt", "t-shirt", "t-shirt"},
                                           {"\xd0\x99", "\xd0\xb9", "\xd0\xb9"}}; /* only Latin letters lose marks */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[UNICODE_FOLDED_BYTES];
        unicode_fold(cases[i][0], true, out, sizeof out);
        assert_string_equal(out, cases[i][1]);
        unicode_fold(cases[i][0], false, out, sizeof out);
        assert_string_equal(out, cases[i][2]);
    }
    char small[4];
    unicode_fold("ab\xc3\xa9", false, small, sizeof small);
    assert_string_equal(small, "ab");
}

static void a_cut_never_breaks_a_character(void **state)
{
    (void)state;
    assert_int_equal(unicode_cut("a\xc3\xa9z", 4, 9), 4);
    assert_int_equal(unicode_cut("a\xc3\xa9z", 4, 3), 3);
    assert_int_equal(unicode_cut("a\xc3\xa9z", 4, 2), 1);
    assert_int_equal(unicode_cut("\xf0\x9f\x90\x8e", 4, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_of_a_table_is_found_at_its_place),
        cmocka_unit_test(words_that_are_not_there_are_not_found),
        cmocka_unit_test(a_hyphen_equals_a_space),
        cmocka_unit_test(everyday_nouns_lead_to_concepts),
        cmocka_unit_test(verbs_are_traced_to_their_base),
        cmocka_unit_test(the_ing_form_is_spelt_right),
        cmocka_unit_test(every_motion_has_a_verb_and_every_doer_a_noun),
        cmocka_unit_test(a_verb_that_is_not_listed_inherits_its_motion),
        cmocka_unit_test(a_concept_line_gives_name_anchors_and_other_words),
        cmocka_unit_test(a_bad_line_is_named_with_its_place),
        cmocka_unit_test(a_line_may_not_be_endless),
        cmocka_unit_test(folding_makes_forms_equal),
        cmocka_unit_test(a_cut_never_breaks_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

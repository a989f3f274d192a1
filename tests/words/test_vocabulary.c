/* What must hold of the tables that Lumen is built with, whatever shapes it comes to have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "words/lexicon.h"
#include "words/words.h"

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

static void a_concept_is_called_by_its_own_name(void **state)
{
    (void)state;
    assert_true(words_concept_count() > 0);
    for (uint32_t i = 0; i < words_concept_count(); i++)
        assert_string_equal(words_concept_of(words_concept_name(i)), words_concept_name(i));
    assert_null(words_concept_name(words_concept_count()));
}

static void tens_of_thousands_of_nouns_are_known(void **state)
{
    (void)state;
    uint32_t with_concept = 0;
    for (uint32_t place = 0; place < words_the_lexicon.nouns.count; place++)
        with_concept += noun_concept(table_value(&words_the_lexicon.nouns, place)) != 0 ? 1 : 0;
    assert_true(with_concept > 30000);
}

static void a_short_sentence_is_understood(void **state)
{
    (void)state;
    words_phrase phrase;
    lumen_error error;
    assert_int_equal(words_parse("a brown dog running fast", NULL, &phrase, &error), LUMEN_OK);
    assert_string_equal(phrase.canonical, "brown dog|run|fast");
    assert_string_equal(phrase.concept_name, "dog");
    assert_string_equal(phrase.motion, "run");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyday_nouns_lead_to_concepts),
        cmocka_unit_test(a_concept_is_called_by_its_own_name),
        cmocka_unit_test(tens_of_thousands_of_nouns_are_known),
        cmocka_unit_test(a_short_sentence_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

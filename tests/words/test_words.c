/* How texts are understood. The tables here are built from tests/words/fixture.sculpt, so that these tests
 * do not depend on which shapes Lumen happens to have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "words/words.h"

static words_phrase parse(const char *text, const char *verb)
{
    words_phrase phrase;
    lumen_error error;
    if (words_parse(text, verb, &phrase, &error) != LUMEN_OK)
        fail_msg("\"%s\": %s", text, error.message);
    return phrase;
}

/* ---- What is understood --------------------------------------------------------------------- */

typedef struct reading {
    const char *text;
    const char *canonical; /* adjectives and subject | verb | adverb */
    const char *concept;
    const char *motion;
} reading;

static void check_readings(const reading *readings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        words_phrase phrase = parse(readings[i].text, NULL);
        if (strcmp(phrase.canonical, readings[i].canonical) != 0 ||
            strcmp(phrase.concept_name, readings[i].concept) != 0 || strcmp(phrase.motion, readings[i].motion) != 0)
            fail_msg("\"%s\" is read as \"%s\", concept \"%s\", motion %s; not as \"%s\", \"%s\", %s", readings[i].text,
                     phrase.canonical, phrase.concept_name, phrase.motion, readings[i].canonical, readings[i].concept,
                     readings[i].motion);
    }
}

#define CHECK_READINGS(readings) check_readings(readings, sizeof readings / sizeof readings[0])

static void a_noun_is_found_whatever_its_form(void **state)
{
    (void)state;
    static const reading readings[] = {
        {"horse", "horse||", "horse", "idle"},
        {"horses", "horse||", "horse", "idle"},
        {"a horse", "horse||", "horse", "idle"},
        {"the Horse!", "horse||", "horse", "idle"},
        {"DOG", "dog||", "dog", "idle"},
        {"three little pigs", "little pig||", "pig", "idle"},
        {"mice", "mouse||", "mouse", "idle"},
        {"snow geese", "snow goose||", "goose", "idle"},
        {"children", "child||", "child", "idle"},
        {"leaves", "leaf||", "leaf", "idle"},
        {"wolves", "wolf||", "wolf", "idle"},
        {"buses", "bus||", "bus", "idle"},
        {"butterflies", "butterfly||", "butterfly", "idle"},
        {"men", "man||", "man", "idle"},
        {"a caf\xc3\xa9", "cafe||", "building", "idle"},
        {"\xef\xbc\xa8orse", "horse||", "horse", "idle"}, /* a full-width H */
        {"my little pony", "little pony||", "horse", "idle"},
        {"t-shirt", "t-shirt||", "shirt", "idle"},
        {"T-Shirts", "t-shirt||", "shirt", "idle"},
        {"St Bernard", "st bernard||", "dog", "idle"},
        {"Einstein", "einstein||", "person", "idle"},
        {"the Eiffel Tower", "eiffel tower||", "tower", "idle"},
    };
    CHECK_READINGS(readings);
}

static void nouns_of_several_words_come_before_single_ones(void **state)
{
    (void)state;
    static const reading readings[] = {
        {"palm tree", "palm tree||", "palm_tree", "idle"},
        {"palm trees", "palm tree||", "palm_tree", "idle"},
        {"a big red fire engine", "big red fire engine||", "fire_engine", "idle"},
        {"fire-engine", "fire engine||", "fire_engine", "idle"},
        {"firetruck", "fire truck||", "fire_engine", "idle"},
        {"swimming pool", "swimming pool||", "swimming_pool", "idle"},
        {"ice cream", "ice cream||", "ice_cream", "idle"},
        {"tea pot", "teapot||", "teapot", "idle"},
        {"tea-pot", "teapot||", "teapot", "idle"},
        {"flying fish", "flying fish||", "fish", "idle"},
        {"polar bear", "polar bear||", "bear", "idle"},
        {"a rocking chair", "rocking chair||", "chair", "idle"},
        {"jack in the box", "jack-in-the-box||", "artifact", "idle"},
        {"the baby bird", "baby bird||", "bird", "idle"},
        {"hot dog", "hot dog||", "food", "idle"},
        {"a brown bear", "brown bear||", "bear", "idle"},
        {"a black and white cat", "black white cat||", "cat", "idle"},
    };
    CHECK_READINGS(readings);
    words_phrase bear = parse("a brown bear", NULL);
    assert_string_equal(bear.subject, "bear"); /* so that "brown" can colour it */
    assert_string_equal(bear.adjectives[0], "brown");
    assert_string_equal(parse("polar bear", NULL).subject, "polar bear");
}

static void the_sense_that_people_mean_is_chosen(void **state)
{
    (void)state;
    static const char *const senses[][2] = {
        {"table", "table"},   {"whale", "whale"},    {"tiger", "tiger"},    {"church", "church"},
        {"man", "man"},       {"woman", "woman"},    {"king", "king"},      {"soldier", "soldier"},
        {"child", "child"},   {"doctor", "person"},  {"mouse", "mouse"},    {"crane", "crane"},
        {"bat", "bat"},       {"fly", "fly"},        {"seal", "seal"},      {"orange", "orange"},
        {"glass", "glass"},   {"palm", "palm_tree"}, {"plane", "airplane"}, {"ship", "ship"},
        {"ring", "ring"},     {"watch", "clock"},    {"pen", "pen"},        {"school", "school"},
        {"house", "house"},   {"jaguar", "cat"},     {"turkey", "turkey"},  {"penguin", "penguin"},
        {"star", "star"},     {"heart", "heart"},    {"cloud", "cloud"},    {"mountain", "mountain"},
        {"lamp", "lamp"},     {"queen", "queen"},    {"cake", "cake"},      {"dragon", "dragon"},
        {"mole", "mole"},     {"ray", "ray"},        {"bow", "bow"},        {"tank", "tank"},
        {"bank", "building"}, {"poodle", "dog"},     {"stallion", "horse"}, {"oak", "tree"},
        {"taxi", "car"},      {"love", "heart"},     {"money", "coin"},     {"time", "clock"},
        {"night", "moon"},    {"birthday", "cake"},
    };
    for (size_t i = 0; i < sizeof senses / sizeof senses[0]; i++)
        if (strcmp(words_concept_of(senses[i][0]), senses[i][1]) != 0)
            fail_msg("\"%s\" is a \"%s\", not a \"%s\"", senses[i][0], words_concept_of(senses[i][0]), senses[i][1]);
}

static void alone_a_word_is_the_thing_rather_than_the_deed(void **state)
{
    (void)state;
    static const reading readings[] = {
        {"fly", "fly||", "fly", "idle"},
        {"duck", "duck||", "duck", "idle"},
        {"bear", "bear||", "bear", "idle"},
        {"swallow", "swallow||", "swallow", "idle"},
        {"rose", "rose||", "rose", "idle"},
        {"saw", "saw||", "saw", "idle"},
        {"watch", "watch||", "clock", "idle"},
        {"ring", "ring||", "ring", "idle"},
        {"can", "can||", "artifact", "idle"},
        {"run", "person|run|", "person", "run"},
        {"walk", "person|walk|", "person", "walk"},
        {"jump", "person|jump|", "person", "jump"},
    };
    CHECK_READINGS(readings);
}

static void the_verb_is_found_in_all_its_forms(void **state)
{
    (void)state;
    static const reading readings[] = {
        {"a horse galloping slowly", "horse|gallop|slowly", "horse", "gallop"},
        {"galloping horse", "horse|gallop|", "horse", "gallop"},
        {"the horse gallops", "horse|gallop|", "horse", "gallop"},
        {"the horse galloped", "horse|gallop|", "horse", "gallop"},
        {"the horse is galloping", "horse|gallop|", "horse", "gallop"},
        {"a horse that is running", "horse|run|", "horse", "run"},
        {"the horse ran", "horse|run|", "horse", "run"},
        {"dogs run", "dog|run|", "dog", "run"},
        {"the fish swam", "fish|swim|", "fish", "swim"},
        {"the fish that swims", "fish|swim|", "fish", "swim"},
        {"the bird flew", "bird|fly|", "bird", "fly"},
        {"travelling man", "man|travel|", "man", "walk"},
        {"traveling man", "man|travel|", "man", "walk"},
        {"the old owl flies slowly", "old owl|fly|slowly", "owl", "fly"},
        {"the owl slowly flies", "owl|fly|slowly", "owl", "fly"},
        {"a fly flies", "fly|fly|", "fly", "fly"},
        {"the bear bears down", "bear|bear|", "bear", "idle"},
        {"the dog barks", "dog|bark|", "dog", "nod"},
        {"a person waves", "person|wave|", "person", "wave"},
        {"a flag waves", "flag|wave|", "artifact", "wave"},
        {"bee flies", "bee|fly|", "bee", "fly"},
        {"the dog's running", "dog|run|", "dog", "run"},
        {"two birds flying", "bird|fly|", "bird", "fly"},
        {"bird fly", "bird|fly|", "bird", "fly"},
        {"swimming fish", "fish|swim|", "fish", "swim"},
        {"dancing bear", "bear|dance|", "bear", "dance"},
        {"bouncing ball", "ball|bounce|", "ball", "bounce"},
        {"rolling stone", "stone|roll|", "stone", "roll"},
        {"quickly running dog", "dog|run|quickly", "dog", "run"},
        {"bird flying fast", "bird|fly|fast", "bird", "fly"},
        {"a man is riding a horse", "man|ride|", "man", "gallop"},
        {"boy eating pizza", "boy|eat|", "person", "nod"},
        {"the cat sat on the mat", "cat|sit|", "cat", "idle"},
        {"the cat on the mat sleeps", "cat|sleep|", "cat", "idle"},
        {"a dragon fly", "dragon|fly|", "dragon", "fly"},
        {"the horse doesn't run", "horse||", "horse", "idle"},
        {"a robot dancing in slow motion", "robot|dance|in slow motion", "robot", "dance"},
        {"a flock of birds flying", "bird|fly|", "bird", "fly"},
        {"the quick brown fox jumps over the lazy dog", "quick brown fox|jump|", "fox", "jump"},
        {"brick building", "brick building||", "building", "idle"},
        {"baby bears", "baby bear||", "bear", "idle"},
        {"broken chair", "broken chair||", "chair", "idle"},
        {"fallen tree", "fallen tree||", "tree", "idle"},
    };
    CHECK_READINGS(readings);
}

static void a_verb_alone_brings_its_usual_doer(void **state)
{
    (void)state;
    static const reading readings[] = {
        {"galloping", "horse|gallop|", "horse", "gallop"}, {"swimming", "fish|swim|", "fish", "swim"},
        {"dancing", "person|dance|", "person", "dance"},   {"running", "person|run|", "person", "run"},
        {"to run", "person|run|", "person", "run"},        {"slithering", "snake|slither|", "snake", "slither"},
        {"he runs", "person|run|", "person", "run"},       {"riding a horse", "horse|ride|", "horse", "gallop"},
        {"driving a car", "car|drive|", "car", "drive"},   {"jumping over the fence", "person|jump|", "person", "jump"},
    };
    CHECK_READINGS(readings);
}

static void the_subject_is_what_the_text_is_about(void **state)
{
    (void)state;
    static const reading readings[] = {
        {"a cup of coffee", "cup||", "cup", "idle"},
        {"a bunch of grapes", "grape||", "grape", "idle"},
        {"a glass of wine", "glass||", "glass", "idle"},
        {"pair of shoes", "shoe||", "shoe", "idle"},
        {"a drawing of a cat", "cat||", "cat", "idle"},
        {"a house in the forest", "house||", "house", "idle"},
        {"woman with a red hat", "woman||", "woman", "idle"},
        {"a dog and a cat", "dog||", "dog", "idle"},
        {"the king's crown", "crown||", "crown", "idle"},
        {"it's a dog", "dog||", "dog", "idle"},
        {"there's a cat on the roof", "cat||", "cat", "idle"},
        {"what is a whale", "whale||", "whale", "idle"},
        {"draw me a horse please", "horse||", "horse", "idle"},
        {"show me a cat", "cat||", "cat", "idle"},
        {"make a dragon", "dragon||", "dragon", "idle"},
        {"i want to see a cat", "cat||", "cat", "idle"},
        {"can you draw a big dog", "big dog||", "dog", "idle"},
        {"could you please show me a frog jumping", "frog|jump|", "frog", "jump"},
        {"a watch on a table", "watch||", "clock", "idle"},
        {"a can of beer", "can||", "artifact", "idle"},
    };
    CHECK_READINGS(readings);
}

static void adjectives_are_kept_in_their_order(void **state)
{
    (void)state;
    static const reading readings[] = {
        {"red dragon", "red dragon||", "dragon", "idle"},
        {"blue dragon", "blue dragon||", "dragon", "idle"},
        {"a big, red dragon", "big red dragon||", "dragon", "idle"},
        {"wooden chair", "wooden chair||", "chair", "idle"},
        {"toy car", "toy car||", "car", "idle"},
        {"orange cat", "orange cat||", "cat", "idle"},
        {"the car is red", "red car||", "car", "idle"},
        {"the car is big and red", "big red car||", "car", "idle"},
        {"a tree that is tall", "tall tree||", "tree", "idle"},
        {"a very fast car", "fast car||", "car", "idle"},
        {"long-necked giraffe", "long-necked giraffe||", "giraffe", "idle"},
        {"long necked giraffe", "long-necked giraffe||", "giraffe", "idle"},
        {"a giraffe with a long neck", "long-necked giraffe||", "giraffe", "idle"},
        {"a dragon with two heads", "two-headed dragon||", "dragon", "idle"},
        {"horse with wings", "winged horse||", "horse", "idle"},
        {"a bird with red wings and a long tail", "red-winged long-tailed bird||", "bird", "idle"},
        {"a stately horse", "stately horse||", "horse", "idle"},
    };
    CHECK_READINGS(readings);
    words_phrase phrase = parse("a big red shiny old wooden strange little blue funny car", NULL);
    assert_int_equal(phrase.adjective_count, WORDS_ADJECTIVES_MAX);
    assert_string_equal(phrase.adjectives[0], "big");
    assert_string_equal(phrase.subject, "car");
}

static void adverbs_set_tempo_and_size(void **state)
{
    (void)state;
    words_phrase usual = parse("an owl flying", NULL), slow = parse("an owl flying slowly", NULL);
    words_phrase slower = parse("an owl flying very slowly", NULL), fast = parse("an owl flying fast", NULL);
    words_phrase gentle = parse("an owl flying gently", NULL), unlisted = parse("an owl flying majestically", NULL);
    words_phrase wild = parse("an owl flying wildly", NULL), odd = parse("an owl flying blorbly", NULL);
    assert_true(usual.tempo == 1.0f && usual.size == 1.0f);
    assert_true(slow.tempo > 0.5f && slow.tempo < 0.6f);
    assert_true(slower.tempo < slow.tempo && slower.tempo > 0.0f);
    assert_true(fast.tempo > 1.5f);
    assert_true(gentle.size < 0.7f);
    assert_true(wild.size > 1.4f && wild.tempo > 1.2f);
    assert_string_equal(slower.adverb, "very slowly");
    assert_string_equal(unlisted.adverb, "majestically");
    assert_true(unlisted.tempo < 1.0f); /* through "majestic" */
    assert_string_equal(odd.adverb, "blorbly");
    assert_true(odd.tempo == 1.0f);
    words_phrase piled =
        parse("an owl flying very very very very quickly quickly quickly quickly quickly quickly", NULL);
    assert_true(piled.tempo > fast.tempo && piled.tempo <= 64.0f); /* eight times a verb's own, at most */
    assert_true(parse("an owl flying slowly slowly slowly slowly slowly slowly slowly slowly", NULL).tempo > 0.0f);
    assert_true(parse("a tired horse galloping like crazy", NULL).tempo > 1.5f);
}

static void a_verb_argument_replaces_the_verb_of_the_text(void **state)
{
    (void)state;
    assert_string_equal(parse("cat", "flying").canonical, "cat|fly|");
    assert_string_equal(parse("cat", "flew").motion, "fly");
    assert_string_equal(parse("a horse galloping slowly", "swims").canonical, "horse|swim|slowly");
    assert_string_equal(parse("a horse galloping slowly", "flying quickly").canonical, "horse|fly|quickly");
    assert_string_equal(parse("horse", "flying slowly").canonical, "horse|fly|slowly");
    assert_string_equal(parse("horse", "to fly").verb, "fly");
    assert_string_equal(parse("horse", "  \t").canonical, "horse||");
    assert_string_equal(parse("horse", "").canonical, "horse||");
    assert_string_equal(parse("horse", "blorbing").canonical, "horse|blorbing|");
    assert_string_equal(parse("horse", "blorbing").motion, "idle");
    assert_string_equal(parse("galloping", "fly").canonical, "horse|fly|");
    words_phrase phrase;
    lumen_error error;
    assert_int_equal(words_parse("horse", "\xff", &phrase, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "verb"));
}

/* ---- What is not ---------------------------------------------------------------------------- */

static void any_text_is_only_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xe4\xb8\x80\xe5\x8c\xb9\xe9\xa9\xac", /* a horse, in Chinese */
        "\xf0\x9f\x90\x8e",                     /* an emoji */
        "blorb",
        "don't",
        "to be or not to be",
        "<b>blorb</b>",
        "$(blorb)",
        "!?",
        "the",
        "a",
        "%s%n",
        "\\0",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        words_phrase phrase = parse(texts[i], NULL);
        if (phrase.concept_name[0] != 0 || phrase.subject[0] == 0)
            fail_msg("\"%s\" is read as \"%s\", a \"%s\"", texts[i], phrase.subject, phrase.concept_name);
        assert_string_equal(phrase.motion, "idle");
    }
    parse("'; DROP TABLE shapes;--", NULL);
    parse("<script>alert('horse')</script>", NULL);
}

static void unknown_texts_are_never_taken_for_one_another(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "blorb",           "blorbs", "blorb fnord",   "fnord blorb", "caf\xc3\xa9 blorb",
        "cafe-blorb",      "C",      "C++",           "\xc3\xa9",    "e",
        "vitamin blorb a", "blorb|", "blorb running", "red blorb",   "blorb of the fnord",
        "blorb, red"};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    static words_phrase phrases[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        phrases[i] = parse(texts[i], NULL);
        for (size_t k = 0; k < i; k++)
            if (strcmp(phrases[i].canonical, phrases[k].canonical) == 0)
                fail_msg("\"%s\" and \"%s\" are both \"%s\"", texts[i], texts[k], phrases[i].canonical);
    }
    assert_string_equal(parse("a blorb", NULL).canonical, parse("The BLORB!", NULL).canonical);
}

static void texts_that_had_to_be_cut_still_differ(void **state)
{
    (void)state;
    /* U+FDFA grows to eighteen letters each. */
    char first[700] = "", second[700] = "";
    for (int i = 0; i < 199; i++) {
        strcat(first, "\xef\xb7\xba");
        strcat(second, "\xef\xb7\xba");
    }
    strcat(first, "a");
    strcat(second, "b");
    words_phrase one = parse(first, NULL), other = parse(second, NULL);
    assert_string_equal(one.text, other.text);
    assert_string_not_equal(one.canonical, other.canonical);
}

static void bad_texts_are_refused_with_the_reason(void **state)
{
    (void)state;
    char long_text[1000] = "", just_fits[1000] = "";
    for (int i = 0; i < 200; i++)
        strcat(just_fits, "\xc3\xa4");
    strcpy(long_text, just_fits);
    strcat(long_text, "x");
    const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "empty"},
        {"   \t\n", "empty"},
        {"\xe2\x80\x8b\xc2\xa0", "empty"}, /* zero width and no-break space */
        {"12345", "digits"},
        {"1 2 3", "digits"},
        {"\xd9\xa1\xd9\xa2", "digits"}, /* Arabic-Indic */
        {"\xff", "UTF-8"},
        {"horse \xc3", "UTF-8"},
        {"\xc0\xaf", "UTF-8"}, /* overlong */
        {"\xed\xa0\x80", "UTF-8"} /* surrogate */,
        {"\xf4\x90\x80\x80", "UTF-8"},
        {long_text, "200"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        words_phrase phrase;
        lumen_error error = {0};
        assert_int_equal(words_parse(cases[i].text, NULL, &phrase, &error), LUMEN_ERROR_INVALID);
        if (strstr(error.message, cases[i].reason) == NULL)
            fail_msg("\"%s\" does not speak of %s", error.message, cases[i].reason);
        assert_int_equal(words_parse(cases[i].text, NULL, &phrase, NULL), LUMEN_ERROR_INVALID);
    }
    parse(just_fits, NULL);
    parse("route 66", NULL);
}

static void words_beyond_their_room_are_left_out(void **state)
{
    (void)state;
    /* Adverbs that fill the field to its last byte, and one more. */
    words_phrase full = parse("a dog running abcdefghijklmnopqrstuvwxyzabcdefly abcdefghijklmnopqrstuvwxyzabcdefly "
                              "abcdefghijklmnopqrstuvwly slowly",
                              NULL);
    assert_int_equal(strlen(full.adverb), WORDS_WORD_BYTES - 1);
    assert_null(strstr(full.adverb, "slowly"));
    assert_true(full.tempo < 1.0f);
    char long_word[200] = "";
    for (int i = 0; i < 199; i++)
        strcat(long_word, "b");
    assert_int_equal(strlen(parse(long_word, NULL).subject), WORDS_WORD_BYTES - 1);
    assert_int_equal(strlen(parse("dog", long_word).verb), WORDS_WORD_BYTES - 1);
}

/* ---- What comes out ------------------------------------------------------------------------- */

static void the_text_is_cleaned(void **state)
{
    (void)state;
    assert_string_equal(parse("  A\tRed\r\n  \xe2\x80\x8b"
                              "Dragon\x01 ",
                              NULL)
                            .text,
                        "A Red Dragon");
    assert_string_equal(parse("cafe\xcc\x81", NULL).text, "caf\xc3\xa9");
    assert_string_equal(parse("\xef\xac\x81sh", NULL).text, "fish"); /* the ligature fi */
    assert_string_equal(parse("it\xe2\x80\x99s a dog", NULL).subject, "dog");
}

static void the_prompt_shows_one_thing_on_white(void **state)
{
    (void)state;
    assert_string_equal(parse("red dragon flying", NULL).prompt,
                        "a red dragon flying, full body, single object, three-quarter view, centered, "
                        "plain white background, studio lighting");
    const char *const starts[][2] = {
        {"elephants", "an elephant, "},
        {"unicorn", "a unicorn, "},
        {"a man riding", "a man riding, "},
        {"dogs run", "a dog running, "},
        {"the cat sat", "a cat sitting, "},
        {"a tree swaying", "a tree swaying, "},
        {"horse galloped", "a horse galloping, "},
        {"a cat lying", "a cat lying, "},
        {"old owl", "an old owl, "},
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        words_phrase phrase = parse(starts[i][0], NULL);
        if (strncmp(phrase.prompt, starts[i][1], strlen(starts[i][1])) != 0)
            fail_msg("\"%s\" does not start with \"%s\"", phrase.prompt, starts[i][1]);
    }
    words_phrase unknown = parse("Blorb riding a Fnord", NULL);
    assert_int_equal(strncmp(unknown.prompt, "blorb riding a fnord, ", 22), 0);
}

static void concepts_can_be_listed(void **state)
{
    (void)state;
    assert_true(words_concept_count() > 150);
    assert_string_equal(words_concept_name(0), "animal");
    assert_null(words_concept_name(words_concept_count()));
    for (uint32_t i = 0; i < words_concept_count(); i++) {
        const char *name = words_concept_name(i);
        assert_string_equal(words_concept_of(name), name); /* a concept's own name always means it */
    }
    assert_string_equal(words_concept_of("Fire-Engines"), "fire_engine");
    assert_string_equal(words_concept_of("blorb"), "");
    assert_string_equal(words_concept_of(""), "");
    assert_string_equal(words_concept_of("\xff"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_noun_is_found_whatever_its_form),
        cmocka_unit_test(nouns_of_several_words_come_before_single_ones),
        cmocka_unit_test(the_sense_that_people_mean_is_chosen),
        cmocka_unit_test(alone_a_word_is_the_thing_rather_than_the_deed),
        cmocka_unit_test(the_verb_is_found_in_all_its_forms),
        cmocka_unit_test(a_verb_alone_brings_its_usual_doer),
        cmocka_unit_test(the_subject_is_what_the_text_is_about),
        cmocka_unit_test(adjectives_are_kept_in_their_order),
        cmocka_unit_test(adverbs_set_tempo_and_size),
        cmocka_unit_test(a_verb_argument_replaces_the_verb_of_the_text),
        cmocka_unit_test(any_text_is_only_text),
        cmocka_unit_test(unknown_texts_are_never_taken_for_one_another),
        cmocka_unit_test(texts_that_had_to_be_cut_still_differ),
        cmocka_unit_test(words_beyond_their_room_are_left_out),
        cmocka_unit_test(bad_texts_are_refused_with_the_reason),
        cmocka_unit_test(the_text_is_cleaned),
        cmocka_unit_test(the_prompt_shows_one_thing_on_white),
        cmocka_unit_test(concepts_can_be_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

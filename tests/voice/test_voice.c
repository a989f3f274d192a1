/* What the four numbers say of sounds whose answer is known. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "voice/voice.h"

static const double PI = 3.14159265358979323846;
enum { RATE = 48000 };
static const unsigned rates[] = {8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000};
enum { RATES = sizeof rates / sizeof *rates };

/* ---- Sounds ---------------------------------------------------------------------------------------------- */

typedef struct sound {
    float *samples;
    size_t count;
    unsigned rate;
} sound;

static sound silence(unsigned rate, double seconds)
{
    size_t count = (size_t)(rate * seconds);
    sound made = {calloc(count + 1, sizeof(float)), count, rate};
    assert_non_null(made.samples);
    return made;
}

static void add_sine(sound *to, double hertz, double amplitude, double from, double until)
{
    for (size_t i = (size_t)(from * to->rate); i < to->count && (double)i < until * to->rate; i++)
        to->samples[i] += (float)(amplitude * sin(2.0 * PI * hertz * (double)i / to->rate));
}

static sound sine(unsigned rate, double hertz, double amplitude)
{
    sound made = silence(rate, 0.3);
    add_sine(&made, hertz, amplitude, 0.0, 1.0);
    return made;
}

/* Harmonics `first` to `last` of a fundamental, falling as a sawtooth's do. */
static sound harmonics(unsigned rate, double hertz, int first, int last)
{
    sound made = silence(rate, 0.3);
    for (int k = first; k <= last && k * hertz < 0.45 * rate; k++)
        add_sine(&made, k * hertz, 0.4 / k, 0.0, 1.0);
    return made;
}

static void add_noise(sound *to, double amplitude, uint64_t seed)
{
    random_state dice = random_seed(seed);
    for (size_t i = 0; i < to->count; i++)
        to->samples[i] += (float)(amplitude * (2.0 * (double)random_float(&dice) - 1.0));
}

/* ---- Listening ------------------------------------------------------------------------------------------- */

static voice *open_ear(unsigned rate)
{
    voice *ear = NULL;
    lumen_error error = {0};
    assert_int_equal(voice_open(rate, &ear, &error), LUMEN_OK);
    return ear;
}

/* What is said at the end of a sound, which is given back. */
static voice_features hear_all(sound heard)
{
    voice *ear = open_ear(heard.rate);
    voice_hear(ear, heard.samples, heard.count);
    voice_features now = voice_now(ear);
    voice_close(ear);
    free(heard.samples);
    return now;
}

static void assert_near(double value, double wanted, double part)
{
    if (!(fabs(value - wanted) <= part * wanted))
        fail_msg("%g is not %g within %g", value, wanted, part);
}

/* ---- Loudness -------------------------------------------------------------------------------------------- */

static void silence_says_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < RATES; i++) {
        voice_features now = hear_all(silence(rates[i], 0.3));
        assert_true(now.loudness == 0.0f && now.pitch == 0.0f && now.brightness == 0.0f && now.onset == 0.0f);
    }
    voice *ear = open_ear(RATE);
    voice_features now = voice_now(ear); /* before the first sample */
    assert_true(now.loudness == 0.0f && now.pitch == 0.0f && now.brightness == 0.0f && now.onset == 0.0f);
    voice_close(ear);
}

static void loudness_is_linear_in_decibels(void **state)
{
    (void)state;
    for (int decibels = 0; decibels >= -60; decibels -= 10) {
        voice_features now = hear_all(sine(RATE, 300.0, pow(10.0, decibels / 20.0)));
        assert_true(fabs((double)now.loudness - (1.0 + decibels / 60.0)) < 0.02);
    }
    assert_true(hear_all(sine(RATE, 300.0, 0.0005)).loudness < 0.01f);
}

static void an_offset_of_the_microphone_is_silence(void **state)
{
    (void)state;
    sound shifted = silence(RATE, 1.0);
    for (size_t i = 0; i < shifted.count; i++)
        shifted.samples[i] = 0.3f;
    voice_features now = hear_all(shifted);
    assert_true(now.loudness < 0.001f && now.pitch == 0.0f && now.brightness < 1.0f);
}

static void what_was_loud_is_forgotten_within_a_second(void **state)
{
    (void)state;
    sound ended = silence(RATE, 1.5);
    add_sine(&ended, 220.0, 0.9, 0.0, 0.5);
    voice_features now = hear_all(ended);
    assert_true(now.loudness < 0.01f && now.pitch == 0.0f && now.brightness < 1.0f && now.onset == 0.0f);
}

/* ---- Pitch ----------------------------------------------------------------------------------------------- */

static void the_pitch_of_a_sine_is_its_frequency_at_every_rate(void **state)
{
    (void)state;
    static const double notes[] = {72.0, 110.0, 220.0, 440.0, 783.99, 980.0};
    for (int i = 0; i < RATES; i++)
        for (size_t k = 0; k < sizeof notes / sizeof *notes; k++)
            assert_near(hear_all(sine(rates[i], notes[k], 0.3)).pitch, notes[k], 0.01);
}

static void the_pitch_of_a_sawtooth_is_its_fundamental(void **state)
{
    (void)state;
    for (int i = 0; i < RATES; i++)
        for (double hertz = 80.0; hertz < 950.0; hertz *= 1.9)
            assert_near(hear_all(harmonics(rates[i], hertz, 1, 20)).pitch, hertz, 0.01);
}

static void a_missing_fundamental_is_heard(void **state)
{
    (void)state;
    for (double hertz = 80.0; hertz < 450.0; hertz *= 1.17)
        assert_near(hear_all(harmonics(RATE, hertz, 2, 12)).pitch, hertz, 0.01);
}

static void a_strong_second_harmonic_is_no_octave(void **state)
{
    (void)state;
    for (double hertz = 90.0; hertz < 450.0; hertz *= 1.23) {
        sound vowel = harmonics(RATE, hertz, 1, 8);
        add_sine(&vowel, 2.0 * hertz, 0.5, 0.0, 1.0);
        assert_near(hear_all(vowel).pitch, hertz, 0.01);
    }
}

static void a_breathy_voice_is_a_voice(void **state)
{
    (void)state;
    sound breathy = harmonics(RATE, 180.0, 1, 20);
    add_noise(&breathy, 0.15, 3);
    assert_near(hear_all(breathy).pitch, 180.0, 0.02);
}

/* A voice of 200 Hz that swings by half a tone six times a second is followed from window to window. */
static void vibrato_is_followed_and_no_beginning(void **state)
{
    (void)state;
    voice *ear = open_ear(RATE);
    double phase = 0.0, lowest = 1e9, highest = 0.0;
    for (int i = 0; i < 2 * RATE; i++) {
        double time = (double)i / RATE;
        double hertz = 200.0 * pow(2.0, sin(2.0 * PI * 6.0 * time) / 12.0);
        phase += hertz / RATE;
        float sample = 0.0f;
        for (int k = 1; k <= 10; k++)
            sample += (float)(0.3 / k * sin(2.0 * PI * k * phase));
        voice_hear(ear, &sample, 1);
        voice_features now = voice_now(ear);
        if (time > 0.5) {
            assert_true(now.pitch > 0.0f && now.onset < 0.1f);
            lowest = fmin(lowest, (double)now.pitch);
            highest = fmax(highest, (double)now.pitch);
        }
    }
    voice_close(ear);
    assert_near(highest, 200.0 * pow(2.0, 1.0 / 12.0), 0.03);
    assert_near(lowest, 200.0 * pow(2.0, -1.0 / 12.0), 0.03);
}

static void noise_has_no_pitch(void **state)
{
    (void)state;
    for (int i = 0; i < RATES; i++) {
        voice *ear = open_ear(rates[i]);
        sound hiss = silence(rates[i], 1.0);
        size_t block = hiss.rate / 1000;
        add_noise(&hiss, 0.5, (uint64_t)i);
        for (size_t at = 0; at + block <= hiss.count; at += block) {
            voice_hear(ear, hiss.samples + at, block);
            assert_true(voice_now(ear).pitch == 0.0f);
        }
        free(hiss.samples);
        voice_close(ear);
    }
}

static void what_no_voice_can_sing_has_no_pitch(void **state)
{
    (void)state;
    static const double others[] = {30.0, 50.0, 1100.0, 1500.0, 2000.0, 3000.0, 5000.0, 6000.0, 11000.0, 12000.0};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        assert_true(hear_all(sine(RATE, others[k], 0.8)).pitch == 0.0f);
}

/* ---- Brightness ------------------------------------------------------------------------------------------ */

static void the_brightness_of_a_sine_is_its_frequency(void **state)
{
    (void)state;
    for (int i = 0; i < RATES; i++)
        for (double hertz = 200.0; hertz < 0.4 * rates[i]; hertz *= 2.3)
            assert_near(hear_all(sine(rates[i], hertz, 0.3)).brightness, hertz, 0.02);
}

static void the_brightness_of_white_noise_is_half_the_highest_frequency(void **state)
{
    (void)state;
    sound hiss = silence(RATE, 1.0);
    add_noise(&hiss, 0.5, 5);
    assert_near(hear_all(hiss).brightness, RATE / 4.0, 0.05);
}

static void more_harmonics_are_brighter(void **state)
{
    (void)state;
    float before = 0.0f;
    for (int last = 1; last <= 32; last *= 2) {
        float now = hear_all(harmonics(RATE, 200.0, 1, last)).brightness;
        assert_true(now > before);
        before = now;
    }
}

/* ---- Onset ----------------------------------------------------------------------------------------------- */

/* The largest onset within [from, until) seconds of a sound. */
static float largest_onset(const sound *heard, double from, double until)
{
    voice *ear = open_ear(heard->rate);
    float largest = 0.0f;
    size_t block = heard->rate / 1000;
    for (size_t i = 0; i + block <= heard->count && (double)i < until * heard->rate; i += block) {
        voice_hear(ear, heard->samples + i, block);
        if ((double)i >= from * heard->rate)
            largest = fmaxf(largest, voice_now(ear).onset);
    }
    voice_close(ear);
    return largest;
}

static void a_beginning_is_heard_within_a_window_and_falls_back_within_a_quarter_of_a_second(void **state)
{
    (void)state;
    for (int i = 0; i < RATES; i++) {
        sound begun = silence(rates[i], 2.0);
        for (int k = 1; k <= 10; k++)
            add_sine(&begun, 200.0 * k, 0.3 / k, 1.0, 2.0);
        assert_true(largest_onset(&begun, 0.0, 1.0) == 0.0f);
        assert_true(largest_onset(&begun, 1.0, 1.08) > 0.7f);
        assert_true(largest_onset(&begun, 1.0 + 0.08 + 0.25, 2.0) < 0.05f);
        free(begun.samples);
    }
}

static void each_of_many_syllables_is_a_beginning(void **state)
{
    (void)state;
    sound babble = silence(RATE, 2.0);
    for (int syllable = 0; syllable < 5; syllable++)
        for (int k = 1; k <= 10; k++)
            add_sine(&babble, 150.0 * k, 0.3 / k, 0.2 + 0.35 * syllable, 0.4 + 0.35 * syllable);
    for (int syllable = 0; syllable < 5; syllable++) {
        assert_true(largest_onset(&babble, 0.2 + 0.35 * syllable, 0.28 + 0.35 * syllable) > 0.5f);
        assert_true(largest_onset(&babble, 0.5 + 0.35 * syllable, 0.54 + 0.35 * syllable) < 0.2f);
    }
    free(babble.samples);
}

static void a_click_in_a_quiet_room_is_a_beginning(void **state)
{
    (void)state;
    sound clicked = silence(RATE, 2.0);
    add_noise(&clicked, 0.001, 7);
    clicked.samples[RATE] = 1.0f;
    assert_true(largest_onset(&clicked, 0.2, 1.0) < 0.1f);
    assert_true(largest_onset(&clicked, 1.0, 1.1) > 0.7f);
    free(clicked.samples);
}

static void steady_noise_begins_once(void **state)
{
    (void)state;
    for (int i = 0; i < RATES; i += 3) {
        sound hiss = silence(rates[i], 3.0);
        add_noise(&hiss, 0.2, 11);
        assert_true(largest_onset(&hiss, 0.0, 0.2) > 0.9f);
        assert_true(largest_onset(&hiss, 0.5, 3.0) < 0.15f);
        free(hiss.samples);
    }
}

static void the_end_of_a_voice_is_no_beginning(void **state)
{
    (void)state;
    sound ended = harmonics(RATE, 180.0, 1, 20);
    size_t fade = RATE / 20, begin = RATE / 5; /* cut off at once it would be a click */
    for (size_t i = begin; i < ended.count; i++)
        ended.samples[i] *= i < begin + fade ? 1.0f - (float)(i - begin) / (float)fade : 0.0f;
    assert_true(largest_onset(&ended, 0.2, 0.3) < 0.1f);
    free(ended.samples);
}

/* ---- Any samples ----------------------------------------------------------------------------------------- */

static void how_samples_are_cut_into_calls_makes_no_difference(void **state)
{
    (void)state;
    sound voiced = harmonics(RATE, 190.0, 1, 20);
    add_noise(&voiced, 0.05, 13);
    voice *whole = open_ear(RATE), *cut = open_ear(RATE);
    voice_hear(whole, voiced.samples, voiced.count);
    random_state dice = random_seed(17);
    for (size_t at = 0; at < voiced.count;) {
        size_t count = random_u32(&dice) % 700;
        count = count < voiced.count - at ? count : voiced.count - at;
        voice_hear(cut, voiced.samples + at, count);
        at += count;
    }
    voice_features one = voice_now(whole), other = voice_now(cut);
    assert_memory_equal(&one, &other, sizeof one);
    voice_close(whole);
    voice_close(cut);
    free(voiced.samples);
}

static void samples_that_are_not_finite_are_silence(void **state)
{
    (void)state;
    sound broken = sine(RATE, 300.0, 0.5), mended = sine(RATE, 300.0, 0.5);
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < broken.count; i += 97) {
        broken.samples[i] = bad[i % 3];
        mended.samples[i] = 0.0f;
    }
    voice_features one = hear_all(broken), other = hear_all(mended);
    assert_memory_equal(&one, &other, sizeof one);
}

static void every_answer_lies_within_its_range(void **state)
{
    (void)state;
    random_state dice = random_seed(19);
    for (int i = 0; i < RATES; i++) {
        voice *ear = open_ear(rates[i]);
        for (unsigned at = 0; at < rates[i] / 4; at++) {
            uint32_t bits = random_u32(&dice);
            float sample;
            memcpy(&sample, &bits, sizeof sample); /* any float there is */
            voice_hear(ear, &sample, 1);
            voice_features now = voice_now(ear);
            assert_true(now.loudness >= 0.0f && now.loudness <= 1.0f);
            assert_true(now.pitch == 0.0f || (now.pitch >= 70.0f && now.pitch <= 1000.0f));
            assert_true(now.brightness >= 0.0f && now.brightness <= (float)rates[i] / 2.0f);
            assert_true(now.onset >= 0.0f && now.onset <= 1.0f);
        }
        voice_close(ear);
    }
}

static void a_rate_that_no_microphone_has_is_refused(void **state)
{
    (void)state;
    static const unsigned wrong[] = {0, 1, 7999, 192001, 4000000000u};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        voice *ear = (voice *)&ear;
        lumen_error error = {0};
        assert_int_equal(voice_open(wrong[i], &ear, &error), LUMEN_ERROR_INVALID);
        assert_null(ear);
        assert_non_null(strstr(error.message, "8000 to 192000"));
    }
    voice_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_says_nothing),
        cmocka_unit_test(loudness_is_linear_in_decibels),
        cmocka_unit_test(an_offset_of_the_microphone_is_silence),
        cmocka_unit_test(what_was_loud_is_forgotten_within_a_second),
        cmocka_unit_test(the_pitch_of_a_sine_is_its_frequency_at_every_rate),
        cmocka_unit_test(the_pitch_of_a_sawtooth_is_its_fundamental),
        cmocka_unit_test(a_missing_fundamental_is_heard),
        cmocka_unit_test(a_strong_second_harmonic_is_no_octave),
        cmocka_unit_test(a_breathy_voice_is_a_voice),
        cmocka_unit_test(vibrato_is_followed_and_no_beginning),
        cmocka_unit_test(noise_has_no_pitch),
        cmocka_unit_test(what_no_voice_can_sing_has_no_pitch),
        cmocka_unit_test(the_brightness_of_a_sine_is_its_frequency),
        cmocka_unit_test(the_brightness_of_white_noise_is_half_the_highest_frequency),
        cmocka_unit_test(more_harmonics_are_brighter),
        cmocka_unit_test(a_beginning_is_heard_within_a_window_and_falls_back_within_a_quarter_of_a_second),
        cmocka_unit_test(each_of_many_syllables_is_a_beginning),
        cmocka_unit_test(a_click_in_a_quiet_room_is_a_beginning),
        cmocka_unit_test(steady_noise_begins_once),
        cmocka_unit_test(the_end_of_a_voice_is_no_beginning),
        cmocka_unit_test(how_samples_are_cut_into_calls_makes_no_difference),
        cmocka_unit_test(samples_that_are_not_finite_are_silence),
        cmocka_unit_test(every_answer_lies_within_its_range),
        cmocka_unit_test(a_rate_that_no_microphone_has_is_refused),
    };
    return cmocka_run_group_tests_name("voice", tests, NULL, NULL);
}

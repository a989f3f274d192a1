/*
 * internal.h: what the files of this room share.
 */
#ifndef LUMEN_MOTION_INTERNAL_H
#define LUMEN_MOTION_INTERNAL_H

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "motion/motion.h"

/* ---- Limits ---------------------------------------------------------------------------------------- */

/* What a row may hold: larger values are taken as these. primitives.glsl names the same numbers. */
#define MOTION_TIME_MOST      100000.0f
#define MOTION_PHASE_MOST     1000.0f
#define MOTION_DURATION_LEAST 0.001f
#define MOTION_DURATION_MOST  600.0f
#define MOTION_AMPLITUDE_MOST 8.0f
#define MOTION_PIVOT_MOST     8.0f
#define MOTION_FREQUENCY_MOST 20.0f
#define MOTION_SPREAD_MOST    16.0f
#define MOTION_OVERSHOOT_MOST 2.0f
#define MOTION_STAGGER_MOST   4.0f
#define MOTION_HOME_MOST      16.0f

/* ---- Arithmetic that C and GLSL do alike ----------------------------------------------------------- */

/* The C library's floorf is a call on plain x86-64; |value| < 2^31. */
static inline float motion_floor(float value)
{
    float whole = (float)(int32_t)value;
    return whole > value ? whole - 1.0f : whole;
}

static inline float motion_fraction(float value)
{
    return value - motion_floor(value);
}

static inline float motion_mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* 3t^2 - 2t^3 of t in [0, 1]. */
static inline float motion_smooth(float t)
{
    return t * t * (3.0f - 2.0f * t);
}

/* The sine of an angle in turns: one polynomial in both languages, because neither fixes the bits of its own sine.
 * Interpolated at Chebyshev's nodes; error below 1e-6 in floats. */
static inline float motion_sine(float turns)
{
    float x = turns - motion_floor(turns + 0.5f);
    if (x > 0.25f)
        x = 0.5f - x;
    else if (x < -0.25f)
        x = -0.5f - x;
    float y = x * x;
    return x * (6.28318528f + y * (-41.3416806f + y * (81.6024764f + y * (-76.5811726f + y * 39.7598271f))));
}

static inline float motion_cosine(float turns)
{
    return motion_sine(turns + 0.25f);
}

/* Three random words of three: the hash "pcg3d" of Mark Jarzynski and Marc Olano, "Hash Functions for GPU Rendering",
 * 2020. Integers alone, so that a graphics processor gives the same. */
typedef struct motion_words {
    uint32_t x, y, z;
} motion_words;

static inline motion_words motion_hash(uint32_t x, uint32_t y, uint32_t z)
{
    x = x * 1664525u + 1013904223u;
    y = y * 1664525u + 1013904223u;
    z = z * 1664525u + 1013904223u;
    x += y * z;
    y += z * x;
    z += x * y;
    x ^= x >> 16;
    y ^= y >> 16;
    z ^= z >> 16;
    x += y * z;
    y += z * x;
    z += x * y;
    return (motion_words){x, y, z};
}

/* Of the last bits of a word: in [0, 1), exact in 24 bits. */
static inline float motion_unit(uint32_t word)
{
    return (float)(word >> 8) * (1.0f / 16777216.0f);
}

static inline uint32_t motion_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* By its bits, which no compiler's idea of fast arithmetic can do away with. */
static inline bool motion_finite(float value)
{
    return (motion_bits(value) & 0x7f800000u) != 0x7f800000u;
}

/* ---- Rows ------------------------------------------------------------------------------------------- */

/* A row at one time, checked and with everything that is the same for all points. */
typedef struct motion_ready {
    int primitive; /* MOTION_NONE: nothing moves */
    vec3 axis;     /* unit length */
    vec3 side;     /* unit length, across the axis: level where it can be */
    vec3 pivot;
    float cycle;    /* frequency * (now - start) + phase, less what can be left out: in [0, MOTION_CYCLES) */
    float progress; /* (now - start) / duration */
    float duration;
    float amplitude, frequency, spread, ease, overshoot, stagger;
} motion_ready;

motion_ready motion_make_ready(const motion_row *row, float now);

/* The row's 16 floats in the order of the texture. */
float *motion_row_floats(motion_row *row);
const float *motion_row_floats_const(const motion_row *row);

/* ---- Templates -------------------------------------------------------------------------------------- */

enum {
    MOTION_NAME_BYTES = 32,
    MOTION_TEXT_MOST = 1 << 18, /* bytes of a text of templates */
    MOTION_TEMPLATES_MOST = 256,
    MOTION_RULES_MOST = 64, /* of one template */
    MOTION_WORDS_MOST = 64, /* verbs of one template, patterns of one list */
    MOTION_MEMORY_MOST = 16 << 20
};

/* Where a row pivots. */
typedef enum motion_place {
    MOTION_AT_JOINT,  /* of the part itself */
    MOTION_AT_PART,   /* the joint of another part */
    MOTION_AT_CENTER, /* of the part itself */
    MOTION_AT_MIDDLE, /* of the whole shape; the next ones: in the middle of that side of it */
    MOTION_AT_FLOOR,
    MOTION_AT_TOP,
    MOTION_AT_FRONT,
    MOTION_AT_BACK,
    MOTION_AT_AXLES /* of wheels or propellers: sets spread and stagger as well */
} motion_place;

/* Names or patterns one after the other, each with its zero. */
typedef struct motion_list {
    uint32_t count;
    const char *text;
} motion_list;

typedef struct motion_rule {
    bool whole;          /* of row 0 */
    motion_list parts;   /* of a part's row: which names */
    motion_list types;   /* "in": the shape is of one of these template types; empty: of any */
    motion_list with;    /* "with": it has one of these parts; empty: whatever it has */
    motion_list without; /* "without": it has none of these */
    motion_row row;      /* start 0; the pivot is not set */
    motion_place place;
    char place_part[MOTION_NAME_BYTES]; /* a pattern */
    bool of_reach;                      /* the amplitude counts in reaches of the part */
    bool lift;                          /* the axis is the level one about which the part rises */
} motion_rule;

struct motion_template {
    char name[MOTION_NAME_BYTES];
    bool given; /* by the caller's text */
    motion_list verbs;
    uint32_t rule_count;
    motion_rule *rules;
};

struct motion_library {
    arena *memory; /* of the lists and rules */
    uint32_t count;
    motion_template templates[MOTION_TEMPLATES_MOST];
};

/* Whether a name matches a pattern of letters and `*`. Takes time at most proportional to the product of lengths. */
bool motion_glob(const char *pattern, const char *name);
bool motion_list_matches(const motion_list *list, const char *name);
bool motion_list_has(const motion_list *list, const char *name);

/* Adds all templates of a text; one of the same name from an earlier text is replaced. Errors as motion_library_open.
 */
lumen_status motion_read_text(motion_library *motions, const char *text, size_t size, const char *source, bool given,
                              lumen_error *error);

#endif

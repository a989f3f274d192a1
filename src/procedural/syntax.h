/*
 * syntax.h: a sculpt library as it lies in memory. Private to this room: the reader (reader.c,
 * expression.c) fills it, the builder (model.c) runs it.
 */
#ifndef LUMEN_PROCEDURAL_SYNTAX_H
#define LUMEN_PROCEDURAL_SYNTAX_H

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "procedural/sculpt.h"

enum {
    SCULPT_NAME_BYTES = 48,
    SCULPT_SLOTS_MAX = 192,    /* parameters, points and loop counters of one template */
    SCULPT_STACK_MAX = 32,     /* depth of an expression */
    SCULPT_NESTING_MAX = 12,   /* of if, for and frame */
    SCULPT_ARGUMENTS_MAX = 96, /* of one solid: 48 points of an outline */
    SCULPT_COLORS_MAX = 64,    /* color slots of one template */
    SCULPT_ANCESTORS_MAX = 8   /* concept of concept of ... of template */
};

/* Names lie in arrays of this size, filled up with zeros: equal names are equal memory. */
static inline bool same_name(const char a[SCULPT_NAME_BYTES], const char b[SCULPT_NAME_BYTES])
{
    uint64_t head_a;
    uint64_t head_b;
    memcpy(&head_a, a, sizeof head_a);
    memcpy(&head_b, b, sizeof head_b);
    return head_a == head_b && memcmp(a, b, SCULPT_NAME_BYTES) == 0;
}

/* In a concept: every color that may be painted. */
#define SCULPT_ALL_COLORS "all"

/* ---- Expressions: a stack machine over vectors; a number fills all three components --------------- */

typedef enum operation {
    OPERATION_CONSTANT,
    OPERATION_LOAD,
    OPERATION_ADD,
    OPERATION_SUBTRACT,
    OPERATION_MULTIPLY, /* component by component, so a number scales a vector */
    OPERATION_DIVIDE,   /* anything / number; by zero gives zero */
    OPERATION_NEGATE,
    OPERATION_VECTOR,    /* three numbers become a vector */
    OPERATION_COMPONENT, /* slot 0, 1, 2: x, y, z */
    OPERATION_LESS,
    OPERATION_GREATER,
    OPERATION_MIN,
    OPERATION_MAX,
    OPERATION_ABS,
    OPERATION_SQRT,
    OPERATION_SIN, /* degrees */
    OPERATION_COS,
    OPERATION_FLOOR,
    OPERATION_LENGTH,
    OPERATION_MIX,
    OPERATION_RANDOM /* a number in [0, 1) from the seed and the argument */
} operation;

typedef struct instruction {
    uint8_t operation;
    uint8_t slot;
    float value;
} instruction;

typedef struct expression {
    uint32_t first; /* in the template's code */
    uint16_t count; /* 0: absent */
    bool vector;
} expression;

/* ---- Statements -------------------------------------------------------------------------------- */

typedef enum solid_kind {
    SOLID_BALL,      /* center, radius */
    SOLID_ELLIPSOID, /* center, three radii */
    SOLID_LIMB,      /* (point, radius) twice or more: spheres swept along straight pieces */
    SOLID_TUBE,      /* the same along a smooth curve */
    SOLID_BOX,       /* center, three half sizes */
    SOLID_ROD,       /* from, to, radius [, radius at the end]: flat ends */
    SOLID_RING,      /* center, axis, radius, thickness */
    SOLID_LATHE,     /* foot, axis, (radius, height) twice or more: a profile turned about the axis */
    SOLID_SLAB       /* center, thickness, (x, y) three times or more: an outline given thickness along z */
} solid_kind;

typedef enum solid_use { SOLID_ADD, SOLID_CUT, SOLID_KEEP } solid_use;

typedef enum statement_kind {
    STATEMENT_SET,
    STATEMENT_LET,
    STATEMENT_PART,
    STATEMENT_IF,
    STATEMENT_ELSE,
    STATEMENT_FOR,
    STATEMENT_FRAME,
    STATEMENT_END,
    STATEMENT_SOLID
} statement_kind;

typedef struct statement {
    uint8_t kind;
    uint8_t solid; /* solid_kind */
    uint8_t use;   /* solid_use */
    uint8_t slot;  /* set, let, for: variable; part: index of the part */
    uint8_t color; /* color slot + 1; 0: the part's */
    bool mirror;
    bool smooth;
    uint32_t jump;           /* if: its else or end; else, for, frame: its end; end: its opener */
    uint32_t first_argument; /* in the template's arguments */
    uint16_t argument_count;
    expression value; /* set, let, if, for; frame: the place */
    expression turn;  /* degrees about x, then y, then z */
    expression round; /* frame: its scale */
    expression blend;
} statement;

typedef struct sculpt_part {
    char name[SCULPT_NAME_BYTES];
    int parent;        /* index of the part it is attached to; -1: none */
    expression join;   /* radius of the fillet with other joined parts; absent: not joined */
    expression blend;  /* radius of the fillets between its own solids */
    expression detail; /* lattice refinement, 1 is usual */
} sculpt_part;

typedef struct color_slot {
    char name[SCULPT_NAME_BYTES];
    uint8_t rgb[3];
    bool painted; /* an adjective like "red" changes it */
} color_slot;

typedef struct sculpt_slot {
    char name[SCULPT_NAME_BYTES];
    bool vector;    /* a point, not a number */
    bool parameter; /* made by set: a concept or an adjective may change it */
} sculpt_slot;

typedef struct sculpt_template sculpt_template;

struct sculpt_template {
    char name[SCULPT_NAME_BYTES];
    uint32_t source;                 /* which text it stands in */
    const sculpt_template *replaced; /* one of the same name, in this text or an earlier one */
    uint32_t part_count;
    sculpt_part parts[LUMEN_PARTS_MAX];
    uint32_t slot_count;
    sculpt_slot slots[SCULPT_SLOTS_MAX];
    uint32_t color_count;
    color_slot colors[SCULPT_COLORS_MAX];
    statement *statements;
    uint32_t statement_count;
    expression *arguments;
    uint32_t argument_count;
    instruction *code;
    uint32_t code_count;
};

/* ---- Concepts and adjectives -------------------------------------------------------------------- */

typedef struct proportion {
    char name[SCULPT_NAME_BYTES];
    float value;
    bool factor; /* multiply instead of set */
} proportion;

typedef struct concept_color {
    char name[SCULPT_NAME_BYTES];
    uint8_t rgb[3];
} concept_color;

struct sculpt_concept {
    char name[SCULPT_NAME_BYTES];
    char parent[SCULPT_NAME_BYTES];
    const char *file; /* for messages */
    uint32_t line;
    uint32_t source;              /* which text it stands in */
    sculpt_concept *replaced;     /* one of the same name, in this text or an earlier one */
    const sculpt_template *shape; /* found through the parents */
    const sculpt_concept *base;   /* the parent, when it is a concept */
    const proportion *proportions;
    uint32_t proportion_count;
    const concept_color *colors;
    uint32_t color_count;
};

/* "tall": a stretch of the whole and factors on the parameters that a template has. */
typedef struct sculpt_adjective {
    char name[SCULPT_NAME_BYTES];
    float stretch[3];
    const proportion *proportions;
    uint32_t proportion_count;
} sculpt_adjective;

/* "red": the color of whatever a template lets be painted. */
typedef struct sculpt_tint {
    char name[SCULPT_NAME_BYTES];
    uint8_t rgb[3];
} sculpt_tint;

/* "long" in "long-necked": factors on the parameters neck_length, neck_size, ... by their last word. */
typedef struct sculpt_measure {
    char name[SCULPT_NAME_BYTES];
    const proportion *proportions; /* named by the last word: "length", "size" */
    uint32_t proportion_count;
} sculpt_measure;

/* Things that begin with their name, sorted by it. */
typedef struct named_list {
    void **entries;
    uint32_t count;
    uint32_t capacity;
} named_list;

/* The entry of that name, or NULL. */
void *named_list_find(const named_list *list, const char *name);

struct sculpt_library {
    arena *memory;
    named_list templates;  /* sculpt_template */
    named_list concepts;   /* sculpt_concept */
    named_list adjectives; /* sculpt_adjective */
    named_list tints;      /* sculpt_tint */
    named_list measures;   /* sculpt_measure */
};

#endif

/*
 * expression.h: arithmetic of the sculpt language, compiled once and evaluated per shape. Private to
 * this room.
 */
#ifndef LUMEN_PROCEDURAL_EXPRESSION_H
#define LUMEN_PROCEDURAL_EXPRESSION_H

#include "base/vector.h"
#include "procedural/lexer.h"

/* Growing arrays of a template that is being read. They live in the library's arena. */
typedef struct template_builder {
    sculpt_template *shape;
    arena *memory;
    uint32_t code_capacity;
    uint32_t statement_capacity;
    uint32_t argument_capacity;
} template_builder;

/* Doubles an arena array when `count` has reached its capacity. False when memory runs out. */
bool builder_reserve(arena *memory, void **data, uint32_t *capacity, uint32_t count, size_t element);

/* Index of a slot of the template by name, or -1. */
int builder_find_slot(const sculpt_template *shape, const char name[SCULPT_NAME_BYTES]);

/* Index of a parameter (a slot made by set) by name, or -1. */
int builder_find_parameter(const sculpt_template *shape, const char name[SCULPT_NAME_BYTES]);

/* Reads one expression at the lexer's place into the template's code. False after lexer_fail. */
bool expression_read(lexer *input, template_builder *builder, expression *out);

/* The same, and fails unless it is a vector (or a number). */
bool expression_read_vector(lexer *input, template_builder *builder, expression *out);
bool expression_read_number(lexer *input, template_builder *builder, expression *out);

/* The value with the given slots (a number fills all three components). Never fails: the reader has checked the
 * types and the depth of the stack. */
vec3 expression_value(const sculpt_template *shape, expression code, const vec3 *slots, uint64_t seed);

#endif

#include "procedural/expression.h"

#include <string.h>

#include "base/random.h"

/* ---- Growing arrays ------------------------------------------------------------------------------ */

bool builder_reserve(arena *memory, void **data, uint32_t *capacity, uint32_t count, size_t element)
{
    if (count < *capacity)
        return true;
    uint32_t larger = *capacity == 0 ? 64 : *capacity * 2;
    void *moved = arena_allocate_array(memory, larger, element);
    if (moved == NULL)
        return false;
    if (count > 0)
        memcpy(moved, *data, count * element);
    *data = moved;
    *capacity = larger;
    return true;
}

int builder_find_slot(const sculpt_template *shape, const char name[SCULPT_NAME_BYTES])
{
    for (uint32_t i = 0; i < shape->slot_count; i++)
        if (same_name(shape->slots[i].name, name))
            return (int)i;
    return -1;
}

int builder_find_parameter(const sculpt_template *shape, const char name[SCULPT_NAME_BYTES])
{
    int slot = builder_find_slot(shape, name);
    return slot >= 0 && shape->slots[slot].parameter ? slot : -1;
}

/* ---- Reading: recursive descent, emitting code for a stack machine -------------------------------- */

/* What stands on the stack while reading, to check types and depth. */
typedef struct reading {
    lexer *input;
    template_builder *builder;
    int depth;   /* of the stack */
    int nesting; /* of parentheses and calls */
} reading;

static const struct {
    const char *name;
    operation code;
    int arguments;
    bool numbers_only;
} functions[] = {
    {"min", OPERATION_MIN, 2, false},      {"max", OPERATION_MAX, 2, false},       {"abs", OPERATION_ABS, 1, false},
    {"sqrt", OPERATION_SQRT, 1, false},    {"sin", OPERATION_SIN, 1, true},        {"cos", OPERATION_COS, 1, true},
    {"floor", OPERATION_FLOOR, 1, false},  {"length", OPERATION_LENGTH, 1, false}, {"mix", OPERATION_MIX, 3, false},
    {"random", OPERATION_RANDOM, 1, true},
};

static bool read_comparison(reading *state, bool *vector);

/* `effect` is what the operation does to the height of the stack. */
static bool emit(reading *state, operation code, int slot, float value, int effect)
{
    template_builder *builder = state->builder;
    sculpt_template *shape = builder->shape;
    state->depth += effect;
    if (state->depth > SCULPT_STACK_MAX)
        return lexer_fail(state->input, "this expression is too deep; give a part of it a name with let");
    void *data = shape->code;
    if (!builder_reserve(builder->memory, &data, &builder->code_capacity, shape->code_count, sizeof *shape->code))
        return lexer_fail(state->input, "the library is too large for its memory; make it smaller");
    shape->code = data;
    shape->code[shape->code_count++] = (instruction){.operation = (uint8_t)code, .slot = (uint8_t)slot, .value = value};
    return true;
}

static bool expect(reading *state, const char *sign)
{
    return lexer_accept(state->input, sign) || lexer_fail(state->input, "'%s' is missing here", sign);
}

static bool read_call(reading *state, const char *name, bool *vector)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].name, name) != 0)
            continue;
        bool any_vector = false;
        for (int k = 0; k < functions[i].arguments; k++) {
            bool one = false;
            if ((k > 0 && !expect(state, ",")) || !read_comparison(state, &one))
                return false;
            any_vector = any_vector || one;
        }
        if (!expect(state, ")"))
            return false;
        if (any_vector && functions[i].numbers_only)
            return lexer_fail(state->input, "%s takes a number, not a point", name);
        *vector = any_vector && functions[i].code != OPERATION_LENGTH;
        return emit(state, functions[i].code, 0, 0.0f, 1 - functions[i].arguments);
    }
    return lexer_fail(state->input, "there is no function '%s'", name);
}

static bool read_name_or_call(reading *state, bool *vector)
{
    token name = lexer_take(state->input);
    if (lexer_accept(state->input, "("))
        return read_call(state, name.name, vector);
    int slot = builder_find_slot(state->builder->shape, name.name);
    if (slot < 0)
        return lexer_fail(state->input, "'%s' has no value here; set it above this line", name.name);
    *vector = state->builder->shape->slots[slot].vector;
    return emit(state, OPERATION_LOAD, slot, 0.0f, 1);
}

static bool read_parentheses(reading *state, bool *vector)
{
    if (!read_comparison(state, vector))
        return false;
    if (!lexer_accept(state->input, ","))
        return expect(state, ")");
    bool second = false;
    bool third = false;
    if (!read_comparison(state, &second) || !expect(state, ",") || !read_comparison(state, &third) ||
        !expect(state, ")"))
        return false;
    if (*vector || second || third)
        return lexer_fail(state->input, "a point is made of three numbers");
    *vector = true;
    return emit(state, OPERATION_VECTOR, 0, 0.0f, -2);
}

static bool read_primary(reading *state, bool *vector)
{
    if (++state->nesting > SCULPT_STACK_MAX)
        return lexer_fail(state->input, "this expression is nested too deeply; give a part of it a name with let");
    bool good;
    if (state->input->next.kind == TOKEN_NUMBER) {
        *vector = false;
        float value = lexer_take(state->input).number;
        good = emit(state, OPERATION_CONSTANT, 0, value, 1);
    } else if (state->input->next.kind == TOKEN_NAME) {
        good = read_name_or_call(state, vector);
    } else if (lexer_accept(state->input, "(")) {
        good = read_parentheses(state, vector);
    } else if (lexer_accept(state->input, "-")) {
        good = read_primary(state, vector) && emit(state, OPERATION_NEGATE, 0, 0.0f, 0);
    } else {
        good = lexer_fail(state->input, "a number, a name or a point is missing here");
    }
    while (good && lexer_accept(state->input, ".")) {
        int component = lexer_accept(state->input, "x") ? 0 : lexer_accept(state->input, "y") ? 1 : 2;
        if (component == 2 && !lexer_accept(state->input, "z"))
            return lexer_fail(state->input, "a point has the components .x .y .z");
        if (!*vector)
            return lexer_fail(state->input, "a number has no components");
        *vector = false;
        good = emit(state, OPERATION_COMPONENT, component, 0.0f, 0);
    }
    state->nesting--;
    return good;
}

static bool read_product(reading *state, bool *vector)
{
    if (!read_primary(state, vector))
        return false;
    for (;;) {
        bool divide = false;
        if (lexer_accept(state->input, "/"))
            divide = true;
        else if (!lexer_accept(state->input, "*"))
            return true;
        bool right = false;
        if (!read_primary(state, &right))
            return false;
        if (divide && right)
            return lexer_fail(state->input, "nothing can be divided by a point");
        *vector = *vector || right;
        if (!emit(state, divide ? OPERATION_DIVIDE : OPERATION_MULTIPLY, 0, 0.0f, -1))
            return false;
    }
}

static bool read_sum(reading *state, bool *vector)
{
    if (!read_product(state, vector))
        return false;
    for (;;) {
        bool subtract = false;
        if (lexer_accept(state->input, "-"))
            subtract = true;
        else if (!lexer_accept(state->input, "+"))
            return true;
        bool right = false;
        if (!read_product(state, &right))
            return false;
        if (*vector != right)
            return lexer_fail(state->input, "a number and a point cannot be added; multiply or take .x .y .z");
        if (!emit(state, subtract ? OPERATION_SUBTRACT : OPERATION_ADD, 0, 0.0f, -1))
            return false;
    }
}

static bool read_comparison(reading *state, bool *vector)
{
    if (!read_sum(state, vector))
        return false;
    bool less = lexer_accept(state->input, "<");
    if (!less && !lexer_accept(state->input, ">"))
        return true;
    bool right = false;
    if (!read_sum(state, &right))
        return false;
    if (*vector || right)
        return lexer_fail(state->input, "only numbers can be compared");
    return emit(state, less ? OPERATION_LESS : OPERATION_GREATER, 0, 0.0f, -1);
}

bool expression_read(lexer *input, template_builder *builder, expression *out)
{
    reading state = {.input = input, .builder = builder};
    uint32_t first = builder->shape->code_count;
    bool vector = false;
    if (!read_comparison(&state, &vector))
        return false;
    uint32_t count = builder->shape->code_count - first;
    if (count > UINT16_MAX)
        return lexer_fail(input, "this expression is too long; give a part of it a name with let");
    *out = (expression){.first = first, .count = (uint16_t)count, .vector = vector};
    return true;
}

bool expression_read_vector(lexer *input, template_builder *builder, expression *out)
{
    return expression_read(input, builder, out) &&
           (out->vector || lexer_fail(input, "a point such as (x, y, z) is needed here, not a number"));
}

bool expression_read_number(lexer *input, template_builder *builder, expression *out)
{
    return expression_read(input, builder, out) &&
           (!out->vector || lexer_fail(input, "a number is needed here, not a point"));
}

/* ---- Evaluating ------------------------------------------------------------------------------------- */

static vec3 spread(float value)
{
    return (vec3){value, value, value};
}

static float divide(float a, float b)
{
    return b > -1e-12f && b < 1e-12f ? 0.0f : a / b;
}

static float random_value(float index, uint64_t seed)
{
    int32_t key = (int32_t)float_clamp(index * 1024.0f, -1e9f, 1e9f);
    return (float)(random_hash(seed ^ random_hash((uint64_t)(int64_t)key)) >> 40) * 0x1p-24f;
}

/* Keeps runaway arithmetic of a hostile text finite. */
static vec3 bounded(vec3 a)
{
    return (vec3){a.x == a.x ? float_clamp(a.x, -1e6f, 1e6f) : 0.0f, a.y == a.y ? float_clamp(a.y, -1e6f, 1e6f) : 0.0f,
                  a.z == a.z ? float_clamp(a.z, -1e6f, 1e6f) : 0.0f};
}

vec3 expression_value(const sculpt_template *shape, expression code, const vec3 *slots, uint64_t seed)
{
    vec3 stack[SCULPT_STACK_MAX + 1];
    int top = -1;
    for (uint32_t i = 0; i < code.count; i++) {
        const instruction *step = &shape->code[code.first + i];
        switch ((operation)step->operation) {
        case OPERATION_CONSTANT: stack[++top] = spread(step->value); continue;
        case OPERATION_LOAD: stack[++top] = slots[step->slot]; continue;
        case OPERATION_NEGATE: stack[top] = vec3_scale(stack[top], -1.0f); continue;
        case OPERATION_COMPONENT: {
            vec3 a = stack[top];
            stack[top] = spread(step->slot == 0 ? a.x : step->slot == 1 ? a.y : a.z);
            continue;
        }
        case OPERATION_ABS:
            stack[top] = vec3_make(fabsf(stack[top].x), fabsf(stack[top].y), fabsf(stack[top].z));
            continue;
        case OPERATION_SQRT: {
            vec3 a = stack[top];
            stack[top] = vec3_make(a.x > 0 ? sqrtf(a.x) : 0, a.y > 0 ? sqrtf(a.y) : 0, a.z > 0 ? sqrtf(a.z) : 0);
            continue;
        }
        case OPERATION_SIN: stack[top] = spread(sin_degrees(stack[top].x)); continue;
        case OPERATION_COS: stack[top] = spread(cos_degrees(stack[top].x)); continue;
        case OPERATION_FLOOR:
            stack[top] = vec3_make(floorf(stack[top].x), floorf(stack[top].y), floorf(stack[top].z));
            continue;
        case OPERATION_LENGTH: stack[top] = bounded(spread(vec3_length(stack[top]))); continue;
        case OPERATION_RANDOM: stack[top] = spread(random_value(stack[top].x, seed)); continue;
        case OPERATION_VECTOR:
            top -= 2;
            stack[top] = vec3_make(stack[top].x, stack[top + 1].x, stack[top + 2].x);
            continue;
        case OPERATION_MIX: {
            top -= 2;
            vec3 a = stack[top];
            vec3 b = stack[top + 1];
            stack[top] = bounded(vec3_add(a, vec3_multiply(vec3_subtract(b, a), stack[top + 2])));
            continue;
        }
        default: break;
        }
        vec3 b = stack[top--];
        vec3 a = stack[top];
        switch ((operation)step->operation) {
        case OPERATION_ADD: a = vec3_add(a, b); break;
        case OPERATION_SUBTRACT: a = vec3_subtract(a, b); break;
        case OPERATION_MULTIPLY: a = vec3_multiply(a, b); break;
        case OPERATION_DIVIDE: a = vec3_make(divide(a.x, b.x), divide(a.y, b.x), divide(a.z, b.x)); break;
        case OPERATION_LESS: a = spread(a.x < b.x ? 1.0f : 0.0f); break;
        case OPERATION_GREATER: a = spread(a.x > b.x ? 1.0f : 0.0f); break;
        case OPERATION_MIN: a = vec3_make(a.x < b.x ? a.x : b.x, a.y < b.y ? a.y : b.y, a.z < b.z ? a.z : b.z); break;
        default: a = vec3_make(a.x > b.x ? a.x : b.x, a.y > b.y ? a.y : b.y, a.z > b.z ? a.z : b.z); break;
        }
        stack[top] = bounded(a);
    }
    return top < 0 ? spread(0.0f) : stack[top];
}

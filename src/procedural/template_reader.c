/* Reads one template: its parts, colors, parameters and the statements that place solids. */

#include <string.h>

#include "procedural/expression.h"
#include "procedural/reader.h"

typedef struct template_reading {
    lexer *input;
    template_builder builder;
    uint32_t open[SCULPT_NESTING_MAX]; /* statements that still want an end */
    uint32_t depth;
    bool in_part;
} template_reading;

/* ---- Small pieces ----------------------------------------------------------------------------------- */

static sculpt_template *shape_of(template_reading *state)
{
    return state->builder.shape;
}

static int find_part(const sculpt_template *shape, const char *name)
{
    for (uint32_t i = 0; i < shape->part_count; i++)
        if (strcmp(shape->parts[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int find_color(const sculpt_template *shape, const char name[SCULPT_NAME_BYTES])
{
    for (uint32_t i = 0; i < shape->color_count; i++)
        if (same_name(shape->colors[i].name, name))
            return (int)i;
    return -1;
}

static statement *add_statement(template_reading *state, statement_kind kind)
{
    sculpt_template *shape = shape_of(state);
    void *data = shape->statements;
    if (!builder_reserve(state->builder.memory, &data, &state->builder.statement_capacity, shape->statement_count,
                         sizeof *shape->statements)) {
        lexer_fail(state->input, "the library is too large for its memory; make it smaller");
        return NULL;
    }
    shape->statements = data;
    statement *added = &shape->statements[shape->statement_count++];
    *added = (statement){.kind = (uint8_t)kind};
    return added;
}

/* A slot for a name that set, let or for gives a value. The same name may be given a value again. */
static int name_slot(template_reading *state, const char *name, bool vector, bool parameter)
{
    sculpt_template *shape = shape_of(state);
    int slot = builder_find_slot(shape, name);
    if (slot >= 0) {
        if (shape->slots[slot].vector == vector && !parameter && !shape->slots[slot].parameter)
            return slot;
        lexer_fail(state->input, "'%s' already has a value of another kind; choose another name", name);
        return -1;
    }
    if (shape->slot_count >= SCULPT_SLOTS_MAX) {
        lexer_fail(state->input, "a template has at most %d names", SCULPT_SLOTS_MAX);
        return -1;
    }
    sculpt_slot *added = &shape->slots[shape->slot_count];
    memcpy(added->name, name, SCULPT_NAME_BYTES);
    added->vector = vector;
    added->parameter = parameter;
    return (int)shape->slot_count++;
}

static int add_color(template_reading *state, const char *name, const uint8_t rgb[3])
{
    sculpt_template *shape = shape_of(state);
    int slot = -1;
    if (name[0] != '\0') {
        slot = find_color(shape, name);
    } else {
        for (uint32_t i = 0; i < shape->color_count; i++)
            if (shape->colors[i].name[0] == '\0' && memcmp(shape->colors[i].rgb, rgb, 3) == 0)
                slot = (int)i;
    }
    if (slot < 0) {
        if (shape->color_count >= SCULPT_COLORS_MAX) {
            lexer_fail(state->input, "a template has at most %d colors", SCULPT_COLORS_MAX);
            return -1;
        }
        slot = (int)shape->color_count++;
        shape->colors[slot] = (color_slot){0};
        memcpy(shape->colors[slot].name, name, strlen(name) + 1);
    }
    memcpy(shape->colors[slot].rgb, rgb, 3);
    return slot;
}

static bool take_color(template_reading *state, uint8_t rgb[3])
{
    if (state->input->next.kind != TOKEN_COLOR)
        return lexer_fail(state->input, "a color such as #8a5a33 is missing here");
    memcpy(rgb, lexer_take(state->input).rgb, 3);
    return true;
}

/* ---- Declarations ------------------------------------------------------------------------------------ */

static bool read_parts(template_reading *state)
{
    sculpt_template *shape = shape_of(state);
    static const uint8_t gray[3] = {0xb0, 0xb0, 0xb0};
    if (shape->part_count > 0)
        return lexer_fail(state->input, "a template lists its parts once");
    while (state->input->next.kind == TOKEN_NAME) {
        token name = lexer_take(state->input);
        if (shape->part_count >= LUMEN_PARTS_MAX)
            return lexer_fail(state->input, "a template has at most %d parts", LUMEN_PARTS_MAX);
        if (find_part(shape, name.name) >= 0)
            return lexer_fail(state->input, "the part '%s' is listed twice", name.name);
        sculpt_part *added = &shape->parts[shape->part_count++];
        memcpy(added->name, name.name, SCULPT_NAME_BYTES);
        added->parent = -1;
        /* The first color slots are the parts' own, in the same order. */
        if (add_color(state, name.name, gray) < 0)
            return false;
        shape->colors[shape->color_count - 1].painted = true;
    }
    return shape->part_count > 0 || lexer_fail(state->input, "parts are missing: parts head body ...");
}

static bool read_paint(template_reading *state)
{
    sculpt_template *shape = shape_of(state);
    for (uint32_t i = 0; i < shape->color_count; i++)
        shape->colors[i].painted = false;
    while (state->input->next.kind == TOKEN_NAME) {
        token name = lexer_take(state->input);
        int slot = find_color(shape, name.name);
        if (slot < 0)
            return lexer_fail(state->input, "there is no color or part '%s' above this line", name.name);
        shape->colors[slot].painted = true;
    }
    return true;
}

static bool read_color_slot(template_reading *state)
{
    char name[SCULPT_NAME_BYTES];
    uint8_t rgb[3];
    return reader_take_name(state->input, "color's name", name) && take_color(state, rgb) &&
           add_color(state, name, rgb) >= 0;
}

static bool read_value(template_reading *state, bool parameter)
{
    char name[SCULPT_NAME_BYTES];
    expression value;
    if (!reader_take_name(state->input, "name", name))
        return false;
    if (parameter ? !expression_read_number(state->input, &state->builder, &value)
                  : !expression_read(state->input, &state->builder, &value))
        return false;
    int slot = name_slot(state, name, value.vector, parameter);
    statement *added = slot < 0 ? NULL : add_statement(state, parameter ? STATEMENT_SET : STATEMENT_LET);
    if (added == NULL)
        return false;
    added->slot = (uint8_t)slot;
    added->value = value;
    return true;
}

static bool read_part(template_reading *state)
{
    sculpt_template *shape = shape_of(state);
    char name[SCULPT_NAME_BYTES];
    if (!reader_take_name(state->input, "part's name", name))
        return false;
    int index = find_part(shape, name);
    if (index < 0)
        return lexer_fail(state->input, "the template's line of parts does not list '%s'", name);
    if (state->depth > 0)
        return lexer_fail(state->input, "a part cannot begin inside if, for or frame; end that first");
    sculpt_part *part = &shape->parts[index];
    while (state->input->next.kind == TOKEN_NAME) {
        bool good;
        if (lexer_accept(state->input, "on")) {
            char parent[SCULPT_NAME_BYTES];
            good = reader_take_name(state->input, "parent part", parent);
            part->parent = good ? find_part(shape, parent) : -1;
            if (good && (part->parent < 0 || part->parent == index))
                good = lexer_fail(state->input, "'%s' is no other part of this template", parent);
        } else if (lexer_accept(state->input, "join")) {
            good = expression_read_number(state->input, &state->builder, &part->join);
        } else if (lexer_accept(state->input, "blend")) {
            good = expression_read_number(state->input, &state->builder, &part->blend);
        } else if (lexer_accept(state->input, "detail")) {
            good = expression_read_number(state->input, &state->builder, &part->detail);
        } else if (lexer_accept(state->input, "color")) {
            uint8_t rgb[3];
            good = take_color(state, rgb) && add_color(state, name, rgb) >= 0;
        } else {
            good = lexer_fail(state->input, "a part knows on, join, blend, detail and color, not '%s'",
                              state->input->next.name);
        }
        if (!good)
            return false;
    }
    statement *added = add_statement(state, STATEMENT_PART);
    if (added != NULL)
        added->slot = (uint8_t)index;
    state->in_part = true;
    return added != NULL;
}

/* ---- Blocks -------------------------------------------------------------------------------------------- */

static bool push_block(template_reading *state, statement *opener)
{
    if (opener == NULL)
        return false;
    if (state->depth >= SCULPT_NESTING_MAX)
        return lexer_fail(state->input, "blocks are nested at most %d deep", SCULPT_NESTING_MAX);
    state->open[state->depth++] = (uint32_t)(opener - shape_of(state)->statements);
    return true;
}

static bool read_if(template_reading *state)
{
    expression condition;
    if (!expression_read_number(state->input, &state->builder, &condition))
        return false;
    statement *added = add_statement(state, STATEMENT_IF);
    if (added != NULL)
        added->value = condition;
    return push_block(state, added);
}

static bool read_for(template_reading *state)
{
    char name[SCULPT_NAME_BYTES];
    expression count;
    if (!reader_take_name(state->input, "counter's name", name) ||
        !expression_read_number(state->input, &state->builder, &count))
        return false;
    int slot = name_slot(state, name, false, false);
    statement *added = slot < 0 ? NULL : add_statement(state, STATEMENT_FOR);
    if (added == NULL)
        return false;
    added->slot = (uint8_t)slot;
    added->value = count;
    return push_block(state, added);
}

static bool read_frame(template_reading *state)
{
    expression place;
    expression turn = {0};
    expression scale = {0};
    if (!expression_read_vector(state->input, &state->builder, &place))
        return false;
    if (lexer_accept(state->input, "turn") && !expression_read_vector(state->input, &state->builder, &turn))
        return false;
    if (lexer_accept(state->input, "scale") && !expression_read_number(state->input, &state->builder, &scale))
        return false;
    statement *added = add_statement(state, STATEMENT_FRAME);
    if (added == NULL)
        return false;
    added->value = place;
    added->turn = turn;
    added->round = scale;
    return push_block(state, added);
}

static bool read_else(template_reading *state)
{
    sculpt_template *shape = shape_of(state);
    if (state->depth == 0 || shape->statements[state->open[state->depth - 1]].kind != STATEMENT_IF)
        return lexer_fail(state->input, "else stands alone; it belongs behind an if");
    statement *added = add_statement(state, STATEMENT_ELSE);
    if (added == NULL)
        return false;
    uint32_t index = shape->statement_count - 1;
    shape->statements[state->open[state->depth - 1]].jump = index;
    state->open[state->depth - 1] = index;
    return true;
}

static bool read_end(template_reading *state)
{
    sculpt_template *shape = shape_of(state);
    if (state->depth == 0)
        return lexer_fail(state->input, "end stands alone; it closes an if, a for or a frame");
    statement *added = add_statement(state, STATEMENT_END);
    if (added == NULL)
        return false;
    uint32_t opener = state->open[--state->depth];
    added->jump = opener;
    shape->statements[opener].jump = shape->statement_count - 1;
    return true;
}

/* ---- Solids --------------------------------------------------------------------------------------------- */

/* Types of the arguments: v a point, s a point or a number (for all three), n a number. Those behind the
 * colon repeat, at least `repeats` times. */
static const struct {
    const char *name;
    solid_kind kind;
    const char *fixed;
    const char *repeated;
    int repeats;
} solids[] = {
    {"ball", SOLID_BALL, "vn", "", 0},   {"ellipsoid", SOLID_ELLIPSOID, "vs", "", 0},
    {"limb", SOLID_LIMB, "", "vn", 2},   {"tube", SOLID_TUBE, "", "vn", 2},
    {"box", SOLID_BOX, "vs", "", 0},     {"rod", SOLID_ROD, "vvn", "n", 0},
    {"ring", SOLID_RING, "vvnn", "", 0}, {"lathe", SOLID_LATHE, "vv", "nn", 2},
    {"slab", SOLID_SLAB, "vn", "nn", 3},
};

static bool read_argument(template_reading *state, char type, uint16_t *count)
{
    sculpt_template *shape = shape_of(state);
    if (*count >= SCULPT_ARGUMENTS_MAX)
        return lexer_fail(state->input, "a solid has at most %d arguments", SCULPT_ARGUMENTS_MAX);
    void *data = shape->arguments;
    if (!builder_reserve(state->builder.memory, &data, &state->builder.argument_capacity, shape->argument_count,
                         sizeof *shape->arguments))
        return lexer_fail(state->input, "the library is too large for its memory; make it smaller");
    shape->arguments = data;
    expression *place = &shape->arguments[shape->argument_count];
    bool good = type == 'v'   ? expression_read_vector(state->input, &state->builder, place)
                : type == 'n' ? expression_read_number(state->input, &state->builder, place)
                              : expression_read(state->input, &state->builder, place);
    if (good) {
        shape->argument_count++;
        (*count)++;
    }
    return good;
}

static bool read_arguments(template_reading *state, const char *name, const char *fixed, const char *repeated,
                           int repeats, uint16_t *count)
{
    for (const char *type = fixed; *type != '\0'; type++) {
        if (type != fixed && !lexer_accept(state->input, ","))
            return lexer_fail(state->input, "%s needs %zu arguments with commas between", name, strlen(fixed));
        if (!read_argument(state, *type, count))
            return false;
    }
    int rounds = 0;
    while (*repeated != '\0' && (*count == 0 || lexer_accept(state->input, ","))) {
        for (const char *type = repeated; *type != '\0'; type++) {
            if (type != repeated && !lexer_accept(state->input, ","))
                return lexer_fail(state->input, "%s needs its last arguments in groups of %zu", name, strlen(repeated));
            if (!read_argument(state, *type, count))
                return false;
        }
        rounds++;
    }
    if (repeats == 0 && rounds > 1)
        return lexer_fail(state->input, "%s has more arguments than it knows", name);
    if (rounds < repeats)
        return lexer_fail(state->input, "%s needs at least %d groups of arguments at its end", name, repeats);
    return true;
}

static bool read_options(template_reading *state, statement *out)
{
    while (state->input->next.kind == TOKEN_NAME) {
        if (lexer_accept(state->input, "turn")) {
            if (!expression_read_vector(state->input, &state->builder, &out->turn))
                return false;
        } else if (lexer_accept(state->input, "round")) {
            if (!expression_read_number(state->input, &state->builder, &out->round))
                return false;
        } else if (lexer_accept(state->input, "blend")) {
            if (!expression_read_number(state->input, &state->builder, &out->blend))
                return false;
        } else if (lexer_accept(state->input, "mirror")) {
            out->mirror = true;
        } else if (lexer_accept(state->input, "smooth")) {
            out->smooth = true;
        } else if (lexer_accept(state->input, "color")) {
            int slot;
            if (state->input->next.kind == TOKEN_COLOR) {
                slot = add_color(state, "", lexer_take(state->input).rgb);
            } else {
                slot =
                    state->input->next.kind == TOKEN_NAME ? find_color(shape_of(state), state->input->next.name) : -1;
                if (state->input->next.kind != TOKEN_NAME)
                    lexer_fail(state->input, "a color's name or #rrggbb is missing behind color");
                else if (slot < 0)
                    lexer_fail(state->input, "there is no color '%s'; name one above: color %s #8a5a33",
                               state->input->next.name, state->input->next.name);
                else
                    lexer_take(state->input);
            }
            if (slot < 0)
                return false;
            out->color = (uint8_t)(slot + 1);
        } else {
            return lexer_fail(state->input, "a solid knows turn, round, blend, color, mirror and smooth, not '%s'",
                              state->input->next.name);
        }
    }
    return true;
}

static bool read_solid(template_reading *state)
{
    solid_use use = lexer_accept(state->input, "cut")    ? SOLID_CUT
                    : lexer_accept(state->input, "keep") ? SOLID_KEEP
                                                         : SOLID_ADD;
    char name[SCULPT_NAME_BYTES];
    if (!reader_take_name(state->input, "solid", name))
        return false;
    for (size_t i = 0; i < sizeof solids / sizeof *solids; i++) {
        if (strcmp(solids[i].name, name) != 0)
            continue;
        if (!state->in_part)
            return lexer_fail(state->input, "a solid belongs into a part; write part NAME above it");
        statement read = {.kind = STATEMENT_SOLID, .solid = (uint8_t)solids[i].kind, .use = (uint8_t)use};
        read.first_argument = shape_of(state)->argument_count;
        if (!read_arguments(state, name, solids[i].fixed, solids[i].repeated, solids[i].repeats,
                            &read.argument_count) ||
            !read_options(state, &read))
            return false;
        statement *added = add_statement(state, STATEMENT_SOLID);
        if (added != NULL)
            *added = read;
        return added != NULL;
    }
    return lexer_fail(state->input, "'%s' is neither a statement nor a solid", name);
}

/* ---- The whole ------------------------------------------------------------------------------------------- */

static bool read_statement(template_reading *state)
{
    if (lexer_accept(state->input, "parts"))
        return read_parts(state);
    if (lexer_accept(state->input, "paint"))
        return read_paint(state);
    if (lexer_accept(state->input, "color"))
        return read_color_slot(state);
    if (lexer_accept(state->input, "set"))
        return read_value(state, true);
    if (lexer_accept(state->input, "let"))
        return read_value(state, false);
    if (lexer_accept(state->input, "part"))
        return read_part(state);
    if (lexer_accept(state->input, "if"))
        return read_if(state);
    if (lexer_accept(state->input, "else"))
        return read_else(state);
    if (lexer_accept(state->input, "for"))
        return read_for(state);
    if (lexer_accept(state->input, "frame"))
        return read_frame(state);
    if (lexer_accept(state->input, "end"))
        return read_end(state);
    return read_solid(state);
}

bool template_read(lexer *input, arena *memory, sculpt_template **out)
{
    sculpt_template *shape = arena_allocate(memory, sizeof *shape);
    if (shape == NULL)
        return lexer_fail(input, "the library is too large for its memory; make it smaller");
    *shape = (sculpt_template){0};
    template_reading state = {.input = input, .builder = {.shape = shape, .memory = memory}};
    if (!reader_take_name(input, "template's name", shape->name) || !reader_end_line(input))
        return false;
    while (!reader_at_opening(input)) {
        if (input->next.kind == TOKEN_NEWLINE) {
            lexer_take(input);
            continue;
        }
        if (!read_statement(&state) || !reader_end_line(input))
            return false;
    }
    if (state.depth > 0)
        return lexer_fail(input, "the template '%s' ends inside a block; an end is missing", shape->name);
    if (shape->part_count == 0)
        return lexer_fail(input, "the template '%s' has no parts; add a line: parts head body ...", shape->name);
    *out = shape;
    return true;
}

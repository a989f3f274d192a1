/* The text of templates, line by line. docs/motion.md describes it. */
#include <stdarg.h>
#include <stdio.h>

#include "motion/internal.h"

/* ---- Words ------------------------------------------------------------------------------------------- */

typedef struct reader {
    motion_library *motions;
    const char *source;
    const char *at, *end;
    uint32_t line;
    bool given;
    uint32_t templates_before; /* those of earlier texts */
    char word[64];             /* the present word of the line; "" at its end, ":" by itself */
    lumen_error *error;
    lumen_status status; /* the first failure */
    motion_template *present;
    motion_rule rules[MOTION_RULES_MOST]; /* of the present template */
} reader;

static bool fail(reader *input, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(reader *input, const char *format, ...)
{
    if (input->status != LUMEN_OK)
        return false;
    char reason[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    input->status =
        lumen_fail(input->error, LUMEN_ERROR_INVALID, "%.80s:%u: %s", input->source, (unsigned)input->line, reason);
    return false;
}

static bool fail_memory(reader *input)
{
    if (input->status == LUMEN_OK)
        input->status = lumen_fail_memory(input->error, "the motion templates");
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '*' ||
           c == '-' || c == '.' || c == '+';
}

/* Reads the next word of the line into input->word. */
static bool next_word(reader *input)
{
    input->word[0] = '\0';
    while (input->at < input->end && is_blank(*input->at))
        input->at++;
    if (input->at >= input->end || *input->at == '\n' || *input->at == '#')
        return input->status == LUMEN_OK;
    if (*input->at == ':') {
        input->at++;
        memcpy(input->word, ":", 2);
        return true;
    }
    size_t length = 0;
    while (input->at < input->end && is_of_word(*input->at)) {
        if (length + 1 >= sizeof input->word)
            return fail(input, "a word is longer than %zu characters; shorten it", sizeof input->word - 1);
        input->word[length++] = *input->at++;
    }
    input->word[length] = '\0';
    if (length == 0)
        return fail(input, "the byte 0x%02x has no meaning here; remove it", (unsigned)(unsigned char)*input->at);
    return true;
}

static bool is_word(const reader *input, const char *text)
{
    return strcmp(input->word, text) == 0;
}

/* A number of digits and at most one point, by hand so that no locale has a say. */
static bool read_number(reader *input, float *out)
{
    const char *at = input->word;
    bool negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    double value = 0.0;
    double scale = 1.0;
    int digits = 0;
    bool fraction = false;
    for (; *at != '\0'; at++) {
        if (*at == '.' && !fraction) {
            fraction = true;
        } else if (*at >= '0' && *at <= '9' && digits < 9) {
            value = value * 10.0 + (*at - '0');
            scale *= fraction ? 10.0 : 1.0;
            digits++;
        } else {
            digits = 0;
            break;
        }
    }
    if (digits == 0)
        return fail(input, "'%s' is no number of at most 9 digits; write one like -0.25", input->word);
    value /= scale;
    if (value > 1000.0)
        return fail(input, "%s is larger than a thousand; make it smaller", input->word);
    *out = (float)(negative ? -value : value);
    return next_word(input);
}

static bool copy_name(reader *input, char *out, const char *what)
{
    size_t length = strlen(input->word);
    if (length == 0 || is_word(input, ":"))
        return fail(input, "%s is missing; add it", what);
    if (length >= MOTION_NAME_BYTES)
        return fail(input, "%s is longer than %d characters; shorten it", what, MOTION_NAME_BYTES - 1);
    memcpy(out, input->word, length + 1);
    return next_word(input);
}

/* ---- Lists ------------------------------------------------------------------------------------------- */

static bool ends_list(const reader *input)
{
    return input->word[0] == '\0' || is_word(input, ":") || is_word(input, "in") || is_word(input, "with") ||
           is_word(input, "without");
}

/* Words up to the end of the line, a colon or the next condition. */
static bool read_list(reader *input, motion_list *out, const char *what)
{
    char text[MOTION_WORDS_MOST * MOTION_NAME_BYTES];
    size_t size = 0;
    uint32_t count = 0;
    while (!ends_list(input)) {
        if (count == MOTION_WORDS_MOST)
            return fail(input, "%s are more than %d; split them over two rules", what, MOTION_WORDS_MOST);
        if (!copy_name(input, text + size, what))
            return false;
        size += strlen(text + size) + 1;
        count++;
    }
    if (input->status != LUMEN_OK)
        return false;
    if (count == 0)
        return fail(input, "%s are missing; name at least one", what);
    char *copy = arena_allocate(input->motions->memory, size);
    if (copy == NULL)
        return fail_memory(input);
    memcpy(copy, text, size);
    *out = (motion_list){.count = count, .text = copy};
    return true;
}

/* ---- Rules ------------------------------------------------------------------------------------------- */

static const motion_parameter *parameter_of(const motion_about *about, const char *name)
{
    for (uint32_t i = 0; i < about->parameter_count; i++)
        if (strcmp(about->parameters[i].name, name) == 0)
            return &about->parameters[i];
    return NULL;
}

static bool read_axis(reader *input, motion_rule *rule)
{
    static const char *const names[3] = {"x", "y", "z"};
    if (is_word(input, "lift")) {
        rule->lift = true;
        return rule->whole ? fail(input, "'axis lift' is for parts; give the body a direction") : next_word(input);
    }
    const char *name = input->word[0] == '-' ? input->word + 1 : input->word;
    for (int k = 0; k < 3; k++) {
        if (strcmp(name, names[k]) == 0) {
            rule->row.axis[0] = rule->row.axis[1] = rule->row.axis[2] = 0.0f;
            rule->row.axis[k] = input->word[0] == '-' ? -1.0f : 1.0f;
            return next_word(input);
        }
    }
    for (int k = 0; k < 3; k++)
        if (!read_number(input, &rule->row.axis[k]))
            return false;
    vec3 axis = {rule->row.axis[0], rule->row.axis[1], rule->row.axis[2]};
    if (vec3_length(axis) < 0.001f)
        return fail(input, "the axis has no length; give it a direction");
    axis = vec3_normalize(axis, vec3_make(0.0f, 1.0f, 0.0f));
    rule->row.axis[0] = axis.x;
    rule->row.axis[1] = axis.y;
    rule->row.axis[2] = axis.z;
    return true;
}

static bool read_place(reader *input, motion_rule *rule)
{
    static const struct {
        const char *name;
        motion_place place;
    } places[] = {{"joint", MOTION_AT_JOINT}, {"center", MOTION_AT_CENTER}, {"middle", MOTION_AT_MIDDLE},
                  {"floor", MOTION_AT_FLOOR}, {"top", MOTION_AT_TOP},       {"front", MOTION_AT_FRONT},
                  {"back", MOTION_AT_BACK},   {"axles", MOTION_AT_AXLES}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (is_word(input, places[i].name)) {
            rule->place = places[i].place;
            return next_word(input);
        }
    }
    rule->place = MOTION_AT_PART;
    return copy_name(input, rule->place_part, "the place behind 'at'");
}

/* "amplitude 0.4", "axis -z", "at neck". */
static bool read_parameter(reader *input, const motion_about *about, motion_rule *rule)
{
    if (is_word(input, "axis") && parameter_of(about, "axis_x") != NULL)
        return next_word(input) && read_axis(input, rule);
    if (is_word(input, "at") && parameter_of(about, "pivot_x") != NULL)
        return next_word(input) && read_place(input, rule);
    const motion_parameter *one = parameter_of(about, input->word);
    if (one == NULL || strchr(one->name, '_') != NULL) {
        char word[sizeof input->word];
        memcpy(word, input->word, sizeof word);
        return fail(input, "%s takes no '%s'; it takes what docs/motion.md lists for it", about->name, word);
    }
    float *values = motion_row_floats(&rule->row);
    if (!next_word(input) || !read_number(input, &values[one->place]))
        return false;
    if (strcmp(one->name, "amplitude") == 0 && is_word(input, "reach")) {
        rule->of_reach = true;
        return next_word(input);
    }
    return true;
}

/* Behind the colon: a primitive and its parameters, or "still". */
static bool read_movement(reader *input, motion_rule *rule)
{
    const vec3 nowhere = {0.0f, 0.0f, 0.0f};
    int primitive = is_word(input, "still") ? MOTION_NONE : motion_primitive_of(input->word);
    rule->row = motion_row_usual(primitive, nowhere);
    if (primitive == MOTION_NONE) {
        if (!is_word(input, "still"))
            return fail(input, "'%s' is no primitive; take one of docs/motion.md, or 'still'", input->word);
        return next_word(input) && (input->word[0] == '\0' || fail(input, "'still' takes no parameters; remove them"));
    }
    const motion_about *about = motion_primitive_about(primitive);
    rule->place = rule->whole ? MOTION_AT_MIDDLE : MOTION_AT_JOINT;
    if (!next_word(input))
        return false;
    while (input->word[0] != '\0')
        if (!read_parameter(input, about, rule))
            return false;
    if (rule->place == MOTION_AT_AXLES && (primitive != MOTION_RIGID_ROTATE || rule->whole))
        return fail(input, "'at axles' is for parts that rigid_rotate; take another place");
    return true;
}

static bool read_rule(reader *input, bool whole)
{
    if (input->present->rule_count == MOTION_RULES_MOST)
        return fail(input, "a motion has more than %d rules; join some", MOTION_RULES_MOST);
    motion_rule *rule = &input->rules[input->present->rule_count];
    *rule = (motion_rule){.whole = whole};
    if (!whole && !read_list(input, &rule->parts, "the names of parts"))
        return false;
    while (input->word[0] != '\0' && !is_word(input, ":")) {
        motion_list *list = NULL;
        if (is_word(input, "in"))
            list = &rule->types;
        else if (is_word(input, "with"))
            list = &rule->with;
        else if (is_word(input, "without"))
            list = &rule->without;
        if (list == NULL)
            return fail(input, "'%s' is no condition; take in, with or without, or a colon before the primitive",
                        input->word);
        if (list->count > 0)
            return fail(input, "a condition is there twice; write all its names behind one");
        if (!next_word(input) || !read_list(input, list, "the names of a condition"))
            return false;
    }
    if (!is_word(input, ":"))
        return fail(input, "a colon is missing before the primitive; add it");
    if (!next_word(input) || !read_movement(input, rule))
        return false;
    input->present->rule_count++;
    return true;
}

/* ---- Templates --------------------------------------------------------------------------------------- */

/* Keeps the rules of the template that ends here. */
static bool end_template(reader *input)
{
    motion_template *one = input->present;
    if (one == NULL)
        return true;
    input->present = NULL;
    size_t size = one->rule_count * sizeof(motion_rule);
    one->rules = arena_allocate(input->motions->memory, size);
    if (one->rules == NULL) {
        one->rule_count = 0;
        return fail_memory(input);
    }
    memcpy(one->rules, input->rules, size);
    return true;
}

static bool begin_template(reader *input)
{
    char name[MOTION_NAME_BYTES];
    if (!end_template(input) || !copy_name(input, name, "the name of a motion"))
        return false;
    motion_library *motions = input->motions;
    uint32_t index = 0;
    while (index < motions->count && strcmp(motions->templates[index].name, name) != 0)
        index++;
    bool there = index < motions->count;
    if (there && (index >= input->templates_before || motions->templates[index].given))
        return fail(input, "the motion '%s' is there twice; rename one", name);
    if (index == MOTION_TEMPLATES_MOST)
        return fail(input, "there are more than %d motions; remove some", MOTION_TEMPLATES_MOST);
    motions->count += !there;
    motion_template *one = &motions->templates[index];
    *one = (motion_template){.given = input->given};
    memcpy(one->name, name, sizeof name);
    input->present = one;
    return true;
}

static bool read_line(reader *input)
{
    if (!next_word(input) || input->word[0] == '\0')
        return input->status == LUMEN_OK;
    enum { MOTION, VERBS, BODY, PART, KINDS };
    static const char *const kinds[KINDS] = {"motion", "verbs", "body", "part"};
    int kind = 0;
    while (kind < KINDS && !is_word(input, kinds[kind]))
        kind++;
    if (kind == KINDS)
        return fail(input, "a line begins with motion, verbs, body or part, not '%s'; mend it", input->word);
    if (kind != MOTION && input->present == NULL)
        return fail(input, "'%s' belongs to no motion; put a line 'motion NAME' before it", input->word);
    if (!next_word(input))
        return false;
    bool done = kind == MOTION  ? begin_template(input)
                : kind == VERBS ? read_list(input, &input->present->verbs, "the verbs")
                                : read_rule(input, kind == BODY);
    if (done && input->word[0] != '\0')
        return fail(input, "'%s' is too much here; remove it", input->word);
    return done;
}

lumen_status motion_read_text(motion_library *motions, const char *text, size_t size, const char *source, bool given,
                              lumen_error *error)
{
    if (size > MOTION_TEXT_MOST)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%.80s has more than %d bytes; split it", source,
                          MOTION_TEXT_MOST);
    reader *input = arena_allocate(motions->memory, sizeof *input);
    if (input == NULL)
        return lumen_fail_memory(error, "the motion templates");
    *input = (reader){.motions = motions,
                      .source = source,
                      .at = text,
                      .end = text + size,
                      .line = 1,
                      .given = given,
                      .templates_before = given ? motions->count : 0,
                      .error = error};
    while (input->at < input->end && read_line(input)) {
        while (input->at < input->end && *input->at != '\n')
            input->at++;
        if (input->at < input->end)
            input->at++;
        input->line++;
    }
    if (input->status == LUMEN_OK)
        end_template(input);
    return input->status;
}

/* Reads a whole library: templates, concepts, adjectives, tints and measures, and ties them together. */

#include "procedural/reader.h"

#include <string.h>

#include "base/error.h"
#include "procedural/expression.h"

enum { LIBRARY_BYTES_MAX = 64 << 20 };

/* ---- Shared with template_reader.c --------------------------------------------------------------------- */

bool reader_at_opening(const lexer *input)
{
    static const char *const openings[] = {"template", "concept", "adjective", "tint", "measure"};
    if (input->next.kind == TOKEN_END)
        return true;
    if (input->next.kind != TOKEN_NAME)
        return false;
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++)
        if (strcmp(input->next.name, openings[i]) == 0)
            return true;
    return false;
}

bool reader_take_name(lexer *input, const char *what, char out[SCULPT_NAME_BYTES])
{
    if (input->next.kind != TOKEN_NAME)
        return lexer_fail(input, "a %s is missing here", what);
    memcpy(out, lexer_take(input).name, SCULPT_NAME_BYTES);
    return true;
}

bool reader_end_line(lexer *input)
{
    if (input->status != LUMEN_OK)
        return false;
    if (input->next.kind == TOKEN_NEWLINE) {
        lexer_take(input);
        return true;
    }
    if (input->next.kind == TOKEN_END)
        return true;
    return lexer_fail(input, "the line goes on where it should end; put the rest on a line of its own");
}

/* ---- Lists of named things ------------------------------------------------------------------------------ */

static bool fail_memory(lexer *input)
{
    return lexer_fail(input, "the library is too large for its memory; make it smaller");
}

/* Index of the first entry whose name does not sort before `name`. */
static uint32_t named_list_place(const named_list *list, const char *name)
{
    uint32_t low = 0;
    uint32_t high = list->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (strcmp(list->entries[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *named_list_find(const named_list *list, const char *name)
{
    uint32_t place = named_list_place(list, name);
    return place < list->count && strcmp(list->entries[place], name) == 0 ? list->entries[place] : NULL;
}

/* Puts `entry`, which begins with its name, in its sorted place, over an older entry of the same name. */
static bool named_list_insert(lexer *input, arena *memory, named_list *list, void *entry)
{
    uint32_t place = named_list_place(list, entry);
    if (place < list->count && strcmp(list->entries[place], entry) == 0) {
        list->entries[place] = entry;
        return true;
    }
    void *data = list->entries;
    if (!builder_reserve(memory, &data, &list->capacity, list->count, sizeof *list->entries))
        return fail_memory(input);
    list->entries = data;
    memmove(list->entries + place + 1, list->entries + place, (list->count - place) * sizeof *list->entries);
    list->entries[place] = entry;
    list->count++;
    return true;
}

/* ---- Concepts ------------------------------------------------------------------------------------------- */

static bool read_factor(lexer *input, proportion *out)
{
    out->factor = lexer_accept(input, "*");
    bool negative = lexer_accept(input, "-");
    if (input->next.kind != TOKEN_NUMBER)
        return lexer_fail(input, "a number is missing behind '%s'", out->name);
    out->value = lexer_take(input).number;
    if (negative)
        out->value = -out->value;
    return true;
}

/* Pairs such as `leg_length 1.2  neck_length *1.4` and `color body #8a5a33`, until something else opens. */
static bool read_proportions(lexer *input, arena *memory, const proportion **proportions, uint32_t *proportion_count,
                             const concept_color **colors, uint32_t *color_count)
{
    void *list = NULL;
    void *color_list = NULL;
    uint32_t capacity = 0;
    uint32_t color_capacity = 0;
    while (!reader_at_opening(input)) {
        if (input->next.kind == TOKEN_NEWLINE) {
            lexer_take(input);
            continue;
        }
        if (colors != NULL && lexer_accept(input, "color")) {
            if (!builder_reserve(memory, &color_list, &color_capacity, *color_count, sizeof **colors))
                return fail_memory(input);
            concept_color *entry = (concept_color *)color_list + *color_count;
            if (!reader_take_name(input, "color's name", entry->name))
                return false;
            if (input->next.kind != TOKEN_COLOR)
                return lexer_fail(input, "a color such as #8a5a33 is missing here");
            memcpy(entry->rgb, lexer_take(input).rgb, 3);
            (*color_count)++;
            continue;
        }
        if (!builder_reserve(memory, &list, &capacity, *proportion_count, sizeof **proportions))
            return fail_memory(input);
        proportion *entry = (proportion *)list + *proportion_count;
        if (!reader_take_name(input, "parameter", entry->name) || !read_factor(input, entry))
            return false;
        (*proportion_count)++;
    }
    *proportions = list;
    if (colors != NULL)
        *colors = color_list;
    return input->status == LUMEN_OK;
}

static bool read_concept(lexer *input, sculpt_library *library, uint32_t source)
{
    sculpt_concept *entry = arena_allocate(library->memory, sizeof *entry);
    if (entry == NULL)
        return fail_memory(input);
    *entry = (sculpt_concept){.line = input->next.line, .source = source};
    entry->file = arena_copy_text(library->memory, input->source, strlen(input->source));
    if (entry->file == NULL)
        return fail_memory(input);
    if (!reader_take_name(input, "concept's name", entry->name))
        return false;
    if (!lexer_accept(input, "of"))
        return lexer_fail(input, "a concept names what it varies: concept %s of TEMPLATE", entry->name);
    if (!reader_take_name(input, "template or concept", entry->parent))
        return false;
    /* `is ...` and `also ...` tie the concept to WordNet; they concern the compiler of the lexicon alone. */
    if (input->next.kind == TOKEN_NAME && strcmp(input->next.name, "is") != 0 && strcmp(input->next.name, "also") != 0)
        return lexer_fail(input, "behind the parent stand only is and also, not '%s'", input->next.name);
    lexer_skip_line(input);
    entry->replaced = named_list_find(&library->concepts, entry->name);
    return read_proportions(input, library->memory, &entry->proportions, &entry->proportion_count, &entry->colors,
                            &entry->color_count) &&
           named_list_insert(input, library->memory, &library->concepts, entry);
}

/* ---- Adjectives ------------------------------------------------------------------------------------------ */

/* A stretch is three numbers: along x (width), y (height), z (length). */
static bool read_stretch(lexer *input, float stretch[3])
{
    for (int axis = 0; axis < 3; axis++) {
        if (input->next.kind != TOKEN_NUMBER)
            return lexer_fail(input, "stretch needs three numbers: width, height, length");
        stretch[axis] = lexer_take(input).number;
        if (!(stretch[axis] >= 0.05f && stretch[axis] <= 20.0f))
            return lexer_fail(input, "a stretch lies between 0.05 and 20");
    }
    return reader_end_line(input);
}

/* adjective NAME NAME ...   then an optional stretch line and pairs of parameter and factor */
static bool read_adjective(lexer *input, sculpt_library *library)
{
    char names[16][SCULPT_NAME_BYTES];
    uint32_t count = 0;
    while (input->next.kind == TOKEN_NAME) {
        if (count == 16)
            return lexer_fail(input, "an adjective has at most 16 names; begin another one");
        memcpy(names[count++], lexer_take(input).name, SCULPT_NAME_BYTES);
    }
    if (count == 0)
        return lexer_fail(input, "an adjective is missing here");
    if (!reader_end_line(input))
        return false;
    sculpt_adjective read = {.stretch = {1.0f, 1.0f, 1.0f}};
    while (input->next.kind == TOKEN_NEWLINE)
        lexer_take(input);
    if (lexer_accept(input, "stretch") && !read_stretch(input, read.stretch))
        return false;
    if (!read_proportions(input, library->memory, &read.proportions, &read.proportion_count, NULL, NULL))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        sculpt_adjective *entry = arena_allocate(library->memory, sizeof *entry);
        if (entry == NULL)
            return fail_memory(input);
        *entry = read;
        memcpy(entry->name, names[i], SCULPT_NAME_BYTES);
        if (!named_list_insert(input, library->memory, &library->adjectives, entry))
            return false;
    }
    return true;
}

/* tint NAME NAME ... #rrggbb */
static bool read_tint(lexer *input, sculpt_library *library)
{
    sculpt_tint *entries[16];
    uint32_t count = 0;
    while (input->next.kind == TOKEN_NAME) {
        if (count == 16)
            return lexer_fail(input, "a tint has at most 16 names; begin another one");
        sculpt_tint *entry = arena_allocate(library->memory, sizeof *entry);
        if (entry == NULL)
            return fail_memory(input);
        memcpy(entry->name, lexer_take(input).name, SCULPT_NAME_BYTES);
        entries[count++] = entry;
    }
    if (count == 0 || input->next.kind != TOKEN_COLOR)
        return lexer_fail(input, "a tint is names and a color: tint red scarlet #d0342c");
    token color = lexer_take(input);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(entries[i]->rgb, color.rgb, 3);
        if (!named_list_insert(input, library->memory, &library->tints, entries[i]))
            return false;
    }
    return reader_end_line(input);
}

/* measure NAME  length *1.6  size *1.3 */
static bool read_measure(lexer *input, sculpt_library *library)
{
    sculpt_measure *entry = arena_allocate(library->memory, sizeof *entry);
    if (entry == NULL)
        return fail_memory(input);
    *entry = (sculpt_measure){0};
    return reader_take_name(input, "measure", entry->name) &&
           read_proportions(input, library->memory, &entry->proportions, &entry->proportion_count, NULL, NULL) &&
           named_list_insert(input, library->memory, &library->measures, entry);
}

/* ---- The whole -------------------------------------------------------------------------------------------- */

static bool read_source(lexer *input, sculpt_library *library, uint32_t source)
{
    while (input->next.kind != TOKEN_END) {
        if (input->next.kind == TOKEN_NEWLINE) {
            lexer_take(input);
        } else if (lexer_accept(input, "template")) {
            sculpt_template *shape = NULL;
            if (!template_read(input, library->memory, &shape))
                return false;
            shape->source = source;
            shape->replaced = named_list_find(&library->templates, shape->name);
            if (!named_list_insert(input, library->memory, &library->templates, shape))
                return false;
        } else if (lexer_accept(input, "concept")) {
            if (!read_concept(input, library, source))
                return false;
        } else if (lexer_accept(input, "adjective")) {
            if (!read_adjective(input, library))
                return false;
        } else if (lexer_accept(input, "tint")) {
            if (!read_tint(input, library))
                return false;
        } else if (lexer_accept(input, "measure")) {
            if (!read_measure(input, library))
                return false;
        } else {
            return lexer_fail(input, "a line outside of a template begins with template, concept, adjective, tint or "
                                     "measure");
        }
    }
    return input->status == LUMEN_OK;
}

/* What a concept of text `source` means by a name: the newest template or concept of that name that stood there when
 * that text was written, so that a text that replaces "horse" leaves the shipped ponies alone. */
static const sculpt_template *find_template(const sculpt_library *library, const char *name, uint32_t source)
{
    const sculpt_template *shape = named_list_find(&library->templates, name);
    while (shape != NULL && shape->source > source)
        shape = shape->replaced;
    return shape;
}

/* A concept made of its own name means the one that it replaces: `concept horse of horse` changes the shipped horse. */
static sculpt_concept *find_parent(const sculpt_library *library, const sculpt_concept *entry)
{
    sculpt_concept *parent = named_list_find(&library->concepts, entry->parent);
    if (strcmp(entry->parent, entry->name) == 0)
        parent = entry->replaced;
    while (parent != NULL && parent->source > entry->source)
        parent = parent->replaced;
    return parent;
}

/* The concept that `entry` begins with, or NULL where that is a template, and through it the template in the end. A
 * template is hidden by a concept of its name only when that is made of it: `of chair` means the concept chair, with
 * its proportions, but a concept `crane` that is a bird does not hide the template `crane`. */
static const sculpt_template *find_shape(const sculpt_library *library, const sculpt_concept *entry, int steps,
                                         const sculpt_concept **base)
{
    const sculpt_concept *above;
    const sculpt_concept *parent = find_parent(library, entry);
    const sculpt_template *direct = find_template(library, entry->parent, entry->source);
    const sculpt_template *inherited =
        parent != NULL && steps > 0 ? find_shape(library, parent, steps - 1, &above) : NULL;
    bool inherits = inherited != NULL && (direct == NULL || inherited == direct);
    *base = inherits ? parent : NULL;
    return inherits ? inherited : direct;
}

/* Finds the template of a concept, and checks that the names it sets exist there. */
static lumen_status tie_concept(const sculpt_library *library, sculpt_concept *entry, lumen_error *error)
{
    entry->shape = find_shape(library, entry, SCULPT_ANCESTORS_MAX, &entry->base);
    if (entry->shape == NULL)
        return lumen_fail(
            error, LUMEN_ERROR_INVALID,
            "%s:%u: concept '%s' is made of '%s', which is neither a template nor a concept that leads to "
            "one within %d steps; define it or correct the name",
            entry->file, entry->line, entry->name, entry->parent, SCULPT_ANCESTORS_MAX);
    const sculpt_concept *ancestor = entry->base;
    for (int steps = 0; ancestor != NULL && steps <= SCULPT_ANCESTORS_MAX; steps++)
        find_shape(library, ancestor, SCULPT_ANCESTORS_MAX, &ancestor);
    if (ancestor != NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%s:%u: concept '%s' has itself among its ancestors; make one of them of a template",
                          entry->file, entry->line, entry->name);
    for (uint32_t i = 0; i < entry->proportion_count; i++)
        if (builder_find_parameter(entry->shape, entry->proportions[i].name) < 0)
            return lumen_fail(error, LUMEN_ERROR_INVALID,
                              "%s:%u: concept '%s' sets '%s', which template '%s' does not have; correct the name",
                              entry->file, entry->line, entry->name, entry->proportions[i].name, entry->shape->name);
    for (uint32_t i = 0; i < entry->color_count; i++) {
        bool found = strcmp(entry->colors[i].name, SCULPT_ALL_COLORS) == 0;
        for (uint32_t k = 0; k < entry->shape->color_count; k++)
            found = found || same_name(entry->shape->colors[k].name, entry->colors[i].name);
        if (!found)
            return lumen_fail(error, LUMEN_ERROR_INVALID,
                              "%s:%u: concept '%s' colors '%s', which template '%s' does not have; correct the name",
                              entry->file, entry->line, entry->name, entry->colors[i].name, entry->shape->name);
    }
    return LUMEN_OK;
}

lumen_status sculpt_library_open(const sculpt_source *sources, size_t count, sculpt_library **out, lumen_error *error)
{
    *out = NULL;
    arena *memory = arena_create(LIBRARY_BYTES_MAX);
    sculpt_library *library = memory == NULL ? NULL : arena_allocate(memory, sizeof *library);
    if (library == NULL) {
        arena_destroy(memory);
        return lumen_fail_memory(error, "the sculpt library");
    }
    *library = (sculpt_library){.memory = memory};
    lumen_status status = LUMEN_OK;
    for (size_t i = 0; i < count && status == LUMEN_OK; i++) {
        lexer input;
        lexer_open(&input, &sources[i], error);
        read_source(&input, library, (uint32_t)i);
        status = input.status;
    }
    for (uint32_t i = 0; i < library->concepts.count; i++)
        for (sculpt_concept *entry = library->concepts.entries[i]; entry != NULL && status == LUMEN_OK;
             entry = entry->replaced)
            status = tie_concept(library, entry, error);
    if (status != LUMEN_OK) {
        arena_destroy(memory);
        return status;
    }
    *out = library;
    return LUMEN_OK;
}

void sculpt_library_close(sculpt_library *library)
{
    if (library != NULL)
        arena_destroy(library->memory);
}

/* ---- Questions ---------------------------------------------------------------------------------------------- */

const sculpt_concept *sculpt_find_concept(const sculpt_library *library, const char *name)
{
    return named_list_find(&library->concepts, name);
}

size_t sculpt_concept_count(const sculpt_library *library)
{
    return library->concepts.count;
}

const sculpt_concept *sculpt_concept_at(const sculpt_library *library, size_t index)
{
    return library->concepts.entries[index];
}

const char *sculpt_concept_name(const sculpt_concept *entry)
{
    return entry->name;
}

bool sculpt_is_added(const sculpt_concept *entry)
{
    return entry->source > 0;
}

const char *sculpt_template_name(const sculpt_concept *entry)
{
    return entry->shape->name;
}

uint32_t sculpt_part_count(const sculpt_concept *entry)
{
    return entry->shape->part_count;
}

const char *sculpt_part_name(const sculpt_concept *entry, uint32_t index)
{
    return entry->shape->parts[index].name;
}

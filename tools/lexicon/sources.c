#include "sources.h"

#include <stdlib.h>
#include <string.h>

#include "words/lexicon.h"

enum {
    FIELDS_MAX = 512, /* words on one line */
    LINES_MAX = 100000,
    FIELD_BYTES = 80
};

/* A line cut into words; commas, colons and equals signs are words of their own. */
typedef struct line_fields {
    source_place place;
    uint32_t count;
    uint32_t next;
    const char *fields[FIELDS_MAX];
} line_fields;

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static bool is_mark(char byte)
{
    return byte == ',' || byte == ':' || byte == '=';
}

static lumen_status fail_at(lumen_error *error, source_place place, const char *thing, const char *reason_and_mend)
{
    return lumen_fail(error, LUMEN_ERROR_INVALID, "%s:%u: \"%.80s\" %s", place.file, place.line, thing,
                      reason_and_mend);
}

static lumen_status split_line(const char *line, size_t length, arena *memory, line_fields *out, lumen_error *error)
{
    out->count = 0;
    out->next = 0;
    for (size_t i = 0; i < length && line[i] != '#';) {
        if (is_blank(line[i])) {
            i++;
            continue;
        }
        size_t start = i++;
        if (!is_mark(line[start]))
            while (i < length && line[i] != '#' && !is_blank(line[i]) && !is_mark(line[i]))
                i++;
        if (i - start >= FIELD_BYTES)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "%s:%u: a word has more than %d letters; is a space missing?",
                              out->place.file, out->place.line, FIELD_BYTES - 1);
        if (out->count == FIELDS_MAX)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "%s:%u: the line has more than %d words; make two of it",
                              out->place.file, out->place.line, FIELDS_MAX);
        for (size_t k = start; k < i; k++)
            if (line[k] <= ' ' || line[k] > '~' || (line[k] >= 'A' && line[k] <= 'Z'))
                return lumen_fail(
                    error, LUMEN_ERROR_INVALID,
                    "%s:%u: word %u holds the byte 0x%02x; write plain lower-case letters with underscores",
                    out->place.file, out->place.line, out->count + 1, (unsigned char)line[k]);
        char *field = arena_copy_text(memory, line + start, i - start);
        if (field == NULL)
            return lumen_fail_memory(error, out->place.file);
        out->fields[out->count++] = field;
    }
    return LUMEN_OK;
}

/* The next word; "" at the end of the line. */
static const char *peek(const line_fields *line)
{
    return line->next < line->count ? line->fields[line->next] : "";
}

static const char *take(line_fields *line)
{
    return line->next < line->count ? line->fields[line->next++] : "";
}

static bool take_if(line_fields *line, const char *word)
{
    if (strcmp(peek(line), word) != 0)
        return false;
    line->next++;
    return true;
}

static bool is_word(const char *field)
{
    return *field != 0 && !is_mark(*field);
}

/* Grows an array of the sources by one zeroed element; NULL when memory runs out or there are too many. */
static void *append(arena *memory, void **array, uint32_t *count, size_t element)
{
    if (*count == LINES_MAX)
        return NULL;
    if ((*count & (*count - 1)) == 0) { /* full at each power of two */
        void *larger = arena_allocate_array(memory, *count == 0 ? 1 : (size_t)*count * 2, element);
        if (larger == NULL)
            return NULL;
        if (*count > 0)
            memcpy(larger, *array, *count * element);
        *array = larger;
    }
    void *place = (char *)*array + *count * element;
    memset(place, 0, element);
    (*count)++;
    return place;
}

/* The rest of the line as words; as a list, the words up to `also`, with or without commas between. */
static lumen_status take_words(line_fields *line, bool as_list, arena *memory, source_words *out, lumen_error *error)
{
    const char **words = arena_array(memory, const char *, line->count - line->next);
    if (words == NULL)
        return lumen_fail_memory(error, line->place.file);
    out->words = words;
    out->count = 0;
    do {
        if (!is_word(peek(line)))
            return fail_at(error, line->place, peek(line), "stands where a word should; name at least one");
        words[out->count++] = take(line);
    } while (as_list ? take_if(line, ",") || (is_word(peek(line)) && strcmp(peek(line), "also") != 0)
                     : line->next < line->count);
    return LUMEN_OK;
}

static lumen_status expect_end(const line_fields *line, lumen_error *error)
{
    return line->next == line->count ? LUMEN_OK
                                     : fail_at(error, line->place, peek(line),
                                               "is not understood here; see the head of sources.h for the form");
}

bool sources_split_sense(const char *sense, char *lemma, size_t capacity, uint32_t *number)
{
    const char *dot = strrchr(sense, '.');
    if (dot == NULL || dot - sense < 3 || dot[-1] != 'n' || dot[-2] != '.')
        return false;
    size_t length = (size_t)(dot - 2 - sense);
    size_t digits = strspn(dot + 1, "0123456789");
    if (length >= capacity || digits == 0 || digits > 3 || dot[1 + digits] != 0)
        return false;
    memcpy(lemma, sense, length);
    lemma[length] = 0;
    *number = (uint32_t)strtoul(dot + 1, NULL, 10);
    return *number > 0;
}

/* ---- One reader per kind of line ------------------------------------------------------------ */

static lumen_status check_sense(const line_fields *line, const char *sense, lumen_error *error)
{
    char lemma[FIELD_BYTES];
    uint32_t number;
    return sources_split_sense(sense, lemma, sizeof lemma, &number)
               ? LUMEN_OK
               : fail_at(error, line->place, sense, "is no sense of a noun; write it as horse.n.01");
}

static lumen_status read_concept(line_fields *line, arena *memory, lexicon_sources *sources, lumen_error *error)
{
    if (!take_if(line, "concept"))
        return LUMEN_OK; /* a line about shapes */
    source_concept *found = append(memory, (void **)&sources->concepts, &sources->concept_count, sizeof *found);
    if (found == NULL)
        return lumen_fail_memory(error, line->place.file);
    found->place = line->place;
    if (!is_word(peek(line)))
        return fail_at(error, line->place, peek(line), "is no name of a concept; write: concept NAME of PARENT");
    found->name = take(line);
    if (!take_if(line, "of") || !is_word(peek(line)))
        return fail_at(error, line->place, found->name, "has no parent; write: concept NAME of PARENT");
    found->parent = take(line);
    lumen_status status = LUMEN_OK;
    if (take_if(line, "is")) {
        if (take_if(line, "nothing")) {
            found->is_nothing = true;
        } else {
            status = take_words(line, true, memory, &found->anchors, error);
            for (uint32_t i = 0; status == LUMEN_OK && i < found->anchors.count; i++)
                status = check_sense(line, found->anchors.words[i], error);
        }
    }
    if (status == LUMEN_OK && take_if(line, "also"))
        status = take_words(line, true, memory, &found->also, error);
    return status == LUMEN_OK ? expect_end(line, error) : status;
}

static lumen_status read_sense(line_fields *line, arena *memory, lexicon_sources *sources, lumen_error *error)
{
    source_sense *found = append(memory, (void **)&sources->senses, &sources->sense_count, sizeof *found);
    const char **words = arena_array(memory, const char *, line->count);
    if (found == NULL || words == NULL)
        return lumen_fail_memory(error, line->place.file);
    found->place = line->place;
    while (is_word(peek(line)))
        words[found->words.count++] = take(line);
    found->words.words = words;
    if (found->words.count == 0 || !take_if(line, "=") || !is_word(peek(line)))
        return fail_at(error, line->place, line->fields[0],
                       "leads to no meaning; write: WORD = LEMMA.n.K, @CONCEPT or nothing");
    found->meaning = take(line);
    if (found->meaning[0] != '@' && strcmp(found->meaning, "nothing") != 0) {
        lumen_status status = check_sense(line, found->meaning, error);
        if (status != LUMEN_OK)
            return status;
    }
    return expect_end(line, error);
}

static lumen_status take_number(line_fields *line, float low, float high, float *out, lumen_error *error)
{
    const char *text = take(line);
    char *end = NULL;
    float value = strtof(text, &end);
    if (*text == 0 || *end != 0 || !(value >= low && value <= high))
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%s:%u: \"%s\" is no number between %g and %g; write one",
                          line->place.file, line->place.line, text, (double)low, (double)high);
    *out = value;
    return LUMEN_OK;
}

static lumen_status read_verbs(line_fields *line, arena *memory, lexicon_sources *sources, lumen_error *error)
{
    source_verbs *found = append(memory, (void **)&sources->verbs, &sources->verb_count, sizeof *found);
    if (found == NULL)
        return lumen_fail_memory(error, line->place.file);
    found->place = line->place;
    found->tempo = found->size = 1.0f;
    const char *motion = take(line);
    while (found->motion < WORDS_MOTION_COUNT && strcmp(words_motion_names[found->motion], motion) != 0)
        found->motion++;
    if (found->motion == WORDS_MOTION_COUNT)
        return fail_at(error, line->place, motion, "is no motion template; use one of words_motion_names in lexicon.h");
    lumen_status status = LUMEN_OK;
    while (status == LUMEN_OK && !take_if(line, ":")) {
        if (take_if(line, "tempo"))
            status = take_number(line, 0.05f, 8.0f, &found->tempo, error);
        else if (take_if(line, "size"))
            status = take_number(line, 0.05f, 8.0f, &found->size, error);
        else if (take_if(line, "by") && is_word(peek(line)))
            found->by = take(line);
        else
            status = fail_at(error, line->place, peek(line),
                             "is not understood; write: MOTION [tempo N] [size N] [by NOUN] : VERBS");
    }
    return status == LUMEN_OK ? take_words(line, false, memory, &found->words, error) : status;
}

static lumen_status read_manner(line_fields *line, arena *memory, lexicon_sources *sources, lumen_error *error)
{
    source_manner *found = append(memory, (void **)&sources->manners, &sources->manner_count, sizeof *found);
    if (found == NULL)
        return lumen_fail_memory(error, line->place.file);
    found->place = line->place;
    found->tempo = found->size = 1.0f;
    lumen_status status = LUMEN_OK;
    while (status == LUMEN_OK && !take_if(line, ":")) {
        if (take_if(line, "tempo"))
            status = take_number(line, 0.05f, 8.0f, &found->tempo, error);
        else if (take_if(line, "size"))
            status = take_number(line, 0.05f, 8.0f, &found->size, error);
        else if (take_if(line, "strengthen"))
            status = take_number(line, -1.0f, 2.0f, &found->strengthen, error);
        else
            status = fail_at(error, line->place, peek(line),
                             "is not understood; write: [tempo N] [size N] [strengthen N] : WORDS");
    }
    return status == LUMEN_OK ? take_words(line, false, memory, &found->words, error) : status;
}

static lumen_status read_function(line_fields *line, arena *memory, lexicon_sources *sources, lumen_error *error)
{
    source_function *found = append(memory, (void **)&sources->functions, &sources->function_count, sizeof *found);
    if (found == NULL)
        return lumen_fail_memory(error, line->place.file);
    found->place = line->place;
    const char *name = take(line);
    uint32_t index = 0;
    while (index < WORDS_CLASS_COUNT && strcmp(words_class_names[index], name) != 0)
        index++;
    if (index == WORDS_CLASS_COUNT)
        return fail_at(error, line->place, name, "is no class of words; use one of words_class_names in lexicon.h");
    found->class_bit = 1u << index;
    if (!take_if(line, ":"))
        return fail_at(error, line->place, name, "is not followed by a colon; write: CLASS : WORDS");
    return take_words(line, false, memory, &found->words, error);
}

static lumen_status read_trait(line_fields *line, arena *memory, lexicon_sources *sources, lumen_error *error)
{
    source_trait *found = append(memory, (void **)&sources->traits, &sources->trait_count, sizeof *found);
    if (found == NULL)
        return lumen_fail_memory(error, line->place.file);
    found->place = line->place;
    found->form = take(line);
    if (!is_word(found->form) || !take_if(line, ":"))
        return fail_at(error, line->place, found->form, "is no form of a trait; write: necked : neck");
    return take_words(line, false, memory, &found->words, error);
}

lumen_status sources_read(source_kind kind, const char *file, const char *text, size_t length, arena *memory,
                          lexicon_sources *sources, lumen_error *error)
{
    line_fields *line = arena_allocate(memory, sizeof *line);
    const char *name = arena_copy_text(memory, file, strlen(file));
    if (line == NULL || name == NULL)
        return lumen_fail_memory(error, file);
    line->place = (source_place){name, 0};
    for (size_t start = 0; start < length;) {
        size_t size = 0;
        while (start + size < length && text[start + size] != '\n')
            size++;
        line->place.line++;
        size_t skip = 0;
        while (skip < size && is_blank(text[start + skip]))
            skip++;
        /* Lines about shapes may hold anything. */
        bool ours = kind != SOURCE_CONCEPTS || (size - skip >= 7 && memcmp(text + start + skip, "concept", 7) == 0 &&
                                                (size - skip == 7 || is_blank(text[start + skip + 7])));
        if (ours) {
            lumen_status status = split_line(text + start, size, memory, line, error);
            if (status == LUMEN_OK && line->count > 0) {
                switch (kind) {
                case SOURCE_CONCEPTS: status = read_concept(line, memory, sources, error); break;
                case SOURCE_SENSES: status = read_sense(line, memory, sources, error); break;
                case SOURCE_VERBS: status = read_verbs(line, memory, sources, error); break;
                case SOURCE_MANNERS: status = read_manner(line, memory, sources, error); break;
                case SOURCE_FUNCTIONS: status = read_function(line, memory, sources, error); break;
                case SOURCE_TRAITS: status = read_trait(line, memory, sources, error); break;
                }
            }
            if (status != LUMEN_OK)
                return status;
        }
        start += size + 1;
    }
    return LUMEN_OK;
}

#include <stdlib.h>

#include "motion/internal.h"

/* The files of data/motion, one after the other, as tools/embed wrote them. */
extern const unsigned char motion_templates[];
extern const size_t motion_templates_size;

/* ---- Patterns ---------------------------------------------------------------------------------------- */

bool motion_glob(const char *pattern, const char *name)
{
    const char *star = NULL; /* the last `*`, and how much of the name it has eaten */
    const char *eaten = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            eaten = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++eaten;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

bool motion_list_matches(const motion_list *list, const char *name)
{
    const char *pattern = list->text;
    for (uint32_t i = 0; i < list->count; i++, pattern += strlen(pattern) + 1)
        if (motion_glob(pattern, name))
            return true;
    return false;
}

bool motion_list_has(const motion_list *list, const char *name)
{
    const char *word = list->text;
    for (uint32_t i = 0; i < list->count; i++, word += strlen(word) + 1)
        if (strcmp(word, name) == 0)
            return true;
    return false;
}

/* ---- The library ------------------------------------------------------------------------------------- */

lumen_status motion_library_open(const char *text, const char *name, motion_library **out, lumen_error *error)
{
    *out = NULL;
    motion_library *motions = calloc(1, sizeof *motions);
    if (motions == NULL)
        return lumen_fail_memory(error, "the motion templates");
    lumen_status status = LUMEN_OK;
    motions->memory = arena_create(MOTION_MEMORY_MOST);
    if (motions->memory == NULL)
        status = lumen_fail_memory(error, "the motion templates");
    if (status == LUMEN_OK)
        status = motion_read_text(motions, (const char *)motion_templates, motion_templates_size, "data/motion", false,
                                  error);
    if (status == LUMEN_OK && text != NULL)
        status = motion_read_text(motions, text, strnlen(text, MOTION_TEXT_MOST + 1), name != NULL ? name : "motions",
                                  true, error);
    if (status != LUMEN_OK) {
        motion_library_close(motions);
        return status;
    }
    *out = motions;
    return LUMEN_OK;
}

void motion_library_close(motion_library *motions)
{
    if (motions == NULL)
        return;
    if (motions->memory != NULL)
        arena_destroy(motions->memory);
    free(motions);
}

uint32_t motion_count(const motion_library *motions)
{
    return motions->count;
}

const motion_template *motion_at(const motion_library *motions, uint32_t index)
{
    return index < motions->count ? &motions->templates[index] : NULL;
}

const char *motion_name(const motion_template *one)
{
    return one->name;
}

static const motion_template *of_name(const motion_library *motions, const char *name)
{
    for (uint32_t i = 0; name != NULL && i < motions->count; i++)
        if (strcmp(motions->templates[i].name, name) == 0)
            return &motions->templates[i];
    return NULL;
}

/* A later template comes first: it is the one that was added. */
static const motion_template *of_verb(const motion_library *motions, const char *verb, bool given)
{
    for (uint32_t i = motions->count; verb != NULL && verb[0] != '\0' && i-- > 0;)
        if (motions->templates[i].given == given && motion_list_has(&motions->templates[i].verbs, verb))
            return &motions->templates[i];
    return NULL;
}

const motion_template *motion_find(const motion_library *motions, const char *name, const char *verb)
{
    const motion_template *found = of_verb(motions, verb, true);
    if (found == NULL)
        found = of_name(motions, name);
    if (found == NULL)
        found = of_verb(motions, verb, false);
    if (found == NULL)
        found = of_name(motions, "idle");
    return found != NULL ? found : &motions->templates[0];
}

/* What makes an individual of a template: the concept and its ancestors, adjectives, the seed. */

#include <string.h>

#include "base/random.h"
#include "procedural/expression.h"
#include "procedural/model.h"

/* How far a seed other than 0 moves a proportion, either way. */
static const float SEED_VARIATION = 0.07f;

/* ---- Concepts --------------------------------------------------------------------------------------- */

static void apply_proportion(const sculpt_template *shape, const proportion *change, model_proportions *out)
{
    int slot = builder_find_parameter(shape, change->name);
    if (slot < 0)
        return;
    if (change->factor) {
        out->factor[slot] *= change->value;
    } else {
        out->set[slot] = true;
        out->value[slot] = change->value;
        out->factor[slot] = 1.0f;
    }
}

static void apply_concept(const sculpt_template *shape, const sculpt_concept *entry, model_proportions *out)
{
    if (entry->base != NULL)
        apply_concept(shape, entry->base, out);
    for (uint32_t i = 0; i < entry->proportion_count; i++)
        apply_proportion(shape, &entry->proportions[i], out);
    for (uint32_t i = 0; i < entry->color_count; i++)
        for (uint32_t k = 0; k < shape->color_count; k++)
            if (same_name(shape->colors[k].name, entry->colors[i].name) ||
                (shape->colors[k].painted && strcmp(entry->colors[i].name, SCULPT_ALL_COLORS) == 0))
                memcpy(out->colors[k], entry->colors[i].rgb, 3);
}

/* ---- Adjectives: proportions -------------------------------------------------------------------------- */

/* "tall": the parameters that this template has, or, where it has none of them, a stretch of the whole. */
static void apply_adjective(const sculpt_template *shape, const sculpt_adjective *adjective, model_proportions *out)
{
    bool found = false;
    for (uint32_t i = 0; i < adjective->proportion_count; i++) {
        if (builder_find_parameter(shape, adjective->proportions[i].name) >= 0) {
            apply_proportion(shape, &adjective->proportions[i], out);
            found = true;
        }
    }
    for (int axis = 0; axis < 3; axis++) {
        float stretch = adjective->stretch[axis];
        /* Where single proportions carry the adjective, the whole follows by half. */
        out->stretch[axis] *= found ? 1.0f + (stretch - 1.0f) * 0.5f : stretch;
    }
}

/* The stem of "necked", "legged", "tailed", "nosed": the name that parameters begin with. */
static bool stem_matches(const char *word, const char *parameter, size_t length)
{
    size_t word_length = strlen(word);
    if (word_length == length && memcmp(word, parameter, length) == 0)
        return true;
    if (word_length < 3 || strcmp(word + word_length - 2, "ed") != 0)
        return false;
    size_t stem = word_length - 2;
    if (stem == length && memcmp(word, parameter, length) == 0)
        return true; /* neck-ed */
    if (stem == length + 1 && memcmp(word, parameter, length) == 0 && word[stem - 1] == word[stem - 2])
        return true;                                                                           /* leg-g-ed */
    return stem + 1 == length && memcmp(word, parameter, stem) == 0 && parameter[stem] == 'e'; /* nos(e)-d */
}

/* "long-necked": the measure "long" on neck_length, neck_size and whatever else belongs to the neck. */
static void apply_compound(const sculpt_library *library, const sculpt_template *shape, const char *adjective,
                           model_proportions *out)
{
    const char *hyphen = strchr(adjective, '-');
    char first[SCULPT_NAME_BYTES];
    if (hyphen == NULL || (size_t)(hyphen - adjective) >= sizeof first)
        return;
    memcpy(first, adjective, (size_t)(hyphen - adjective));
    first[hyphen - adjective] = '\0';
    const sculpt_measure *measure = named_list_find(&library->measures, first);
    if (measure == NULL)
        return;
    for (uint32_t slot = 0; slot < shape->slot_count; slot++) {
        const char *name = shape->slots[slot].name;
        const char *underscore = strrchr(name, '_');
        if (!shape->slots[slot].parameter || underscore == NULL ||
            !stem_matches(hyphen + 1, name, (size_t)(underscore - name)))
            continue;
        for (uint32_t i = 0; i < measure->proportion_count; i++)
            if (strcmp(measure->proportions[i].name, underscore + 1) == 0)
                out->factor[slot] *= measure->proportions[i].value;
    }
}

/* ---- Adjectives: colors --------------------------------------------------------------------------------- */

static float lightness(const uint8_t rgb[3])
{
    return (0.30f * (float)rgb[0] + 0.59f * (float)rgb[1] + 0.11f * (float)rgb[2]) / 255.0f;
}

/* Paints all that may be painted, and keeps what was darker or lighter so. */
static void apply_tint(const sculpt_template *shape, const uint8_t rgb[3], model_proportions *out)
{
    float sum = 0.0f;
    float count = 0.0f;
    for (uint32_t k = 0; k < shape->color_count; k++) {
        if (shape->colors[k].painted) {
            sum += lightness(out->colors[k]);
            count += 1.0f;
        }
    }
    if (count == 0.0f)
        return;
    float mean = sum / count;
    for (uint32_t k = 0; k < shape->color_count; k++) {
        if (!shape->colors[k].painted)
            continue;
        float shade = 1.0f + 0.8f * (lightness(out->colors[k]) - mean);
        for (int c = 0; c < 3; c++) {
            float value =
                shade < 1.0f ? (float)rgb[c] * shade : (float)rgb[c] + (255.0f - (float)rgb[c]) * (shade - 1.0f);
            out->colors[k][c] = (uint8_t)(float_clamp(value, 0.0f, 255.0f) + 0.5f);
        }
    }
}

/* ---- The seed ---------------------------------------------------------------------------------------------- */

/* Proportions differ a little between individuals; what is counted does not. */
static void apply_seed(const sculpt_template *shape, uint64_t seed, model_proportions *out)
{
    random_state generator = random_seed(seed);
    for (uint32_t slot = 0; slot < shape->slot_count; slot++) {
        float draw = random_float(&generator) * 2.0f - 1.0f;
        const char *underscore = strrchr(shape->slots[slot].name, '_');
        bool counted = underscore != NULL && strcmp(underscore, "_count") == 0;
        if (shape->slots[slot].parameter && !counted)
            out->factor[slot] *= 1.0f + SEED_VARIATION * draw;
    }
}

void proportions_gather(const sculpt_library *library, const sculpt_concept *entry, const model_variation *variation,
                        model_proportions *out)
{
    const sculpt_template *shape = entry->shape;
    for (uint32_t slot = 0; slot < SCULPT_SLOTS_MAX; slot++) {
        out->set[slot] = false;
        out->value[slot] = 0.0f;
        out->factor[slot] = 1.0f;
    }
    for (uint32_t k = 0; k < shape->color_count; k++)
        memcpy(out->colors[k], shape->colors[k].rgb, 3);
    for (int axis = 0; axis < 3; axis++)
        out->stretch[axis] = 1.0f;
    apply_concept(shape, entry, out);
    for (size_t i = 0; i < variation->adjective_count; i++) {
        const char *name = variation->adjectives[i];
        const sculpt_adjective *adjective = named_list_find(&library->adjectives, name);
        const sculpt_tint *tint = named_list_find(&library->tints, name);
        if (adjective != NULL)
            apply_adjective(shape, adjective, out);
        if (tint != NULL)
            apply_tint(shape, tint->rgb, out);
        apply_compound(library, shape, name, out);
    }
    if (variation->seed != 0)
        apply_seed(shape, variation->seed, out);
}

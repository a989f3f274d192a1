#include "procedural/procedural.h"

#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "procedural/body.h"

/* Lattice cells along the longest side of the whole, by quality. */
static uint32_t cells_for(lumen_quality quality)
{
    switch (quality) {
    case LUMEN_QUALITY_FAST: return 36;
    case LUMEN_QUALITY_HIGH: return 120;
    case LUMEN_QUALITY_STANDARD: break;
    }
    return 52;
}

const sculpt_concept *procedural_concept(const sculpt_library *library, const char *name)
{
    const sculpt_concept *entry = name[0] == '\0' ? NULL : sculpt_find_concept(library, name);
    return entry != NULL ? entry : sculpt_find_concept(library, PROCEDURAL_ABSTRACT);
}

uint32_t procedural_part_count(const sculpt_library *library, const words_phrase *phrase)
{
    const sculpt_concept *entry = procedural_concept(library, phrase->concept_name);
    uint32_t count = entry == NULL ? 1 : sculpt_part_count(entry);
    if (count < 1)
        return 1;
    return count > LUMEN_REQUEST_PARTS_MAX ? LUMEN_REQUEST_PARTS_MAX : count;
}

/* A name of the library as people write it: "palm_tree" is "palm tree". */
static char *spoken_name(arena *memory, const char *name)
{
    char *spoken = arena_copy_text(memory, name, strlen(name));
    for (char *at = spoken; at != NULL && *at != '\0'; at++)
        if (*at == '_')
            *at = ' ';
    return spoken;
}

static lumen_status generate(const engine *self, const engine_request *request, arena *scratch, arena *memory,
                             engine_result *result, lumen_error *error)
{
    const sculpt_library *library = ((const procedural_engine *)self)->library;
    const words_phrase *phrase = request->phrase;
    const sculpt_concept *entry = procedural_concept(library, phrase->concept_name);
    if (entry == NULL)
        return lumen_fail(error, LUMEN_ERROR_FAILED, "the sculpt library has no concept '%s' for '%s'; add one",
                          PROCEDURAL_ABSTRACT, phrase->subject);
    /* What the verb wants counts as one more adjective: who flies has spread wings. */
    const char *adjectives[WORDS_ADJECTIVES_MAX + 1] = {phrase->motion};
    for (uint32_t i = 0; i < phrase->adjective_count; i++)
        adjectives[1 + i] = phrase->adjectives[i];
    model_variation variation = {.adjectives = adjectives,
                                 .adjective_count = 1 + phrase->adjective_count,
                                 .seed = request->seed,
                                 .parts_max = request->num_parts};
    /* Every unknown word has an abstract shape of its own. */
    if (strcmp(sculpt_concept_name(entry), PROCEDURAL_ABSTRACT) == 0)
        variation.seed ^= fnv1a(FNV_START, phrase->subject, strlen(phrase->subject));
    model *individual;
    lumen_status status = model_build(library, entry, &variation, scratch, &individual, error);
    if (status != LUMEN_OK)
        return status;

    uint32_t indices[LUMEN_PARTS_MAX];
    *result = (engine_result){
        .template_type = sculpt_template_name(entry),
        .concept_name = spoken_name(memory, sculpt_concept_name(entry)),
        .part_names = arena_array(memory, const char *, individual->part_count),
        .part_colors = arena_allocate_array(memory, individual->part_count, sizeof *result->part_colors),
        .part_meshes = arena_array(memory, lumen_mesh, individual->part_count),
    };
    if (result->concept_name == NULL || result->part_names == NULL || result->part_colors == NULL ||
        result->part_meshes == NULL)
        return lumen_fail_memory(error, "the parts of a shape");
    status = body_mesh(individual, cells_for(request->quality), scratch, memory, result->part_meshes, indices,
                       &result->part_count, request->progress, request->progress_user, error);
    if (status != LUMEN_OK)
        return status;
    for (uint32_t i = 0; i < result->part_count; i++) {
        result->part_names[i] = individual->parts[indices[i]].name;
        memcpy(result->part_colors[i], individual->parts[indices[i]].rgb, 3);
    }
    return LUMEN_OK;
}

procedural_engine procedural_engine_make(const sculpt_library *library)
{
    return (procedural_engine){.base = {.name = "procedural", .generate = generate}, .library = library};
}

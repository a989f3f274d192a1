/* Any bytes as a sculpt library: read, and where they make sense, built and meshed coarsely. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "geometry/mesh.h"
#include "procedural/body.h"
#include "procedural/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Builds a concept; a mesh that comes of it must be closed. */
static void build(const sculpt_library *library, const sculpt_concept *entry)
{
    arena *memory = arena_create(64u << 20);
    arena *scratch = arena_create(64u << 20);
    static const char *const adjectives[] = {"tall", "red", "long-necked"};
    const model_variation variation = {.adjectives = adjectives, .adjective_count = 3, .seed = 5, .parts_max = 3};
    lumen_error error;
    model *individual;
    lumen_mesh meshes[LUMEN_PARTS_MAX];
    uint32_t indices[LUMEN_PARTS_MAX];
    uint32_t count = 0;
    if (memory != NULL && scratch != NULL &&
        model_build(library, entry, &variation, memory, &individual, &error) == LUMEN_OK &&
        individual->solid_count < 40 &&
        body_mesh(individual, 12, scratch, memory, meshes, indices, &count, NULL, NULL, &error) == LUMEN_OK) {
        for (uint32_t k = 0; k < count; k++) {
            mesh_report report;
            if (meshes[k].triangle_count > 0 && mesh_check(&meshes[k], scratch, &report, &error) == LUMEN_OK &&
                !(report.indices_valid && report.closed && report.oriented && report.finite))
                abort();
        }
    }
    arena_destroy(scratch);
    arena_destroy(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Two texts with a line of dashes between: what the second replaces, the first may still mean. */
    static const char divider[] = "\n----\n";
    const uint8_t *split = memmem(data, size, divider, sizeof divider - 1);
    size_t first = split == NULL ? size : (size_t)(split - data);
    size_t second = split == NULL ? size : first + sizeof divider - 1;
    const sculpt_source sources[2] = {{.name = "first", .text = (const char *)data, .size = first},
                                      {.name = "second", .text = (const char *)data + second, .size = size - second}};
    sculpt_library *library;
    lumen_error error;
    if (sculpt_library_open(sources, 2, &library, &error) != LUMEN_OK)
        return 0;
    for (size_t i = 0; i < sculpt_concept_count(library) && i < 3; i++)
        build(library, sculpt_concept_at(library, i));
    sculpt_library_close(library);
    return 0;
}

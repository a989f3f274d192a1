/* Prints the digests of everything.h and whether they are the expected ones, without a test framework, so that it can
 * be built for any machine (scripts/other-machine). */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "everything.h"
#include "procedural/procedural.h"
#include "shape/shape.h"

int main(void)
{
    const sculpt_source source = {.name = "everything", .text = everything, .size = strlen(everything)};
    sculpt_library *library;
    lumen_error error;
    int wrong = 0;
    if (sculpt_library_open(&source, 1, &library, &error) != LUMEN_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    procedural_engine procedural = procedural_engine_make(library);
    for (uint64_t seed = 0; seed < 3; seed++) {
        arena *scratch = arena_create((size_t)256 << 20);
        arena *memory = arena_create((size_t)256 << 20);
        engine_result made;
        lumen_shape *shape;
        const engine_request request = {.phrase = &everything_phrase, .seed = seed};
        const shape_facts facts = {
            .phrase = &everything_phrase, .pipeline = "procedural", .seed = seed, .points = 2048};
        if (scratch == NULL || memory == NULL ||
            procedural.base.generate(&procedural.base, &request, scratch, memory, &made, &error) != LUMEN_OK ||
            shape_finish(&made, &facts, scratch, memory, &shape, &error) != LUMEN_OK) {
            fprintf(stderr, "%s\n", error.message);
            return 1;
        }
        bool same = digest(shape) == everything_digests[seed];
        wrong += !same;
        printf("%s seed %" PRIu64 ": 0x%016" PRIx64 "\n", same ? "ok" : "not ok", seed, digest(shape));
        arena_destroy(scratch);
        lumen_shape_free(shape);
    }
    sculpt_library_close(library);
    return wrong;
}

/* Any bytes as each kind of file that the lexicon is compiled from; the first byte chooses the kind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../tools/lexicon/sources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    source_kind kind = (source_kind)(data[0] % (SOURCE_TRAITS + 1));
    arena *memory = arena_create(8u << 20);
    lexicon_sources sources = {0};
    lumen_error error = {0};
    if (memory == NULL)
        return 0;
    lumen_status status = sources_read(kind, "file", (const char *)data + 1, size - 1, memory, &sources, &error);
    if (status == LUMEN_ERROR_INVALID && strncmp(error.message, "file:", 5) != 0)
        abort(); /* a message names its place */
    if (status == LUMEN_OK)
        for (uint32_t i = 0; i < sources.concept_count; i++)
            for (uint32_t a = 0; a < sources.concepts[i].anchors.count; a++) {
                char lemma[128];
                uint32_t number;
                if (!sources_split_sense(sources.concepts[i].anchors.words[a], lemma, sizeof lemma, &number))
                    abort();
            }
    arena_destroy(memory);
    return 0;
}

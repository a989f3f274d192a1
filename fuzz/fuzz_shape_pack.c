/* Any bytes as a packed shape: refused, or a shape that packs to the very same bytes. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shape/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SIZE_AT = 8, SIZE_END = 16 };
    if (size < SIZE_END)
        return 0;
    /* The size in the head is set right, so that the fuzzer need not learn to count. */
    unsigned char *bytes = malloc(size);
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data, size);
    for (size_t i = SIZE_AT; i < SIZE_END; i++)
        bytes[i] = (unsigned char)((uint64_t)size >> 8 * (i - SIZE_AT) & 0xff);

    lumen_shape *shape;
    lumen_error error;
    if (shape_unpack(bytes, size, &shape, &error) == LUMEN_OK) {
        buffer again;
        buffer_open(&again, SHAPE_PACK_BYTES_MAX);
        if (shape_pack(shape, &again, &error) != LUMEN_OK || again.size != size || memcmp(again.data, bytes, size) != 0)
            abort();
        buffer_close(&again);
        lumen_shape_free(shape);
    }
    free(bytes);
    return 0;
}

/* Any bytes as a GLB file: refused with a plain message, or a whole shape. */
#include "read_shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_read_shape(data, size, FILES_GLB);
}

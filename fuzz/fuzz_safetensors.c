/* Any bytes as a file of weights: refused, or tensors that lie inside it, one after the other, to the last byte. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is a header, a zero, and data: the length in front is written here, so that the fuzzer need not learn to
 * count. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { LENGTH_BYTES = 8 };
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    size_t header = zero == NULL ? size : (size_t)(zero - data);
    size_t behind = zero == NULL ? 0 : size - header - 1;
    unsigned char *bytes = malloc(LENGTH_BYTES + header + behind);
    if (bytes == NULL)
        return 0;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        bytes[i] = (unsigned char)((uint64_t)header >> 8 * i & 0xff);
    if (header > 0)
        memcpy(bytes + LENGTH_BYTES, data, header);
    if (behind > 0)
        memcpy(bytes + LENGTH_BYTES + header, zero + 1, behind);

    safetensors *file;
    lumen_error error;
    if (safetensors_from_bytes("fuzz", bytes, LENGTH_BYTES + header + behind, &file, &error) == LUMEN_OK) {
        size_t counted = 0;
        bool all = true;
        for (size_t i = 0; i < safetensors_count(file); i++) {
            tensor view;
            if (!safetensors_has(file, safetensors_name(file, i)))
                abort();
            if (safetensors_find(file, safetensors_name(file, i), &view, &error) != LUMEN_OK) {
                all = false; /* a type without arithmetic */
                continue;
            }
            size_t at = (size_t)((unsigned char *)view.data - bytes);
            if (at < LENGTH_BYTES + header || at + tensor_bytes(&view) > LENGTH_BYTES + header + behind)
                abort();
            counted += tensor_bytes(&view);
        }
        if (all && counted != behind)
            abort();
        safetensors_close(file);
    }
    free(bytes);
    return 0;
}

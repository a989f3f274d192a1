#include "base/blob.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

blob *blob_create(size_t size)
{
    if (size > SIZE_MAX - sizeof(blob))
        return NULL;
    blob *bytes = malloc(sizeof *bytes + size);
    if (bytes == NULL)
        return NULL;
    atomic_init(&bytes->references, 1);
    bytes->size = size;
    return bytes;
}

blob *blob_copy(const void *source, size_t size)
{
    blob *bytes = blob_create(size);
    if (bytes != NULL && size > 0)
        memcpy(bytes->data, source, size);
    return bytes;
}

blob *blob_from_buffer(const buffer *from)
{
    return buffer_failed(from) ? NULL : blob_copy(from->data, from->size);
}

blob *blob_keep(blob *bytes)
{
    if (bytes != NULL)
        atomic_fetch_add_explicit(&bytes->references, 1, memory_order_relaxed);
    return bytes;
}

void blob_release(blob *bytes)
{
    /* Acquire and release: whoever frees must see the end of everyone else's reading. */
    if (bytes != NULL && atomic_fetch_sub_explicit(&bytes->references, 1, memory_order_acq_rel) == 1)
        free(bytes);
}

/*
 * blob.h: bytes that several owners share and nobody changes.
 *
 *     blob *bytes = blob_create(size);            // one reference, yours; fill bytes->data, then publish
 *     blob_keep(bytes);                           // one more
 *     blob_release(bytes);                        // the last one frees it; NULL is fine
 *
 * After its maker has handed a blob to anyone else its bytes are immutable, so that any number of threads
 * may read it. Counting is atomic.
 */
#ifndef LUMEN_BASE_BLOB_H
#define LUMEN_BASE_BLOB_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/buffer.h"

typedef struct blob {
    atomic_size_t references;
    size_t size;
    unsigned char data[];
} blob;

/* `size` bytes, not cleared, with one reference; NULL when memory runs out. */
blob *blob_create(size_t size);

/* A copy of `size` bytes; NULL when memory runs out. */
blob *blob_copy(const void *bytes, size_t size);

/* What a buffer gathered; NULL when the buffer had failed or memory runs out. The buffer stays the caller's. */
blob *blob_from_buffer(const buffer *from);

/* Returns its argument, for `mine = blob_keep(theirs)`; NULL stays NULL. */
blob *blob_keep(blob *bytes);

void blob_release(blob *bytes);

#endif

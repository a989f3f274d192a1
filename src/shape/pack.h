/*
 * pack.h: a whole shape as one run of bytes, and back: how shapes lie in the cache and travel between processes.
 *
 *     buffer bytes;
 *     buffer_open(&bytes, SHAPE_PACK_BYTES_MAX);
 *     status = shape_pack(shape, &bytes, &error);
 *     status = shape_unpack(bytes.data, bytes.size, &same, &error);   // yours: lumen_shape_free(same)
 *
 * Everything that lumen_shape holds survives to the bit, the part meshes included. The bytes are little-endian and
 * versioned. Unpacking trusts nothing: sizes are checked before use, indices against their arrays, numbers for being
 * finite, texts for being UTF-8 and ended; what is left over is an error. No checksum: who stores bytes adds one.
 */
#ifndef LUMEN_SHAPE_PACK_H
#define LUMEN_SHAPE_PACK_H

#include "base/buffer.h"
#include "lumen.h"

#define SHAPE_PACK_BYTES_MAX ((size_t)256 << 20)

/* Appends to `out`. Errors: LUMEN_ERROR_MEMORY when memory or the buffer's bound is reached. */
lumen_status shape_pack(const lumen_shape *shape, buffer *out, lumen_error *error);

/* Errors: LUMEN_ERROR_INVALID when the bytes are no packed shape of this version, LUMEN_ERROR_MEMORY. */
lumen_status shape_unpack(const void *bytes, size_t size, lumen_shape **out, lumen_error *error);

#endif

/*
 * row.h: a packed shape as it lies in a row of the cache's file, and back.
 *
 *     row_coder *coder = row_coder_open();                 // one for each thread that writes
 *     cache_row row;
 *     status = row_encode(coder, key, identity, packed, &row, &error);   // row.body lies in the coder until the next
 *     ...
 *     status = row_decode(&row, &packed, &error);          // any thread
 *
 * The body is one zstd frame with the checksum that the format provides (32 bits of XXH64 over what was compressed,
 * which zstd computes at memory speed and checks itself). The row's own checksum is FNV-1a over all that stands beside
 * the body, and over the frame's last bytes, which are that checksum: so it ties the body to its key and identity, and
 * a body that strayed in from another row is noticed, without a second pass over half a megabyte.
 *
 * Decoding trusts nothing: a row may come from a damaged or hostile file.
 */
#ifndef LUMEN_CACHE_ROW_H
#define LUMEN_CACHE_ROW_H

#include "base/blob.h"
#include "lumen.h"
#include "shape/pack.h"

enum { ROW_VERSION = 1, ROW_IDENTITY_BYTES_MAX = 8192 };

/* No body is larger: zstd adds less than this to what it cannot compress. */
#define ROW_BODY_BYTES_MAX (SHAPE_PACK_BYTES_MAX + (SHAPE_PACK_BYTES_MAX >> 7) + 1024)

typedef struct cache_row {
    int64_t version;
    uint64_t key;
    const char *identity; /* identity_size bytes; a zero behind them is not needed */
    size_t identity_size;
    int64_t packed_size;
    uint64_t checksum;
    const unsigned char *body;
    size_t body_size;
} cache_row;

typedef struct row_coder row_coder;

row_coder *row_coder_open(void); /* NULL: memory */
void row_coder_close(row_coder *coder);

/* Errors: LUMEN_ERROR_MEMORY; LUMEN_ERROR_INVALID when the shape or its identity is too large for a row. */
lumen_status row_encode(row_coder *coder, uint64_t key, const char *identity, const blob *packed, cache_row *row,
                        lumen_error *error);

/* Errors: LUMEN_ERROR_INVALID when the row is damaged or of another version, LUMEN_ERROR_MEMORY. */
lumen_status row_decode(const cache_row *row, blob **packed, lumen_error *error);

#endif

#include "cache/row.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/error.h"
#include "base/random.h"

/* Level 1: points and meshes are floats, which higher levels hardly make smaller and much slower. */
enum { LEVEL = 1, FRAME_BYTES_MIN = 9, FRAME_CHECKSUM_BYTES = 4, FRAME_DESCRIPTOR_AT = 4, FRAME_HAS_CHECKSUM = 4 };

struct row_coder {
    ZSTD_CCtx *context;
    unsigned char *body;
    size_t capacity;
};

row_coder *row_coder_open(void)
{
    row_coder *coder = calloc(1, sizeof *coder);
    if (coder == NULL)
        return NULL;
    coder->context = ZSTD_createCCtx();
    if (coder->context == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(coder->context, ZSTD_c_compressionLevel, LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(coder->context, ZSTD_c_checksumFlag, 1))) {
        row_coder_close(coder);
        return NULL;
    }
    return coder;
}

void row_coder_close(row_coder *coder)
{
    if (coder == NULL)
        return;
    ZSTD_freeCCtx(coder->context);
    free(coder->body);
    free(coder);
}

static uint64_t add_u64(uint64_t hash, uint64_t value)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(value >> 8 * i & 0xff);
    return fnv1a(hash, bytes, sizeof bytes);
}

/* The body must have room for the frame's checksum. */
static uint64_t checksum_of(const cache_row *row)
{
    uint64_t hash = add_u64(FNV_START, (uint64_t)row->version);
    hash = add_u64(hash, row->key);
    hash = add_u64(hash, (uint64_t)row->packed_size);
    hash = add_u64(hash, row->body_size);
    hash = add_u64(hash, row->identity_size);
    hash = fnv1a(hash, row->identity, row->identity_size);
    return fnv1a(hash, row->body + row->body_size - FRAME_CHECKSUM_BYTES, FRAME_CHECKSUM_BYTES);
}

lumen_status row_encode(row_coder *coder, uint64_t key, const char *identity, const blob *packed, cache_row *row,
                        lumen_error *error)
{
    size_t identity_size = strlen(identity);
    if (packed->size == 0 || packed->size > SHAPE_PACK_BYTES_MAX || identity_size > ROW_IDENTITY_BYTES_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a shape of %zu bytes with an identity of %zu cannot be stored; ask for less", packed->size,
                          identity_size);
    size_t bound = ZSTD_compressBound(packed->size);
    if (bound > coder->capacity) {
        free(coder->body);
        coder->body = malloc(bound);
        coder->capacity = coder->body == NULL ? 0 : bound;
        if (coder->body == NULL)
            return lumen_fail_memory(error, "a compressed shape");
    }
    size_t size = ZSTD_compress2(coder->context, coder->body, coder->capacity, packed->data, packed->size);
    if (ZSTD_isError(size))
        return lumen_fail(error, LUMEN_ERROR_MEMORY, "a shape could not be compressed (%s); it stays in memory",
                          ZSTD_getErrorName(size));
    *row = (cache_row){
        .version = ROW_VERSION,
        .key = key,
        .identity = identity,
        .identity_size = identity_size,
        .packed_size = (int64_t)packed->size,
        .body = coder->body,
        .body_size = size,
    };
    row->checksum = checksum_of(row);
    return LUMEN_OK;
}

/* What is wrong with a row before its body is looked into, or NULL. */
static const char *find_fault(const cache_row *row)
{
    if (row->version != ROW_VERSION)
        return "it has another version";
    if (row->identity_size == 0 || row->identity_size > ROW_IDENTITY_BYTES_MAX ||
        memchr(row->identity, 0, row->identity_size) != NULL)
        return "its identity is no text";
    if (row->packed_size <= 0 || (uint64_t)row->packed_size > SHAPE_PACK_BYTES_MAX)
        return "its size is out of bounds";
    if (row->body_size < FRAME_BYTES_MIN || row->body_size > ZSTD_compressBound((size_t)row->packed_size))
        return "its body has another size";
    if (row->checksum != checksum_of(row))
        return "its checksum is wrong";
    /* One frame that says its size, carries its checksum, and ends with the body. */
    if (ZSTD_getFrameContentSize(row->body, row->body_size) != (unsigned long long)row->packed_size ||
        (row->body[FRAME_DESCRIPTOR_AT] & FRAME_HAS_CHECKSUM) == 0 ||
        ZSTD_findFrameCompressedSize(row->body, row->body_size) != row->body_size)
        return "its body is no frame of that size";
    return NULL;
}

lumen_status row_decode(const cache_row *row, blob **packed, lumen_error *error)
{
    *packed = NULL;
    const char *fault = find_fault(row);
    if (fault == NULL) {
        size_t size = (size_t)row->packed_size;
        blob *bytes = blob_create(size);
        if (bytes == NULL)
            return lumen_fail_memory(error, "a shape from the cache");
        if (ZSTD_decompress(bytes->data, size, row->body, row->body_size) == size) {
            *packed = bytes;
            return LUMEN_OK;
        }
        blob_release(bytes);
        fault = "its body is damaged";
    }
    return lumen_fail(error, LUMEN_ERROR_INVALID, "the stored shape %016llx is damaged (%s); it is made again",
                      (unsigned long long)row->key, fault);
}

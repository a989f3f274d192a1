/* Any bytes as a row of the cache: refused, or packed bytes that make the same row again.
 *
 * The input: identity_size u8, identity, then the body. The numbers beside them are what the row's writer would put
 * there, or, where the first byte's highest bit is set, come from the input too. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/random.h"
#include "cache/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The checksum that the row's writer would have written, so that the fuzzer gets behind it. As row.c has it. */
static uint64_t checksum_of(const cache_row *row)
{
    const uint64_t numbers[] = {(uint64_t)row->version, row->key, (uint64_t)row->packed_size, row->body_size,
                                row->identity_size};
    uint64_t hash = FNV_START;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        unsigned char bytes[8];
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (unsigned char)(numbers[i] >> 8 * k & 0xff);
        hash = fnv1a(hash, bytes, sizeof bytes);
    }
    hash = fnv1a(hash, row->identity, row->identity_size);
    return row->body_size < 4 ? hash : fnv1a(hash, row->body + row->body_size - 4, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { NUMBERS_BYTES = 16, SIZE_MAX_HERE = 1 << 20 };
    if (size < 1)
        return 0;
    cache_row row = {.version = ROW_VERSION, .key = 0x0123456789abcdef};
    bool raw = (data[0] & 0x80) != 0;
    size_t at = 1, identity = data[0] & 0x7f;
    uint64_t numbers[2] = {0, 0};
    if (size < 1 + identity + (raw ? NUMBERS_BYTES : 0))
        return 0;
    if (raw) {
        memcpy(numbers, data + at, NUMBERS_BYTES);
        at += NUMBERS_BYTES;
    }
    row.identity = (const char *)data + at;
    row.identity_size = identity;
    row.body = data + at + identity;
    row.body_size = size - at - identity;
    unsigned long long content = ZSTD_getFrameContentSize(row.body, row.body_size);
    row.packed_size = raw ? (int64_t)numbers[0] : content < SIZE_MAX_HERE ? (int64_t)content : 1000;
    row.checksum = raw && numbers[1] != 0 ? numbers[1] : checksum_of(&row);

    blob *packed;
    lumen_error error;
    if (row_decode(&row, &packed, &error) != LUMEN_OK)
        return 0;
    /* What came out goes in again, and comes out the same. */
    char text[128];
    memcpy(text, row.identity, row.identity_size);
    text[row.identity_size] = '\0';
    cache_row again;
    blob *same;
    row_coder *coder = row_coder_open();
    if (coder == NULL || (int64_t)packed->size != row.packed_size ||
        row_encode(coder, row.key, text, packed, &again, &error) != LUMEN_OK ||
        row_decode(&again, &same, &error) != LUMEN_OK || same->size != packed->size ||
        memcmp(same->data, packed->data, same->size) != 0)
        abort();
    blob_release(same);
    blob_release(packed);
    row_coder_close(coder);
    return 0;
}

/*
 * random.h: small, seeded, equal everywhere. Not for secrets.
 *
 * PCG32 (Melissa O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms
 * for Random Number Generation", 2014) and the SplitMix64 finaliser (Steele et al., 2014) as a hash.
 */
#ifndef LUMEN_BASE_RANDOM_H
#define LUMEN_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct random_state {
    uint64_t state;
} random_state;

static inline uint64_t random_hash(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

static inline random_state random_seed(uint64_t seed)
{
    return (random_state){random_hash(seed)};
}

static inline uint32_t random_u32(random_state *generator)
{
    uint64_t old = generator->state;
    generator->state = old * 6364136223846793005u + 1442695040888963407u;
    uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t turn = (uint32_t)(old >> 59);
    return shifted >> turn | shifted << (-turn & 31);
}

/* Uniform in [0, 1), 24 bits. */
static inline float random_float(random_state *generator)
{
    return (float)(random_u32(generator) >> 8) * 0x1p-24f;
}

/* FNV-1a over bytes, started with FNV_START or an earlier result. */
#define FNV_START 0xcbf29ce484222325u

static inline uint64_t fnv1a(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

#endif

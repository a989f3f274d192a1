/*
 * gaussian_noise.h: standard normal numbers, the same for a seed on every machine.
 *
 *     random_state generator = random_seed(seed);
 *     gaussian_noise(&generator, values, count);
 *
 * The polar method (Marsaglia and Bray, 1964) over PCG32, with a logarithm of its own: C libraries differ in the last
 * bits of theirs.
 */
#ifndef LUMEN_NETWORKS_GAUSSIAN_NOISE_H
#define LUMEN_NETWORKS_GAUSSIAN_NOISE_H

#include "base/random.h"

void gaussian_noise(random_state *generator, float *out, size_t count);

#endif

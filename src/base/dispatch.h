/*
 * dispatch.h: one loop, compiled for more than one processor.
 *
 *     LUMEN_DISPATCH
 *     static void scale(float *values, size_t count, float factor) { ... }
 *
 * Where compiler and system can do so (GCC or Clang, x86-64, glibc), the function is compiled twice, for
 * AVX2 and for any x86-64, and the loader takes the one that the machine can run. Elsewhere the macro is
 * empty. Both copies give the same bytes: contraction to fused multiply-add is off (meson.build) and no
 * compiler reorders floating-point sums unasked. Worth it for long loops only; what such a function calls
 * must be inlined into it to be compiled for AVX2 too.
 *
 * Sanitizers and the fuzzer set up their shadow memory after the loader has chosen, so they go without.
 */
#ifndef LUMEN_BASE_DISPATCH_H
#define LUMEN_BASE_DISPATCH_H

#include <stdint.h>

#define LUMEN_DISPATCH

#if defined(__x86_64__) && defined(__ELF__) && defined(__GLIBC__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define LUMEN_DISPATCH_POSSIBLE
#endif
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef LUMEN_DISPATCH_POSSIBLE
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#undef LUMEN_DISPATCH_POSSIBLE
#endif
#endif

#ifdef LUMEN_DISPATCH_POSSIBLE
#undef LUMEN_DISPATCH
#define LUMEN_DISPATCH __attribute__((target_clones("avx2", "default")))
#endif

#endif

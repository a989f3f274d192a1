/*
 * dispatch.h: hot loops compiled for several instruction sets, the best chosen when the program starts.
 *
 * Put LUMEN_DISPATCH before the definition of a function whose loops the compiler vectorises. The
 * results do not depend on the choice: the code is the same, there is no fused multiply-add
 * (-ffp-contract=off) and sums are not reordered.
 */
#ifndef LUMEN_BASE_DISPATCH_H
#define LUMEN_BASE_DISPATCH_H

/* Sanitizers instrument the resolver that the loader calls before they are ready; clang 14 lacks the attribute in C. */
#if defined(__x86_64__) && defined(__ELF__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LUMEN_DISPATCH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LUMEN_DISPATCH
#endif

#endif

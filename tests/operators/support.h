/*
 * support.h: an operation, computed by the plain back end and by another, compared.
 *
 *     static tensor two_layers(operators *run, const void *given) { ... op_linear(run, ...) ... }
 *     compare_with_plain(state, two_layers, &sizes);
 *
 * Values are pseudo-random and representable in bf16, so that all back ends start from the same numbers.
 */
#ifndef LUMEN_TESTS_OPERATORS_SUPPORT_H
#define LUMEN_TESTS_OPERATORS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operators/operators.h"

/* `count` values around `mean` that spread by `spread`; the test's to free. Ends the test when memory runs out. */
float *values_make(size_t count, uint64_t seed, float mean, float spread);

/* A tensor of the context's type with such values, in its arena. */
tensor values_in(operators *run, uint32_t rank, const size_t *sizes, uint64_t seed, float mean, float spread);

/* Layers with such weights; the biases too. They belong to the context. */
linear *linear_of(operators *run, size_t in, size_t out, bool bias, uint64_t seed);
convolution *convolution_of(operators *run, size_t in, size_t out, size_t kernel, const convolution_options *how,
                            bool bias, uint64_t seed);
norm *norm_of(operators *run, size_t channels, bool bias, uint64_t seed);

/* Opens a context or ends the test. The second skips the test where this machine or this build has no such device. */
operators *context_open(const operators_options *options);
operators *context_open_or_skip(const operators_options *options);

typedef tensor (*operation)(operators *run, const void *given);

/* The result of an operation as f32, the test's to free. Ends the test when it fails. */
float *result_of(operators *run, operation what, const void *given, tensor *sizes);

typedef struct difference {
    double largest;  /* |a - b| over the largest |a| */
    double relative; /* sqrt(sum (a - b)^2 / sum a^2) */
    double cosine;
} difference;

difference difference_of(const float *reference, const float *other, size_t count);

/* What a type's results may differ by; the state of tests that are run for both types. */
typedef struct precision {
    tensor_type type;
    double largest, relative; /* see difference */
} precision;

/* Skips the test where this machine does not multiply bf16, or where Lumen was built without oneDNN. */
void compare_with_plain(void **state, operation what, const void *given);

/* The same for large shapes. A sanitizer, to which it matters where is read and written and not what, sees them without
 * the plain back end, which would take nearly all of the time. */
void compare_large_with_plain(void **state, operation what, const void *given);

#endif

/*
 * sanitized.h: whether a sanitizer watches this program, which then takes some ten times as long. What a large shape or
 * many words prove is proven by the release, so a test may leave them out here; each path of the code stays in.
 *
 *     for (size_t i = 0; i < (SANITIZED ? 2 : 8); i++) ...
 */
#ifndef TESTS_SANITIZED_H
#define TESTS_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif

#include "failing.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <jansson.h>

/* Threads of a team may ask, too. */
static atomic_bool armed, paused, with_json, refused;
static atomic_size_t left;

static bool may_have(void)
{
    if (!atomic_load(&armed) || atomic_load(&paused) || atomic_fetch_sub(&left, 1) != 0)
        return true;
    atomic_store(&refused, true);
    errno = ENOMEM;
    return false;
}

void *__real_malloc(size_t size); /* the C library's: not counted a second time */

static void *json_allocate(size_t size)
{
    return !atomic_load(&with_json) || may_have() ? __real_malloc(size) : NULL;
}

void failing_begin(size_t nth, failing_who who)
{
    json_set_alloc_funcs(json_allocate, free);
    atomic_store(&left, nth);
    atomic_store(&refused, false);
    atomic_store(&with_json, who == FAILING_OWN_AND_JSON);
    atomic_store(&armed, true);
}

bool failing_end(void)
{
    atomic_store(&armed, false);
    return atomic_load(&refused);
}

void failing_pause(void)
{
    atomic_store(&paused, true);
}

void failing_resume(void)
{
    atomic_store(&paused, false);
}

bool failing_allow(void *user, size_t bytes)
{
    (void)user;
    (void)bytes;
    return may_have();
}

/* ---- In the place of the C library's, by the linker's --wrap ----------------------------------------------------- */

/* mmap and fopen are called so where files may be large (_FILE_OFFSET_BITS is 64). */

void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void *__real_mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

void *__wrap_malloc(size_t size)
{
    return may_have() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_have() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
    return may_have() ? __real_realloc(memory, size) : NULL;
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    return may_have() ? __real_reallocarray(memory, count, size) : NULL;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return may_have() ? __real_aligned_alloc(alignment, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
    return may_have() ? __real_strdup(text) : NULL;
}

void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    return may_have() ? __real_mmap64(address, size, protection, flags, file, offset) : MAP_FAILED;
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
    return may_have() ? __real_fopen64(path, mode) : NULL;
}

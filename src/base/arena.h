/*
 * arena.h: memory that is taken piece by piece and given back at once.
 *
 *     arena *scratch = arena_create(64u << 20);          // never more than 64 MiB
 *     float *values = arena_array(scratch, float, n);    // NULL when the limit or memory is reached
 *     ...
 *     arena_reset(scratch);                              // everything is free again, the pages stay
 *     arena_destroy(scratch);
 *
 * The limit is declared at birth. An arena belongs to one thread at a time. Memory is not cleared.
 * A reset keeps the chunks, so that a loop over equal work allocates nothing after its first round.
 */
#ifndef LUMEN_BASE_ARENA_H
#define LUMEN_BASE_ARENA_H

#include <stddef.h>

typedef struct arena arena;

/* A place to which arena_rewind can return. */
typedef struct arena_mark {
    void *chunk;
    size_t used;
} arena_mark;

/* A new arena that holds at most `limit` bytes; NULL when memory runs out. */
arena *arena_create(size_t limit);
void arena_destroy(arena *memory);

/* `size` bytes aligned to 64 (a cache line, a vector register), or NULL. A size of 0 gives a valid pointer. */
void *arena_allocate(arena *memory, size_t size);

/* An array of `count` elements of `element` bytes; NULL also when the product overflows. */
void *arena_allocate_array(arena *memory, size_t count, size_t element);

/* A copy of the first `length` bytes of `text`, zero-terminated; NULL when memory runs out. */
char *arena_copy_text(arena *memory, const char *text, size_t length);

arena_mark arena_now(const arena *memory);
void arena_rewind(arena *memory, arena_mark mark);
void arena_reset(arena *memory);

/* Bytes held from the system by this arena. */
size_t arena_held(const arena *memory);

#define arena_array(memory, type, count) ((type *)arena_allocate_array((memory), (count), sizeof(type)))

#endif

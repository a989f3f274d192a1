#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, FIRST_CHUNK = 256 * 1024 };

/* Chunks form a list in the order they were taken; `current` is the one being filled. */
typedef struct chunk {
    struct chunk *next;
    size_t size; /* of the data behind this header */
    size_t used;
} chunk;

struct arena {
    chunk *first;
    chunk *current;
    size_t held;
    size_t limit;
};

static unsigned char *chunk_data(chunk *piece)
{
    return (unsigned char *)piece + ALIGNMENT;
}

arena *arena_create(size_t limit)
{
    _Static_assert(sizeof(chunk) <= ALIGNMENT, "a chunk's header must fit before its data");
    arena *memory = calloc(1, sizeof *memory);
    if (memory != NULL)
        memory->limit = limit;
    return memory;
}

void arena_destroy(arena *memory)
{
    if (memory == NULL)
        return;
    for (chunk *piece = memory->first; piece != NULL;) {
        chunk *next = piece->next;
        free(piece);
        piece = next;
    }
    free(memory);
}

/* Appends a chunk of at least `size` bytes behind the current one. Chunks double, so their number stays small. */
static chunk *grow(arena *memory, size_t size)
{
    size_t wanted = memory->current == NULL ? FIRST_CHUNK : memory->current->size * 2;
    if (wanted < size)
        wanted = size;
    if (wanted > memory->limit - memory->held)
        wanted = memory->limit - memory->held;
    wanted -= wanted % ALIGNMENT;
    if (wanted < size)
        return NULL;
    chunk *piece = aligned_alloc(ALIGNMENT, wanted + ALIGNMENT);
    if (piece == NULL)
        return NULL;
    piece->size = wanted;
    piece->used = 0;
    memory->held += wanted;
    if (memory->current == NULL) {
        piece->next = memory->first;
        memory->first = piece;
    } else {
        piece->next = memory->current->next;
        memory->current->next = piece;
    }
    memory->current = piece;
    return piece;
}

void *arena_allocate(arena *memory, size_t size)
{
    if (size > memory->limit)
        return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size == 0)
        size = ALIGNMENT;
    chunk *piece = memory->current;
    /* After a rewind the chunks behind the current one are empty and may be large enough. */
    while (piece != NULL && piece->size - piece->used < size) {
        if (piece->next == NULL) {
            piece = NULL;
            break;
        }
        piece = piece->next;
        memory->current = piece;
    }
    if (piece == NULL)
        piece = grow(memory, size);
    if (piece == NULL)
        return NULL;
    void *place = chunk_data(piece) + piece->used;
    piece->used += size;
    return place;
}

void *arena_allocate_array(arena *memory, size_t count, size_t element)
{
    if (element != 0 && count > SIZE_MAX / element)
        return NULL;
    return arena_allocate(memory, count * element);
}

char *arena_copy_text(arena *memory, const char *text, size_t length)
{
    char *copy = length < SIZE_MAX ? arena_allocate(memory, length + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

arena_mark arena_now(const arena *memory)
{
    return (arena_mark){memory->current, memory->current == NULL ? 0 : memory->current->used};
}

void arena_rewind(arena *memory, arena_mark mark)
{
    chunk *target = mark.chunk;
    if (target == NULL) {
        arena_reset(memory);
        return;
    }
    for (chunk *piece = target->next; piece != NULL; piece = piece->next)
        piece->used = 0;
    target->used = mark.used;
    memory->current = target;
}

void arena_reset(arena *memory)
{
    for (chunk *piece = memory->first; piece != NULL; piece = piece->next)
        piece->used = 0;
    memory->current = memory->first;
}

size_t arena_held(const arena *memory)
{
    return memory->held;
}

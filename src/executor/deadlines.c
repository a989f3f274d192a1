#include <stdlib.h>

#include "executor/internal.h"

/* A binary heap in an array: the children of i are 2i + 1 and 2i + 2. Every ticket knows its place. */

bool deadlines_make_room(deadline_heap *heap)
{
    if (heap->count < heap->capacity)
        return true;
    size_t capacity = heap->capacity == 0 ? 64 : 2 * heap->capacity;
    if (capacity > SIZE_MAX / sizeof(ticket *))
        return false;
    ticket **items = realloc(heap->items, capacity * sizeof(ticket *));
    if (items == NULL)
        return false;
    heap->items = items;
    heap->capacity = capacity;
    return true;
}

static void put(deadline_heap *heap, size_t index, ticket *party)
{
    heap->items[index] = party;
    party->heap_index = index;
}

static void rise(deadline_heap *heap, size_t index, ticket *party)
{
    while (index > 0 && heap->items[(index - 1) / 2]->deadline > party->deadline) {
        put(heap, index, heap->items[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    put(heap, index, party);
}

static void sink(deadline_heap *heap, size_t index, ticket *party)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child + 1 < heap->count && heap->items[child + 1]->deadline < heap->items[child]->deadline)
            child++;
        if (child >= heap->count || heap->items[child]->deadline >= party->deadline)
            break;
        put(heap, index, heap->items[child]);
        index = child;
    }
    put(heap, index, party);
}

void deadlines_add(deadline_heap *heap, ticket *party)
{
    heap->count++;
    rise(heap, heap->count - 1, party);
}

void deadlines_remove(deadline_heap *heap, ticket *party)
{
    size_t index = party->heap_index;
    party->heap_index = SIZE_MAX;
    heap->count--;
    if (index == heap->count)
        return;
    ticket *last = heap->items[heap->count];
    if (index > 0 && heap->items[(index - 1) / 2]->deadline > last->deadline)
        rise(heap, index, last);
    else
        sink(heap, index, last);
}

ticket *deadlines_first(const deadline_heap *heap)
{
    return heap->count == 0 ? NULL : heap->items[0];
}

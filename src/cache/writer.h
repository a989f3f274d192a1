/*
 * writer.h: the thread that keeps the disk tier: it writes what is new, notes what was used, opens the file again when
 * it failed, and sets it aside when it is damaged.
 *
 *     status = writer_open(&options, memory, &writer, &error);
 *     writer_add(writer, entry);               // never waits
 *     ...
 *     writer_close(writer);                    // after what waits is written
 */
#ifndef LUMEN_CACHE_WRITER_H
#define LUMEN_CACHE_WRITER_H

#include "cache/disk.h"
#include "cache/memory.h"

typedef struct cache_writer cache_writer;

/* Opens the file (options->folder) and starts the thread. A file that cannot be opened is no failure. Errors:
 * LUMEN_ERROR_MEMORY. */
lumen_status writer_open(const cache_options *options, cache_memory *memory, cache_writer **out, lumen_error *error);

/* Writes what waits, for at most ten seconds without progress. NULL is fine. */
void writer_close(cache_writer *writer);

/* Has an entry written, unless it is stored or waits already, or too much waits. */
void writer_add(cache_writer *writer, cache_entry *entry);

/* ---- For those who read ------------------------------------------------------------------------------------- */

cache_disk *writer_disk(cache_writer *writer);

/* A read ended with something else than DISK_FINE or DISK_NOTHING: counts it, and has the file looked after. `found`
 * says which row is bad, where one is. */
void writer_report(cache_writer *writer, uint64_t key, disk_outcome outcome, const disk_found *found,
                   const lumen_error *error);

/* Changes whenever rows have left the file. Who reads a row and then tells memory that it is stored compares it. */
uint64_t writer_losses(const cache_writer *writer);

/* Fills what the writer knows of the disk tier: not hits, misses and retrieval. */
void writer_read_figures(cache_writer *writer, cache_figures *figures);

#endif

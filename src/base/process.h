/*
 * process.h: what the system says of this process and this machine's memory.
 */
#ifndef LUMEN_BASE_PROCESS_H
#define LUMEN_BASE_PROCESS_H

#include <stdint.h>

/* Resident memory of this process; 0 where the system does not say. */
uint64_t process_resident_bytes(void);

typedef struct process_memory {
    uint64_t total_bytes, available_bytes; /* of the machine, or of the control group when that is smaller */
} process_memory;

process_memory process_read_memory(void);

#endif

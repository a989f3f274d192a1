#include "base/process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint64_t process_resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *facts = fopen("/proc/self/statm", "re");
    if (facts == NULL)
        return 0;
    if (fscanf(facts, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    fclose(facts);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The number in a file of the control group; 0 when there is none ("max"). */
static uint64_t read_number(const char *path)
{
    unsigned long long number = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &number) != 1)
        number = 0;
    fclose(file);
    return number;
}

process_memory process_read_memory(void)
{
    process_memory memory = {0, 0};
    char line[256];
    FILE *facts = fopen("/proc/meminfo", "re");
    while (facts != NULL && fgets(line, sizeof line, facts) != NULL) {
        unsigned long long kibibytes;
        if (sscanf(line, "MemTotal: %llu kB", &kibibytes) == 1)
            memory.total_bytes = kibibytes * 1024;
        else if (sscanf(line, "MemAvailable: %llu kB", &kibibytes) == 1)
            memory.available_bytes = kibibytes * 1024;
    }
    if (facts != NULL)
        fclose(facts);
    /* In a container the limit of its control group is what counts. */
    uint64_t limit = read_number("/sys/fs/cgroup/memory.max");
    uint64_t used = read_number("/sys/fs/cgroup/memory.current");
    if (limit > 0 && limit < memory.total_bytes) {
        memory.total_bytes = limit;
        uint64_t left = used < limit ? limit - used : 0;
        memory.available_bytes = left < memory.available_bytes ? left : memory.available_bytes;
    }
    return memory;
}

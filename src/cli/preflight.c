/* lumen preflight: can this machine run what there is? */

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/commands.h"
#include "pipeline/pipeline.h"

enum { MEMORY_WANTED = 64 }; /* MiB: the largest picture of one shape, with room */

static const char help[] =
    "lumen preflight: can this machine run Lumen?\n"
    "\n"
    "  Checks the processor, the memory, the built-in tables and the procedural engine, and says for each what\n"
    "  was found. The exit status is 0 when shapes can be made.\n"
    "\n"
    "  --help    print this text\n";

/* What later engines will want to know; the procedural engine runs on any processor. */
static void describe_processor(char *text, size_t size)
{
    struct utsname system;
    const char *extensions = "";
#if defined(__x86_64__) && defined(__GNUC__)
    extensions = __builtin_cpu_supports("avx512f") ? ", AVX-512" : __builtin_cpu_supports("avx2") ? ", AVX2" : "";
#endif
    const char *architecture = uname(&system) == 0 ? system.machine : "unknown";
    snprintf(text, size, "%s%s, %ld cores", architecture, extensions, sysconf(_SC_NPROCESSORS_ONLN));
}

/* MiB that can be had without swapping, by the kernel's own estimate; where it gives none, all there is. */
static double available_memory(void)
{
    double mebibytes = 0.0;
    char line[256];
    FILE *facts = fopen("/proc/meminfo", "r");
    while (facts != NULL && mebibytes == 0.0 && fgets(line, sizeof line, facts) != NULL) {
        unsigned long long kibibytes;
        if (sscanf(line, "MemAvailable: %llu kB", &kibibytes) == 1)
            mebibytes = (double)kibibytes / 1024.0;
    }
    if (facts != NULL)
        fclose(facts);
    if (mebibytes == 0.0)
        mebibytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
    return mebibytes;
}

static void report(bool good, const char *what, const char *found)
{
    printf("%-5s %-12s %s\n", good ? "ok" : "FAIL", what, found);
}

int command_preflight(int count, char **arguments)
{
    if (count > 1 && (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0)) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    if (count > 1)
        return complain(EXIT_USAGE, "preflight knows no '%s'; see lumen preflight --help", arguments[1]);

    char found[512];
    describe_processor(found, sizeof found);
    report(true, "processor", found);

    double available = available_memory();
    bool enough = available >= (double)MEMORY_WANTED;
    snprintf(found, sizeof found, "%.0f MiB available; shapes want 40, a picture %d", available, MEMORY_WANTED);
    report(enough, "memory", found);

    lumen *library = NULL;
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    const lumen_request request = {.text = "a horse galloping"};
    bool opened = lumen_open(NULL, &library, &error) == LUMEN_OK;
    if (opened)
        snprintf(found, sizeof found, "%zu concepts with a shape of their own",
                 sculpt_concept_count(pipeline_shapes(library)));
    report(opened, "tables", opened ? found : error.message);
    bool made = opened && lumen_generate(library, &request, &shape, &error) == LUMEN_OK;
    if (made)
        snprintf(found, sizeof found, "\"%s\": %s of %u parts, %u points in %.1f ms", shape->text, shape->template_type,
                 shape->part_count, shape->point_count, shape->generation_time_ms);
    report(made, "procedural", made ? found : opened ? error.message : "not tried");
    report(true, "networks", "not part of this version");
    lumen_shape_free(shape);
    lumen_close(library);
    if (enough && made)
        puts("This machine can run Lumen.");
    else
        puts("This machine cannot run Lumen: mend what says FAIL.");
    return enough && made ? EXIT_DONE : EXIT_FAILED;
}

/* lumen preflight: can this machine run what there is? */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/serve_options.h"
#include "pipeline/pipeline.h"

enum { MEMORY_WANTED = 64 }; /* MiB: the largest picture of one shape, with room */

static const char help[] =
    "lumen preflight: can this machine run Lumen?\n"
    "\n"
    "  Checks the processor, the memory, the built-in tables, the procedural engine, and what lumen serve will\n"
    "  want: its port and the folder of its cache. Says for each what was found. The exit status is 0 when shapes\n"
    "  can be made; a taken port or a read-only folder is told, and is no failure.\n"
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

/* ---- What the service wants ---------------------------------------------------------------------------------- */

enum { PORT_USUAL = 8080 };

static void describe_port(char *text, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT_USUAL)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int reuse = 1;
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = probe >= 0 && setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) == 0 &&
                 bind(probe, (const struct sockaddr *)&address, sizeof address) == 0;
    if (bound)
        snprintf(text, size, "%d is free on 127.0.0.1", PORT_USUAL);
    else
        snprintf(text, size, "%d on 127.0.0.1: %s; start lumen serve with another --port", PORT_USUAL, strerror(errno));
    if (probe >= 0)
        close(probe);
}

/* The deepest folder of `path` that exists already. */
static void cut_to_existing(char *path)
{
    char *slash;
    while (access(path, F_OK) != 0 && (slash = strrchr(path, '/')) != NULL && slash != path)
        *slash = '\0';
}

static void describe_cache(char *text, size_t size)
{
    char *folder = usual_cache_folder();
    if (folder == NULL) {
        snprintf(text, size, "there is no home folder; lumen serve keeps shapes in memory, or where --cache-dir says");
        return;
    }
    char *existing = strdup(folder);
    struct statvfs room;
    if (existing != NULL)
        cut_to_existing(existing);
    if (existing == NULL || access(existing, W_OK | X_OK) != 0 || statvfs(existing, &room) != 0)
        snprintf(text, size, "%s cannot be written: %s; lumen serve keeps shapes in memory, or where --cache-dir says",
                 folder, strerror(errno));
    else
        snprintf(text, size, "%s, %.1f GiB free", folder,
                 (double)room.f_bavail * (double)room.f_frsize / (double)(1 << 30));
    free(existing);
    free(folder);
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
    describe_port(found, sizeof found);
    report(true, "port", found);
    describe_cache(found, sizeof found);
    report(true, "cache", found);
    report(true, "networks", "not part of this version");
    lumen_shape_free(shape);
    lumen_close(library);
    if (enough && made)
        puts("This machine can run Lumen.");
    else
        puts("This machine cannot run Lumen: mend what says FAIL.");
    return enough && made ? EXIT_DONE : EXIT_FAILED;
}

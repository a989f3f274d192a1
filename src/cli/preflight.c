/* lumen preflight: can this machine run what there is? */

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/serve_options.h"
#include "base/process.h"
#include "partcrafter/partcrafter_engine.h"
#include "pipeline/pipeline.h"
#include "weights/weights.h"

enum { MEMORY_WANTED = 64 }; /* MiB: the largest picture of one shape, with room */

static const char help[] =
    "lumen preflight: can this machine run Lumen?\n"
    "\n"
    "  Checks the processor, the memory, the built-in tables, the procedural engine, what lumen serve will want\n"
    "  (its port and the folder of its cache), and whether networks find their models and the memory they need.\n"
    "  Says for each what was found. The exit status is 0 when shapes can be made; a taken port, a read-only folder\n"
    "  or missing models are told, and are no failure.\n"
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

/* MiB that can be had without swapping, by the kernel's own estimate and the bounds of a container; where there is
 * none, all there is. */
static double available_memory(void)
{
    process_memory memory = process_read_memory();
    double bytes = memory.available_bytes > 0 ? (double)memory.available_bytes
                                              : (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    return bytes / (1 << 20);
}

/* ---- Networks --------------------------------------------------------------------------------------------------- */

/* Whether the engine partcrafter finds its models, and has the memory for a usual shape. */
static void describe_networks(const lumen *library, char *text, size_t size)
{
    char folder[WEIGHTS_PATH_BYTES];
    static words_phrase phrase;
    partcrafter_engine *made = NULL;
    partcrafter_engine_needs needs;
    lumen_error error;
    lumen_status status = library != NULL ? weights_folder(NULL, folder, sizeof folder, &error)
                                          : lumen_fail(&error, LUMEN_ERROR_FAILED, "not tried");
    if (status == LUMEN_OK)
        status = words_parse("a horse galloping", NULL, &phrase, &error);
    if (status == LUMEN_OK)
        status = partcrafter_engine_open(&(partcrafter_engine_options){.models = folder}, pipeline_shapes(library),
                                         &made, &error);
    if (status == LUMEN_OK)
        status = partcrafter_engine_measure(partcrafter_engine_base(made), &(engine_request){.phrase = &phrase}, &needs,
                                            &error);
    if (status == LUMEN_OK)
        snprintf(text, size, "partcrafter in %s on %s: a shape needs %.1f GB of memory, %.1f GB are free",
                 tensor_type_name(needs.type), needs.device, (double)needs.peak[needs.holding] / 1e9,
                 (double)needs.budget / 1e9);
    else
        snprintf(text, size, "%s", error.message);
    partcrafter_engine_close(made);
}

/* ---- What the service wants ---------------------------------------------------------------------------------- */

/* Whether the address and port of the settings can be listened on. */
static void describe_port(const service_options *wanted, char *text, size_t size)
{
    char port[8];
    snprintf(port, sizeof port, "%u", wanted->port);
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    int fault = getaddrinfo(wanted->address, port, &hints, &found);
    if (fault != 0) {
        snprintf(text, size, "%s is no address to listen on: %s; choose another --address", wanted->address,
                 gai_strerror(fault));
        return;
    }
    const int reuse = 1;
    int probe = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = probe >= 0 && setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) == 0 &&
                 bind(probe, found->ai_addr, found->ai_addrlen) == 0;
    if (bound)
        snprintf(text, size, "%u is free on %s", wanted->port, wanted->address);
    else
        snprintf(text, size, "%u on %s: %s; start lumen serve with another --port", wanted->port, wanted->address,
                 strerror(errno));
    if (probe >= 0)
        close(probe);
    freeaddrinfo(found);
}

/* The deepest folder of `path` that exists already. */
static void cut_to_existing(char *path)
{
    char *slash;
    while (access(path, F_OK) != 0 && (slash = strrchr(path, '/')) != NULL && slash != path)
        *slash = '\0';
}

static void describe_cache(const char *folder, char *text, size_t size)
{
    if (folder == NULL) {
        snprintf(text, size, "none on disk; lumen serve keeps shapes in memory");
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

    /* What lumen serve would take from the environment. */
    serve_settings settings;
    char *nothing[] = {arguments[0], NULL};
    if (serve_options_read(1, nothing, &settings) != EXIT_DONE)
        return EXIT_USAGE;
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
    describe_port(&settings.service, found, sizeof found);
    report(true, "port", found);
    describe_cache(settings.cache_folder, found, sizeof found);
    report(true, "cache", found);
    serve_options_free(&settings);
    describe_networks(library, found, sizeof found);
    report(true, "networks", found);
    lumen_shape_free(shape);
    lumen_close(library);
    if (enough && made)
        puts("This machine can run Lumen.");
    else
        puts("This machine cannot run Lumen: mend what says FAIL.");
    return enough && made ? EXIT_DONE : EXIT_FAILED;
}

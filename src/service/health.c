/* How the service is: /health, /health/ready, /health/detailed, /cache/stats. */

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "files/json.h"
#include "service/answer.h"
#include "base/process.h"

void handle_health(visit *one)
{
    answer_json(one, 200, json_pack("{s:s}", "status", "ok"));
}

/* ---- Models -------------------------------------------------------------------------------------------------- */

/* The models of processes that all have the same list: each as it is where it is loaded, or in the first. */
static void add_models(json_t *list, const char *device, host_set *hosts, uint32_t slots, bool reasons,
                       bool *fallback_loaded)
{
    model_report best[MODELS_MAX];
    size_t count = 0;
    for (uint32_t slot = 0; slot < slots; slot++) {
        host_report report;
        host_read_report(hosts, slot, &report);
        for (size_t i = 0; i < report.model_count && i < MODELS_MAX; i++) {
            if (i >= count)
                best[count++] = report.models[i];
            else if (report.models[i].state == MODEL_LOADED)
                best[i] = report.models[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        *fallback_loaded = *fallback_loaded || (best[i].fallback && best[i].state == MODEL_LOADED);
        json_t *entry = json_pack("{s:o, s:s, s:s, s:I, s:f}", "name", files_json_text(best[i].name), "device", device,
                                  "state", model_state_name(best[i].state), "bytes", (json_int_t)best[i].bytes,
                                  "load_seconds", best[i].load_seconds);
        if (reasons && best[i].reason[0] != '\0')
            json_object_set_new(entry, "reason", files_json_text(best[i].reason));
        json_array_append_new(list, entry);
    }
}

/* `reasons`: with why a load failed, which may name files. */
static json_t *describe_models(service *running, bool reasons, bool *fallback_loaded)
{
    json_t *list = json_array();
    *fallback_loaded = false;
    add_models(list, SERVICE_DEVICE, running->hosts, running->options.workers, reasons, fallback_loaded);
    if (running->network_hosts != NULL)
        add_models(list, SERVICE_NETWORKS, running->network_hosts, 1, reasons, fallback_loaded);
    return list;
}

static void add_engines(json_t *list, host_set *hosts, const host_engines *offered)
{
    for (size_t i = 0; i < offered->engine_count; i++)
        if (offered->engines[i].generate != NULL && host_engine_ready(hosts, offered->engines[i].name))
            json_array_append_new(list, json_string(offered->engines[i].name));
}

/* Those that can make shapes now, best first. */
static json_t *describe_engines(service *running)
{
    json_t *list = json_array();
    if (running->network_hosts != NULL)
        add_engines(list, running->network_hosts, running->options.networks);
    add_engines(list, running->hosts, running->options.engines);
    return list;
}

static json_t *describe_connections(const cache_figures *shapes)
{
    return json_pack("{s:b, s:b}", "memory", (int)shapes->memory.connected, "disk", (int)shapes->disk.connected);
}

void handle_ready(visit *one)
{
    service *running = one->service;
    int phase = atomic_load(&running->phase);
    bool ready = service_is_ready(running);
    if (!ready) {
        answer_not_ready(one, phase == SERVICE_DRAINING ? "draining" : phase == SERVICE_BROKEN ? "broken" : "starting");
        return;
    }
    cache_figures shapes;
    cache_read_figures(running->shapes, &shapes);
    bool fallback;
    answer_json(one, 200,
                json_pack("{s:s, s:o, s:o, s:o}", "status", "ready", "models",
                          describe_models(running, false, &fallback), "engines", describe_engines(running), "cache",
                          describe_connections(&shapes)));
}

/* ---- Details ----------------------------------------------------------------------------------------------------- */

static json_t *describe_tier(const cache_tier_figures *tier)
{
    double looked = (double)(tier->hits + tier->misses);
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:I}", "connected", (int)tier->connected, "items",
                     (json_int_t)tier->items, "bytes", (json_int_t)tier->bytes, "hits", (json_int_t)tier->hits,
                     "misses", (json_int_t)tier->misses, "hit_rate", looked > 0.0 ? (double)tier->hits / looked : 0.0,
                     "mean_retrieval_ms", tier->hits > 0 ? tier->retrieval_seconds / (double)tier->hits * 1e3 : 0.0,
                     "evictions", (json_int_t)tier->evictions, "collisions", (json_int_t)tier->collisions, "faults",
                     (json_int_t)tier->faults);
}

static json_t *describe_cache(service *running)
{
    cache_figures shapes;
    cache_read_figures(running->shapes, &shapes);
    json_t *disk = describe_tier(&shapes.disk);
    json_object_set_new(disk, "state", files_json_text(shapes.disk_state));
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "memory", describe_tier(&shapes.memory), "disk", disk,
                     "pending_writes", (json_int_t)shapes.pending_items, "pending_bytes",
                     (json_int_t)shapes.pending_bytes, "writes", (json_int_t)shapes.writes, "writes_dropped",
                     (json_int_t)shapes.writes_dropped);
}

void handle_cache_stats(visit *one)
{
    answer_json(one, 200, describe_cache(one->service));
}

static json_t *describe_worker(host_set *hosts, uint32_t slot, const executor_slot_figures *work)
{
    host_report report;
    host_read_report(hosts, slot, &report);
    return json_pack("{s:i, s:i, s:b, s:b, s:o, s:o, s:o, s:f, s:f, s:b, s:b, s:i, s:i, s:i, s:o, s:I}", "slot",
                     (int)slot, "process", report.process, "ready", (int)report.ready, "busy", (int)work->busy,
                     "engine", files_json_text(work->engine), "stage", files_json_text(work->stage), "text",
                     files_json_text(work->text), "seconds", work->seconds, "quiet_seconds", work->quiet_seconds,
                     "stalled", (int)work->stalled, "hung", (int)work->hung, "starts", (int)report.starts, "crashes",
                     (int)report.crashes, "kills", (int)report.kills, "last_end", files_json_text(report.last_end),
                     "resident_bytes", (json_int_t)report.resident_bytes);
}

/* The queue of an executor without its workers. */
static json_t *describe_waiting(const service *running, const executor_figures *work)
{
    return json_pack("{s:i, s:i, s:I, s:f, s:I, s:I, s:I, s:I}", "depth", (int)(work->queued + work->looking_up),
                     "running", (int)work->running, "limit", (json_int_t)running->options.queue_max, "oldest_seconds",
                     work->oldest_queued_seconds, "shared", (json_int_t)work->shared, "failed",
                     (json_int_t)work->failed, "killed", (json_int_t)work->killed, "image_bytes",
                     (json_int_t)work->image_bytes);
}

/* Workers are numbered on through both executors. */
static void add_workers(json_t *workers, const char *device, host_set *hosts, const executor_figures *work,
                        uint64_t *resident)
{
    for (uint32_t slot = 0; slot < work->slots; slot++) {
        json_t *worker = describe_worker(hosts, slot, &work->slot[slot]);
        *resident += (uint64_t)json_integer_value(json_object_get(worker, "resident_bytes"));
        json_object_set_new(worker, "slot", json_integer((json_int_t)json_array_size(workers)));
        json_object_set_new(worker, "device", json_string(device));
        json_array_append_new(workers, worker);
    }
}

static json_t *describe_queue(service *running, uint64_t *resident)
{
    executor_figures work;
    json_t *workers = json_array();
    executor_read_figures(running->work, &work);
    json_t *queue = describe_waiting(running, &work);
    add_workers(workers, SERVICE_DEVICE, running->hosts, &work, resident);
    if (running->network_work != NULL) {
        executor_read_figures(running->network_work, &work);
        add_workers(workers, SERVICE_NETWORKS, running->network_hosts, &work, resident);
        json_object_set_new(queue, SERVICE_NETWORKS, describe_waiting(running, &work));
    }
    json_object_set_new(queue, "workers", workers);
    return queue;
}

static json_t *describe_device(void)
{
    struct utsname system;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return json_pack("{s:s, s:s, s:s, s:I}", "name", SERVICE_DEVICE, "kind", "cpu", "architecture",
                     uname(&system) == 0 ? system.machine : "unknown", "cores", (json_int_t)cores);
}

/* The parts that the opening thread makes; empty before. */
static void describe_opened(service *running, json_t *answer)
{
    if (!service_has_opened(running))
        return;
    bool fallback = false;
    uint64_t resident = process_resident_bytes();
    json_object_set_new(answer, "queue", describe_queue(running, &resident));
    json_object_set_new(answer, "models", describe_models(running, true, &fallback));
    json_object_set_new(answer, "fallback_loaded", json_boolean(fallback));
    json_object_set_new(answer, "cache", describe_cache(running));
    json_object_set_new(answer, "jobs", json_integer((json_int_t)job_table_count(running->jobs)));
    json_object_set_new(json_object_get(answer, "memory"), "used_bytes", json_integer((json_int_t)resident));
}

void handle_detailed(visit *one)
{
    service *running = one->service;
    static const char *const names[] = {"starting", "starting", "ok", "draining", "broken"};
    process_memory memory = process_read_memory();
    http_figures net;
    service_read_connections(running, &net);
    json_t *answer = json_pack(
        "{s:s, s:s, s:f, s:o, s:{s:I, s:I, s:I}, s:[], s:b, s:{}, s:{}, s:i, s:{s:I, s:I, s:I, s:I, s:I, s:I}}",
        "status", names[atomic_load(&running->phase)], "version", lumen_version(), "uptime_seconds",
        clock_seconds_between(running->started_ns, clock_now_ns()), "device", describe_device(), "memory", "used_bytes",
        (json_int_t)process_resident_bytes(), "total_bytes", (json_int_t)memory.total_bytes, "available_bytes",
        (json_int_t)memory.available_bytes, "models", "fallback_loaded", 0, "cache", "queue", "jobs", 0, "connections",
        "open", (json_int_t)net.connections, "accepted", (json_int_t)net.accepted, "exchanges",
        (json_int_t)net.exchanges, "waiting", (json_int_t)net.waiting, "timed_out", (json_int_t)net.timed_out,
        "abandoned", (json_int_t)net.abandoned);
    if (answer != NULL)
        describe_opened(running, answer);
    answer_json(one, 200, answer);
}

/*
 * internal.h: what the files of the service share: the service itself, and a visit, which is one request's way through
 * it.
 */
#ifndef LUMEN_SERVICE_INTERNAL_H
#define LUMEN_SERVICE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "cache/cache.h"
#include "executor/executor.h"
#include "http/http.h"
#include "service/client.h"
#include "service/jobs.h"
#include "service/limits.h"
#include "service/memo.h"
#include "service/observations.h"
#include "service/random_id.h"
#include "service/service.h"
#include "service/tasks.h"

/* The processes of the engines that need no networks, as logs and metrics name them, and that of those that do. */
#define SERVICE_DEVICE   "cpu"
#define SERVICE_NETWORKS "networks"

enum {
    REQUEST_ID_BYTES = REQUEST_ID_MAX + 1,
    ENGINES_MAX = 16,
    ORIGINS_MAX = 32,
    STAGES_LOGGED_MAX = EXECUTOR_STAGES_MAX,
    VISIT_FALLBACK_BYTES = 200
};

/* A file of the page, as it is and compressed. */
typedef struct page_file page_file;

typedef enum service_phase {
    SERVICE_BINDING,
    SERVICE_STARTING,
    SERVICE_OPEN,
    SERVICE_DRAINING,
    SERVICE_BROKEN
} service_phase;

struct service {
    service_options options;
    log_sink *log;
    http_server *http;
    uint64_t started_ns;
    atomic_int phase;   /* service_phase */
    atomic_bool opened; /* what the tender makes is there, until the end */
    client_proxies proxies;
    char *origins_text; /* cut into origins */
    const char *origins[ORIGINS_MAX];
    size_t origin_count;
    bool any_origin;
    limits *client_limit;
    limits *engine_limit;
    random_ids *ids;
    memo *known;                               /* bodies of requests */
    const char *engine_names[ENGINES_MAX + 2]; /* that requests may name: "auto" first, NULL last */
    const char *image_engines[4];              /* of them, those that take a picture */
    observations seen;
    atomic_size_t own_bytes;   /* of large answers that are one request's own, now being sent */
    pthread_mutex_t observing; /* figures are brought up to date by one at a time */
    http_content *openapi;
    page_file *page; /* pages.c */
    size_t page_count;

    pthread_t tender;
    atomic_bool stop_tending;
    pthread_mutex_t lock;
    pthread_cond_t stopping;

    /* Made by the tender; to be used only after service_has_opened said so. */
    lumen *library;
    cache *shapes;
    host_set *hosts;
    executor *work;
    tasks *pool;             /* quick: looking up, writing files */
    tasks *painters;         /* slow: pictures of shapes */
    host_set *network_hosts; /* of the engines that run networks; NULL: none here */
    executor *network_work;
    job_table *jobs;
};

/* A wait for the executor may be given up only once its ticket is there to be left; a client may leave before. */
typedef enum visit_waiting { VISIT_NOT_WAITING, VISIT_WAITING, VISIT_LEFT } visit_waiting;

/* One request. Made when its headers are there, gone when its answer has been sent. */
typedef struct visit {
    requester who; /* first: it is the executor's party */
    service *service;
    http_exchange *exchange;
    const struct route *route; /* NULL: no such path */
    unsigned route_index;
    char request_id[REQUEST_ID_BYTES];
    client_address address;
    const char *origin;          /* allowed one to be told; NULL: none */
    atomic_bool settled;         /* an answer is being given, by whoever set this */
    atomic_bool abandoned;       /* the client left */
    atomic_int waiting;          /* visit_waiting: for the executor */
    executor_ticket *ticket;     /* left when the visit ends */
    struct service_order *again; /* what to make without networks when they fail; NULL: not to be done without */
    executor_ticket *second;     /* of that; left after `ticket`, whose callback makes it */
    bool binary;                 /* the client prefers the binary message */
    bool with_image;             /* the request brought a picture */
    bool debug;                  /* POST /debug/generate-mesh: figures instead of the shape */
    size_t own_bytes;            /* counted in the service's */
    char fallback[VISIT_FALLBACK_BYTES]; /* why "auto" did without a better engine: ASCII; "" */
    /* For the log. */
    uint64_t key;
    bool has_key;
    const char *cache_state; /* "generated", "memory", "stored" */
    bool has_outcome;
    executor_outcome outcome; /* times alone; result and error are not kept */
} visit;

/* A place where requests go. */
typedef struct route {
    const char *path; /* "/jobs/{id}": a name in braces stands for one segment */
    const char *method;
    void (*handle)(visit *one);
    unsigned flags;
} route;

enum {
    ROUTE_OPEN = 1,    /* needs no key */
    ROUTE_LIMITED = 2, /* counts against the client's limit */
    ROUTE_WORK = 4,    /* needs the service to be open */
    ROUTE_DEBUG = 8,   /* not there unless debug routes are on */
    ROUTE_PROBE = 16,  /* asked by machines all the time: logged at debug level */
    ROUTE_FILE = 32,   /* there only for the names of the page's files */
    ROUTE_IMAGE = 64   /* its body may bring a picture */
};

/* The segment of the path that a route's braces stand for: what lies after `prefix`, up to the next slash. */
void visit_segment(const visit *one, const char *prefix, char *segment, size_t size);

static inline bool service_is_open(service *running)
{
    return atomic_load_explicit(&running->phase, memory_order_acquire) == SERVICE_OPEN;
}

/* Whether the tables, the cache and the executor are there to be asked: also while draining. */
static inline bool service_has_opened(service *running)
{
    return atomic_load_explicit(&running->opened, memory_order_acquire);
}

/* The server's figures; zeros while it is being bound. */
void service_read_connections(service *running, http_figures *figures);

/* Whether some engine can serve now. */
bool service_is_ready(service *running);

/* The handlers, by file. */
void handle_page(visit *one); /* pages.c */
void handle_openapi(visit *one);
void handle_health(visit *one); /* health.c */
void handle_ready(visit *one);
void handle_detailed(visit *one);
void handle_cache_stats(visit *one);
void handle_metrics(visit *one); /* observations.c */
void handle_prometheus(visit *one);
void handle_generate(visit *one);  /* generate.c */
void generate_abandon(visit *one); /* its client left */
void generate_end(visit *one);     /* it is over: gives back what it held */
void handle_debug_mesh(visit *one);
void handle_debug_image(visit *one); /* image.c */
void handle_job_post(visit *one);    /* job_routes.c */
void handle_job_get(visit *one);
void handle_job_events(visit *one);
void handle_job_delete(visit *one);
void handle_shape(visit *one); /* shapes.c */

/* The http_handler that leads to them: routes.c. */
http_handler routes_handler(service *running);

#endif

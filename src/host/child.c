/*
 * The side of the engines: the whole life of a host process.
 *
 * The main thread receives orders and runs them. The thread of the models room loads and tells what it does. Both
 * write to the socket, whole frames under a lock; only the main thread, or who calls an engine's progress callback
 * meanwhile, reads, under another.
 */
#include "base/clock.h"
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "host/protocol.h"

static const double PROGRESS_SECONDS = 0.05; /* between two messages of one stage */
static const double LOOK_SECONDS = 0.001;    /* between two looks for a cancel */

/* An unusually large shape gives its memory back. */
static const size_t PACKED_BYTES_KEPT = (size_t)16 << 20;

struct host;

/* One order of the batch in hand. */
typedef struct order {
    struct host *of;
    uint32_t index;
    lumen_request request; /* its texts and its picture are ours */
    bool cancelled;        /* under the reading lock, like all below */
    char stage[EXECUTOR_STAGE_BYTES];
    double told_at;
} order;

typedef struct host {
    const host_engines *offered;
    models *all;
    int socket;
    int statm; /* /proc/self/statm, open */

    pthread_mutex_t writing;
    buffer frame; /* being written */

    pthread_mutex_t reading;
    host_reader reader;
    host_message message;
    double looked_at;

    uint64_t batch;
    uint32_t count;
    order orders[EXECUTOR_BATCH_MAX];
    buffer packed;
} host;

/* What this process holds of the machine's memory now; 0 when the system does not say. */
static uint64_t resident_bytes(const host *self)
{
    char text[128];
    ssize_t size = self->statm < 0 ? -1 : pread(self->statm, text, sizeof text - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    unsigned long long pages = 0;
    long page = sysconf(_SC_PAGESIZE);
    return sscanf(text, "%*u %llu", &pages) == 1 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

/* ---- Writing -------------------------------------------------------------------------------------------------- */

/* Whoever hung up has no more use for us: the process ends from where it is. */
static _Noreturn void leave(void)
{
    _exit(0);
}

static void send_bytes(host *self, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(self->socket, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            leave();
        bytes += sent;
        size -= (size_t)sent;
    }
}

/* A head and what follows it, in one call as far as the socket takes them. */
static void send_both(host *self, const buffer *head, const buffer *body)
{
    struct iovec parts[] = {{.iov_base = head->data, .iov_len = head->size},
                            {.iov_base = body->data, .iov_len = body->size}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent = sendmsg(self->socket, &message, MSG_NOSIGNAL);
    size_t done = sent > 0 ? (size_t)sent : 0;
    size_t of_head = done < head->size ? done : head->size;
    send_bytes(self, head->data + of_head, head->size - of_head);
    send_bytes(self, body->data + (done - of_head), body->size - (done - of_head));
}

/* A frame is written into self->frame between these two. */
static buffer *begin_frame(host *self)
{
    pthread_mutex_lock(&self->writing);
    self->frame.size = 0;
    return &self->frame;
}

static void send_frame(host *self, const buffer *packed)
{
    /* Never: the frames are small and the buffer has been grown at the start. */
    if (!buffer_failed(&self->frame)) {
        if (packed != NULL)
            send_both(self, &self->frame, packed);
        else
            send_bytes(self, self->frame.data, self->frame.size);
    }
    pthread_mutex_unlock(&self->writing);
}

static void tell_model(void *user, size_t index, const model_report *report)
{
    host *self = user;
    host_write_model(begin_frame(self), (uint32_t)index, report, resident_bytes(self));
    send_frame(self, NULL);
}

static void tell_line(void *user, log_severity severity, const char *text)
{
    host *self = user;
    host_write_log(begin_frame(self), severity, text);
    send_frame(self, NULL);
}

static void answer_failure(host *self, uint32_t index, lumen_status status, const char *reason)
{
    host_write_failure(begin_frame(self), self->batch, index, resident_bytes(self),
                       status != LUMEN_OK ? status : LUMEN_ERROR_FAILED, reason);
    send_frame(self, NULL);
}

/* What self->packed holds, or why it holds nothing. */
static void answer_packed(host *self, uint32_t index, lumen_status status, const char *reason)
{
    if (status != LUMEN_OK) {
        answer_failure(self, index, status, reason);
    } else {
        host_write_shape(begin_frame(self), self->batch, index, resident_bytes(self), self->packed.size);
        send_frame(self, &self->packed);
    }
    if (self->packed.capacity > PACKED_BYTES_KEPT) {
        buffer_close(&self->packed);
        buffer_open(&self->packed, SHAPE_PACK_BYTES_MAX);
    }
}

static buffer *begin_packing(host *self)
{
    self->packed.size = 0;
    self->packed.failed = false;
    return &self->packed;
}

static void answer_shape(host *self, uint32_t index, const lumen_shape *shape)
{
    lumen_error error = {0};
    lumen_status status = shape_pack(shape, begin_packing(self), &error);
    answer_packed(self, index, status, error.message);
}

static void answer_file(host *self, const host_engine *engine, uint32_t index, const lumen_request *request)
{
    lumen_error error = {0};
    lumen_status status = engine->make_file(engine->self, request, begin_packing(self), &error);
    if (status == LUMEN_OK && buffer_failed(&self->packed))
        status = lumen_fail_memory(&error, "the file that was made");
    answer_packed(self, index, status,
                  error.message[0] != '\0' ? error.message : "the engine failed and did not say why");
}

/* ---- Reading -------------------------------------------------------------------------------------------------- */

/* Receives what is there, or waits for something. False: nothing is there. With the reading lock. */
static bool receive(host *self, int flags)
{
    size_t room;
    unsigned char *space = host_reader_space(&self->reader, &room);
    ssize_t size = recv(self->socket, space, room, flags);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (size <= 0)
        leave();
    host_reader_received(&self->reader, (size_t)size);
    return true;
}

/* Looks whether orders in hand are called off. With the reading lock. */
static void look_for_cancels(host *self)
{
    do {
        host_read step;
        while ((step = host_reader_next(&self->reader, &self->message)) == HOST_READ_MESSAGE) {
            if (self->message.kind != HOST_CANCEL)
                leave(); /* while orders are in hand there can be nothing else */
            if (self->message.batch == self->batch && self->message.index < self->count)
                self->orders[self->message.index].cancelled = true;
        }
        if (step == HOST_READ_WRONG)
            leave();
    } while (receive(self, MSG_DONTWAIT));
}

static bool note_progress(void *user, const char *stage, double fraction)
{
    order *one = user;
    host *self = one->of;
    double now = clock_now_seconds();
    pthread_mutex_lock(&self->reading);
    if (now - self->looked_at >= LOOK_SECONDS) {
        look_for_cancels(self);
        self->looked_at = now;
    }
    bool cancelled = one->cancelled;
    bool new_stage = strncmp(one->stage, stage, sizeof one->stage - 1) != 0;
    bool tell = !cancelled && (new_stage || now - one->told_at >= PROGRESS_SECONDS);
    if (tell) {
        snprintf(one->stage, sizeof one->stage, "%s", stage);
        one->told_at = now;
    }
    pthread_mutex_unlock(&self->reading);
    if (tell) {
        host_write_progress(begin_frame(self), self->batch, one->index, stage, fraction);
        send_frame(self, NULL);
    }
    return !cancelled;
}

/* While models are loaded for the batch: whether somebody still waits. */
static bool somebody_waits(void *user)
{
    host *self = user;
    bool wanted = false;
    for (uint32_t i = 0; i < self->count; i++)
        wanted = note_progress(&self->orders[i], "loading models", 0.0) || wanted;
    return wanted;
}

/* ---- Working -------------------------------------------------------------------------------------------------- */

static void run_on(host *self, const host_engine *engine, uint32_t first, uint32_t count)
{
    lumen_request requests[EXECUTOR_BATCH_MAX];
    lumen_shape *shapes[EXECUTOR_BATCH_MAX] = {0};
    lumen_status statuses[EXECUTOR_BATCH_MAX] = {LUMEN_OK};
    lumen_error errors[EXECUTOR_BATCH_MAX];
    for (uint32_t i = 0; i < count; i++) {
        order *one = &self->orders[first + i];
        requests[i] = one->request;
        requests[i].engine = engine->name;
        requests[i].progress = note_progress;
        requests[i].progress_user = one;
        errors[i].message[0] = '\0';
    }
    if (engine->make_file != NULL) {
        for (uint32_t i = 0; i < count; i++)
            answer_file(self, engine, first + i, &requests[i]);
        return;
    }
    engine->generate(engine->self, requests, count, shapes, statuses, errors);
    for (uint32_t i = 0; i < count; i++) {
        if (shapes[i] != NULL && statuses[i] == LUMEN_OK)
            answer_shape(self, first + i, shapes[i]);
        else
            answer_failure(self, first + i, statuses[i],
                           errors[i].message[0] != '\0' ? errors[i].message : "the engine failed and did not say why");
        lumen_shape_free(shapes[i]);
    }
}

static size_t count_names(const char *const *names)
{
    size_t count = 0;
    while (names != NULL && names[count] != NULL)
        count++;
    return count;
}

static void fail_all(host *self, const lumen_error *error)
{
    for (uint32_t i = 0; i < self->count; i++)
        answer_failure(self, i, error->status, error->message);
}

/* Runs the batch in self->orders and answers each. */
static void work(host *self, const char *name)
{
    lumen_error error;
    const host_engine *engine = host_find_engine(self->offered, name);
    if (engine == NULL) {
        lumen_fail(&error, LUMEN_ERROR_UNAVAILABLE, "there is no engine %s in this program", name);
        fail_all(self, &error);
        return;
    }
    size_t model_count = count_names(engine->models);
    if (models_acquire(self->all, engine->models, model_count, somebody_waits, self, &error) != LUMEN_OK) {
        fail_all(self, &error);
        return;
    }
    uint32_t together = engine->batch_max > 1 ? engine->batch_max : 1;
    for (uint32_t first = 0; first < self->count; first += together)
        run_on(self, engine, first, self->count - first < together ? self->count - first : together);
    models_release(self->all, engine->models, model_count);
}

static void *copy_bytes(const void *bytes, size_t size)
{
    void *copy = malloc(size);
    if (copy != NULL)
        memcpy(copy, bytes, size);
    return copy;
}

/* Copies what `from` points to. False: memory ran out; what was copied is the order's all the same. */
static bool keep_order(const lumen_request *from, lumen_request *into)
{
    *into = *from;
    into->text = from->text != NULL ? strdup(from->text) : NULL;
    into->verb = from->verb != NULL ? strdup(from->verb) : NULL;
    into->image = from->image != NULL ? copy_bytes(from->image, from->image_size) : NULL;
    return (from->text == NULL) == (into->text == NULL) && (from->verb == NULL) == (into->verb == NULL) &&
           (from->image == NULL) == (into->image == NULL);
}

/* More messages come while the orders are worked on. */
static bool keep_orders(host *self, const host_orders *orders)
{
    bool kept = true;
    self->batch = orders->batch;
    self->count = orders->count;
    for (uint32_t i = 0; i < orders->count; i++) {
        self->orders[i] = (order){.of = self, .index = i};
        kept = keep_order(&orders->requests[i], &self->orders[i].request) && kept;
    }
    return kept;
}

static void forget_orders(host *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        lumen_request *one = &self->orders[i].request;
        free((char *)(uintptr_t)one->text);
        free((char *)(uintptr_t)one->verb);
        free((void *)(uintptr_t)one->image);
    }
    self->count = 0;
}

static void take_orders(host *self, const host_orders *orders)
{
    char engine[HOST_ENGINE_NAME_BYTES];
    memcpy(engine, orders->engine, sizeof engine);
    if (keep_orders(self, orders)) {
        work(self, engine);
    } else {
        lumen_error error;
        lumen_fail_memory(&error, "a batch of orders");
        fail_all(self, &error);
    }
    forget_orders(self);
}

/* ---- The life ------------------------------------------------------------------------------------------------- */

/* Waits for the next message. False: hung up, or nonsense. */
static bool next_message(host *self)
{
    for (;;) {
        host_read step = host_reader_next(&self->reader, &self->message);
        if (step != HOST_READ_MORE)
            return step == HOST_READ_MESSAGE;
        size_t room;
        unsigned char *space = host_reader_space(&self->reader, &room);
        ssize_t size = recv(self->socket, space, room, 0);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return false;
        host_reader_received(&self->reader, (size_t)size);
    }
}

/* The service ends its hosts by hanging up, when it has finished what it had: ^C and its like are for the service. And
 * a host must never outlive it, even one that hangs. */
static void settle(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        sigaction(ignored[i], &ignore, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* When memory runs out, an engine is the better thing to lose. */
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t written = write(file, "500", 3);
        (void)written; /* a wish */
        close(file);
    }
}

static void serve(host *self)
{
    host_write_hello(begin_frame(self), lumen_version());
    send_frame(self, NULL);
    models_start_loading(self->all);
    while (next_message(self)) {
        if (self->message.kind == HOST_ORDERS)
            take_orders(self, &self->message.orders);
        else if (self->message.kind != HOST_CANCEL) /* one that came when its order was done */
            break;
    }
}

int host_main(const host_engines *offered, int descriptor)
{
    settle();
    host *self = calloc(1, sizeof *self);
    if (self == NULL || fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) {
        fprintf(stderr, "lumen: an engine process is started by the service, with a socket as its last argument\n");
        free(self);
        return 2;
    }
    self->offered = offered;
    self->socket = descriptor;
    self->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    pthread_mutex_init(&self->writing, NULL);
    pthread_mutex_init(&self->reading, NULL);
    buffer_open(&self->frame, HOST_FRAME_HEAD_BYTES + HOST_ANSWER_BYTES_MAX);
    buffer_open(&self->packed, SHAPE_PACK_BYTES_MAX);
    buffer_fill(&self->frame, 0, HOST_FRAME_HEAD_BYTES + HOST_ANSWER_BYTES_MAX);
    int status = 1;
    if (!buffer_failed(&self->frame) && host_reader_open(&self->reader, HOST_SIDE_HOST) && next_message(self) &&
        self->message.kind == HOST_START) {
        const models_options options = {
            .list = offered->models,
            .count = offered->model_count,
            .budget_bytes = offered->own_budget ? 0 : self->message.bytes,
            .listener = {.changed = tell_model, .told = tell_line, .user = self},
        };
        lumen_error error;
        if (models_open(&options, &self->all, &error) == LUMEN_OK) {
            serve(self);
            status = 0;
        } else {
            fprintf(stderr, "lumen: %s\n", error.message);
        }
    }
    models_close(self->all);
    host_reader_close(&self->reader);
    buffer_close(&self->packed);
    buffer_close(&self->frame);
    pthread_mutex_destroy(&self->reading);
    pthread_mutex_destroy(&self->writing);
    if (self->statm >= 0)
        close(self->statm);
    close(descriptor);
    free(self);
    return status;
}

#include <string.h>

#include "executor/internal.h"

static void read_slot(const slot *self, moment now, executor_slot_figures *out)
{
    if (!self->busy)
        return;
    const executor_order *order = &self->works[0]->order;
    out->busy = true;
    /* Half the grace: who watches shall see the name before the kill takes it away. */
    out->hung = self->wanted == 0 && now - self->unwanted >= self->all->grace / 2;
    out->stalled = self->wanted > 0 && now - self->progress_at >= self->all->stall;
    memcpy(out->stage, self->stage, sizeof out->stage);
    text_begin(out->text, sizeof out->text, order->request.text);
    text_begin(out->engine, sizeof out->engine, order->engine);
    out->seconds = seconds_between(self->began, now);
    out->quiet_seconds = seconds_between(self->progress_at, now);
}

void executor_read_figures(executor *all, executor_figures *figures)
{
    memset(figures, 0, sizeof *figures);
    pthread_mutex_lock(&all->lock);
    moment now = moment_now();
    figures->looking_up = all->looking_up;
    figures->queued = all->queue.count;
    figures->running = all->running;
    figures->parties = all->parties;
    figures->image_bytes = all->image_bytes;
    figures->slots = all->options.slots;
    figures->joined = all->counts.joined;
    figures->shared = all->counts.shared;
    figures->found = all->counts.found;
    figures->started = all->counts.started;
    figures->done = all->counts.done;
    figures->failed = all->counts.failed;
    figures->cancelled = all->counts.cancelled;
    figures->expired = all->counts.expired;
    figures->refused = all->counts.refused;
    figures->full = all->counts.full;
    figures->killed = all->counts.killed;
    figures->batches = all->counts.batches;
    if (all->queue.first != NULL)
        figures->oldest_queued_seconds = seconds_between(all->queue.first->queued, now);
    for (uint32_t i = 0; i < all->options.slots; i++)
        read_slot(&all->slots[i], now, &figures->slot[i]);
    pthread_mutex_unlock(&all->lock);
}

#include "executor/internal.h"

/*
 * Asks the parties in their order until one is admitted, which then carries the flight. All parties here are yet to be
 * asked, since those who were refused are gone; more may join meanwhile and are asked too. Lets go of the lock.
 */
static void flight_admit(flight *one, aftermath *after)
{
    const executor_hooks *hooks = &one->all->options.hooks;
    while (one->state == EXECUTOR_LOOKING_UP) {
        ticket *party = ticket_keep(one->first_party);
        bool admitted = true;
        double retry_seconds = 0.0;
        if (hooks->admit != NULL && party_call_begin(party)) {
            pthread_mutex_unlock(&one->all->lock);
            admitted = hooks->admit(hooks->user, party->party.user, &retry_seconds);
            pthread_mutex_lock(&one->all->lock);
            party_call_end(party);
        }
        if (one->state == EXECUTOR_LOOKING_UP) {
            if (admitted) {
                /* When the one who was admitted has left meanwhile, its admission still counts for the others. */
                for (ticket *other = one->first_party; other != NULL; other = other->next)
                    other->carries = other == party;
                queue_append(one);
            } else if (party->attached) {
                one->all->counts.refused++;
                party_end_alone(party, EXECUTOR_REFUSED, retry_seconds, after);
            }
        }
        ticket_release(party);
    }
}

/* What the lookup found belongs to the flight if that is still under way. Lets go of the lock. */
static void flight_looked_up(flight *one, void *found)
{
    executor *all = one->all;
    aftermath after = {0};
    if (one->state == EXECUTOR_LOOKING_UP) {
        one->outcome.lookup_seconds = seconds_between(one->created, moment_now());
        if (found != NULL) {
            all->counts.found++;
            one->outcome.found = true;
            one->outcome.result = found;
            found = NULL;
            flight_end(one, EXECUTOR_DONE, NULL, &after);
        } else {
            flight_admit(one, &after);
        }
    }
    if (found != NULL) {
        pthread_mutex_unlock(&all->lock);
        all->options.hooks.release(all->options.hooks.user, found);
        pthread_mutex_lock(&all->lock);
    }
    aftermath_run(all, &after);
}

void *lookup_main(void *argument)
{
    executor *all = argument;
    const executor_hooks *hooks = &all->options.hooks;
    pthread_mutex_lock(&all->lock);
    while (all->lookups.first != NULL || !all->quit) {
        flight *one = all->lookups.first;
        if (one == NULL) {
            pthread_cond_wait(&all->lookup_wanted, &all->lock);
            continue;
        }
        flight_list_remove(one);
        one->references++;
        void *found = NULL;
        if (hooks->lookup != NULL) {
            pthread_mutex_unlock(&all->lock);
            found = hooks->lookup(hooks->user, &one->order);
            pthread_mutex_lock(&all->lock);
        }
        flight_looked_up(one, found);
        flight_release(one);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

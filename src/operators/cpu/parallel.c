/* The one place with OpenMP in it. Without OpenMP (a compiler that has none) our own loops run on the calling thread.
 */

#include "operators/cpu/cpu.h"

#ifdef _OPENMP
#include <omp.h>
#endif

void parallel_enter(const operators *run)
{
#ifdef _OPENMP
    omp_set_num_threads((int)run->threads);
#else
    (void)run;
#endif
}

void parallel_plan_alone(const operators *run)
{
    (void)run;
#ifdef _OPENMP
    omp_set_num_threads(1);
#endif
}

void parallel_plan_team(const operators *run)
{
    parallel_enter(run);
}

#ifdef _OPENMP

/* ThreadSanitizer sees neither the start nor the end of a team, since libgomp is not compiled for it. It is told here
 * what both guarantee: a worker sees what came before, and what workers did is seen afterwards. */
#if defined(__SANITIZE_THREAD__)
#define TOLD_TO_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TOLD_TO_THREAD_SANITIZER
#endif
#endif

#ifdef TOLD_TO_THREAD_SANITIZER
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#else
static inline void __tsan_acquire(void *address)
{
    (void)address;
}

static inline void __tsan_release(void *address)
{
    (void)address;
}
#endif

typedef struct team {
    parallel_work work;
    void *argument;
    size_t count;
    unsigned size;
    char began, ended; /* addresses for ThreadSanitizer */
} team;

__attribute__((noinline)) static void run_member(team *all, unsigned thread)
{
    __tsan_acquire(&all->began);
    size_t from = all->count * thread / all->size, to = all->count * (thread + 1) / all->size;
    if (from < to)
        all->work(all->argument, from, to, thread);
    __tsan_release(&all->ended);
}

/* Not looked at by ThreadSanitizer: a worker reads the pointer to the team before it can be told anything. The team may
 * turn out smaller than asked for, so members take ranges in turn. */
__attribute__((noinline, no_sanitize("thread"))) static void run_team(team *all)
{
#pragma omp parallel num_threads(all->size) firstprivate(all)
    for (unsigned thread = (unsigned)omp_get_thread_num(); thread < all->size;
         thread += (unsigned)omp_get_num_threads())
        run_member(all, thread);
}

void parallel_for(const operators *run, size_t count, size_t grain, parallel_work work, void *argument)
{
    size_t most = grain > 0 ? (count + grain - 1) / grain : count;
    team all = {.work = work, .argument = argument, .count = count};
    all.size = most < run->threads ? (unsigned)most : run->threads;
    if (all.size <= 1) {
        if (count > 0)
            work(argument, 0, count, 0);
        return;
    }
    __tsan_release(&all.began);
    run_team(&all);
    __tsan_acquire(&all.ended);
}

#else

void parallel_for(const operators *run, size_t count, size_t grain, parallel_work work, void *argument)
{
    (void)run;
    (void)grain;
    if (count > 0)
        work(argument, 0, count, 0);
}

#endif

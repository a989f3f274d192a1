#include "service/tasks.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS_MAX = 16 };

typedef struct task {
    void (*run)(void *user);
    void *user;
} task;

struct tasks {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    task *ring; /* (room) */
    size_t room, first, count;
    bool stopping;
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;
};

static void *work(void *user)
{
    tasks *pool = user;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->count == 0 && !pool->stopping)
            pthread_cond_wait(&pool->changed, &pool->lock);
        if (pool->count == 0)
            break;
        task next = pool->ring[pool->first];
        pool->first = (pool->first + 1) % pool->room;
        pool->count--;
        pthread_mutex_unlock(&pool->lock);
        next.run(next.user);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

tasks *tasks_create(unsigned threads, size_t waiting_max)
{
    tasks *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    pool->room = waiting_max;
    pool->ring = calloc(waiting_max, sizeof *pool->ring);
    while (pool->ring != NULL && pool->thread_count < threads && pool->thread_count < THREADS_MAX &&
           pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) == 0)
        pool->thread_count++;
    if (pool->thread_count == 0) {
        tasks_destroy(pool);
        return NULL;
    }
    return pool;
}

bool tasks_add(tasks *pool, void (*run)(void *user), void *user)
{
    pthread_mutex_lock(&pool->lock);
    bool taken = pool->count < pool->room && !pool->stopping;
    if (taken) {
        pool->ring[(pool->first + pool->count) % pool->room] = (task){run, user};
        pool->count++;
        pthread_cond_signal(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

void tasks_destroy(tasks *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->ring);
    free(pool);
}

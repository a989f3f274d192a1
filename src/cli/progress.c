#include "cli/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { BAR_WIDTH = 28, LABEL_WIDTH = 30 };

void progress_open(progress_bar *bar, size_t total, bool wanted)
{
    *bar = (progress_bar){.total = total, .started = clock_now_seconds()};
    bar->shown = wanted && total > 1 && isatty(STDERR_FILENO) == 1;
}

void progress_show(progress_bar *bar, size_t done, const char *label)
{
    double now = clock_now_seconds();
    /* A terminal that draws thousands of lines a second is slower than the shapes. */
    if (!bar->shown || (done < bar->total && now - bar->drawn < 0.05))
        return;
    bar->drawn = now;
    char cells[BAR_WIDTH + 1];
    size_t filled = done * BAR_WIDTH / bar->total;
    for (size_t i = 0; i < BAR_WIDTH; i++)
        cells[i] = i < filled ? '#' : '.';
    cells[BAR_WIDTH] = '\0';
    /* What a list holds may be anything; a terminal gets plain characters only. */
    char plain[LABEL_WIDTH + 1];
    size_t length = 0;
    for (; length < LABEL_WIDTH && label[length] != '\0'; length++)
        plain[length] = label[length] >= ' ' && label[length] <= '~' ? label[length] : '?';
    plain[length] = '\0';
    double left = done > 0 ? (now - bar->started) * (double)(bar->total - done) / (double)done : 0.0;
    fprintf(stderr, "\r\033[K[%s] %zu/%zu  %.0f s left  %s", cells, done, bar->total, left, plain);
    fflush(stderr);
}

void progress_clear(const progress_bar *bar)
{
    if (bar->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

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

/* Whether it is time to draw again: a terminal that draws thousands of lines a second is slower than the shapes. */
static bool is_due(progress_bar *bar, bool last)
{
    double now = clock_now_seconds();
    if (!bar->shown || (!last && now - bar->drawn < 0.05))
        return false;
    bar->drawn = now;
    return true;
}

static void fill_cells(char cells[BAR_WIDTH + 1], double part)
{
    for (size_t i = 0; i < BAR_WIDTH; i++)
        cells[i] = (double)i < part * (double)BAR_WIDTH ? '#' : '.';
    cells[BAR_WIDTH] = '\0';
}

/* What a list holds may be anything; a terminal gets plain characters only. */
static void make_plain(char plain[LABEL_WIDTH + 1], const char *label)
{
    size_t length = 0;
    for (; length < LABEL_WIDTH && label[length] != '\0'; length++)
        plain[length] = label[length] >= ' ' && label[length] <= '~' ? label[length] : '?';
    plain[length] = '\0';
}

void progress_show(progress_bar *bar, size_t done, const char *label)
{
    if (!is_due(bar, done >= bar->total))
        return;
    char cells[BAR_WIDTH + 1], plain[LABEL_WIDTH + 1];
    fill_cells(cells, (double)done / (double)bar->total);
    make_plain(plain, label);
    double left = done > 0 ? (bar->drawn - bar->started) * (double)(bar->total - done) / (double)done : 0.0;
    fprintf(stderr, "\r\033[K[%s] %zu/%zu  %.0f s left  %s", cells, done, bar->total, left, plain);
    fflush(stderr);
}

void progress_show_bytes(progress_bar *bar, uint64_t done, uint64_t total, double rate, const char *label)
{
    if (!is_due(bar, done >= total))
        return;
    char cells[BAR_WIDTH + 1], plain[LABEL_WIDTH + 1], left[32] = "";
    fill_cells(cells, total > 0 ? (double)done / (double)total : 0.0);
    make_plain(plain, label);
    double seconds = rate > 0.0 && total > done ? (double)(total - done) / rate : 0.0;
    if (seconds > 0.0 && seconds < 360000.0)
        snprintf(left, sizeof left, "  %d:%02d left", (int)(seconds / 60.0), (int)seconds % 60);
    fprintf(stderr, "\r\033[K[%s] %.1f/%.1f MB  %.1f MB/s%s  %s", cells, (double)done * 1e-6, (double)total * 1e-6,
            rate * 1e-6, left, plain);
    fflush(stderr);
}

void progress_clear(const progress_bar *bar)
{
    if (bar->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

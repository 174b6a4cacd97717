#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WIDTH 40
#define COUNTED 10000 /* how often the count is shown where the end is not known */

void progress_begin(struct progress *progress, const char *what, bool hidden)
{
    *progress = (struct progress){.shown = !hidden && isatty(STDERR_FILENO), .what = what, .percent = -1};
}

static void draw(struct progress *progress, int percent)
{
    char bar[WIDTH + 1] = {0};
    memset(bar, ' ', WIDTH);
    memset(bar, '#', (size_t)percent * WIDTH / 100);
    fprintf(stderr, "\r[%s] %3d %%  %llu %s", bar, percent, (unsigned long long)progress->count,
            progress->what);
    progress->percent = percent;
}

void progress_step(struct progress *progress, int64_t done, int64_t total)
{
    progress->count += 1;
    if (!progress->shown)
        return;
    if (total <= 0) {
        if (progress->count % COUNTED == 0)
            fprintf(stderr, "\r%llu %s", (unsigned long long)progress->count, progress->what);
        return;
    }
    int percent = done >= total ? 100 : (int)(done * 100 / total);
    if (percent != progress->percent)
        draw(progress, percent);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
}

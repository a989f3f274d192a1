#include "cli/interrupt.h"

#include <signal.h>

#include "cli/commands.h"

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
}

bool interrupt_came(void)
{
    return interrupted != 0;
}

int interrupt_end(void)
{
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
    return EXIT_FAILED;
}

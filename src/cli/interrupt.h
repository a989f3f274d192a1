/*
 * interrupt.h: Ctrl-C during long work: the first stops it between two steps, cleanly; the second ends the program.
 *
 *     interrupt_catch();
 *     ... work that asks interrupt_came() and returns LUMEN_ERROR_CANCELLED ...
 *     if (status == LUMEN_ERROR_CANCELLED && interrupt_came())
 *         return interrupt_end();
 */
#ifndef LUMEN_CLI_INTERRUPT_H
#define LUMEN_CLI_INTERRUPT_H

#include <stdbool.h>

void interrupt_catch(void);
bool interrupt_came(void);

/* Ends the program by SIGINT, so that whoever called us sees that it was Ctrl-C. */
int interrupt_end(void);

#endif

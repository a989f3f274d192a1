/*
 * view_maker.h: makes shapes on a thread of its own, so that the picture never stops. The latest text wins: one that
 * came before it and is not begun is forgotten, one that is under way is called off.
 *
 *     maker *hands;
 *     status = maker_open(library, points, &hands, &error);
 *     maker_ask(hands, "a horse");
 *     maker_answer answer;
 *     if (maker_take(hands, &answer)) ...          // each frame; answer.shape is yours
 *     maker_close(hands);                          // before the library
 */
#ifndef LUMEN_CLI_VIEW_MAKER_H
#define LUMEN_CLI_VIEW_MAKER_H

#include "lumen.h"

typedef struct maker maker;

typedef struct maker_answer {
    lumen_shape *shape; /* NULL: `error` says why */
    lumen_error error;
} maker_answer;

lumen_status maker_open(lumen *library, uint32_t points, maker **out, lumen_error *error);
void maker_close(maker *hands);

/* A text, or the path of a file that holds a shape. */
void maker_ask(maker *hands, const char *subject);

/* What has become of the latest text; false while there is nothing new. */
bool maker_take(maker *hands, maker_answer *answer);

/* Whether an answer is still to come. */
bool maker_busy(maker *hands);

#endif

/*
 * reader.h: the two halves of the sculpt reader. Private to this room.
 */
#ifndef LUMEN_PROCEDURAL_READER_H
#define LUMEN_PROCEDURAL_READER_H

#include "procedural/lexer.h"

/* Reads a template behind its keyword, up to the next keyword that opens something else (template_reader.c).
 * False after lexer_fail. */
bool template_read(lexer *input, arena *memory, sculpt_template **out);

/* True at a word that opens a new thing: template, concept, adjective, tint, measure. */
bool reader_at_opening(const lexer *input);

/* Takes a name token into `out`. False after lexer_fail, which says that a `what` is missing. */
bool reader_take_name(lexer *input, const char *what, char out[SCULPT_NAME_BYTES]);

/* Requires the end of the line. */
bool reader_end_line(lexer *input);

#endif

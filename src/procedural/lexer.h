/*
 * lexer.h: a sculpt text as tokens, one at a time. Private to this room.
 */
#ifndef LUMEN_PROCEDURAL_LEXER_H
#define LUMEN_PROCEDURAL_LEXER_H

#include "procedural/syntax.h"

typedef enum token_kind {
    TOKEN_NAME, /* letters, digits, underscores; starts with no digit */
    TOKEN_NUMBER,
    TOKEN_COLOR, /* #rgb or #rrggbb */
    TOKEN_SIGN,  /* one of ( ) , . + - * / < > */
    TOKEN_NEWLINE,
    TOKEN_END
} token_kind;

typedef struct token {
    token_kind kind;
    uint32_t line;
    char name[SCULPT_NAME_BYTES]; /* of a name; of a sign its one character */
    float number;
    uint8_t rgb[3];
} token;

typedef struct lexer {
    const char *source; /* name for messages */
    const char *text;
    size_t size;
    size_t place;
    uint32_t line;
    token next; /* the token not yet taken */
    lumen_error *error;
    lumen_status status; /* the first failure; after it `next` is TOKEN_END for good */
} lexer;

/* Starts at the first token. */
void lexer_open(lexer *input, const sculpt_source *source, lumen_error *error);

/* Takes the present token and reads on. */
token lexer_take(lexer *input);

/* Takes the present token when it is that name or sign. */
bool lexer_accept(lexer *input, const char *text);

/* Leaves the rest of the line unread, whatever it holds; the next token is the newline. */
void lexer_skip_line(lexer *input);

/* Fails at the present line: "animals.sculpt:12: ...". Always returns false. */
bool lexer_fail(lexer *input, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

/*
 * text_list.h: the texts that a command works on: its arguments, and the lines of standard input for "-".
 */
#ifndef LUMEN_CLI_TEXT_LIST_H
#define LUMEN_CLI_TEXT_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct text_list {
    char **texts; /* owned */
    size_t count;
    size_t capacity;
} text_list;

/* Copies the arguments; "-" becomes the lines of standard input, blank ones left out. False after a complaint. The
 * list is closed by the caller in any case. */
bool text_list_open(text_list *list, char **arguments, size_t count);
void text_list_close(text_list *list);

/* The whole of a file, or of standard input for "-", as a string, or NULL after a complaint. The caller frees it. */
char *read_whole_file(const char *path);

#endif

/* Prints the tokens of texts, for check_clip_tokenizer.py to hold against the reference:
 *
 *     print_clip_ids MERGES PAD LENGTH <TEXTS
 *
 * A text is a line of hexadecimal digits, two for each byte of its UTF-8; the answer is a line of ids. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/clip_tokenizer.h"

static int digit(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

int main(int count, char **arguments)
{
    if (count != 4)
        return 2;
    clip_tokenizer *words;
    lumen_error error;
    size_t length = (size_t)atoi(arguments[3]);
    int32_t *ids = calloc(length, sizeof *ids);
    char *line = NULL;
    size_t room = 0;
    if (ids == NULL || clip_tokenizer_open(arguments[1], atoi(arguments[2]), &words, &error) != LUMEN_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    for (ssize_t size; (size = getline(&line, &room, stdin)) > 0;) {
        size_t bytes = 0;
        for (ssize_t i = 0; i + 1 < size; i += 2)
            line[bytes++] = (char)(digit(line[i]) << 4 | digit(line[i + 1]));
        line[bytes] = '\0';
        if (clip_tokenizer_encode(words, line, ids, length, &error) != LUMEN_OK) {
            printf("refused %s\n", error.message);
            continue;
        }
        for (size_t i = 0; i < length; i++)
            printf("%d%c", (int)ids[i], i + 1 < length ? ' ' : '\n');
    }
    free(line);
    free(ids);
    clip_tokenizer_close(words);
    return 0;
}

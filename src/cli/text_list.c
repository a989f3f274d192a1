#include "cli/text_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"

enum { TEXTS_MAX = 1 << 20, FILE_BYTES_MAX = 16 << 20 };

static bool add(text_list *list, const char *text)
{
    if (list->count == TEXTS_MAX) {
        complain(EXIT_FAILED, "the list has more than %d texts; split it", TEXTS_MAX);
        return false;
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        char **texts = realloc(list->texts, capacity * sizeof *texts);
        if (texts == NULL) {
            complain(EXIT_FAILED, "memory ran out while reading the list; split it");
            return false;
        }
        list->texts = texts;
        list->capacity = capacity;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        complain(EXIT_FAILED, "memory ran out while reading the list; split it");
        return false;
    }
    list->texts[list->count++] = copy;
    return true;
}

static bool add_lines(text_list *list, FILE *input)
{
    char *line = NULL;
    size_t capacity = 0;
    size_t number = 0;
    bool good = true;
    ssize_t length;
    while (good && (length = getline(&line, &capacity, input)) >= 0) {
        number++;
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = '\0';
        if (strlen(line) != (size_t)length) {
            complain(EXIT_FAILED, "line %zu of the list holds a zero byte; it must be UTF-8 text", number);
            good = false;
        } else if (line[strspn(line, " \t")] != '\0') {
            good = add(list, line);
        }
    }
    if (good && ferror(input)) {
        complain(EXIT_FAILED, "standard input could not be read: %s; check what is piped in", strerror(errno));
        good = false;
    }
    free(line);
    return good;
}

bool text_list_open(text_list *list, char **arguments, size_t count)
{
    *list = (text_list){0};
    for (size_t i = 0; i < count; i++)
        if (!(strcmp(arguments[i], "-") == 0 ? add_lines(list, stdin) : add(list, arguments[i])))
            return false;
    return true;
}

void text_list_close(text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->texts[i]);
    free(list->texts);
    *list = (text_list){0};
}

char *read_whole_file(const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *input = standard ? stdin : fopen(path, "rb");
    path = standard ? "standard input" : path;
    char *text = NULL;
    size_t size = 0;
    size_t capacity = 0;
    bool good = input != NULL;
    while (good && !feof(input)) {
        if (capacity - size < 65536) {
            capacity = capacity == 0 ? 131072 : capacity * 2;
            char *larger = capacity <= FILE_BYTES_MAX ? realloc(text, capacity) : NULL;
            if (larger == NULL) {
                errno = EFBIG;
                good = false;
                break;
            }
            text = larger;
        }
        size += fread(text + size, 1, capacity - size - 1, input);
        good = !ferror(input);
    }
    if (!good) {
        complain(EXIT_FAILED, "%s could not be read: %s; check its name and rights", path, strerror(errno));
        free(text);
        text = NULL;
    } else {
        text[size] = '\0';
        if (strlen(text) != size) {
            complain(EXIT_FAILED, "%s holds a zero byte; it must be text", path);
            free(text);
            text = NULL;
        }
    }
    if (input != NULL && !standard)
        fclose(input);
    return text;
}

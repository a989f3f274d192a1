/*
 * embed.c: turns files into a C array, at build time.
 *
 *     embed NAME INPUT... > out.c
 *
 * defines, with the inputs one after the other:
 *
 *     extern const unsigned char NAME[];   // and a zero behind the last byte, so that text is a string
 *     extern const size_t NAME_size;       // without that zero
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_identifier(const char *name)
{
    if (!isalpha((unsigned char)name[0]) && name[0] != '_')
        return false;
    for (const char *at = name; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && *at != '_')
            return false;
    return true;
}

/* Writes the bytes of one file and adds their number to `total`. */
static bool embed_file(const char *path, size_t *total)
{
    FILE *input = fopen(path, "rb");
    if (input == NULL) {
        fprintf(stderr, "embed: %s: %s; check the path\n", path, strerror(errno));
        return false;
    }
    unsigned char bytes[4096];
    size_t count;
    while ((count = fread(bytes, 1, sizeof bytes, input)) > 0) {
        for (size_t i = 0; i < count; i++)
            printf((*total + i) % 24 == 23 ? "%u,\n" : "%u,", bytes[i]);
        *total += count;
    }
    bool read_all = !ferror(input);
    if (!read_all)
        fprintf(stderr, "embed: %s: %s while reading; check the file\n", path, strerror(errno));
    fclose(input);
    return read_all;
}

int main(int count, char **arguments)
{
    if (count < 3 || !is_identifier(arguments[1])) {
        fprintf(stderr, "usage: embed NAME INPUT... > out.c, where NAME is a C identifier\n");
        return 2;
    }
    const char *name = arguments[1];
    printf("#include <stddef.h>\n\n"
           "extern const unsigned char %s[];\nextern const size_t %s_size;\n\n"
           "const unsigned char %s[] = {\n",
           name, name, name);
    size_t total = 0;
    for (int i = 2; i < count; i++)
        if (!embed_file(arguments[i], &total))
            return 1;
    printf("0};\nconst size_t %s_size = %zu;\n", name, total);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "embed: %s: %s while writing; free some space\n", name, strerror(errno));
        return 1;
    }
    return 0;
}

/*
 * embed.c: turns files into a C array, at build time.
 *
 *     embed NAME INPUT... > out.c
 *
 * defines, with the inputs one after the other:
 *
 *     extern const unsigned char NAME[];   // and a zero behind the last byte, so that text is a string
 *     extern const size_t NAME_size;       // without that zero
 *
 *     embed --table NAME INPUT... > out.c
 *
 * defines a table of the inputs, each for itself, that ends in an empty entry (base/embedded.h):
 *
 *     extern const embedded_file NAME[];
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* What has been written so far. */
typedef struct written {
    size_t size;
    uint64_t hash; /* FNV-1a of the bytes */
} written;

static const written nothing_written = {0, 0xcbf29ce484222325u};

/* Writes the bytes of one file and adds them to `total`. */
static bool embed_file(const char *path, written *total)
{
    FILE *input = fopen(path, "rb");
    if (input == NULL) {
        fprintf(stderr, "embed: %s: %s; check the path\n", path, strerror(errno));
        return false;
    }
    unsigned char bytes[4096];
    size_t count;
    while ((count = fread(bytes, 1, sizeof bytes, input)) > 0) {
        for (size_t i = 0; i < count; i++) {
            printf(++total->size % 24 == 0 ? "%u,\n" : "%u,", bytes[i]);
            total->hash = (total->hash ^ bytes[i]) * 0x100000001b3u;
        }
    }
    bool read_all = !ferror(input);
    if (!read_all)
        fprintf(stderr, "embed: %s: %s while reading; check the file\n", path, strerror(errno));
    fclose(input);
    return read_all;
}

static bool embed_one_array(const char *name, char **paths, int count)
{
    printf("#include <stddef.h>\n\n"
           "extern const unsigned char %s[];\nextern const size_t %s_size;\n\n"
           "const unsigned char %s[] = {\n",
           name, name, name);
    written total = nothing_written;
    for (int i = 0; i < count; i++)
        if (!embed_file(paths[i], &total))
            return false;
    printf("0};\nconst size_t %s_size = %zu;\n", name, total.size);
    return true;
}

static bool embed_table(const char *name, char **paths, int count)
{
    written *files = calloc((size_t)count, sizeof *files);
    if (files == NULL) {
        fprintf(stderr, "embed: there is no memory for a table of %d files\n", count);
        return false;
    }
    bool whole = true;
    printf("#include \"base/embedded.h\"\n\nextern const embedded_file %s[];\n\n", name);
    for (int i = 0; whole && i < count; i++) {
        printf("static const unsigned char file_%d[] = {\n", i);
        files[i] = nothing_written;
        whole = embed_file(paths[i], &files[i]);
        printf("0};\n");
    }
    printf("const embedded_file %s[] = {\n", name);
    for (int i = 0; i < count; i++) {
        const char *slash = strrchr(paths[i], '/');
        printf("{\"%s\", file_%d, %zu, 0x%" PRIx64 "u},\n", slash == NULL ? paths[i] : slash + 1, i, files[i].size,
               files[i].hash);
    }
    printf("{0}};\n");
    free(files);
    return whole;
}

int main(int count, char **arguments)
{
    bool table = count > 1 && strcmp(arguments[1], "--table") == 0;
    char **given = arguments + (table ? 2 : 1);
    int given_count = count - (table ? 2 : 1);
    if (given_count < 2 || !is_identifier(given[0])) {
        fprintf(stderr, "usage: embed [--table] NAME INPUT... > out.c, where NAME is a C identifier\n");
        return 2;
    }
    bool whole = table ? embed_table(given[0], given + 1, given_count - 1)
                       : embed_one_array(given[0], given + 1, given_count - 1);
    if (!whole)
        return 1;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "embed: %s: %s while writing; free some space\n", given[0], strerror(errno));
        return 1;
    }
    return 0;
}

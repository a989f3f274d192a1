/* Prints what Lumen reads of weight files, for check_safetensors.py to hold against the official reader:
 *
 *     print_safetensors FILE...
 *
 * For each file "file", a line "TYPE SIZES HEX NAME" for each tensor and "end"; or "refused MESSAGE" alone. */

#include <stdio.h>

#include "tensor/safetensors.h"

static void print_tensor(const safetensors *file, const char *name)
{
    tensor view;
    lumen_error error;
    if (safetensors_find(file, name, &view, &error) != LUMEN_OK) {
        printf("other - - %s\n", name);
        return;
    }
    printf("%s ", tensor_type_name(view.type));
    for (uint32_t i = 0; i < view.rank; i++)
        printf("%s%zu", i > 0 ? "," : "", view.sizes[i]);
    fputs(view.rank == 0 ? "- " : " ", stdout);
    const unsigned char *bytes = view.data;
    for (size_t i = 0; i < tensor_bytes(&view); i++)
        printf("%02x", bytes[i]);
    printf("%s %s\n", tensor_bytes(&view) == 0 ? "-" : "", name);
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        safetensors *file;
        lumen_error error;
        if (safetensors_open(arguments[i], &file, &error) != LUMEN_OK) {
            printf("refused %s\n", error.message);
            continue;
        }
        puts("file");
        for (size_t j = 0; j < safetensors_count(file); j++)
            print_tensor(file, safetensors_name(file, j));
        puts("end");
        safetensors_close(file);
    }
    return 0;
}

/* Writes the models of small_models.h, for the tests of the command. */

#include <stdio.h>
#include <sys/stat.h>

#include "small_models.h"

int main(int count, char **arguments)
{
    if (count != 2 || mkdir(arguments[1], 0700) != 0) {
        fprintf(stderr, "write_small_models FOLDER, which is made\n");
        return 2;
    }
    write_small_models(arguments[1], &cat_of_ellipsoids);
    return 0;
}

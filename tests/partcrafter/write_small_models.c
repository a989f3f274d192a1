/* Writes the models of small_models.h, for the tests of the command; with `bumpy`, only PartCrafter's with parts for
 * the extraction of surfaces (golden_extract.py, scripts/parity.py). */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "small_models.h"

int main(int count, char **arguments)
{
    const bool bumpy = count == 3 && strcmp(arguments[2], "bumpy") == 0;
    if ((count != 2 && !bumpy) || mkdir(arguments[1], 0700) != 0) {
        fprintf(stderr, "write_small_models FOLDER [bumpy], which is made\n");
        return 2;
    }
    if (bumpy)
        write_small_maker(arguments[1], &bumpy_ellipsoids);
    else
        write_small_models(arguments[1], &cat_of_ellipsoids);
    return 0;
}

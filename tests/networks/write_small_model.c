/* Writes the small model of made_up.h, for the tests of the command: as a folder in the reference's layout. */

#include <stdio.h>
#include <sys/stat.h>

#include "made_up.h"

int main(int count, char **arguments)
{
    if (count != 2 || mkdir(arguments[1], 0700) != 0) {
        fprintf(stderr, "write_small_model FOLDER, which is made\n");
        return 2;
    }
    write_small_folder(arguments[1]);
    return 0;
}

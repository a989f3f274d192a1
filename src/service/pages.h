/*
 * pages.h: the files that lie inside the program, as contents.
 */
#ifndef LUMEN_SERVICE_PAGES_H
#define LUMEN_SERVICE_PAGES_H

#include "service/internal.h"

/* Prepares the page and openapi.json. LUMEN_ERROR_MEMORY. */
lumen_status pages_open(service *running, lumen_error *error);
void pages_close(service *running);

/* Whether a path names a file of the page: "/page.js". */
bool pages_know(const char *path);

#endif

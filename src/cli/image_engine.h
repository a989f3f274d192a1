/*
 * image_engine.h: SDXL Turbo as the engine that the service's pictures come from (host/host.h).
 *
 *     host_engines painters;
 *     status = image_engine_offer(folder, &painters, &error);         // a table: nothing is loaded yet
 *     ... the service: options.painters = &painters;  its process: host_main(&painters, descriptor) ...
 *     image_engine_withdraw(&painters);
 */
#ifndef LUMEN_CLI_IMAGE_ENGINE_H
#define LUMEN_CLI_IMAGE_ENGINE_H

#include "host/host.h"

/* One engine, "sdxl-turbo", that makes PNG pictures of the text's canonical prompt, of 512 by 512 pixels: the bytes
 * that `lumen image` writes for the same text, seed and steps. It needs the model of the same name. `folder`: as for
 * image_model_find, whose errors come from here too; LUMEN_ERROR_MEMORY. */
lumen_status image_engine_offer(const char *folder, host_engines *out, lumen_error *error);
void image_engine_withdraw(host_engines *offered);

#endif

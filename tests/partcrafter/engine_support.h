/*
 * engine_support.h: what the tests of the engine share: one folder of small models for a whole program, the requests
 * that are quick with them, and what is said of a library that answers.
 *
 *     static int make_models(void **state) { (void)state; return make_shared_models(&tree_of_ellipsoids); }
 *     ...
 *     lumen *library = open_usual();
 *     lumen_shape *shape = generate(library, &pictured);
 *
 * Loading and painting take the longest, so most tests start from a picture whose alpha says what it shows.
 */
#ifndef TESTS_PARTCRAFTER_ENGINE_SUPPORT_H
#define TESTS_PARTCRAFTER_ENGINE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "engine/engine.h"
#include "lumen.h"
#include "small_models.h"

/* All models, with parts that the program chose; and a second folder whose parts are a test's own. */
extern char models_folder[256], own_folder[256];

int make_shared_models(const ellipsoids *parts);
int remove_shared_models(void **state);

/* The shared models with other parts; NULL: without PartCrafter. */
void make_own_folder(const ellipsoids *parts);

/* A word; and the same with a picture in the place of the painting, cut out by its alpha. The diffusion of these models
 * comes to the same in any number of steps. */
extern const lumen_request painted;
extern lumen_request pictured;

/* The same as the engine itself is asked. */
engine_request as_engine_request(const words_phrase *phrase);

/* PNG files: a disc of one color on white; on nothing, by its alpha; and all black. The test's to close. */
buffer draw_disc(uint32_t size, uint8_t red);
buffer draw_cut_out_disc(uint32_t size, uint8_t red);
buffer draw_black(uint32_t size);

/* `painted` with this picture instead. */
lumen_request from_picture(const buffer *bytes, const char *text);

/* The folder is the shared one, the type f32, the thread one, unless `how` says otherwise. */
lumen *open_library(const lumen_options *how);
lumen *open_usual(void);

lumen_shape *generate(lumen *library, const lumen_request *request);
void assert_fails(lumen *library, const lumen_request *request, lumen_status expected, const char *naming);
void assert_same(const lumen_shape *one, const lumen_shape *other);

/* What `pictured` gives with the shared models: made once, by a library of its own. */
const lumen_shape *expected_shape(void);

/* The next request works, and gives those very bytes. */
void assert_works(lumen *library);

int32_t part_named(const lumen_shape *shape, const char *name);

#endif

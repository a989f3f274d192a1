/*
 * program.h: shaders compiled and linked, with the driver's words where they are wrong.
 *
 *     static const char *const vertex[] = {"#define VEIL\n", text, NULL};
 *     status = program_open("veil", vertex, fragment, &program, &error);
 */
#ifndef LUMEN_VIEWER_PROGRAM_H
#define LUMEN_VIEWER_PROGRAM_H

#include <stdbool.h>

#include <GLES3/gl3.h>

#include "base/error.h"

/* The texts, each ended by NULL, follow each other behind the version and the precision. `name` is what messages say.
 * Textures are bound by program_sampler. The caller deletes the program. */
lumen_status program_open(const char *name, const char *const *vertex, const char *const *fragment, GLuint *out,
                          lumen_error *error);

/* The same in two steps, for a program that is not needed at once: compilers may work meanwhile. program_finish waits
 * for them; the caller deletes the program whether it fails or not. 0: no context. */
GLuint program_begin(const char *const *vertex, const char *const *fragment);
lumen_status program_finish(const char *name, GLuint program, lumen_error *error);

/* Whether the driver can say, by program_is_done, that program_finish would not wait (KHR_parallel_shader_compile). */
bool program_can_tell(void);
bool program_is_done(GLuint program);

/* Whether the context has an extension, by its name without "GL_". */
bool program_has_extension(const char *name);

/* Tells the sampler `name` of the program which texture unit it reads. */
void program_sampler(GLuint program, const char *name, GLint unit);

/* The texts of shaders/, as tools/embed wrote them. */
extern const unsigned char shader_particle[], shader_forces[], shader_velocity[], shader_position[], shader_whole[],
    shader_draw_vertex[], shader_draw_light[], shader_draw_glow[], shader_draw_veil[], shader_draw_part[],
    shader_night[], shader_spread[], shader_background[];

#endif

#include "viewer/program.h"

#include <string.h>

enum { TEXTS_MAX = 12, LOG_BYTES = 256 };

static const char header[] = "#version 300 es\n"
                             "precision highp float;\n"
                             "precision highp int;\n"
                             "precision highp sampler2D;\n";

static GLuint begin_shader(GLenum kind, const char *const *texts)
{
    const char *all[TEXTS_MAX] = {header};
    GLsizei count = 1;
    for (; *texts != NULL && count < TEXTS_MAX; texts++)
        all[count++] = *texts;
    GLuint shader = glCreateShader(kind);
    if (shader != 0) {
        glShaderSource(shader, count, all, NULL);
        glCompileShader(shader);
    }
    return shader;
}

GLuint program_begin(const char *const *vertex, const char *const *fragment)
{
    /* Nothing is asked here: an answer would have to wait for the driver's compiler. */
    GLuint shaders[2] = {begin_shader(GL_VERTEX_SHADER, vertex), begin_shader(GL_FRAGMENT_SHADER, fragment)};
    GLuint program = shaders[0] != 0 && shaders[1] != 0 ? glCreateProgram() : 0;
    for (int i = 0; i < 2; i++) {
        if (program != 0)
            glAttachShader(program, shaders[i]);
        glDeleteShader(shaders[i]); /* a program that has it attached keeps it */
    }
    if (program != 0)
        glLinkProgram(program);
    return program;
}

/* What the driver says of the first shader that it refused. */
static lumen_status refused_shader(const char *name, GLuint program, lumen_error *error)
{
    GLuint shaders[2] = {0};
    GLsizei count = 0;
    glGetAttachedShaders(program, 2, &count, shaders);
    for (GLsizei i = 0; i < count; i++) {
        GLint good = GL_FALSE, kind = 0;
        glGetShaderiv(shaders[i], GL_COMPILE_STATUS, &good);
        if (good == GL_TRUE)
            continue;
        char log[LOG_BYTES] = "";
        glGetShaderInfoLog(shaders[i], sizeof log, NULL, log);
        glGetShaderiv(shaders[i], GL_SHADER_TYPE, &kind);
        return lumen_fail(error, LUMEN_ERROR_FAILED, "the %s shader '%s' was refused by the driver: %s; update it",
                          kind == GL_VERTEX_SHADER ? "vertex" : "fragment", name, log);
    }
    char log[LOG_BYTES] = "";
    glGetProgramInfoLog(program, sizeof log, NULL, log);
    return lumen_fail(error, LUMEN_ERROR_FAILED, "the shaders of '%s' could not be linked by the driver: %s; update it",
                      name, log);
}

lumen_status program_finish(const char *name, GLuint program, lumen_error *error)
{
    if (program == 0)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "no shader could be made: there is no usable OpenGL ES 3.0 context; make one current first");
    GLint good = GL_FALSE;
    glGetProgramiv(program, GL_LINK_STATUS, &good);
    return good == GL_TRUE ? LUMEN_OK : refused_shader(name, program, error);
}

lumen_status program_open(const char *name, const char *const *vertex, const char *const *fragment, GLuint *out,
                          lumen_error *error)
{
    GLuint program = program_begin(vertex, fragment);
    lumen_status status = program_finish(name, program, error);
    if (status != LUMEN_OK) {
        glDeleteProgram(program);
        program = 0;
    }
    *out = program;
    return status;
}

bool program_can_tell(void)
{
    return program_has_extension("KHR_parallel_shader_compile");
}

bool program_is_done(GLuint program)
{
    enum { COMPLETION_STATUS_KHR = 0x91B1 };
    GLint done = GL_FALSE;
    glGetProgramiv(program, COMPLETION_STATUS_KHR, &done);
    return done == GL_TRUE;
}

bool program_has_extension(const char *name)
{
    GLint count = 0;
    glGetIntegerv(GL_NUM_EXTENSIONS, &count);
    for (GLint i = 0; i < count; i++) {
        const GLubyte *one = glGetStringi(GL_EXTENSIONS, (GLuint)i);
        /* Browsers leave the prefix out. */
        if (one != NULL && strstr((const char *)one, name) != NULL)
            return true;
    }
    return false;
}

void program_sampler(GLuint program, const char *name, GLint unit)
{
    glUseProgram(program);
    glUniform1i(glGetUniformLocation(program, name), unit);
}

#include "viewer/program.h"

#include <string.h>

enum { TEXTS_MAX = 12, LOG_BYTES = 256 };

static const char header[] = "#version 300 es\n"
                             "precision highp float;\n"
                             "precision highp int;\n"
                             "precision highp sampler2D;\n";

static lumen_status compile(const char *name, GLenum kind, const char *const *texts, GLuint *out, lumen_error *error)
{
    const char *all[TEXTS_MAX] = {header};
    GLsizei count = 1;
    for (; *texts != NULL && count < TEXTS_MAX; texts++)
        all[count++] = *texts;
    *out = glCreateShader(kind);
    if (*out == 0)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "no shader could be made: there is no usable OpenGL ES 3.0 context; make one current first");
    glShaderSource(*out, count, all, NULL);
    glCompileShader(*out);
    GLint good = GL_FALSE;
    glGetShaderiv(*out, GL_COMPILE_STATUS, &good);
    if (good != GL_TRUE) {
        char log[LOG_BYTES] = "";
        glGetShaderInfoLog(*out, sizeof log, NULL, log);
        return lumen_fail(error, LUMEN_ERROR_FAILED, "the %s shader '%s' was refused by the driver: %s; update it",
                          kind == GL_VERTEX_SHADER ? "vertex" : "fragment", name, log);
    }
    return LUMEN_OK;
}

lumen_status program_open(const char *name, const char *const *vertex, const char *const *fragment, GLuint *out,
                          lumen_error *error)
{
    GLuint vertex_shader = 0, fragment_shader = 0, program = 0;
    *out = 0;
    lumen_status status = compile(name, GL_VERTEX_SHADER, vertex, &vertex_shader, error);
    if (status == LUMEN_OK)
        status = compile(name, GL_FRAGMENT_SHADER, fragment, &fragment_shader, error);
    if (status == LUMEN_OK) {
        program = glCreateProgram();
        glAttachShader(program, vertex_shader);
        glAttachShader(program, fragment_shader);
        glLinkProgram(program);
        GLint good = GL_FALSE;
        glGetProgramiv(program, GL_LINK_STATUS, &good);
        if (good != GL_TRUE) {
            char log[LOG_BYTES] = "";
            glGetProgramInfoLog(program, sizeof log, NULL, log);
            status = lumen_fail(error, LUMEN_ERROR_FAILED,
                                "the shaders of '%s' could not be linked by the driver: %s; update it", name, log);
            glDeleteProgram(program);
            program = 0;
        }
    }
    glDeleteShader(vertex_shader); /* a program that has them attached keeps them */
    glDeleteShader(fragment_shader);
    *out = program;
    return status;
}

void program_sampler(GLuint program, const char *name, GLint unit)
{
    glUseProgram(program);
    glUniform1i(glGetUniformLocation(program, name), unit);
}

/* Motion and voice, as the page asks for them. */

#include "browser/internal.h"

#include "base/error.h"

/* The files of data/motion, one after the other, embedded at build time. */
extern const unsigned char motion_templates[];

/* ---- Motion ---------------------------------------------------------------------------------------------- */

bool browser_motions(browser *one)
{
    document_value *names = document_array();
    bool whole = true;
    for (uint32_t i = 0; i < motion_count(one->motions); i++)
        whole = document_add(names, document_text(motion_name(motion_at(one->motions, i)))) && whole;
    return browser_write_document(one, names, whole);
}

const char *browser_motion_templates(void)
{
    return (const char *)motion_templates;
}

static document_value *describe_parameter(const motion_parameter *parameter)
{
    document_value *object = document_object();
    bool whole = document_set(object, "name", document_text(parameter->name));
    whole = document_set(object, "meaning", document_text(parameter->meaning)) && whole;
    whole = document_set(object, "place", document_integer(parameter->place)) && whole;
    whole = document_set(object, "least", document_real((double)parameter->least)) && whole;
    whole = document_set(object, "most", document_real((double)parameter->most)) && whole;
    whole = document_set(object, "usual", document_real((double)parameter->usual)) && whole;
    if (whole)
        return object;
    document_free(object);
    return NULL;
}

static document_value *describe_primitive(int primitive)
{
    const motion_about *about = motion_primitive_about(primitive);
    document_value *object = document_object(), *parameters = document_array();
    bool whole = true;
    for (uint32_t i = 0; i < about->parameter_count; i++)
        whole = document_add(parameters, describe_parameter(&about->parameters[i])) && whole;
    whole = document_set(object, "id", document_integer((uint64_t)primitive)) && whole;
    whole = document_set(object, "name", document_text(about->name)) && whole;
    whole = document_set(object, "summary", document_text(about->summary)) && whole;
    whole = document_set(object, "oneShot", document_boolean(about->one_shot)) && whole;
    whole = document_set(object, "parameters", parameters) && whole;
    if (whole)
        return object;
    document_free(object);
    return NULL;
}

bool browser_primitives(browser *one)
{
    document_value *list = document_array();
    bool whole = true;
    for (int i = 0; i < MOTION_PRIMITIVES; i++)
        whole = document_add(list, describe_primitive(i)) && whole;
    return browser_write_document(one, list, whole);
}

void browser_plan_clear(browser *one)
{
    motion_plan_clear(&one->plan);
}

float *browser_plan_row(browser *one, int row, int primitive)
{
    if (row < 0 || row >= MOTION_ROWS || motion_primitive_about(primitive) == NULL)
        return NULL;
    vec3 pivot = one->sculpture == NULL ? vec3_make(0.0f, 0.0f, 0.0f) : viewer_joints(one->sculpture)->joint[row];
    one->plan.rows[row] = motion_row_usual(primitive, pivot);
    return &one->plan.rows[row].primitive;
}

void browser_plan_show(browser *one)
{
    if (one->sculpture != NULL)
        viewer_move_plan(one->sculpture, &one->plan);
}

/* ---- Voice ----------------------------------------------------------------------------------------------- */

const float *browser_hear(browser *one, const float *samples, size_t count, unsigned rate)
{
    one->error.status = LUMEN_OK;
    if (one->ear == NULL && voice_open(rate, &one->ear, &one->error) != LUMEN_OK)
        return NULL;
    voice_hear(one->ear, samples, count);
    one->heard = voice_now(one->ear);
    if (one->sculpture != NULL)
        viewer_voice(one->sculpture, &one->heard);
    return &one->heard.loudness;
}

void browser_deaf(browser *one)
{
    voice_close(one->ear);
    one->ear = NULL;
    if (one->sculpture != NULL)
        viewer_voice(one->sculpture, NULL);
}

/* Latents of parts become meshes. */

#include "inside.h"

#include "geometry/surface.h"

/* More values than this for one part are a field of noise, which has surfaces everywhere. The reference asks at least
 * 17 million. */
static uint64_t queries_max(lumen_quality quality)
{
    return quality == LUMEN_QUALITY_FAST       ? (uint64_t)1 << 20
           : quality == LUMEN_QUALITY_STANDARD ? (uint64_t)1 << 22
                                               : (uint64_t)1 << 24;
}

uint64_t surfaces_bytes(const engine_request *request)
{
    const uint64_t mebibyte = (uint64_t)1 << 20;
    if (request->extraction == LUMEN_EXTRACTION_REFERENCE)
        return 1024 * mebibyte;
    switch (request->quality) {
    case LUMEN_QUALITY_FAST: return 64 * mebibyte;
    case LUMEN_QUALITY_STANDARD: return 160 * mebibyte;
    default: return 640 * mebibyte;
    }
}

static lumen_status ask_field(void *user, const float *points, size_t count, float *values, lumen_error *error)
{
    return partcrafter_field(user, points, count, values, error);
}

static lumen_status extract(engine_networks *all, const engine_request *request, arena *scratch, arena *own,
                            lumen_mesh *mesh, surface_report *report, lumen_error *error)
{
    const batch_field field = {.evaluate = ask_field, .user = all->maker};
    if (request->extraction == LUMEN_EXTRACTION_REFERENCE) {
        surface_reference settings = surface_reference_settings();
        settings.progress = progress_report;
        settings.progress_user = all->progress;
        return surface_extract_reference(&field, &settings, scratch, own, mesh, NULL, report, error);
    }
    surface_settings settings = surface_settings_for(request->quality);
    settings.outside = SURFACE_OUTSIDE_CORNERS;
    settings.queries_max = queries_max(request->quality);
    settings.progress = progress_report;
    settings.progress_user = all->progress;
    return surface_extract(&field, &settings, scratch, own, mesh, report, error);
}

lumen_status surfaces_make(engine_networks *all, const engine_request *request, const float *latents, size_t tokens,
                           arena *scratch, arena *own, engine_parts *parts, lumen_error *error)
{
    const size_t each = tokens * all->measures.maker_config.decoder.channels;
    const uint32_t least = parts->count > 1 ? 2 : 1;
    lumen_status status = LUMEN_OK;
    networks_begin_surfaces(all);
    parts->meshes = arena_array(own, lumen_mesh, parts->count);
    if (parts->meshes == NULL)
        status = lumen_fail_memory(error, "the meshes of parts");
    for (uint32_t i = 0; i < parts->count && status == LUMEN_OK; i++) {
        surface_report report = {0};
        lumen_error why = {0};
        parts->meshes[i] = (lumen_mesh){0};
        all->progress->part = (double)i;
        status = partcrafter_begin_part(all->maker, latents + i * each, tokens, error);
        if (status == LUMEN_OK) {
            status = extract(all, request, scratch, own, &parts->meshes[i], &report, &why);
            if (status != LUMEN_OK && error != NULL)
                *error = why;
        }
        parts->points += report.queries;
        if (status == LUMEN_ERROR_FAILED) { /* its field is none: a part that is not there */
            parts->reason = why;
            parts->meshes[i] = (lumen_mesh){0};
            status = LUMEN_OK;
        }
        parts->real += parts->meshes[i].triangle_count > 0;
    }
    if (status == LUMEN_OK && parts->real < least)
        status =
            lumen_fail(error, LUMEN_ERROR_FAILED,
                       "PartCrafter made %u of %u parts of \"%.60s\"%s%.200s; try "
                       "another seed, or the engine procedural",
                       parts->real, parts->count, request->phrase->text, parts->reason.status != LUMEN_OK ? ": " : "",
                       parts->reason.status != LUMEN_OK ? parts->reason.message : "");
    return status;
}

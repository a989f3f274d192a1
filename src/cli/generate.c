/* lumen generate: texts in, files out. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/text_list.h"
#include "files/files.h"
#include "partcrafter/partcrafter_engine.h"
#include "picture/picture.h"
#include "pipeline/pipeline.h"
#include "weights/weights.h"

enum { PATH_BYTES = 4096, SLUG_BYTES = 128, PERCENT = 100 };

/* ---- Where files go ------------------------------------------------------------------------------------- */

/* "a red dragon" is written as a-red-dragon. Where anything else was lost or could be confused with that (a hyphen),
 * the key tells files apart. */
static void make_slug(const lumen_shape *shape, char slug[SLUG_BYTES])
{
    size_t length = 0;
    bool lost = false;
    for (const char *at = shape->text; *at != '\0'; at++) {
        char c = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at == ' ' ? '-' : *at;
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || *at == ' ';
        if (!plain || length + 24 > SLUG_BYTES)
            lost = true;
        else
            slug[length++] = c;
    }
    slug[length] = '\0';
    if (lost || length == 0)
        snprintf(slug + length, SLUG_BYTES - length, "%s%.16s", length > 0 ? "-" : "", shape->key);
}

static bool is_folder(const char *path)
{
    size_t length = strlen(path);
    struct stat facts;
    return (length > 0 && path[length - 1] == '/') || (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode));
}

static bool is_pattern(const char *path)
{
    return strstr(path, "{}") != NULL || is_folder(path);
}

/* The file that `output` means for this shape. False when its name would be too long. */
static bool make_path(const char *output, const lumen_shape *shape, char path[PATH_BYTES])
{
    char slug[SLUG_BYTES];
    make_slug(shape, slug);
    const char *hole = strstr(output, "{}");
    int length;
    if (hole != NULL)
        length = snprintf(path, PATH_BYTES, "%.*s%s%s", (int)(hole - output), output, slug, hole + 2);
    else if (is_folder(output))
        length = snprintf(path, PATH_BYTES, "%s%s%s.ply", output, output[strlen(output) - 1] == '/' ? "" : "/", slug);
    else
        length = snprintf(path, PATH_BYTES, "%s", output);
    return length >= 0 && length < PATH_BYTES;
}

/* Names that cannot be written are told before any work is done. */
static int check_outputs(const generate_options *options, size_t text_count)
{
    lumen_error error;
    files_format format;
    for (size_t i = 0; i < options->output_count; i++) {
        const char *output = options->outputs[i];
        if (text_count > 1 && !is_pattern(output))
            return complain(EXIT_USAGE,
                            "-o %s names one file for %zu texts; name a folder (shapes/) or put {} where the text goes "
                            "('{}.glb')",
                            output, text_count);
        if (is_folder(output) || (options->animate && animate_takes(output)))
            continue;
        if (animate_only(output))
            return complain(EXIT_USAGE, "-o %s names a film; add --animate", output);
        if (files_format_of(output, &format, &error) != LUMEN_OK)
            return complain(EXIT_USAGE, "%s", error.message);
    }
    if (!options->animate && options->image_width != options->image_height)
        return complain(EXIT_USAGE, "--image-size %ux%u: pictures are square, only films are not; give one number",
                        options->image_width, options->image_height);
    if (options->sheet != NULL) {
        if (files_format_of(options->sheet, &format, &error) != LUMEN_OK || format != FILES_PNG)
            return complain(EXIT_USAGE, "--sheet %s is no PNG picture; end its name in .png", options->sheet);
        if (options->image_width > PICTURE_TILE_MAX)
            return complain(EXIT_USAGE, "--image-size %u is too large for the tiles of a sheet; give 64 to %d",
                            options->image_width, PICTURE_TILE_MAX);
        if (text_count > PICTURE_SHEET_MAX)
            return complain(EXIT_USAGE, "--sheet %s would show %zu shapes; a sheet holds %d, so split the list",
                            options->sheet, text_count, PICTURE_SHEET_MAX);
    }
    return EXIT_DONE;
}

/* ---- Writing ----------------------------------------------------------------------------------------------- */

static void show_frames(void *user, uint32_t done, uint32_t total)
{
    progress_bar *bar = user;
    bar->total = total;
    progress_show(bar, done, "filming");
}

static lumen_status write_film(const generate_options *options, const lumen_shape *shape, const char *path,
                               lumen_error *error)
{
    animate_settings settings = options->film;
    settings.width = options->image_width;
    settings.height = options->image_height;
    progress_bar bar;
    progress_open(&bar, 2, !options->quiet);
    lumen_status status = animate_write(shape, &settings, path, show_frames, &bar, error);
    progress_clear(&bar);
    return status;
}

static int write_outputs(const generate_options *options, const lumen_shape *shape, const progress_bar *bar)
{
    static const char *const usual[] = {"./"};
    const char *const *outputs = options->outputs;
    size_t count = options->output_count;
    if (count == 0 && options->sheet == NULL) {
        outputs = usual;
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        char path[PATH_BYTES];
        lumen_error error;
        files_format format = FILES_PLY;
        if (!make_path(outputs[i], shape, path)) {
            progress_clear(bar);
            return complain(EXIT_FAILED, "the name %.60s... is too long; shorten it", outputs[i]);
        }
        bool filmed = options->animate && animate_takes(path);
        lumen_status status =
            filmed ? write_film(options, shape, path, &error) : files_format_of(path, &format, &error);
        if (filmed)
            ; /* done */
        else if (status == LUMEN_OK && format == FILES_PNG && options->image_width != 0)
            status = files_write_picture(shape, options->image_width, path, &error);
        else if (status == LUMEN_OK)
            status = files_write(shape, path, &error);
        if (status != LUMEN_OK) {
            progress_clear(bar);
            return complain(EXIT_FAILED, "%s", error.message);
        }
        if (!options->quiet) {
            progress_clear(bar);
            printf("%s  %s (%s), %u points, %u parts, %.1f ms%s%s\n", path, shape->subject, shape->template_type,
                   shape->point_count, shape->part_count, shape->generation_time_ms,
                   strcmp(shape->pipeline, "procedural") == 0 ? "" : ", ",
                   strcmp(shape->pipeline, "procedural") == 0 ? "" : shape->pipeline);
        }
    }
    return EXIT_DONE;
}

/* ---- Explaining ---------------------------------------------------------------------------------------------- */

static int explain(const lumen *library, const lumen_request *request)
{
    pipeline_plan plan;
    lumen_error error;
    if (pipeline_plan_request(library, request, &plan, &error) != LUMEN_OK)
        return complain(EXIT_FAILED, "%s", error.message);
    const words_phrase *phrase = &plan.phrase;
    char key[17];
    snprintf(key, sizeof key, "%016llx", (unsigned long long)plan.key);
    json_t *adjectives = json_array();
    for (uint32_t i = 0; i < phrase->adjective_count; i++)
        json_array_append_new(adjectives, json_string(phrase->adjectives[i]));
    json_t *answer =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:f, s:f, s:s, s:s}", "text", phrase->text, "subject",
                  phrase->subject, "concept", plan.concept_name, "template", plan.template_type, "adjectives",
                  adjectives, "verb", phrase->verb, "adverb", phrase->adverb, "motion", phrase->motion, "tempo",
                  (double)phrase->tempo, "size", (double)phrase->size, "prompt", phrase->prompt, "key", key);
    char *line = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(5));
    int status = EXIT_DONE;
    if (line == NULL)
        status = complain(EXIT_FAILED, "memory ran out while explaining '%s'; free some and try again", phrase->text);
    else
        puts(line);
    free(line);
    json_decref(answer);
    return status;
}

static void list_concepts(const lumen *library)
{
    const sculpt_library *shapes = pipeline_shapes(library);
    for (size_t i = 0; i < sculpt_concept_count(shapes); i++) {
        const sculpt_concept *entry = sculpt_concept_at(shapes, i);
        printf("%-24s %s\n", sculpt_concept_name(entry), sculpt_template_name(entry));
    }
}

/* ---- The command ------------------------------------------------------------------------------------------------ */

/* Whether networks will make it. */
static bool takes_networks(const lumen *library, const lumen_request *request)
{
    pipeline_plan plan;
    return pipeline_plan_request(library, request, &plan, NULL) == LUMEN_OK && plan.engine->takes_images;
}

/* Pictures show the meshes from close by, so where only pictures are asked for the surfaces are worked out finely. */
static lumen_quality choose_quality(const generate_options *options, bool networks)
{
    lumen_error error;
    files_format format;
    if (options->animate || networks)
        return options->request.quality;
    bool pictures = options->output_count > 0 || options->sheet != NULL;
    for (size_t i = 0; i < options->output_count; i++)
        pictures = pictures && files_format_of(options->outputs[i], &format, &error) == LUMEN_OK && format == FILES_PNG;
    return options->quality_given || !pictures ? options->request.quality : LUMEN_QUALITY_HIGH;
}

/* A film of nothing else has one point for each particle. */
static uint32_t choose_points(const generate_options *options)
{
    bool films = options->animate && options->output_count > 0;
    for (size_t i = 0; i < options->output_count; i++)
        films = films && animate_takes(options->outputs[i]);
    return options->request.points == 0 && films ? animate_points(&options->film) : options->request.points;
}

/* What networks will take of the machine, before they take it. */
static void tell_needs(const lumen *library, const lumen_request *request)
{
    static const char *const holding[] = {"", ", each network while its stage works", ", one network at a time"};
    pipeline_plan plan;
    partcrafter_engine_needs needs;
    if (pipeline_plan_request(library, request, &plan, NULL) != LUMEN_OK)
        return;
    const engine_request order = {.phrase = &plan.phrase,
                                  .quality = request->quality,
                                  .num_parts = request->num_parts,
                                  .image = request->image,
                                  .tokens = request->tokens,
                                  .extraction = request->extraction};
    if (partcrafter_engine_measure(plan.engine, &order, &needs, NULL) == LUMEN_OK) /* else it is told when it is made */
        fprintf(stderr, "PartCrafter in %s on %s needs %.1f GB of memory%s; %.1f GB are free\n",
                tensor_type_name(needs.type), needs.device, (double)needs.peak[needs.holding] / 1e9,
                holding[needs.holding], (double)needs.budget / 1e9);
}

/* "auto" says when a lesser engine had to do it. */
static void tell_fallback(const lumen_shape *shape, const progress_bar *bar, bool quiet)
{
    if (shape->fallback_reason == NULL || quiet)
        return;
    progress_clear(bar);
    fprintf(stderr, "lumen: %s is made by the engine %s instead: %s\n", shape->text, shape->pipeline,
            shape->fallback_reason);
}

/* One of the texts under way. */
typedef struct showing {
    progress_bar *bar;
    size_t done; /* texts */
    const char *text;
} showing;

static bool show_stage(void *user, const char *stage, double fraction)
{
    const showing *now = user;
    char label[64];
    snprintf(label, sizeof label, "%.30s: %s", now->text, stage);
    progress_show(now->bar, now->done * PERCENT + (size_t)(fraction * (double)PERCENT), label);
    return !interrupt_came();
}

/* Makes and writes one shape after the other, and draws it on the sheet, if there is one. A text that fails is told,
 * and the rest goes on. */
static int generate_all(lumen *library, const generate_options *options, const text_list *list, sheet_drawing *sheet,
                        size_t *drawn)
{
    int result = EXIT_DONE;
    progress_bar bar;
    bool told = options->quiet || options->explain;
    for (size_t i = 0; i < list->count && !interrupt_came(); i++) {
        lumen_request request = options->request;
        request.text = list->texts[i];
        const bool networks = takes_networks(library, &request);
        const size_t unit = networks ? PERCENT : 1;
        showing now = {.bar = &bar, .done = i, .text = request.text[0] != '\0' ? request.text : "picture"};
        request.quality = choose_quality(options, networks);
        request.points = choose_points(options);
        if (networks && !told)
            tell_needs(library, &request);
        told = told || networks;
        if (i == 0)
            progress_open(&bar, list->count * unit, !options->quiet && !options->explain);
        bar.total = list->count * unit;
        progress_show(&bar, i * unit, now.text);
        if (networks) {
            interrupt_catch();
            request.progress = show_stage;
            request.progress_user = &now;
        }
        lumen_shape *shape = NULL;
        lumen_error error = {0};
        int status = EXIT_DONE;
        if (options->explain) {
            status = explain(library, &request);
        } else if (lumen_generate(library, &request, &shape, &error) != LUMEN_OK ||
                   (sheet != NULL && sheet_draw(sheet, *drawn, shape, &error) != LUMEN_OK)) {
            progress_clear(&bar);
            if (error.status == LUMEN_ERROR_CANCELLED && interrupt_came())
                return interrupt_end();
            status = list->count > 1 ? complain(EXIT_FAILED, "text %zu: %s", i + 1, error.message)
                                     : complain(EXIT_FAILED, "%s", error.message);
        } else {
            tell_fallback(shape, &bar, options->quiet);
            *drawn += sheet != NULL;
            status = write_outputs(options, shape, &bar);
        }
        lumen_shape_free(shape);
        result = status != EXIT_DONE ? status : result;
    }
    progress_clear(&bar);
    return result;
}

static lumen_status save_sheet(sheet_drawing *sheet, const char *path, lumen_error *error)
{
    picture_image image = {0};
    sheet_close(sheet, &image);
    lumen_status status = files_save_image(&image, path, error);
    picture_free(&image);
    return status;
}

static int run(const generate_options *options, lumen *library, const text_list *list)
{
    int result = check_outputs(options, list->count);
    size_t drawn = 0;
    if (result != EXIT_DONE || options->sheet == NULL || options->explain)
        return result != EXIT_DONE ? result : generate_all(library, options, list, NULL, &drawn);
    sheet_drawing *sheet;
    lumen_error error;
    if (sheet_open(list->count, 0, options->image_width, &sheet, &error) != LUMEN_OK)
        return complain(EXIT_FAILED, "%s", error.message);
    result = generate_all(library, options, list, sheet, &drawn);
    if (drawn == 0)
        sheet_close(sheet, NULL);
    else if (save_sheet(sheet, options->sheet, &error) != LUMEN_OK)
        result = complain(EXIT_FAILED, "%s", error.message);
    else if (!options->quiet)
        printf("%s  %zu shapes\n", options->sheet, drawn);
    return result;
}

/* The folder of models; "" where there is none and nobody asked for one. */
static bool find_models(const generate_options *options, char models[PATH_BYTES])
{
    lumen_error error;
    if (weights_folder(options->models, models, PATH_BYTES, &error) == LUMEN_OK)
        return true;
    models[0] = '\0';
    if (options->models == NULL)
        return true;
    complain(EXIT_FAILED, "%s", error.message);
    return false;
}

/* The bytes of the picture to start from; none without one. */
static bool read_image(generate_options *options, buffer *image)
{
    unsigned char piece[65536];
    buffer_open(image, PICTURE_READ_BYTES_MAX);
    if (options->image == NULL)
        return true;
    FILE *file = fopen(options->image, "rbe");
    for (size_t size; file != NULL && (size = fread(piece, 1, sizeof piece, file)) > 0;)
        buffer_append(image, piece, size);
    const bool read = file != NULL && ferror(file) == 0;
    const int reason = errno;
    if (file != NULL)
        fclose(file);
    if (!read)
        complain(EXIT_FAILED, "%s could not be read: %s; check its name and rights", options->image, strerror(reason));
    else if (buffer_failed(image))
        complain(EXIT_FAILED, "%s is larger than %d MB; make it smaller", options->image, PICTURE_READ_BYTES_MAX >> 20);
    if (!read || buffer_failed(image)) {
        buffer_close(image);
        return false;
    }
    options->request.image = image->data != NULL ? image->data : (const unsigned char *)"";
    options->request.image_size = image->size;
    return true;
}

int command_generate(int count, char **arguments)
{
    generate_options options;
    int result = options_read(count, arguments, &options);
    if (result != EXIT_DONE)
        return result;
    if (options.help) {
        fputs(generate_help, stdout);
        return EXIT_DONE;
    }
    if (options.image != NULL && options.text_count > 1)
        return complain(EXIT_USAGE, "--image %s is one picture for %zu texts; give one text, or none", options.image,
                        options.text_count);
    if (options.text_count == 0 && !options.list_concepts && options.image == NULL)
        return complain(EXIT_USAGE,
                        "the text is missing: lumen generate \"a horse galloping\"; see lumen generate --help");
    char *concepts = NULL;
    lumen *library = NULL;
    text_list list = {0};
    lumen_error error;
    char models[PATH_BYTES];
    buffer image;
    char *nothing[] = {(char[]){""}};
    if (options.text_count == 0 && options.image != NULL) {
        options.texts = nothing;
        options.text_count = 1;
    }
    if (!find_models(&options, models))
        return EXIT_FAILED;
    if (!read_image(&options, &image))
        return EXIT_FAILED;
    if (options.concepts != NULL && (concepts = read_whole_file(options.concepts)) == NULL) {
        buffer_close(&image);
        return EXIT_FAILED;
    }
    const lumen_options opening = {.concepts = concepts,
                                   .concepts_name = options.concepts,
                                   .models = models[0] != '\0' ? models : NULL,
                                   .low_memory = options.low_memory,
                                   .threads = options.threads,
                                   .precision = options.precision};
    if (lumen_open(&opening, &library, &error) != LUMEN_OK)
        result = complain(EXIT_FAILED, "%s", error.message);
    else if (options.list_concepts)
        list_concepts(library);
    else if (!text_list_open(&list, options.texts, options.text_count))
        result = EXIT_FAILED;
    else if (list.count == 0)
        result = complain(EXIT_USAGE, "standard input holds no text; give a text on each line");
    else
        result = run(&options, library, &list);
    text_list_close(&list);
    lumen_close(library);
    buffer_close(&image);
    free(concepts);
    return result;
}

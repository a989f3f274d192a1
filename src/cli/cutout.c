/* lumen cutout: what a picture shows, alone on white. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/model_folder.h"
#include "cli/progress.h"
#include "cli/values.h"
#include "files/files.h"
#include "networks/rmbg.h"

enum { THREADS_MAX = 1024, PERCENT = 100, COLORS = 3 };

static const char help[] =
    "lumen cutout IN -o OUT.png : cut out what a picture shows and put it on white, as shapes are made from it\n"
    "\n"
    "  IN                a PNG or JPEG picture of one thing; one with transparency is cut out by that\n"
    "  -o FILE           the PNG picture to write: square, the thing five sixths of its width or height\n"
    "  --mask            write the mask instead, white where the thing is, as large as IN (at most 2000 pixels)\n"
    "  --models FOLDER   where the models are, or the folder or the file of this one\n"
    "  --threads N       of the processor; one for each core without it\n"
    "  --precision TYPE  bf16 or f32; bf16 without it where the processor multiplies it\n"
    "  --quiet           print nothing but errors\n"
    "  --help            print this text\n"
    "\n"
    "  The weights are got with: lumen pull rmbg-1.4 (for non-commercial use)\n"
    "\n"
    "  lumen cutout photo.jpg -o cup.png\n";

typedef struct cutout_options {
    const char *input, *output, *models;
    uint32_t threads;
    tensor_type type;
    bool mask, quiet, help;
} cutout_options;

/* ---- Options --------------------------------------------------------------------------------------------- */

enum { OPTION_MASK = 256, OPTION_MODELS, OPTION_THREADS, OPTION_PRECISION, OPTION_QUIET, OPTION_HELP };

static bool apply(cutout_options *options, int option, const char *value)
{
    switch (option) {
    case 'o': options->output = value; return true;
    case OPTION_MASK: options->mask = true; return true;
    case OPTION_MODELS: options->models = value; return true;
    case OPTION_THREADS: return value_small_number("threads", value, 1, THREADS_MAX, &options->threads);
    case OPTION_PRECISION: return value_precision(value, &options->type);
    case OPTION_QUIET: options->quiet = true; return true;
    default: options->help = true; return true;
    }
}

static int read_options(int count, char **arguments, cutout_options *options)
{
    static const struct option names[] = {
        {"mask", no_argument, NULL, OPTION_MASK},
        {"models", required_argument, NULL, OPTION_MODELS},
        {"threads", required_argument, NULL, OPTION_THREADS},
        {"precision", required_argument, NULL, OPTION_PRECISION},
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
    };
    *options = (cutout_options){0};
    opterr = 0;
    optind = 1;
    for (;;) {
        int option = getopt_long(count, arguments, ":o:h", names, NULL);
        if (option == -1)
            break;
        if (option == ':' || option == '?')
            return complain_about_option("cutout", option, arguments[optind - 1]);
        if (!apply(options, option == 'h' ? OPTION_HELP : option, optarg))
            return EXIT_USAGE;
    }
    if (options->help)
        return EXIT_DONE;
    if (count - optind != 1)
        return complain(EXIT_USAGE, "%s: lumen cutout photo.jpg -o cup.png; see lumen cutout --help",
                        optind == count ? "the picture is missing" : "there is more than one picture");
    options->input = arguments[optind];
    return value_png_output(options->output, "cup.png") ? EXIT_DONE : EXIT_USAGE;
}

/* ---- The command ----------------------------------------------------------------------------------------- */

static bool show_progress(void *user, const char *stage, double fraction)
{
    progress_show(user, (size_t)(fraction * (double)PERCENT), stage);
    return !interrupt_came();
}

/* A picture whose alpha says what it shows needs no network. */
static lumen_status cut(const cutout_options *options, picture_photograph *photograph, rmbg_cut *out,
                        lumen_error *error)
{
    char path[MODEL_FOLDER_BYTES];
    progress_bar bar;
    rmbg *model = NULL;
    lumen_status status = cutout_reduce(photograph, error);
    if (status != LUMEN_OK)
        return status;
    if (cutout_alpha_tells(photograph))
        return rmbg_cut_out_with(NULL, NULL, photograph, out, error);
    status = model_folder_find("rmbg-1.4", options->models, path, error);
    progress_open(&bar, PERCENT, !options->quiet);
    const rmbg_options how = {.path = path,
                              .threads = options->threads,
                              .type = options->type,
                              .progress = show_progress,
                              .progress_user = &bar};
    if (status == LUMEN_OK)
        status = rmbg_open(&how, &model, error);
    interrupt_catch();
    if (status == LUMEN_OK)
        status = rmbg_cut_out(model, photograph, out, error);
    progress_clear(&bar);
    rmbg_close(model);
    return status;
}

/* As a picture: gray where it is half. */
static lumen_status picture_of_mask(const cutout_mask *mask, picture_image *out, lumen_error *error)
{
    const size_t count = (size_t)mask->width * mask->height;
    uint8_t *pixels = malloc(COLORS * count);
    if (pixels == NULL)
        return lumen_fail_memory(error, "the picture of a mask");
    for (size_t i = 0; i < COLORS * count; i++)
        pixels[i] = mask->values[i / COLORS];
    picture_free(out);
    *out = (picture_image){.width = mask->width, .height = mask->height, .pixels = pixels};
    return LUMEN_OK;
}

static int run(const cutout_options *options)
{
    picture_photograph photograph = {0};
    rmbg_cut made = {0};
    lumen_error error;
    const uint64_t began = clock_now_ns();
    lumen_status status = picture_read_file(options->input, 0, &photograph, &error);
    if (status == LUMEN_OK)
        status = cut(options, &photograph, &made, &error);
    const cutout_box box = made.mask.box;
    if (status == LUMEN_OK && options->mask)
        status = picture_of_mask(&made.mask, &made.picture, &error);
    if (status == LUMEN_OK)
        status = files_save_image(&made.picture, options->output, &error);
    if (status == LUMEN_OK && !options->quiet)
        printf("%s  %u x %u, of %u x %u pixels at %u, %u, %.2f s\n", options->output, made.picture.width,
               made.picture.height, box.width, box.height, box.left, box.top,
               clock_seconds_between(began, clock_now_ns()));
    rmbg_cut_free(&made);
    picture_photograph_free(&photograph);
    if (status == LUMEN_ERROR_CANCELLED && interrupt_came())
        return interrupt_end();
    return status == LUMEN_OK ? EXIT_DONE : complain(EXIT_FAILED, "%s", error.message);
}

int command_cutout(int count, char **arguments)
{
    cutout_options options;
    int result = read_options(count, arguments, &options);
    if (result != EXIT_DONE)
        return result;
    if (options.help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    return run(&options);
}

/* lumen image: a text becomes a picture, by SDXL Turbo. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/model_folder.h"
#include "cli/progress.h"
#include "cli/values.h"
#include "files/files.h"
#include "networks/sdxl_turbo.h"
#include "tensor/safetensors.h"
#include "words/words.h"

enum { IMAGE_SIZE_MIN = 256, STEPS_MAX = 4, THREADS_MAX = 1024, PERCENT = 100 };

static const char help[] =
    "lumen image TEXT -o FILE.png : paint a picture of a word or a short sentence with SDXL Turbo\n"
    "\n"
    "  TEXT              a word or a sentence in quotes; it is painted as the one thing that a shape is made\n"
    "                    of: whole, on white, seen from the side and above\n"
    "  -o FILE           the PNG picture to write\n"
    "  --raw             take TEXT as the whole prompt\n"
    "  --steps N         1 to 4 steps of sampling; 1 without it\n"
    "  --seed N          which picture; 0 without it\n"
    "  --size N          width and height in pixels, a multiple of 64 from 256 to 1024; 512 without it\n"
    "  --latents FILE    start from the noise in FILE, a .safetensors file with a tensor latents (1, 4, N/8, N/8)\n"
    "                    in f32, and where there are more steps, noise (steps - 1, 4, N/8, N/8)\n"
    "  --models FOLDER   where the models are, or the folder or single file of this one\n"
    "  --threads N       of the processor; one for each core without it\n"
    "  --precision TYPE  bf16 or f32; bf16 without it where the processor multiplies it\n"
    "  --low-memory      load each part of the network only when it is needed\n"
    "  --timings         print where the time went\n"
    "  --quiet           print nothing but errors\n"
    "  --help            print this text\n"
    "\n"
    "  The weights are got with: lumen pull sdxl-turbo\n"
    "\n"
    "  lumen image \"a horse galloping\" -o horse.png\n";

typedef struct image_options {
    const char *text, *output, *latents, *models;
    uint32_t steps, size, threads;
    uint64_t seed;
    tensor_type type;
    bool raw, low_memory, timings, quiet, help;
} image_options;

/* ---- Options --------------------------------------------------------------------------------------------- */

enum {
    OPTION_RAW = 256,
    OPTION_STEPS,
    OPTION_SEED,
    OPTION_SIZE,
    OPTION_LATENTS,
    OPTION_MODELS,
    OPTION_THREADS,
    OPTION_PRECISION,
    OPTION_LOW_MEMORY,
    OPTION_TIMINGS,
    OPTION_QUIET,
    OPTION_HELP
};

static bool read_size(const char *value, uint32_t *size)
{
    if (!value_small_number("size", value, IMAGE_SIZE_MIN, SDXL_TURBO_SIZE_MAX, size))
        return false;
    if (*size % SDXL_TURBO_SIZE_MULTIPLE == 0)
        return true;
    complain(EXIT_USAGE, "--size is %u; give a multiple of %d", *size, SDXL_TURBO_SIZE_MULTIPLE);
    return false;
}

static bool apply(image_options *options, int option, const char *value)
{
    switch (option) {
    case 'o': options->output = value; return true;
    case OPTION_RAW: options->raw = true; return true;
    case OPTION_STEPS: return value_small_number("steps", value, 1, STEPS_MAX, &options->steps);
    case OPTION_SEED: return value_number("seed", value, 0, INT64_MAX, &options->seed);
    case OPTION_SIZE: return read_size(value, &options->size);
    case OPTION_LATENTS: options->latents = value; return true;
    case OPTION_MODELS: options->models = value; return true;
    case OPTION_THREADS: return value_small_number("threads", value, 1, THREADS_MAX, &options->threads);
    case OPTION_PRECISION: return value_precision(value, &options->type);
    case OPTION_LOW_MEMORY: options->low_memory = true; return true;
    case OPTION_TIMINGS: options->timings = true; return true;
    case OPTION_QUIET: options->quiet = true; return true;
    default: options->help = true; return true;
    }
}

static int read_options(int count, char **arguments, image_options *options)
{
    static const struct option names[] = {
        {"raw", no_argument, NULL, OPTION_RAW},
        {"steps", required_argument, NULL, OPTION_STEPS},
        {"seed", required_argument, NULL, OPTION_SEED},
        {"size", required_argument, NULL, OPTION_SIZE},
        {"latents", required_argument, NULL, OPTION_LATENTS},
        {"models", required_argument, NULL, OPTION_MODELS},
        {"threads", required_argument, NULL, OPTION_THREADS},
        {"precision", required_argument, NULL, OPTION_PRECISION},
        {"low-memory", no_argument, NULL, OPTION_LOW_MEMORY},
        {"timings", no_argument, NULL, OPTION_TIMINGS},
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
    };
    *options = (image_options){.steps = 1, .size = SDXL_TURBO_SIZE_DEFAULT};
    opterr = 0;
    optind = 1;
    for (;;) {
        int option = getopt_long(count, arguments, ":o:h", names, NULL);
        if (option == -1)
            break;
        if (option == ':' || option == '?')
            return complain_about_option("image", option, arguments[optind - 1]);
        if (!apply(options, option == 'h' ? OPTION_HELP : option, optarg))
            return EXIT_USAGE;
    }
    if (options->help)
        return EXIT_DONE;
    if (count - optind != 1)
        return complain(EXIT_USAGE, "%s: lumen image \"a horse galloping\" -o horse.png; see lumen image --help",
                        optind == count ? "the text is missing" : "there is more than one text; quote a sentence");
    options->text = arguments[optind];
    return value_png_output(options->output, "horse.png") ? EXIT_DONE : EXIT_USAGE;
}

/* ---- Noise from a file ----------------------------------------------------------------------------------- */

typedef struct given_noise {
    float *latents, *fresh; /* owned */
} given_noise;

/* A tensor of f32 whose last three sizes are (4, side, side), and `count` of them; copied. */
static lumen_status read_noise(const safetensors *file, const char *path, const char *name, size_t count, size_t side,
                               float **out, lumen_error *error)
{
    tensor x;
    lumen_status status = safetensors_find(file, name, &x, error);
    if (status != LUMEN_OK)
        return status;
    const bool fits = x.type == TENSOR_F32 && x.rank >= 3 && x.sizes[x.rank - 1] == side &&
                      x.sizes[x.rank - 2] == side && x.sizes[x.rank - 3] == 4 &&
                      tensor_count(&x) == count * 4 * side * side;
    if (!fits)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%s: the tensor %s is not f32 of the sizes (%zu, 4, %zu, %zu)",
                          path, name, count, side, side);
    *out = malloc(tensor_bytes(&x));
    if (*out == NULL)
        return lumen_fail_memory(error, "the noise of a picture");
    memcpy(*out, x.data, tensor_bytes(&x));
    return LUMEN_OK;
}

static lumen_status read_latents(const image_options *options, given_noise *out, lumen_error *error)
{
    const size_t side = options->size / 8, fresh = options->steps - 1;
    safetensors *file;
    lumen_status status = safetensors_open(options->latents, &file, error);
    if (status != LUMEN_OK)
        return status;
    status = read_noise(file, options->latents, "latents", 1, side, &out->latents, error);
    if (status == LUMEN_OK && fresh > 0 && safetensors_has(file, "noise"))
        status = read_noise(file, options->latents, "noise", fresh, side, &out->fresh, error);
    safetensors_close(file);
    return status;
}

/* ---- Progress -------------------------------------------------------------------------------------------- */

static bool show_progress(void *user, const char *stage, double fraction)
{
    progress_show(user, (size_t)(fraction * (double)PERCENT), stage);
    return !interrupt_came();
}

/* ---- What is told ---------------------------------------------------------------------------------------- */

static void tell_needs(const sdxl_turbo *model)
{
    const sdxl_turbo_needs *needs = sdxl_turbo_needs_of(model);
    const operators *run = sdxl_turbo_operators(model);
    fprintf(stderr, "SDXL Turbo in %s on %s needs %.1f GB of memory; %.1f GB are free\n",
            tensor_type_name(operators_type(run)), operators_device(run), (double)needs->peak / 1e9,
            (double)needs->available / 1e9);
}

static void print_timings(const sdxl_turbo *model)
{
    const sdxl_turbo_timings *took = sdxl_turbo_timings_of(model);
    operators_cost costs[16];
    const size_t count = operators_costs(sdxl_turbo_operators(model), costs, 16);
    printf("weights       %8.3f s\ntext encoders %8.3f s\nUNet          %8.3f s\nVAE           %8.3f s\n", took->load,
           took->text, took->unet, took->vae);
    for (size_t i = 0; i < count; i++)
        printf("%-13s %8.3f s  %6.2f TFLOP/s  %llu calls\n", costs[i].kind, costs[i].seconds,
               costs[i].seconds > 0.0 ? 2e-12 * costs[i].macs / costs[i].seconds : 0.0,
               (unsigned long long)costs[i].calls);
}

/* ---- The command ----------------------------------------------------------------------------------------- */

static lumen_status paint(const image_options *options, const char *prompt, const given_noise *noise, sdxl_turbo *model,
                          picture_image *picture, lumen_error *error)
{
    const sdxl_turbo_request request = {.prompt = prompt,
                                        .steps = options->steps,
                                        .size = options->size,
                                        .seed = options->seed,
                                        .latents = noise->latents,
                                        .fresh = noise->fresh};
    progress_bar bar;
    progress_open(&bar, PERCENT, !options->quiet);
    interrupt_catch();
    sdxl_turbo_watch(model, show_progress, &bar);
    lumen_status status = sdxl_turbo_paint(model, &request, picture, error);
    progress_clear(&bar);
    return status;
}

static int run(const image_options *options)
{
    static words_phrase phrase;
    char path[MODEL_FOLDER_BYTES];
    given_noise noise = {0};
    sdxl_turbo *model = NULL;
    picture_image picture = {0};
    lumen_error error;
    lumen_status status = LUMEN_OK;
    const char *prompt = options->text;
    if (!options->raw) {
        status = words_parse(options->text, NULL, &phrase, &error);
        prompt = phrase.prompt;
    }
    if (status == LUMEN_OK && options->latents != NULL)
        status = read_latents(options, &noise, &error);
    if (status == LUMEN_OK)
        status = model_folder_find("sdxl-turbo", options->models, path, &error);
    const sdxl_turbo_options opening = {.path = path,
                                        .threads = options->threads,
                                        .type = options->type,
                                        .size_max = options->size,
                                        .low_memory = options->low_memory};
    if (status == LUMEN_OK)
        status = sdxl_turbo_open(&opening, &model, &error);
    if (status == LUMEN_OK && !options->quiet)
        tell_needs(model);
    if (status == LUMEN_OK)
        status = paint(options, prompt, &noise, model, &picture, &error);
    if (status == LUMEN_OK)
        status = files_save_image(&picture, options->output, &error);
    if (status == LUMEN_OK && !options->quiet)
        printf("%s  %u x %u, %u step%s, seed %llu, %.2f s: %s\n", options->output, picture.width, picture.height,
               options->steps, options->steps > 1 ? "s" : "", (unsigned long long)options->seed,
               sdxl_turbo_timings_of(model)->total - sdxl_turbo_timings_of(model)->load, prompt);
    if (status == LUMEN_OK && options->timings)
        print_timings(model);
    picture_free(&picture);
    sdxl_turbo_close(model);
    free(noise.latents);
    free(noise.fresh);
    if (status == LUMEN_ERROR_CANCELLED && interrupt_came())
        return interrupt_end();
    return status == LUMEN_OK ? EXIT_DONE : complain(EXIT_FAILED, "%s", error.message);
}

int command_image(int count, char **arguments)
{
    image_options options;
    int result = read_options(count, arguments, &options);
    if (result != EXIT_DONE)
        return result;
    if (options.help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    return run(&options);
}

#include "cli/options.h"

#include <getopt.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/values.h"

const char generate_help[] =
    "lumen generate TEXT... : make part-labelled shapes of words or short sentences\n"
    "\n"
    "  TEXT               a word or a sentence in quotes; - reads a list from standard input, a text a line\n"
    "  -o FILE            write to FILE; its ending chooses the format: .ply .glb .stl .json .png\n"
    "                     several -o write several files. With several texts FILE is a folder (shapes/), or\n"
    "                     {} in it stands for the text ('shapes/{}.glb'). Without -o: TEXT.ply\n"
    "  --sheet FILE       draw all the shapes on one PNG picture\n"
    "  --verb VERB        what the shape shall do, instead of the text's verb\n"
    "  --engine ENGINE    auto (the best there is), partcrafter (networks) or procedural (no download)\n"
    "  --parts N          at most N parts, 1 to 16\n"
    "  --points N         exactly N points, 256 to 65536; 2048 without it\n"
    "  --seed N           which individual; 0 without it\n"
    "  --quality QUALITY  fast, standard or high: how finely the surfaces are worked out, and how long networks\n"
    "                     may take; without it standard, and high where only pictures are asked for of the\n"
    "                     procedural engine\n"
    "  --image FILE       start from this PNG or JPEG picture of one thing; TEXT then names its parts and may be\n"
    "                     left out\n"
    "  --models FOLDER    where the models of the engine partcrafter are; see lumen models\n"
    "  --steps N          of its diffusion, 1 to 1000; those of the quality without it\n"
    "  --guidance G       how strictly it follows the picture, 1 to 20; that of the quality without it\n"
    "  --tokens N         numbers it has for a part, 16 to 2048; those of the quality without it\n"
    "  --extract HOW      adaptive, or reference: surfaces as PartCrafter's own program finds them, far slower\n"
    "  --low-memory       hold no network longer than it works\n"
    "  --threads N        of the networks; one for each core without it\n"
    "  --precision TYPE   of the networks, bf16 or f32; bf16 without it where the processor multiplies it\n"
    "  --image-size N     width and height of a picture in pixels, 64 to 4096; 1024 without it; with\n"
    "                     --sheet those of a tile, 64 to 1024; 256 without it; of a film also 1280x720\n"
    "  --animate          film the shape as it moves: .webm .gif, and an animated .png; needs ffmpeg\n"
    "  --seconds N        how long the film is, about, 1 to 60; 4 without it\n"
    "  --fps N            its frames a second, 1 to 60; 30 without it, 25 for .gif\n"
    "  --particles N      the sculpture has N x N particles, 16 to 1024; 256 without it\n"
    "  --concepts FILE    read more shapes from FILE, in the language of docs/sculpting.md\n"
    "  --explain          make nothing; print what each text is taken to mean, a JSON object a line\n"
    "  --list-concepts    print the names of all concepts that have a shape of their own\n"
    "  --quiet            print nothing but errors\n"
    "  --help             print this text\n"
    "\n"
    "  lumen generate \"a horse galloping\" -o horse.ply -o horse.png\n"
    "  lumen generate \"a bird flying\" -o bird.webm --animate\n"
    "  lumen generate \"mug\" --image photo.jpg -o mug.glb\n"
    "  lumen generate cat dog \"red dragon\" -o 'zoo/{}.glb' --sheet zoo.png\n";

static bool add_output(generate_options *options, const char *path)
{
    if (options->output_count == OUTPUTS_MAX) {
        complain(EXIT_USAGE, "-o is given more than %d times; run lumen again for the rest", OUTPUTS_MAX);
        return false;
    }
    options->outputs[options->output_count++] = path;
    return true;
}

enum {
    OPTION_SHEET = 256,
    OPTION_VERB,
    OPTION_ENGINE,
    OPTION_PARTS,
    OPTION_POINTS,
    OPTION_SEED,
    OPTION_QUALITY,
    OPTION_IMAGE,
    OPTION_MODELS,
    OPTION_STEPS,
    OPTION_GUIDANCE,
    OPTION_TOKENS,
    OPTION_EXTRACT,
    OPTION_LOW_MEMORY,
    OPTION_THREADS,
    OPTION_PRECISION,
    OPTION_IMAGE_SIZE,
    OPTION_ANIMATE,
    OPTION_SECONDS,
    OPTION_FPS,
    OPTION_PARTICLES,
    OPTION_CONCEPTS,
    OPTION_EXPLAIN,
    OPTION_LIST_CONCEPTS,
    OPTION_QUIET,
    OPTION_HELP
};

enum { STEPS_MAX = 1000, TOKENS_MIN = 16, TOKENS_MAX = 2048, GUIDANCE_MAX = 20, THREADS_MAX = 1024 };

static bool read_extraction(const char *value, lumen_extraction *extraction)
{
    const bool reference = strcmp(value, "reference") == 0;
    *extraction = reference ? LUMEN_EXTRACTION_REFERENCE : LUMEN_EXTRACTION_ADAPTIVE;
    if (reference || strcmp(value, "adaptive") == 0)
        return true;
    complain(EXIT_USAGE, "--extract is '%s'; give adaptive or reference", value);
    return false;
}

static bool apply(generate_options *options, int option, const char *value)
{
    tensor_type type;
    switch (option) {
    case 'o': return add_output(options, value);
    case OPTION_SHEET: options->sheet = value; return true;
    case OPTION_VERB: options->request.verb = value; return true;
    case OPTION_ENGINE: options->request.engine = value; return true;
    case OPTION_PARTS:
        return value_small_number("parts", value, 1, LUMEN_REQUEST_PARTS_MAX, &options->request.num_parts);
    case OPTION_POINTS:
        return value_small_number("points", value, LUMEN_POINTS_MIN, LUMEN_POINTS_MAX, &options->request.points);
    /* JSON's integers carry 63 bits without doubt. */
    case OPTION_SEED: return value_number("seed", value, 0, INT64_MAX, &options->request.seed);
    case OPTION_QUALITY: options->quality_given = true; return value_quality(value, &options->request.quality);
    case OPTION_IMAGE: options->image = value; return true;
    case OPTION_MODELS: options->models = value; return true;
    case OPTION_STEPS: return value_small_number("steps", value, 1, STEPS_MAX, &options->request.steps);
    case OPTION_GUIDANCE: return value_real("guidance", value, 1.0, GUIDANCE_MAX, &options->request.guidance);
    case OPTION_TOKENS: return value_small_number("tokens", value, TOKENS_MIN, TOKENS_MAX, &options->request.tokens);
    case OPTION_EXTRACT: return read_extraction(value, &options->request.extraction);
    case OPTION_LOW_MEMORY: options->low_memory = true; return true;
    case OPTION_THREADS: return value_small_number("threads", value, 1, THREADS_MAX, &options->threads);
    case OPTION_PRECISION: options->precision = value; return value_precision(value, &type);
    case OPTION_IMAGE_SIZE:
        return value_size("image-size", value, ANIMATE_SIZE_MIN, ANIMATE_SIZE_MAX, &options->image_width,
                          &options->image_height);
    case OPTION_ANIMATE: options->animate = true; return true;
    case OPTION_SECONDS: return value_small_number("seconds", value, 1, ANIMATE_SECONDS_MAX, &options->film.seconds);
    case OPTION_FPS: return value_small_number("fps", value, 1, ANIMATE_RATE_MAX, &options->film.rate);
    case OPTION_PARTICLES:
        return value_small_number("particles", value, ANIMATE_PARTICLES_MIN, ANIMATE_PARTICLES_MAX,
                                  &options->film.particles);
    case OPTION_CONCEPTS: options->concepts = value; return true;
    case OPTION_EXPLAIN: options->explain = true; return true;
    case OPTION_LIST_CONCEPTS: options->list_concepts = true; return true;
    case OPTION_QUIET: options->quiet = true; return true;
    default: options->help = true; return true;
    }
}

int options_read(int count, char **arguments, generate_options *options)
{
    static const struct option names[] = {
        {"sheet", required_argument, NULL, OPTION_SHEET},
        {"verb", required_argument, NULL, OPTION_VERB},
        {"engine", required_argument, NULL, OPTION_ENGINE},
        {"parts", required_argument, NULL, OPTION_PARTS},
        {"points", required_argument, NULL, OPTION_POINTS},
        {"seed", required_argument, NULL, OPTION_SEED},
        {"quality", required_argument, NULL, OPTION_QUALITY},
        {"image", required_argument, NULL, OPTION_IMAGE},
        {"models", required_argument, NULL, OPTION_MODELS},
        {"steps", required_argument, NULL, OPTION_STEPS},
        {"guidance", required_argument, NULL, OPTION_GUIDANCE},
        {"tokens", required_argument, NULL, OPTION_TOKENS},
        {"extract", required_argument, NULL, OPTION_EXTRACT},
        {"low-memory", no_argument, NULL, OPTION_LOW_MEMORY},
        {"threads", required_argument, NULL, OPTION_THREADS},
        {"precision", required_argument, NULL, OPTION_PRECISION},
        {"image-size", required_argument, NULL, OPTION_IMAGE_SIZE},
        {"animate", no_argument, NULL, OPTION_ANIMATE},
        {"seconds", required_argument, NULL, OPTION_SECONDS},
        {"fps", required_argument, NULL, OPTION_FPS},
        {"particles", required_argument, NULL, OPTION_PARTICLES},
        {"concepts", required_argument, NULL, OPTION_CONCEPTS},
        {"explain", no_argument, NULL, OPTION_EXPLAIN},
        {"list-concepts", no_argument, NULL, OPTION_LIST_CONCEPTS},
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
    };
    *options = (generate_options){0};
    opterr = 0;
    optind = 1;
    for (;;) {
        int option = getopt_long(count, arguments, ":o:h", names, NULL);
        if (option == -1)
            break;
        if (option == ':' || option == '?')
            return complain_about_option("generate", option, arguments[optind - 1]);
        if (!apply(options, option == 'h' ? OPTION_HELP : option, optarg))
            return EXIT_USAGE;
    }
    options->texts = arguments + optind;
    options->text_count = (size_t)(count - optind);
    return EXIT_DONE;
}

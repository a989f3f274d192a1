/* lumen models: which models there are, what of them is here, and what their licences say. */

#include "cli/model_list.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "cli/commands.h"
#include "partcrafter/partcrafter_engine.h"

static const char help[] =
    "lumen models : which models there are, and what of them is here\n"
    "\n"
    "  --models DIR    the folder of models; without it LUMEN_MODELS, else $XDG_DATA_HOME/lumen/models, else\n"
    "                  ~/.local/share/lumen/models\n"
    "  --catalog FILE  also the models of this list; without it LUMEN_MODELS_CATALOG\n"
    "  --json          print one JSON object, with every file\n"
    "  --help          print this text\n"
    "\n"
    "  Networks draw pictures and take them apart. Without them Lumen makes its shapes by its own rules. lumen pull\n"
    "  fetches a model.\n";

typedef struct models_options {
    const char *folder;
    const char *catalog;
    bool json;
    bool help;
} models_options;

/* ---- What the commands have in common ---------------------------------------------------------------------------- */

weights_catalog *model_list_open(const char *catalog)
{
    weights_catalog *models;
    lumen_error error;
    const char *variable = getenv("LUMEN_MODELS_CATALOG");
    if (catalog == NULL && variable != NULL && variable[0] != '\0')
        catalog = variable;
    if (weights_catalog_open(catalog, &models, &error) == LUMEN_OK)
        return models;
    complain(EXIT_FAILED, "%s", error.message);
    return NULL;
}

const char *model_list_size(uint64_t bytes, char text[MODEL_LIST_SIZE_BYTES])
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if ((double)bytes >= units[i].unit) {
            snprintf(text, MODEL_LIST_SIZE_BYTES, "%.2f %s", (double)bytes / units[i].unit, units[i].name);
            return text;
        }
    snprintf(text, MODEL_LIST_SIZE_BYTES, "%llu bytes", (unsigned long long)bytes);
    return text;
}

uint64_t model_list_bytes(const weights_model *model)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < model->file_count; i++)
        bytes += model->files[i].bytes;
    return bytes;
}

/* ---- Engines ------------------------------------------------------------------------------------------------------
 */

/* Whether the engine that runs these models finds all that it needs. */
static lumen_status check_engine(const models_options *options, lumen_error *error)
{
    char folder[WEIGHTS_PATH_BYTES];
    partcrafter_engine *made = NULL;
    lumen_status status = weights_folder(options->folder, folder, sizeof folder, error);
    if (status == LUMEN_OK)
        status = partcrafter_engine_open(&(partcrafter_engine_options){.models = folder}, NULL, &made, error);
    if (status != LUMEN_OK)
        return status;
    const engine *one = partcrafter_engine_base(made);
    status = one->check(one, error);
    partcrafter_engine_close(made);
    return status;
}

static json_t *describe_engines(const models_options *options)
{
    lumen_error error;
    const lumen_status status = check_engine(options, &error);
    return json_pack("[{s:s, s:b, s:s}]", "name", "partcrafter", "ready", status == LUMEN_OK ? 1 : 0, "reason",
                     status == LUMEN_OK ? "" : error.message);
}

/* ---- For programs ------------------------------------------------------------------------------------------------ */

static json_t *describe_files(const weights_model *model, const char *folder)
{
    json_t *files = json_array();
    for (size_t i = 0; i < model->file_count; i++) {
        const weights_file *file = &model->files[i];
        json_t *one = json_pack("{s:s, s:b, s:s?}", "path", file->path, "present",
                                weights_file_present(folder, file) ? 1 : 0, "sha256", file->sha256);
        json_object_set_new(one, "bytes", file->bytes == 0 ? json_null() : json_integer((json_int_t)file->bytes));
        json_object_set_new(one, "estimated", json_boolean(file->estimated));
        json_array_append_new(files, one);
    }
    return files;
}

static json_t *describe(const weights_model *model, const weights_state *state)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:b, s:I, s:I, s:o}", "name", model->name, "purpose",
                     model->purpose, "repository", model->repository, "revision", model->revision, "licence",
                     model->licence, "terms", model->terms, "accepted", state->accepted ? 1 : 0, "folder",
                     state->folder, "complete", state->missing == 0 ? 1 : 0, "bytes",
                     (json_int_t)model_list_bytes(model), "bytes_missing", (json_int_t)state->bytes_missing, "files",
                     describe_files(model, state->folder));
}

static int print_json(const weights_catalog *models, const models_options *options)
{
    json_t *list = json_array();
    for (size_t i = 0; i < weights_catalog_count(models); i++) {
        weights_state state;
        lumen_error error;
        if (weights_look(weights_catalog_at(models, i), options->folder, &state, &error) != LUMEN_OK) {
            json_decref(list);
            return complain(EXIT_FAILED, "%s", error.message);
        }
        json_array_append_new(list, describe(weights_catalog_at(models, i), &state));
    }
    json_t *answer = json_pack("{s:o, s:o}", "models", list, "engines", describe_engines(options));
    char *text = answer == NULL ? NULL : json_dumps(answer, JSON_INDENT(2));
    if (text != NULL)
        puts(text);
    int status =
        text != NULL ? EXIT_DONE : complain(EXIT_FAILED, "a name of a model or folder is not UTF-8; rename it");
    free(text);
    json_decref(answer);
    return status;
}

/* ---- For people ---------------------------------------------------------------------------------------------------
 */

static int print_text(const weights_catalog *models, const models_options *options)
{
    for (size_t i = 0; i < weights_catalog_count(models); i++) {
        const weights_model *model = weights_catalog_at(models, i);
        weights_state state;
        lumen_error error;
        char size[MODEL_LIST_SIZE_BYTES], missing[MODEL_LIST_SIZE_BYTES];
        if (weights_look(model, options->folder, &state, &error) != LUMEN_OK)
            return complain(EXIT_FAILED, "%s", error.message);
        model_list_size(model_list_bytes(model), size);
        printf("%s: %s, %s\n", model->name, model->purpose, size);
        if (state.missing == 0)
            printf("  here, in %s\n", state.folder);
        else if (state.present > 0 || state.bytes_partial > 0)
            printf("  incomplete: %zu of %zu files (%s) are missing in %s\n", state.missing, model->file_count,
                   model_list_size(state.bytes_missing - state.bytes_partial, missing), state.folder);
        else
            printf("  not here; lumen pull %s\n", model->name);
        printf("  licence: %s%s\n", model->licence, model->accept && state.accepted ? " (accepted)" : "");
        if (model->terms[0] != '\0')
            printf("  %s\n", model->terms);
    }
    lumen_error error;
    printf("engine partcrafter: %s\n",
           check_engine(options, &error) == LUMEN_OK ? "all its models are here" : error.message);
    return EXIT_DONE;
}

/* ---- The command ---------------------------------------------------------------------------------------------------
 */

static int read_options(int count, char **arguments, models_options *options)
{
    enum { OPTION_MODELS = 256, OPTION_CATALOG, OPTION_JSON, OPTION_HELP };
    static const struct option names[] = {{"models", required_argument, NULL, OPTION_MODELS},
                                          {"catalog", required_argument, NULL, OPTION_CATALOG},
                                          {"json", no_argument, NULL, OPTION_JSON},
                                          {"help", no_argument, NULL, OPTION_HELP},
                                          {NULL, 0, NULL, 0}};
    *options = (models_options){0};
    opterr = 0;
    optind = 1;
    for (int option; (option = getopt_long(count, arguments, ":h", names, NULL)) != -1;) {
        switch (option) {
        case OPTION_MODELS: options->folder = optarg; break;
        case OPTION_CATALOG: options->catalog = optarg; break;
        case OPTION_JSON: options->json = true; break;
        case 'h':
        case OPTION_HELP: options->help = true; break;
        case ':':
            return complain(EXIT_USAGE, "%s needs a value behind it; see lumen models --help", arguments[optind - 1]);
        default: return complain(EXIT_USAGE, "there is no option %s; see lumen models --help", arguments[optind - 1]);
        }
    }
    if (optind < count)
        return complain(EXIT_USAGE, "'%s' is one word too many; lumen models lists all of them", arguments[optind]);
    return EXIT_DONE;
}

int command_models(int count, char **arguments)
{
    models_options options;
    int status = read_options(count, arguments, &options);
    if (status != EXIT_DONE)
        return status;
    if (options.help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    weights_catalog *models = model_list_open(options.catalog);
    if (models == NULL)
        return EXIT_FAILED;
    status = options.json ? print_json(models, &options) : print_text(models, &options);
    weights_catalog_close(models);
    return status;
}

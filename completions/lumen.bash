# Completion of lumen for bash.

_lumen_generate_options='-o --sheet --verb --engine --parts --points --seed --quality --image --models --steps
    --guidance --tokens --extract --low-memory --threads --precision --image-size --animate --seconds
    --fps --particles --concepts --explain --list-concepts --quiet --help'
_lumen_view_options='--particles --still --lab --motions --concepts --seconds --screenshot --help'
_lumen_image_options='-o --raw --steps --seed --size --latents --models --threads --precision --low-memory --timings
    --quiet --help'
_lumen_cutout_options='-o --mask --models --threads --precision --quiet --help'
_lumen_serve_options='--address --port --port-file --api-key-file --allowed-origins --trusted-proxies --rate-limit
    --engine-rate-limit --max-body-bytes --image-limit --cache-dir --cache-max-bytes --memory-cache-bytes
    --memory-cache-items --workers --threads --queue-limit --request-seconds --network-timeout --drain-seconds
    --memory-budget --concepts --models --debug-routes --log-format --log-level --help'
_lumen_pregenerate_options='--server --wait --cache-dir --concepts --parallel --quality --points --seed --quiet --help'
_lumen_pull_options='--accept-licence --models --hub --catalog --list --verify --offline --parallel --attempts
    --stall-seconds --quiet --help'
_lumen_models_options='--models --catalog --json --help'
_lumen_models='sdxl-turbo rmbg-1.4 partcrafter'

# Folders, and the files with one of the endings given.
_lumen_files() {
    local word=$1 ending
    shift
    compgen -d -- "$word"
    for ending; do
        compgen -f -X "!*.$ending" -- "$word"
    done
}

_lumen() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} choices=
    COMPREPLY=()

    if [ "$COMP_CWORD" -eq 1 ]; then
        choices='generate image cutout view serve pregenerate pull models preflight help --help --version'
    else
        case $command in
        generate)
            case $before in
            -o) mapfile -t COMPREPLY < <(_lumen_files "$word" ply glb stl json png webm gif) ;;
            --sheet) mapfile -t COMPREPLY < <(_lumen_files "$word" png) ;;
            --concepts) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
            --image) mapfile -t COMPREPLY < <(_lumen_files "$word" png jpg jpeg) ;;
            --models) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
            --engine) choices='auto partcrafter procedural' ;;
            --extract) choices='adaptive reference' ;;
            --precision) choices='bf16 f32' ;;
            --quality) choices='fast standard high' ;;
            --verb | --parts | --points | --seed | --image-size | --seconds | --fps | --particles) return ;;
            --steps | --guidance | --tokens | --threads) return ;;
            *) case $word in -*) choices=$_lumen_generate_options ;; esac ;;
            esac
            ;;
        view)
            case $before in
            --motions | --concepts) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
            --screenshot) mapfile -t COMPREPLY < <(_lumen_files "$word" png) ;;
            --particles) choices='64 128 256 512 1024' ;;
            --seconds) return ;;
            *) case $word in -*) choices=$_lumen_view_options ;;
               *) mapfile -t COMPREPLY < <(_lumen_files "$word" json ply glb) ;; esac ;;
            esac
            ;;
        image)
            case $before in
            -o) mapfile -t COMPREPLY < <(_lumen_files "$word" png) ;;
            --latents) mapfile -t COMPREPLY < <(_lumen_files "$word" safetensors) ;;
            --models) mapfile -t COMPREPLY < <(_lumen_files "$word" safetensors) ;;
            --steps) choices='1 2 3 4' ;;
            --size) choices='256 512 768 1024' ;;
            --precision) choices='bf16 f32' ;;
            --seed | --threads) return ;;
            *) case $word in -*) choices=$_lumen_image_options ;; esac ;;
            esac
            ;;
        cutout)
            case $before in
            -o) mapfile -t COMPREPLY < <(_lumen_files "$word" png) ;;
            --models) mapfile -t COMPREPLY < <(_lumen_files "$word" safetensors) ;;
            --precision) choices='bf16 f32' ;;
            --threads) return ;;
            *) case $word in -*) choices=$_lumen_cutout_options ;;
               *) mapfile -t COMPREPLY < <(_lumen_files "$word" png jpg jpeg) ;; esac ;;
            esac
            ;;
        serve)
            case $before in
            --models) mapfile -t COMPREPLY < <(_lumen_files "$word" safetensors) ;;
            --port-file | --api-key-file | --concepts) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
            --cache-dir) mapfile -t COMPREPLY < <(_lumen_files "$word") ;;
            --log-format) choices='auto json text' ;;
            --log-level) choices='debug info warning error' ;;
            --debug-routes | --help) choices=$_lumen_serve_options ;;
            --*) return ;;
            *) choices=$_lumen_serve_options ;;
            esac
            ;;
        pregenerate)
            case $before in
            --cache-dir) mapfile -t COMPREPLY < <(_lumen_files "$word") ;;
            --concepts) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
            --quality) choices='fast standard high' ;;
            --server) choices='http://127.0.0.1:8080' ;;
            --wait | --parallel | --points | --seed) return ;;
            *) case $word in -*) choices=$_lumen_pregenerate_options ;;
               *) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;; esac ;;
            esac
            ;;
        pull)
            case $before in
            --models) mapfile -t COMPREPLY < <(_lumen_files "$word") ;;
            --catalog) mapfile -t COMPREPLY < <(_lumen_files "$word" json) ;;
            --hub | --parallel | --attempts | --stall-seconds) return ;;
            *) case $word in -*) choices=$_lumen_pull_options ;; *) choices=$_lumen_models ;; esac ;;
            esac
            ;;
        models)
            case $before in
            --models) mapfile -t COMPREPLY < <(_lumen_files "$word") ;;
            --catalog) mapfile -t COMPREPLY < <(_lumen_files "$word" json) ;;
            *) choices=$_lumen_models_options ;;
            esac
            ;;
        preflight) choices='--help' ;;
        help) choices='generate image cutout view serve pregenerate pull models preflight' ;;
        esac
    fi
    [ -z "$choices" ] || mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

# File names, where they are completed, get their slashes and quotes from bash.
complete -o filenames -o bashdefault -F _lumen lumen

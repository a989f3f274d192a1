# Completion of lumen for bash.

_lumen_options='-o --sheet --verb --engine --parts --points --seed --quality --image-size --concepts
    --explain --list-concepts --quiet --help'

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
        choices='generate preflight help --help --version'
    else
        case $command in
        generate)
            case $before in
            -o) mapfile -t COMPREPLY < <(_lumen_files "$word" ply glb stl json png) ;;
            --sheet) mapfile -t COMPREPLY < <(_lumen_files "$word" png) ;;
            --concepts) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
            --engine) choices='auto procedural' ;;
            --quality) choices='fast standard high' ;;
            --verb | --parts | --points | --seed | --image-size) return ;;
            *) case $word in -*) choices=$_lumen_options ;; esac ;;
            esac
            ;;
        preflight) choices='--help' ;;
        help) choices='generate preflight' ;;
        esac
    fi
    [ -z "$choices" ] || mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

# File names, where they are completed, get their slashes and quotes from bash.
complete -o filenames -o bashdefault -F _lumen lumen

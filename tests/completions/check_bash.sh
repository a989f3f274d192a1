# Asks bash's completions what a user would be offered. Prints TAP.
. completions/lumen.bash
status=0

# offers WANTED WORD...: the last word is the one being completed.
offers() {
    local wanted=$1 offered
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _lumen
    offered=$(printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd ' ')
    if [ "$offered" = "$wanted" ]; then
        echo "ok bash completes: $*"
    else
        echo "not ok bash completes: $* (offered \"$offered\", wanted \"$wanted\")"
        status=1
    fi
}

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
touch "$folder/horse.ply" "$folder/horse.png" "$folder/notes.txt"

offers "generate" lumen g
offers "view" lumen v
offers "--help --version" lumen --
offers "--points" lumen generate horse --po
offers "--particles --parts" lumen generate horse --par
offers "auto partcrafter procedural" lumen generate horse --engine ""
offers "standard" lumen generate horse --quality s
offers "$folder/horse.ply $folder/horse.png" lumen generate horse -o "$folder/"
offers "$folder/horse.png" lumen generate horse cat --sheet "$folder/"
offers "" lumen generate --points ""
offers "" lumen generate "a horse gallop"
offers "generate" lumen help g
offers "serve" lumen s
offers "preflight pregenerate pull" lumen p
offers "--memory-budget --memory-cache-bytes --memory-cache-items" lumen serve --memory
offers "auto json text" lumen serve --log-format ""
offers "" lumen serve --port ""
offers "--rate-limit --request-seconds" lumen serve --debug-routes --queue-limit 5 --r
offers "$folder/horse.ply $folder/horse.png $folder/notes.txt" lumen pregenerate "$folder/"
offers "--parallel --points" lumen pregenerate words.txt --p
offers "high" lumen pregenerate --quality h
offers "sdxl-turbo" lumen pull s
offers "--accept-licence --attempts" lumen pull sdxl-turbo --a
offers "" lumen pull --hub ""
offers "--models" lumen models --mo
exit "$status"

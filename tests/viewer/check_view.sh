# The window and the films as their user meets them. Prints TAP.
#
#     bash tests/viewer/check_view.sh build/src/cli/lumen
#
# Needs xvfb-run and ffmpeg; what is missing is told and skipped.
lumen=$(realpath "$1")
status=0
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder" || exit 1

check() {
    local what=$1
    shift
    if "$@" >out 2>error; then
        echo "ok view: $what"
    else
        echo "not ok view: $what"
        sed 's/^/# /' error
        status=1
    fi
}

# refused WORDS COMMAND...: it fails, and its message holds the words.
refused() {
    local words=$1
    shift
    ! "$@" >said 2>&1 && grep -qiF -- "$words" said
}

is_png() { test "$(head -c 8 "$1" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a; }
# A picture of a sculpture cannot be packed as small as a dark one.
shows_something() { is_png "$1" && test "$(stat -c %s "$1")" -gt "$2"; }
in_window() { xvfb-run -a -s "-screen 0 1280x800x24" "$lumen" view "$@"; }
screenshot() {
    in_window "$@" --seconds 3 --screenshot shot.png && shows_something shot.png 60000
}

check "without a display says so and names another way" \
    refused "lumen generate" env -u DISPLAY -u WAYLAND_DISPLAY "$lumen" view horse
check "two texts are refused" refused "quotes" "$lumen" view a horse
check "an odd number of particles is refused" refused "particles" "$lumen" view --particles many
if command -v xvfb-run >/dev/null; then
    check "a word takes shape in the window" screenshot "a bird flying"
    "$lumen" generate "a cat" -o cat.ply --quiet
    check "a file is shown" screenshot cat.ply
    check "reduced motion shows it too" screenshot cat.ply --still
    check "the motion lab opens" screenshot horse --lab
else
    echo "ok view: the window # SKIP xvfb-run is missing"
fi

film() { "$lumen" generate "$@" --animate --seconds 1 --fps 10 --particles 64 --image-size 160x120; }
check "a film without --animate is refused" refused "--animate" "$lumen" generate cat -o cat.webm
check "a film needs ffmpeg, and says so" refused "install ffmpeg" env PATH=/nowhere "$lumen" generate cat -o cat.gif --animate
check "pictures stay square" refused "square" "$lumen" generate cat -o cat.png --image-size 160x120
if command -v ffmpeg >/dev/null; then
    check "a bird is filmed" film "a bird flying" -o bird.webm
    check "one run writes several formats" film "a cat" -o cat.gif -o cat.png -o cat.json
    check "a film in a loop has whole cycles" test "$(ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 bird.webm)" -ge 6
    check "a movement that ends is filmed too" film "a star exploding" -o star.gif
    check "nothing else is left" test "$(find . -name '*.part' | wc -l)" -eq 0
else
    echo "ok view: films # SKIP ffmpeg is missing"
fi
exit "$status"

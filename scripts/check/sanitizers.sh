# The same test functions again, and a few whole runs, under AddressSanitizer and
# UndefinedBehaviorSanitizer.
. scripts/check/tap.sh
# clang comes without OpenMP here, and oneDNN's own, which then knows of no limit, would have all cores wait for each
# other at every small product.
export OMP_NUM_THREADS=1
python3 scripts/check/unit_tests.py "$clang_build" sanitized
status=$?

need_lumen sanitizers
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
for format in ply glb stl json png; do
    verdict "sanitized: generate writes .$format" \
        "$clang_build/src/cli/lumen" generate "a red dragon flying" -o "$folder/sanitized.$format"
    verdict "release: generate writes .$format" "$lumen" generate "a red dragon flying" -o "$folder/release.$format"
    # "Same text and seed, same bytes" is promised for any compiler, so two of them must agree.
    verdict "gcc and clang make the same .$format" \
        bash -c "cmp <(sed 's/\"generation_time_ms\": *[0-9.e+-]*//' '$folder/release.$format') \
                     <(sed 's/\"generation_time_ms\": *[0-9.e+-]*//' '$folder/sanitized.$format')"
done
exit "$status"

# A short run of every fuzz target from its committed corpus, enough to catch what broke today.
# A target is an executable $clang_build/fuzz/fuzz_NAME; its corpus, if any, is fuzz/corpus/NAME.
. scripts/check/tap.sh
seconds=${FUZZ_SECONDS:-3}
findings=build/check/findings
mkdir -p "$findings"
mapfile -t targets < <(find "$clang_build/fuzz" -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x | sort)
if [ ${#targets[@]} -eq 0 ]; then
    echo "not ok there are fuzz targets"
    exit 1
fi

fuzz() {
    local name=$1 target=$2 grown
    grown=$(mktemp -d)
    trap 'rm -r "$grown"' RETURN
    # New inputs go to a folder of their own: a check changes nothing that is committed.
    "$target" "$grown" ${3:+"$3"} -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$findings/$name-" -print_final_stats=1
}
for target in "${targets[@]}"; do
    name=${target##*/fuzz_}
    corpus=fuzz/corpus/$name
    [ -d "$corpus" ] || corpus=
    export -f fuzz
    export seconds findings
    limit=$((seconds + 120)) verdict "fuzz $name for $seconds s" bash -c 'fuzz "$@"' fuzz "$name" "$target" "$corpus"
done

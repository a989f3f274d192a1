# The same sources through both compilers; meson.build makes every warning an error.
. scripts/check/tap.sh
limit=600

# build FOLDER SETUP-ARGUMENT...: configures once, and later only what changed.
build() {
    local folder=$1
    shift
    if [ -f "$folder/build.ninja" ]; then
        meson configure "$folder" -Dtests=true || return 1
    else
        meson setup "$folder" "$@" || return 1
    fi
    ninja -C "$folder"
}
export -f build

verdict "gcc builds a release without a warning" \
    bash -c 'build build --buildtype=release -Dtests=true'
# -O1 keeps the sanitized tests quick and their stacks readable. With sanitizers clang leaves symbols
# open that only the final program closes, hence b_lundef. One build with the page is enough, and one without is tested so.
CC=clang verdict "clang builds everything, fuzz targets included, without a warning" \
    bash -c "build $clang_build --buildtype=debug -Doptimization=1 -Dtests=true -Dfuzz=true \
        -Dpage=disabled -Db_sanitize=address,undefined -Db_lundef=false"

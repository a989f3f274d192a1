# How much of the rooms whose mistakes show in every shape the unit tests really run through.
. scripts/check/tap.sh
folder=build-coverage
limit=600
if [ ! -f "$folder/build.ninja" ]; then
    verdict "the coverage build is configured" meson setup "$folder" --buildtype=debug -Db_coverage=true -Dtests=true -Dpage=disabled
fi
# Counts from an earlier run, or of sources that have changed since, would be added to.
find "$folder" -name '*.gcda' -delete
# The rooms of the library; those of the service are tested from outside as well, and would take minutes here.
rooms="base files geometry isosurface lexicon lumen mesh pack picture procedural sample save sculpt vocabulary watertight words"
mapfile -t programs < <(python3 scripts/check/unit_tests.py --list "$folder" $rooms)
verdict "the coverage build is built" ninja -C "$folder" "${programs[@]}" || exit 1
python3 scripts/check/unit_tests.py "$folder" coverage $rooms | grep -v '^ok '
gcovr --root . --filter src/ --exclude '.*/make_cube_table.c' --json-summary build/check/coverage.json "$folder"
gcovr --root . --filter src/ --exclude '.*/make_cube_table.c' --html-details build/check/coverage.html "$folder" >/dev/null 2>&1
python3 scripts/check/coverage.py build/check/coverage.json

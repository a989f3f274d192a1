# ThreadSanitizer: the unit tests of the rooms with threads, and the service under the load of its clients.
. scripts/check/tap.sh
need_lumen threads
limit=600
verdict "the build for ThreadSanitizer is configured" bash -c "[ -f $tsan_build/build.ninja ] ||
    CC=clang meson setup $tsan_build --buildtype=debug -Doptimization=1 -Dtests=true -Dpage=disabled -Db_sanitize=thread -Db_lundef=false"
rooms="cache executor host http limits log metrics models partcrafter_threads random_id"
# Only what has threads is built: the rest takes minutes.
mapfile -t programs < <(python3 scripts/check/unit_tests.py --list "$tsan_build" $rooms)
verdict "and built" ninja -C "$tsan_build" tests/service/lumen-test-service "${programs[@]}" || exit 1
# oneDNN's teams are libgomp's, of which ThreadSanitizer knows nothing; our own threads are the subject.
export OMP_NUM_THREADS=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp
python3 scripts/check/unit_tests.py "$tsan_build" threads $rooms
"$python" tests/service/check_load.py --service "$tsan_build/tests/service/lumen-test-service" --lumen "$lumen" \
    --requests 300 --connections 300

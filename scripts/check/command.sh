# The command line, as its user meets it.
. scripts/check/tap.sh
need_lumen command
verdict "the command line" python3 tests/command/check_command.py --lumen "$lumen"
verdict "lumen pregenerate" python3 tests/command/check_pregenerate.py --lumen "$lumen"
verdict "lumen pull" python3 tests/command/check_pull.py --lumen "$lumen"
verdict "lumen image" python3 tests/command/check_image.py --lumen "$lumen" \
    --write build/tests/networks/write_small_model
verdict "lumen generate with networks" python3 tests/command/check_partcrafter.py --lumen "$lumen" \
    --write build/tests/partcrafter/write_small_models
verdict "lumen cutout" python3 tests/command/check_cutout.py --lumen "$lumen"
verdict "./start, run again, makes a first shape and leaves the service running" bash -c '
    rm -f horse.png horse.ply horse.glb && LUMEN_PORT=0 ./start && test -s horse.png && test -s horse.ply &&
    test -s horse.glb && exec 3<>"/dev/tcp/127.0.0.1/$(cat build/service.port)" &&
    printf "GET / HTTP/1.1\r\nHost: lumen\r\nConnection: close\r\n\r\n" >&3 && grep -q "<title>" <&3'
verdict "./start stop stops it" bash -c './start stop && ! kill -0 "$(cat build/service.pid)" 2>/dev/null'

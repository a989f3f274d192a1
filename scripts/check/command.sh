# The command line, as its user meets it.
. scripts/check/tap.sh
need_lumen command
verdict "the command line" python3 tests/command/check_command.py --lumen "$lumen"
verdict "lumen pregenerate" python3 tests/command/check_pregenerate.py --lumen "$lumen"
verdict "./start, run again, makes a first shape" \
    bash -c 'rm -f horse.png horse.ply horse.glb && ./start && test -s horse.png && test -s horse.ply && test -s horse.glb'

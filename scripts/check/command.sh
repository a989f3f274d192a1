# The command line, as its user meets it.
. scripts/check/tap.sh
need_lumen command
verdict "the command line" python3 tests/command/check_command.py --lumen "$lumen"

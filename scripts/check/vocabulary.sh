# The words, against the templates that people wrote down before the program had seen them.
. scripts/check/tap.sh
need_lumen vocabulary
exec python3 tests/vocabulary/check_vocabulary.py --lumen "$lumen"

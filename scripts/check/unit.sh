# Every test function, in the release that people run.
. scripts/check/tap.sh
exec python3 scripts/check/unit_tests.py build release

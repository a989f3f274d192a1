# The window, on a display without a screen, and the films.
. scripts/check/tap.sh
need_lumen view
exec bash tests/viewer/check_view.sh "$lumen"

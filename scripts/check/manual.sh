# The man page and the completions: well-formed, and about the options that the command really has.
. scripts/check/tap.sh

page=man/lumen.1
verdict "mandoc finds nothing in the man page" mandoc -Tlint -Wwarning "$page"
verdict "bash reads its completions" bash -n completions/lumen.bash
verdict "bash completes commands, options and values" bash tests/completions/check_bash.sh
verdict "zsh reads its completions" zsh -n completions/_lumen
verdict "fish reads its completions" fish -n completions/lumen.fish

need_lumen manual
# Every option that --help names is in the manual and the completions, and nothing else is.
options() { grep -oE -e '--[a-z][a-z-]+' | sort -u; }
"$lumen" generate --help </dev/null 2>&1 | options >build/check/options
verdict "--help names options" test -s build/check/options
for file in "$page" completions/lumen.bash completions/_lumen completions/lumen.fish; do
    case $file in
    # roff writes a dash as \-, fish an option as `-l name`.
    "$page") verdict "$file names the options of --help" \
        diff build/check/options <(sed 's/Fl Fl /--/g; s/Fl -/--/g; s/\\-/-/g' "$page" | options | grep -vxE -e '--version') ;;
    *.fish) verdict "$file names the options of --help" \
        diff build/check/options <(grep '^complete ' "$file" | grep -oE -e '-l [a-z-]+' | sed 's/-l /--/' | sort -u | grep -vxE -e '--version') ;;
    *) verdict "$file names the options of --help" \
        diff build/check/options <(options <"$file" | grep -vxE -e '--version') ;;
    esac
done

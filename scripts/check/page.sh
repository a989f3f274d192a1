# The page in a real browser: the engine in WebAssembly against the one that is installed, and the page as a person uses
# it. Chromium is the system's, with graphics in software.
. scripts/check/tap.sh
need_lumen page
page=build/src/browser/page
limit=600
verdict "engine" "$python" tests/page/check_engine.py --lumen "$lumen" --page "$page"
[ ! -f tests/page/check_page.py ] || verdict "page" "$python" tests/page/check_page.py --lumen "$lumen" --page "$page"

# What is shipped is made from its sources by every build; nothing of it lies in the repository. A build in another folder
# makes the same bytes, so anyone can tell whether a copy on some host is what it says.
again=build/check/page-again
rm -rf "$again"
verdict "the module is built a second time" bash -c \
    "meson setup $again -Dtests=false -Dpage=enabled && ninja -C $again src/browser/page/lumen.wasm"
for file in lumen.js lumen.wasm; do
    verdict "a second build makes the same $file" cmp "$page/$file" "$again/src/browser/page/$file"
done
rm -rf "$again"

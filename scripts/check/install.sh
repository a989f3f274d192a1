# What `meson install` gives, used the way a stranger's program would: through pkg-config alone.
. scripts/check/tap.sh
folder=$PWD/build/check/install
rm -rf "$folder"
verdict "meson installs" meson install -C build --no-rebuild --destdir "$folder"

# installed GLOB...: each names exactly one installed file, wherever this system keeps such files.
installed() {
    local pattern
    for pattern; do
        verdict "installed: $pattern" bash -c "find '$folder' -path '*/$pattern' | grep ."
    done
}
installed bin/lumen include/lumen.h 'lib*/liblumen.so' 'pkgconfig/lumen.pc' man/man1/lumen.1 \
    share/lumen/page/index.html share/lumen/page/engine.js share/lumen/page/lumen.js share/lumen/page/lumen.wasm \
    bash-completion/completions/lumen site-functions/_lumen vendor_completions.d/lumen.fish

prefix=$(dirname "$(dirname "$(find "$folder" -path '*/include/lumen.h')")")
library=$(dirname "$(find "$folder" -name liblumen.so | head -n 1)")
cat >"$folder/use.c" <<'END'
#include <lumen.h>
#include <stdio.h>

int main(void)
{
    lumen *library = NULL;
    lumen_shape *shape = NULL;
    lumen_error error;
    lumen_request request = {.text = "a horse galloping"};
    if (lumen_open(NULL, &library, &error) != LUMEN_OK ||
        lumen_generate(library, &request, &shape, &error) != LUMEN_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    printf("%s %u points %u parts\n", shape->template_type, shape->point_count, shape->part_count);
    lumen_shape_free(shape);
    lumen_close(library);
    return 0;
}
END
# The package file speaks of the final place; sysroot puts the staging folder before it.
export PKG_CONFIG_PATH=$library/pkgconfig PKG_CONFIG_SYSROOT_DIR=$folder
verdict "a program builds with pkg-config lumen" \
    bash -c "cc -std=c17 -Wall -Wextra -Werror '$folder/use.c' \$(pkg-config --cflags --libs lumen) -o '$folder/use'"
LD_LIBRARY_PATH=$library verdict "and shapes a horse" bash -c "'$folder/use' | tee /dev/stderr | grep -qx 'quadruped 2048 points 6 parts'"
verdict "the library shows only names that begin with lumen_" \
    bash -c "nm -D --defined-only '$library/liblumen.so' | awk '\$2 ~ /[A-Z]/ {seen++; if (\$3 !~ /^lumen_/) {print \$3; wrong++}}
             END {exit !(seen > 0 && wrong == 0)}'"
verdict "the installed command runs" env LD_LIBRARY_PATH="$library" "$prefix/bin/lumen" --version

# shellcheck shell=bash disable=SC2034
# What the front doors need from the machine, and how to get it: sourced by ./start and ./check.
#
#     . scripts/packages.sh
#     require "building Lumen" build.log "${build_needs[@]}"
#
# A need is `probe=package`. The probe looks for the thing itself rather than for the package, so
# that a compiler or a Python that came from elsewhere is taken as it is, and so that a machine that
# has everything is never asked for a package manager, a password or a network.

# A probe is `kind:what`. Succeeds when the machine has it.
have() {
    local kind=${1%%:*} what=${1#*:}
    case $kind in
    program) command -v "$what" >/dev/null ;;
    library) pkg-config --exists "$what" 2>/dev/null ;;
    file) [ -e "$what" ] ;;
    headers) printf '#include <stdio.h>\n' | cc -E -x c - >/dev/null 2>&1 ;;
    python) python3 -c "import $what" >/dev/null 2>&1 ;;
    sanitizers) printf 'int LLVMFuzzerTestOneInput(const char *d, long n);
        int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' |
        clang -x c -fsanitize=address,undefined,fuzzer - -o /dev/null >/dev/null 2>&1 ;;
    *) echo "packages.sh: unknown probe $1" >&2 && return 2 ;;
    esac
}

build_needs=(
    program:cc=gcc
    headers:c=libc6-dev
    program:meson=meson
    program:ninja=ninja-build
    program:pkg-config=pkg-config
    library:libpng=libpng-dev
    library:libjpeg=libjpeg-dev
    library:freetype2=libfreetype-dev
    library:jansson=libjansson-dev
    library:libutf8proc=libutf8proc-dev
    library:libmicrohttpd=libmicrohttpd-dev
    library:sqlite3=libsqlite3-dev
    library:libzstd=libzstd-dev
    library:libcurl=libcurl4-openssl-dev
    library:nettle=nettle-dev
    file:/usr/include/oneapi/dnnl/dnnl.h=libdnnl-dev
    library:glesv2=libgles-dev
    library:egl=libegl-dev
    library:glfw3=libglfw3-dev
    program:emcc=emscripten
    file:/usr/share/wordnet/data.noun=wordnet-base
    file:/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf=fonts-dejavu-core
)

check_needs=(
    library:cmocka=libcmocka-dev
    program:clang=clang
    "python:venv, ensurepip=python3-venv"
    program:node=nodejs
    program:npm=npm
    program:gcovr=gcovr
    program:mandoc=mandoc
    program:zsh=zsh
    program:fish=fish
    program:chromium=chromium
    program:ffmpeg=ffmpeg
    program:Xvfb=xvfb
    program:xauth=xauth
)

# The package with the sanitizers' libraries carries the version of the clang that is installed, so
# this list exists only once there is a clang.
sanitizer_needs() {
    echo "sanitizers:clang=libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
}

# require PURPOSE LOG NEED...: installs the packages of the needs that are missing. What apt says
# goes to LOG, which is shown when it fails.
require() {
    local purpose=$1 log=$2 need missing=() as_root=()
    shift 2
    for need; do
        have "${need%=*}" || missing+=("${need##*=}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    if ! command -v apt-get >/dev/null; then
        echo "lumen: $purpose needs what Debian calls: ${missing[*]}" >&2
        echo "lumen: there is no apt-get here; install their like by hand, then run this again." >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "lumen: $purpose needs packages, and this is neither root nor is there a sudo. As root, run" >&2
            echo "    apt-get install ${missing[*]}" >&2
            echo "lumen: then run this again." >&2
            return 1
        fi
        # Where there is a terminal sudo may ask for a password there; elsewhere nobody could answer.
        as_root=(sudo)
        [ -t 0 ] || as_root=(sudo -n)
    fi

    echo "Installing for $purpose: ${missing[*]}"
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
    if ! { "${as_root[@]}" update && "${as_root[@]}" install --no-install-recommends "${missing[@]}"; } \
        >>"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        echo "lumen: apt-get could not install ${missing[*]} (above: the end of $log)." >&2
        return 1
    fi
    for need; do
        if ! have "${need%=*}"; then
            echo "lumen: ${need##*=} is installed, yet ${need%=*} is still not found; see $log." >&2
            return 1
        fi
    done
}

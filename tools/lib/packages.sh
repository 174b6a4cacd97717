# shellcheck shell=bash
# Debian packages: says what is missing and installs it. Needs common.sh.
#
# Written for Debian 12 and 13. Elsewhere, or with DECLIC_NO_INSTALL=1, it only says what to install.

# packages_for WHAT: the packages behind one need.
packages_for() {
    case "$1" in
    build)
        printf '%s\n' build-essential cmake ninja-build pkg-config librdkafka-dev libhiredis-dev \
            libmicrohttpd-dev libyaml-dev libjansson-dev libicu-dev libcurl4-openssl-dev libre2-dev libjemalloc-dev \
            libcmocka-dev libavro-dev tzdata # cmocka and avro: for the tests alone
        ;;
    redis) printf '%s\n' redis-server ;;
    java) printf '%s\n' default-jre-headless ;;
    maven) printf '%s\n' maven ;;
    python) printf '%s\n' python3 python3-venv ;;
    tests) printf '%s\n' curl ;; # the manual's examples are run
    *) die "no packages are known for '$1'" ;;
    esac
}

# packages_install_for WHAT...
packages_install_for() {
    local what names=()
    for what in "$@"; do
        mapfile -t -O "${#names[@]}" names < <(packages_for "$what")
    done
    packages_install "${names[@]}"
}

package_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# packages_install NAME...: nothing is done when all are there.
packages_install() {
    local missing=() name as_root=()
    command -v dpkg-query >/dev/null || die "this is no Debian: install by hand what these packages are here: $*"
    for name in "$@"; do
        package_installed "$name" || missing+=("$name")
    done
    ((${#missing[@]} > 0)) || return 0
    if [[ ${DECLIC_NO_INSTALL:-} == 1 ]]; then
        die "packages are missing; install them with: apt-get install ${missing[*]}"
    fi
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "packages are missing and there is no sudo; as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing Debian packages: ${missing[*]}"
    retry 3 "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update >/dev/null ||
        die "apt-get update failed"
    retry 3 "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
        "${missing[@]}" >/dev/null || die "could not install: ${missing[*]}"
}

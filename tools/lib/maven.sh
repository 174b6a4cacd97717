# shellcheck shell=bash
# What is fetched by Maven once and kept in the cache. Needs common.sh and packages.sh.

: "${declic_cache:?common.sh comes first}"

# maven_fetch NAME WHAT COPY: has the command COPY put WHAT in the folder that it is given, which becomes NAME in
# the cache; nothing when it is there. Several at once wait for the first.
maven_fetch() {
    local name=$1 what=$2 copy=$3 home="$declic_cache/$1" staging
    command -v java >/dev/null || packages_install_for java
    [[ -e $home/complete ]] && return 0
    command -v mvn >/dev/null || packages_install_for maven
    mkdir -p "$declic_cache"
    (
        flock 9
        [[ -e $home/complete ]] && exit 0
        say "fetching $what with Maven"
        staging=$(mktemp -d "$declic_cache/$name.XXXXXX")
        trap 'rm -rf "$staging"' EXIT
        retry 4 "$copy" "$staging" >"$staging/maven.log" 2>&1 || {
            tail -n 20 "$staging/maven.log" >&2
            die "Maven could not fetch $what"
        }
        touch "$staging/complete"
        rm -rf "$home"
        mv "$staging" "$home"
        trap - EXIT
    ) 9>"$declic_cache/${name%%-*}.lock"
}

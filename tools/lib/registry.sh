# shellcheck shell=bash
# A real Schema Registry without docker: Apicurio's, which speaks Confluent's interface; fetched by Maven once,
# run on loopback with its storage in memory. Needs common.sh, packages.sh and
# maven.sh.
#
# It lives in a folder: registry.log, pid, port.

: "${declic_cache:?common.sh comes first}"

registry_version=3.0.9

# registry_fetch: puts it in the cache, unless it is there.
registry_fetch() {
    maven_fetch "registry-$registry_version" "a Schema Registry, Apicurio $registry_version (about 110 MB, once)" registry_copy
}

registry_copy() {
    mvn -q -B dependency:copy -Dartifact="io.apicurio:apicurio-registry-app:$registry_version:tar.gz:all" \
        -DoutputDirectory="$1" && tar -xzf "$1"/*.tar.gz -C "$1" && rm "$1"/*.tar.gz
}

registry_launch() {
    local dir=$1 port tenth
    port=$(<"$dir/port")
    start_daemon "$dir/pid" "$dir/registry.log" java -Xms64m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" \
        -jar "$declic_cache/registry-$registry_version/apicurio-registry-app-$registry_version-runner.jar"
    for ((tenth = 0; tenth < 1800; tenth++)); do
        [[ $(http_get "$port" /apis/ccompat/v7/subjects) == 200 ]] && return 0
        pid_alive "$dir/pid" || return 1
        sleep 0.1
    done
    return 1
}

# registry_start DIR: one with nothing in it.
registry_start() {
    local dir
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    registry_fetch
    pid_alive "$dir/pid" && return 0
    for _ in 1 2 3; do
        [[ -s $dir/port ]] || free_port >"$dir/port"
        registry_launch "$dir" && return 0
        pid_stop "$dir/pid" KILL
        rm -f "$dir/port"
    done
    tail -n 20 "$dir/registry.log" >&2
    die "the Schema Registry in $dir did not start; its log: $dir/registry.log"
}

registry_url() {
    printf 'http://127.0.0.1:%s/apis/ccompat/v7\n' "$(<"$1/port")"
}

registry_stop() {
    pid_stop "$1/pid" "${2:-TERM}" 20
}

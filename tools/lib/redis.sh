# shellcheck shell=bash
# A Redis of one's own on loopback: append-only file on, no eviction, as Declic wants it.
# Needs common.sh and packages.sh.
#
# It lives in a folder: redis.conf, data/, redis.log, pid, port; and keeps port and data over
# stop, kill and start. Lines in DECLIC_REDIS_CONF are added (tests of a wrong configuration).

redis_configure() {
    local dir=$1 port=$2
    mkdir -p "$dir/data"
    cat >"$dir/redis.conf" <<-CONF
		bind 127.0.0.1
		port $port
		daemonize no
		dir $dir/data
		appendonly yes
		appendfsync everysec
		save ""
		maxmemory-policy noeviction
	CONF
    printf '%s\n' "${DECLIC_REDIS_CONF:-}" >>"$dir/redis.conf"
    printf '%s\n' "$port" >"$dir/port"
}

redis_launch() {
    local dir=$1
    start_daemon "$dir/pid" "$dir/redis.log" redis-server "$dir/redis.conf"
    wait_log "$dir/pid" "$dir/redis.log" 'Ready to accept connections' 30
}

# redis_start DIR: a new one, or the one that lived there, on its old port.
redis_start() {
    local dir
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    command -v redis-server >/dev/null || packages_install_for redis
    pid_alive "$dir/pid" && return 0
    if [[ -s $dir/port ]]; then
        redis_launch "$dir" && return 0
    else
        for _ in 1 2 3; do
            redis_configure "$dir" "$(free_port)"
            redis_launch "$dir" && return 0
            pid_stop "$dir/pid" KILL
        done
    fi
    tail -n 20 "$dir/redis.log" >&2
    die "redis-server in $dir did not start; its log: $dir/redis.log"
}

redis_url() {
    printf 'redis://127.0.0.1:%s/0\n' "$(<"$1/port")"
}

redis_stop() {
    pid_stop "$1/pid" "${2:-TERM}" 20
}

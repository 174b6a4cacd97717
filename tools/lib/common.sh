# shellcheck shell=bash
# What every script here needs: words for people, a cache, free ports, processes with a pid file.
#
# Sourced, never run. Callers have `set -euo pipefail`. Nothing here writes outside of the
# folder that it is given and the cache ($DECLIC_CACHE, by default ~/.cache/declic).

declic_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
declic_cache=${DECLIC_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/declic}
export declic_root declic_cache

say() {
    printf '%s\n' "$*" >&2
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# retry TIMES COMMAND...: until it succeeds, with a growing pause.
retry() {
    local times=$1 attempt
    shift
    for ((attempt = 1; attempt <= times; attempt++)); do
        "$@" && return 0
        if ((attempt < times)); then
            say "attempt $attempt of $times failed: $1; trying again in $((attempt * 3)) s"
            sleep $((attempt * 3))
        fi
    done
    return 1
}

port_answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# http_get PORT PATH: prints the status code; nothing when nobody answers.
http_get() {
    local status=
    {
        exec 3<>"/dev/tcp/127.0.0.1/$1"
        printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3
        read -r -t 3 _ status _ <&3
        exec 3>&-
    } 2>/dev/null || true
    printf '%s' "$status"
}

# A loopback port on which nobody answers, below the range that the kernel gives to clients.
# Another process may still take it first: whoever binds it tries again with a new one.
free_port() {
    local port
    for _ in {1..200}; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! port_answers "$port"; then
            printf '%s\n' "$port"
            return 0
        fi
    done
    die "no free loopback port found between 20000 and 32000"
}

# pid_alive FILE: does the process that the file names run? A dead child that waits to be
# reaped does not count as running.
pid_alive() {
    local pid state
    [[ -s $1 ]] || return 1
    pid=$(<"$1")
    [[ -r /proc/$pid/stat ]] || return 1
    state=$(sed -E 's/^.*\) ([A-Za-z]).*$/\1/' "/proc/$pid/stat" 2>/dev/null) || return 1
    [[ $state != Z && $state != X ]]
}

# pid_stop FILE [SIGNAL] [SECONDS]: ends that process, by force once the seconds have passed.
pid_stop() {
    local file=$1 signal=${2:-TERM} seconds=${3:-20} tenth
    if pid_alive "$file"; then
        kill "-$signal" "$(<"$file")" 2>/dev/null || true
        for ((tenth = 0; tenth < seconds * 10; tenth++)); do
            pid_alive "$file" || break
            sleep 0.1
        done
        if pid_alive "$file"; then
            kill -KILL "$(<"$file")" 2>/dev/null || true
            while pid_alive "$file"; do sleep 0.1; done
        fi
    fi
    rm -f "$file"
}

# wait_log PIDFILE LOG PATTERN SECONDS: until the log has the pattern; fails when the process ends first.
wait_log() {
    local pidfile=$1 log=$2 pattern=$3 seconds=$4 tenth
    for ((tenth = 0; tenth < seconds * 10; tenth++)); do
        grep -q -e "$pattern" "$log" 2>/dev/null && return 0
        pid_alive "$pidfile" || return 1
        sleep 0.1
    done
    return 1
}

# start_daemon PIDFILE LOG COMMAND...: runs it in a session of its own, so that a Ctrl-C in the
# terminal does not end it. The log of the run before is kept as LOG.before.
start_daemon() {
    local pidfile=$1 log=$2
    shift 2
    if [[ -e $log ]]; then mv "$log" "$log.before"; fi
    : >"$log"
    setsid "$@" >>"$log" 2>&1 </dev/null &
    printf '%s\n' "$!" >"$pidfile"
    disown
}

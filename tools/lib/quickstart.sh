# shellcheck shell=bash
# The parts of tools/quickstart: where Kafka and Redis come from, the deployment's files, the processor.
# Needs common.sh, packages.sh, kafka.sh, redis.sh.
: "${declic_root:?common.sh comes first}"

quick_state="$declic_root/build/quickstart"
quick_prefix=quickstart.
quick_bin="$declic_root/build/release"
export quick_prefix

docker_answers() {
    command -v docker >/dev/null && docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

# What the caller gave wins; what is missing comes from docker when an engine answers, else it is
# run right here. Remembers which, so that --down removes no more than was made.
quick_services() {
    local need=()
    mkdir -p "$quick_state"
    printf '%s\n' "${KAFKA:-}" >"$quick_state/kafka.given"
    printf '%s\n' "${REDIS:-}" >"$quick_state/redis.given"
    if [[ -z ${KAFKA:-} ]]; then need+=(kafka); fi
    if [[ -z ${REDIS:-} ]]; then need+=(redis); fi
    if ((${#need[@]} == 0)); then
        say "using the given Kafka ($KAFKA) and Redis ($REDIS)"
    elif [[ ! -d $quick_state/services ]] && docker_answers; then
        say "starting with docker compose: ${need[*]}"
        touch "$quick_state/compose"
        docker compose -f "$declic_root/docker-compose.yml" -p declic-quickstart up -d --wait "${need[@]}"
        KAFKA=${KAFKA:-127.0.0.1:${DECLIC_KAFKA_PORT:-9092}}
        REDIS=${REDIS:-redis://127.0.0.1:${DECLIC_REDIS_PORT:-6379}/0}
    else
        say "starting here, on free loopback ports: ${need[*]}"
        if [[ -z ${KAFKA:-} ]]; then
            kafka_start "$quick_state/services/kafka"
            KAFKA=$(kafka_bootstrap "$quick_state/services/kafka")
        fi
        if [[ -z ${REDIS:-} ]]; then
            redis_start "$quick_state/services/redis"
            REDIS=$(redis_url "$quick_state/services/redis")
        fi
    fi
    export KAFKA REDIS
}

quick_configure() {
    local port
    port=$(free_port)
    printf '%s\n' "$port" >"$quick_state/http.port"
    cp "$declic_root/examples/policy.yaml" "$quick_state/policy.yaml"
    cat >"$quick_state/declic.yaml" <<-YAML
		kafka: {bootstrap.servers: "$KAFKA"}
		redis: {url: "$REDIS"}
		topics: {prefix: "$quick_prefix"}
		sources:
		  - {topic: ${quick_prefix}shop.events, format: json}
		  - {topic: ${quick_prefix}crm.profiles, format: json, kind: profile}
		profile: {attributes: [first_name, locale, time_zone, push_token, email]}
		policy: policy.yaml
		journal: {partitions: 4}
		workers: 1
		http: {listen: "127.0.0.1:$port"}
	YAML
}

quick_run() {
    local port tenth
    port=$(<"$quick_state/http.port")
    pid_stop "$quick_state/declic.pid" TERM 15
    start_daemon "$quick_state/declic.pid" "$quick_state/declic.log" \
        "$quick_bin/declic" run --config "$quick_state/declic.yaml"
    for ((tenth = 0; tenth < 600; tenth++)); do
        [[ $(http_get "$port" /readyz) == 200 ]] && return 0
        pid_alive "$quick_state/declic.pid" || break
        sleep 0.1
    done
    tail -n 30 "$quick_state/declic.log" >&2
    die "declic run did not get ready; its log: $quick_state/declic.log"
}

# Removes what quick_services and the rest made; given services lose what was put in them.
quick_down() {
    local kafka='' redis=''
    [[ -d $quick_state ]] || return 0
    pid_stop "$quick_state/declic.pid" TERM 15
    [[ -s $quick_state/kafka.given ]] && kafka=$(<"$quick_state/kafka.given")
    [[ -s $quick_state/redis.given ]] && redis=$(<"$quick_state/redis.given")
    if [[ -n $kafka ]]; then
        "$quick_bin/kafka-io" delete -b "$kafka" -p "$quick_prefix" || say "the topics $quick_prefix* stay in $kafka"
    fi
    if [[ -n $redis ]]; then
        command -v redis-cli >/dev/null || packages_install_for redis
        redis-cli -u "$redis" --scan --pattern "*$quick_prefix*" |
            xargs -r redis-cli -u "$redis" unlink >/dev/null || say "the keys of $quick_prefix stay in $redis"
    fi
    if [[ -e $quick_state/compose ]]; then
        docker compose -f "$declic_root/docker-compose.yml" -p declic-quickstart down -v || true
    fi
    kafka_stop "$quick_state/services/kafka" KILL
    redis_stop "$quick_state/services/redis" KILL
    rm -rf "$quick_state"
}

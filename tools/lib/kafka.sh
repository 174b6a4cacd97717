# shellcheck shell=bash
# A real Apache Kafka broker without docker: fetched by Maven once, run in KRaft mode on loopback.
# Needs common.sh, packages.sh and maven.sh.
#
# A broker lives in a folder of its own: server.properties, data/, kafka.log, pid, port. It keeps its
# port and its data over stop, kill and start.

kafka_version=4.1.1

# kafka_fetch: puts the jars in the cache, unless they are there.
kafka_fetch() {
    maven_fetch "kafka-$kafka_version" "Apache Kafka $kafka_version (about 120 MB, once)" kafka_copy
}

kafka_copy() {
    mvn -q -B -f "$declic_root/tools/lib/kafka/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$1/libs"
}

# kafka_java CLASS ARGUMENT...: what Kafka's own scripts do, without them. Small heap, few threads.
kafka_java() {
    exec java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel="${DECLIC_KAFKA_TIER:-4}" -Xshare:auto \
        -Dlog4j2.configurationFile="$declic_root/tools/lib/kafka/log4j2.properties" \
        -cp "$declic_cache/kafka-$kafka_version/libs/*" "$@"
}

# The short broker session lets a killed broker come back in seconds: until it has run out, the
# controller takes the new one for a duplicate. The internal topics are as small as one broker needs.
# DECLIC_KAFKA_LINKS, "NAME=PORT:SHOWN ...": further listeners, for clients that shall go on by another
# port (a proxy's), which is the one that they are shown.
kafka_configure() {
    local dir=$1 port=$2 controller=$3 link name ports listeners='' shown='' protocols=''
    for link in ${DECLIC_KAFKA_LINKS:-}; do
        name=${link%%=*} ports=${link#*=}
        listeners+=",$name://127.0.0.1:${ports%:*}"
        shown+=",$name://127.0.0.1:${ports#*:}"
        protocols+=",$name:PLAINTEXT"
    done
    cat >"$dir/server.properties" <<-PROPERTIES
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$controller
		listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller$listeners
		advertised.listeners=PLAINTEXT://127.0.0.1:$port$shown
		controller.listener.names=CONTROLLER
		inter.broker.listener.name=PLAINTEXT
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT$protocols
		log.dirs=$dir/data
		broker.session.timeout.ms=4000
		broker.heartbeat.interval.ms=500
		auto.create.topics.enable=false
		num.partitions=4
		num.network.threads=2
		num.io.threads=4
		log.cleaner.dedupe.buffer.size=16777216
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=4
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		transaction.state.log.num.partitions=4
		group.initial.rebalance.delay.ms=0
		group.min.session.timeout.ms=1000
		transaction.max.timeout.ms=60000
	PROPERTIES
    printf '%s\n' "${DECLIC_KAFKA_PROPERTIES:-}" >>"$dir/server.properties"
    printf '%s\n' "$port" >"$dir/port"
}

kafka_format() {
    local dir=$1 id
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d '=')
    rm -rf "$dir/data"
    (kafka_java kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties") >"$dir/format.log" 2>&1 || {
        cat "$dir/format.log" >&2
        die "the broker's storage in $dir could not be formatted"
    }
}

# kafka_launch DIR: starts a configured broker and waits until it serves.
kafka_launch() {
    local dir=$1 port
    port=$(<"$dir/port")
    (
        set -- kafka.Kafka "$dir/server.properties"
        export -f kafka_java
        export declic_root declic_cache kafka_version
        start_daemon "$dir/pid" "$dir/kafka.log" bash -c 'kafka_java "$@"' kafka "$@"
    )
    wait_log "$dir/pid" "$dir/kafka.log" 'Kafka Server started' 90 && port_answers "$port"
}

# kafka_start DIR: a new broker, or the one that lived there, on its old port.
kafka_start() {
    local dir
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    kafka_fetch
    pid_alive "$dir/pid" && return 0
    if [[ -s $dir/port ]]; then
        kafka_launch "$dir" && return 0
    else
        for _ in 1 2 3; do
            kafka_configure "$dir" "$(free_port)" "$(free_port)"
            kafka_format "$dir"
            kafka_launch "$dir" && return 0
            pid_stop "$dir/pid" KILL
        done
    fi
    tail -n 30 "$dir/kafka.log" >&2
    die "the Kafka broker in $dir did not start; its log: $dir/kafka.log"
}

# kafka_bootstrap DIR: what clients need.
kafka_bootstrap() {
    printf '127.0.0.1:%s\n' "$(<"$1/port")"
}

# kafka_stop DIR [SIGNAL]: TERM lets it flush, KILL does not.
kafka_stop() {
    pid_stop "$1/pid" "${2:-TERM}" 30
}

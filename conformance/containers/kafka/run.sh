#!/bin/sh
# Starts Kafka as the official image does: each variable KAFKA_SOME_SETTING becomes the property some.setting.
set -eu
properties=/var/lib/kafka/server.properties
env | sed -n 's/^KAFKA_\([A-Z0-9_]*\)=\(.*\)$/\1 \2/p' | while read -r name value; do
  case $name in HEAP_OPTS) continue ;; esac
  printf '%s=%s\n' "$(printf %s "$name" | tr 'A-Z_' 'a-z.')" "$value"
done > "$properties"
printf 'log.dirs=/var/lib/kafka/data\n' >> "$properties"

classpath='/opt/kafka/libs/*'
if [ ! -e /var/lib/kafka/data/meta.properties ]; then
  java -Xmx128m -cp "$classpath" kafka.tools.StorageTool format -t "$CLUSTER_ID" -c "$properties"
fi
# exec: the broker gets SIGTERM itself and closes its logs, so that the next start needs no recovery.
exec java ${KAFKA_HEAP_OPTS:--Xms256m -Xmx512m} -XX:+UseG1GC -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties \
  -cp "$classpath" kafka.Kafka "$properties"

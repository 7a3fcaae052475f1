"""What makes Cassandra small and quick enough for a trial on one machine."""

from __future__ import annotations

_ALL = "ALL-UNNAMED"
# What Cassandra reaches into, as its own start script lists it for Java 17.
_EXPORTS = (
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/java.lang.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.attach/sun.tools.attach",
    "jdk.unsupported/sun.misc",
)
_OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.rmi/sun.rmi.transport.tcp",
    "jdk.compiler/com.sun.tools.javac",
    "jdk.management/com.sun.management.internal",
)
JVM_OPTIONS = [
    "-Xms64m",  # Cassandra locks this much into memory
    "-Xmx320m",
    "-Xss256k",
    "-XX:MaxDirectMemorySize=128m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:+AllowArchivingWithJavaAgent",
    *(f"--add-exports={package}={_ALL}" for package in _EXPORTS),
    *(f"--add-opens={package}={_ALL}" for package in _OPENS),
    "-Djdk.attach.allowAttachSelf=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Djava.awt.headless=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dcassandra-foreground=yes",
    # The waits of a ring whose nodes are far apart.
    "-Dcassandra.ring_delay_ms=100",
    "-Dcassandra.shutdown_announce_in_ms=0",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.memtable_row_overhead_computation_step=1000",
]

# Cassandra's threads poll for work in sleeps of some 10 microseconds, for 10 ms after each request. At some hundred requests a
# second that is most of what it costs; with longer sleeps it is 40 % less, and a request takes half a millisecond more.
TIMER_SLACK_US = 1000

LOGBACK = """<configuration>
  <appender name="file" class="ch.qos.logback.core.FileAppender">
    <file>${cassandra.logdir}/system.log</file>
    <encoder><pattern>%date{ISO8601} %-5level %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="file"/></root>
</configuration>
"""

COMMITLOG_SYNC: dict[str, dict[str, object]] = {
    # Acknowledges what is on the disk.
    "batch": {"commitlog_sync": "batch"},
    # A node that is killed loses what it acknowledged in its last 0.1 s (the interval at which Cassandra marks what a restart
    # reads), unless another node has a copy. For that it takes a third less CPU.
    "periodic": {
        "commitlog_sync": "periodic",
        "commitlog_sync_period": "10000ms",
        "periodic_commitlog_sync_lag_block": "30s",
    },
}

SMALL: dict[str, object] = {
    "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
    "authenticator": "AllowAllAuthenticator",
    "authorizer": "AllowAllAuthorizer",
    "network_authorizer": "AllowAllNetworkAuthorizer",
    "commitlog_segment_size": "8MiB",
    "commitlog_total_space": "256MiB",
    "commitlog_disk_access_mode": "mmap",
    "disk_access_mode": "mmap_index_only",
    "start_native_transport": True,
    "native_transport_max_threads": 32,
    "concurrent_reads": 8,
    "concurrent_writes": 8,
    "concurrent_counter_writes": 2,
    "concurrent_materialized_view_writes": 1,
    "concurrent_compactors": 1,
    "compaction_throughput": "64MiB/s",
    "memtable_heap_space": "64MiB",
    "memtable_offheap_space": "64MiB",
    "memtable_allocation_type": "heap_buffers",
    "memtable_flush_writers": 1,
    "key_cache_size": "4MiB",
    "row_cache_size": "0MiB",
    "counter_cache_size": "0MiB",
    "file_cache_enabled": False,
    "file_cache_size": "32MiB",
    "networking_cache_size": "32MiB",
    "column_index_size": "4KiB",
    "auto_snapshot": False,
    "snapshot_before_compaction": False,
    "incremental_backups": False,
    "auto_optimise_full_repair_streams": False,
    "batchlog_endpoint_strategy": "random_remote",
    "internode_compression": "none",
    "read_request_timeout": "5000ms",
    "range_request_timeout": "10000ms",
    "write_request_timeout": "2000ms",
    "cas_contention_timeout": "1800ms",
    "request_timeout": "10000ms",
    "enable_user_defined_functions": False,
}

"""What databases, their exporters and the pools in front of them tell."""

from compass_core.signals.network import PEERS
from compass_core.signals.requests import FAILING, LOAD, SLOWER
from compass_core.signals.resources import PAGES_READ
from compass_core.signals.signal import DATABASE, DIRECT, FELT, QUANTILE, RATE, RATE_RATIO, RATIO, RESOURCE, WEAK, Ask, Scale, Signal, Where

_CALLS = ("db_client_operation_duration_seconds_count",)
_COMMITS = ("pg_stat_database_xact_commit", "pg_stat_database_xact_commit_total")
_NEAR = Scale("level", 0.8, 0.9, 0.97)  # postgres_exporter's mixin alarms at 80 % of max_connections
_ANY = Scale("change", 0.5, 1.0, 3.0)  # one is one too many
_WAITING = Scale("change", 1.0, 5.0, 20.0)  # a session that waits is a request that waits
_CONNECTIONS, _LOCKS, _QUERIES = ("connection_exhaustion",), ("lock_contention",), ("slow_queries",)

# fmt: off
DATABASES = (
    Signal("db_connections_of_limit", DATABASE, "connections in use", "ratio", _NEAR, DIRECT, _CONNECTIONS,
           asked=(Ask(("pg_stat_activity_count",), RATIO, over=("pg_settings_max_connections",)),
                  Ask(("mysql_global_status_threads_connected",), RATIO, over=("mysql_global_variables_max_connections",)),
                  Ask(("redis_connected_clients",), RATIO, over=("redis_config_maxclients",)),
                  Ask(("pg_stat_database_numbackends",), RATIO, over=("pg_settings_max_connections",)),
                  Ask(("mongodb_ss_connections",), RATIO, Where(("conn_type",), "current"), over=("mongodb_ss_connections",),
                      over_where=Where(("conn_type",), "current|available")),
                  Ask(("mongodb_connections",), RATIO, Where(("state",), "current"), over=("mongodb_connections",),
                      over_where=Where(("state",), "current|available")))),
    Signal("db_waiting_clients", DATABASE, "clients waiting for a connection", "", _WAITING, FELT, _CONNECTIONS,
           asked=(Ask(("db_client_connection_pending_requests", "db_client_connections_pending_requests", "hikaricp_connections_pending")),
                  Ask(("pgbouncer_pools_client_waiting_connections",)))),
    Signal("db_pool_of_limit", DATABASE, "pool connections in use", "ratio", _NEAR, FELT, _CONNECTIONS,
           asked=(Ask(("db_client_connection_count", "db_client_connections_usage"), RATIO,
                      Where(("db_client_connection_state", "state"), "used"),
                      over=("db_client_connection_max", "db_client_connections_max")),
                  Ask(("hikaricp_connections_active",), RATIO, over=("hikaricp_connections_max",)),
                  Ask(("go_sql_in_use_connections",), RATIO, over=("go_sql_max_open_connections",)))),
    # each is a request that failed
    Signal("db_pool_timeouts", DATABASE, "timeouts waiting for a connection", "/s", Scale("change", 0.01, 0.1, 1.0), FELT, _CONNECTIONS,
           asked=(Ask(("db_client_connection_timeouts_total", "db_client_connections_timeouts_total", "hikaricp_connections_timeout_total"),
                      RATE),)),
    Signal("db_call_p95", DATABASE, "database calls p95", "s", SLOWER, FELT, _QUERIES,
           asked=(Ask(("db_client_operation_duration_seconds",), QUANTILE, quantile=0.95),)),
    Signal("db_calls_failing", DATABASE, "failing database calls", "ratio", FAILING, FELT, ("unavailable",),
           asked=(Ask(_CALLS, RATE_RATIO, Where(("error_type",), ".+"), by=PEERS, to_peer=True),)),
    Signal("db_calls_without_connection", DATABASE, "calls without a connection", "ratio", FAILING, DIRECT, _CONNECTIONS,
           asked=(Ask(_CALLS, RATE_RATIO,
                      Where(("error_type", "db_response_status_code"), "(?i).*too.?many.*|.*TransientConnection.*|53300|1040|08004"),
                      by=PEERS, to_peer=True),)),
    # a mean: most queries take milliseconds
    Signal("db_query_time", DATABASE, "mean query time", "s", Scale("times", 1.5, 3.0, 10.0, least=0.005), DIRECT, _QUERIES,
           asked=(Ask(("pg_stat_statements_seconds_total",), RATE_RATIO, over=("pg_stat_statements_calls_total",)),
                  Ask(("mysql_perf_schema_events_statements_seconds_total",), RATE_RATIO,
                      over=("mysql_perf_schema_events_statements_total",)),
                  Ask(("redis_commands_duration_seconds_total",), RATE_RATIO, over=("redis_commands_total",)),
                  Ask(("mongodb_ss_opLatencies_latency",), RATE_RATIO, over=("mongodb_ss_opLatencies_ops",), unit="us"),
                  Ask(("mongodb_mongod_op_latencies_latency_total",), RATE_RATIO, over=("mongodb_mongod_op_latencies_ops_total",),
                      unit="us"))),
    # a lost index reads the table
    Signal("db_rows_read", DATABASE, "rows read for a transaction", "", Scale("times", 2.0, 10.0, 100.0, least=1000.0), DIRECT,
           _QUERIES,
           asked=(Ask(("pg_stat_database_tup_returned", "pg_stat_database_tup_returned_total"), RATE_RATIO, over=_COMMITS),
                  Ask(("mysql_global_status_innodb_row_ops_total",), RATE_RATIO, Where(("operation",), "read"),
                      over=("mysql_global_status_commands_total",)))),
    # by an index a handful, by a scan the table
    Signal("db_pages_read", DATABASE, "pages read for a statement", "", Scale("times", 5.0, 20.0, 200.0, least=100.0), DIRECT, _QUERIES,
           asked=(Ask(("mysql_global_status_innodb_buffer_pool_read_requests",), RATE_RATIO,
                      over=("mysql_global_status_commands_total",)),)),
    # pools keep their number steady: more of them are more clients
    Signal("db_sessions", DATABASE, "sessions", "", Scale("times", 1.05, 1.3, 2.0, least=5.0), FELT,
           ("traffic_surge", "connection_exhaustion"),
           asked=(Ask(("mysql_global_status_threads_connected", "redis_connected_clients", "pg_stat_database_numbackends")),
                  Ask(("pg_stat_activity_count",)), Ask(("mysql_global_status_threads_running",)),
                  Ask(("mongodb_ss_connections",), where=Where(("conn_type",), "current")),
                  Ask(("mongodb_connections",), where=Where(("state",), "current")))),
    # who waits for a store holds its connections for longer
    Signal("db_connections", DATABASE, "connections to it", "", Scale("times", 2.0, 5.0, 20.0, least=20.0), FELT,
           ("connection_exhaustion", "traffic_surge")),
    Signal("db_rows_scanned", DATABASE, "rows read without an index", "/s", Scale("times", 2.0, 10.0, 100.0, least=10_000.0), DIRECT,
           _QUERIES,
           asked=(Ask(("pg_stat_user_tables_seq_tup_read",), RATE, aggregate="max", by=("relname",)),
                  Ask(("mysql_global_status_handlers_total",), RATE, Where(("handler",), "read_rnd_next")),
                  Ask(("mongodb_ss_metrics_queryExecutor_scannedObjects",), RATE))),
    # each took longer than long_query_time, 10 s unless set
    Signal("db_slow_queries", DATABASE, "slow queries", "/s", Scale("change", 0.05, 0.5, 5.0), DIRECT, _QUERIES,
           asked=(Ask(("mysql_global_status_slow_queries",), RATE),)),
    # lock_timeout and statement_timeout are commonly set to 5–30 s
    Signal("db_longest_transaction", DATABASE, "longest open transaction", "s", Scale("change", 5.0, 30.0, 300.0), FELT,
           ("lock_contention", "slow_queries"),
           asked=(Ask(("pg_stat_activity_max_tx_duration",), aggregate="max"),)),
    Signal("db_locks", DATABASE, "exclusive locks held or awaited", "", Scale("times", 3.0, 10.0, 50.0, least=5.0), FELT, _LOCKS,
           asked=(Ask(("pg_locks_count",), where=Where(("mode",), ".*exclusivelock")),)),
    Signal("db_waiting_for_locks", DATABASE, "sessions waiting for locks", "", _WAITING, DIRECT, _LOCKS,
           asked=(Ask(("pg_stat_activity_count",), where=Where(("wait_event_type",), "Lock")),
                  Ask(("mysql_global_status_innodb_row_lock_current_waits",)))),
    # each is a request that waited: one now and then is nobody's trouble
    Signal("db_lock_waits", DATABASE, "waits for locks", "/s", Scale("change", 0.1, 1.0, 10.0), DIRECT, _LOCKS),
    # one in three minutes: each rolled somebody back
    Signal("db_deadlocks", DATABASE, "deadlocks", "/s", Scale("change", 0.005, 0.05, 0.5), DIRECT, _LOCKS,
           asked=(Ask(("pg_stat_database_deadlocks", "pg_stat_database_deadlocks_total", "mysql_global_status_innodb_deadlocks",
                       "mysql_info_schema_innodb_metrics_lock_lock_deadlocks_total"), RATE),)),
    # the exporters' mixins alarm at 30 s
    Signal("db_replication_lag", DATABASE, "replication lag", "s", Scale("change", 5.0, 30.0, 300.0), DIRECT, ("replication_lag",),
           asked=(Ask(("pg_replication_lag_seconds", "pg_replication_lag", "mysql_slave_status_seconds_behind_master"), aggregate="max"),)),
    # a healthy cache answers 99 %
    Signal("db_disk_reads", DATABASE, "reads that the cache misses, per hit", "ratio", Scale("change", 0.02, 0.1, 0.5), RESOURCE,
           ("memory_pressure", "disk_io", "slow_queries"),
           asked=(Ask(PAGES_READ, RATE_RATIO, over=("pg_stat_database_blks_hit", "pg_stat_database_blks_hit_total")),
                  Ask(("mysql_global_status_innodb_buffer_pool_reads",), RATE_RATIO,
                      over=("mysql_global_status_innodb_buffer_pool_read_requests",)),
                  Ask(("mongodb_ss_wt_cache_pages_read_into_cache",), RATE_RATIO,
                      over=("mongodb_ss_wt_cache_pages_requested_from_the_cache",)),
                  Ask(("redis_keyspace_misses_total",), RATE_RATIO, over=("redis_keyspace_hits_total",)))),
    # maxmemory is reached
    Signal("db_evictions", DATABASE, "evicted keys", "/s", Scale("change", 1.0, 50.0, 1000.0), RESOURCE, ("memory_pressure",),
           asked=(Ask(("redis_evicted_keys_total",), RATE),)),
    # more than one in checkpoint_warning, 30 s, is logged as too frequent
    Signal("db_checkpoints", DATABASE, "requested checkpoints", "/s", Scale("change", 0.01, 0.03, 0.1), RESOURCE, ("disk_io",),
           asked=(Ask(("pg_stat_bgwriter_checkpoints_req_total", "pg_stat_bgwriter_checkpoints_req",
                       "pg_stat_checkpointer_num_requested_total"), RATE),)),
    Signal("db_waiting_for_disk", DATABASE, "sessions and writes that wait for the disk", "", _WAITING, RESOURCE, ("disk_io",),
           asked=(Ask(("pg_stat_activity_count",), where=Where(("wait_event_type",), "IO")),
                  Ask(("mysql_global_status_innodb_data_pending_fsyncs", "mysql_global_status_innodb_data_pending_reads",
                       "mysql_global_status_innodb_data_pending_writes", "mysql_global_status_innodb_os_log_pending_fsyncs",
                       "mysql_global_status_innodb_os_log_pending_writes", "redis_aof_pending_bio_fsync")))),
    # what should happen in the background: it keeps sessions waiting each time
    Signal("db_held_up", DATABASE, "times that work was held up by writing to the disk", "/s", Scale("change", 0.1, 1.0, 10.0), RESOURCE,
           ("disk_io",),
           asked=(Ask(("mysql_global_status_innodb_log_waits", "mysql_global_status_innodb_buffer_pool_wait_free",
                       "pg_stat_bgwriter_buffers_backend_fsync", "pg_stat_bgwriter_buffers_backend_fsync_total",
                       "redis_aof_delayed_fsync"), RATE),)),
    Signal("db_rollbacks", DATABASE, "rolled back transactions", "ratio", FAILING, FELT, ("lock_contention", "exception_in_code"),
           asked=(Ask(("pg_stat_database_xact_rollback", "pg_stat_database_xact_rollback_total"), RATE_RATIO, over=_COMMITS),)),
    Signal("db_transactions", DATABASE, "committed transactions", "/s", LOAD, WEAK, ("traffic_surge",), direction="both",
           asked=(Ask(_COMMITS, RATE), Ask(("mysql_global_status_commands_total",), RATE, Where(("command",), "commit")))),
    Signal("db_transactions_drop", DATABASE, "committed transactions", "/s", LOAD, WEAK, ("unavailable",), direction="down"),
    Signal("db_size", DATABASE, "database size", "bytes", Scale("times", 1.2, 2.0, 5.0, least=1e9), WEAK, ("disk_io",),
           asked=(Ask(("pg_database_size_bytes",)),)),
    Signal("db_up", DATABASE, "database answers its exporter", "", Scale("level", 0.9, 0.5, 0.0), DIRECT, ("unavailable",),
           direction="down",
           asked=(Ask(("pg_up", "mysql_up", "redis_up", "mongodb_up"), aggregate="min"),)),
    # each is a client that failed
    Signal("db_refused", DATABASE, "connections refused as too many", "/s", Scale("change", 0.01, 0.1, 1.0), DIRECT, _CONNECTIONS,
           asked=(Ask(("mysql_global_status_connection_errors_total",), RATE, Where(("error",), "max_connections")),
                  Ask(("redis_rejected_connections_total",), RATE))),
    Signal("db_running", DATABASE, "sessions that run at once", "", Scale("times", 3.0, 10.0, 50.0, least=10.0), DIRECT,
           ("slow_queries", "lock_contention"),
           asked=(Ask(("mysql_global_status_threads_running",)),
                  Ask(("pg_stat_activity_count",), where=Where(("state",), "active")),
                  Ask(("mongodb_ss_connections",), where=Where(("conn_type",), "active")))),
    # whoever asked gave up, or was cut off
    Signal("db_broken_off", DATABASE, "sessions that clients broke off", "/s", Scale("change", 0.05, 0.5, 5.0), FELT,
           ("slow_queries", "network_loss"),
           asked=(Ask(("mysql_global_status_aborted_clients",), RATE),)),
    Signal("db_replicating", DATABASE, "replication runs", "", Scale("level", 0.9, 0.5, 0.0), DIRECT, ("replication_lag",),
           direction="down",
           asked=(Ask(("mysql_slave_status_slave_sql_running", "mysql_slave_status_slave_io_running", "redis_master_link_up"),
                      aggregate="min"),)),
    Signal("under_replicated", DATABASE, "partitions without all their replicas", "", _ANY, DIRECT, ("unavailable",)),
    Signal("cache_hits", DATABASE, "reads that the cache answers", "ratio", Scale("change", 0.05, 0.2, 0.5), RESOURCE,
           ("memory_pressure", "slow_queries"), direction="down"),
)
# fmt: on

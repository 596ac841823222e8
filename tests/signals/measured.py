"""What is measured of each exporter in `exporters.py`, one line for each selection of the three agents."""

from __future__ import annotations

MEASURED = {
    "otel http": """
        request_rate: rate http_server_request_duration_seconds_count by service_name
        error_ratio: rate_ratio http_server_request_duration_seconds_count{http_response_status_code=503} / http_server_request_duration_seconds_count by service_name
        rate_limited: rate_ratio http_server_request_duration_seconds_count{http_response_status_code=429} / http_server_request_duration_seconds_count by service_name
        latency_p50: quantile 0.5 http_server_request_duration_seconds by service_name
        latency_p95: quantile 0.95 http_server_request_duration_seconds by service_name
        latency_p99: quantile 0.99 http_server_request_duration_seconds by service_name
        requests_in_flight: raw http_server_active_requests by service_name
        client_errors: rate_ratio http_server_request_duration_seconds_count{http_response_status_code=404} / http_server_request_duration_seconds_count by service_name
        call_p95: quantile 0.95 http_client_request_duration_seconds by service_name, server_address
        refused_calls: rate_ratio http_client_request_duration_seconds_count{error_type=java.net.ConnectException} / http_client_request_duration_seconds_count by service_name, server_address
        unresolved_calls: rate_ratio http_client_request_duration_seconds_count{error_type=ENOTFOUND|name_resolution_error} / http_client_request_duration_seconds_count by service_name, server_address
        tls_calls: rate_ratio http_client_request_duration_seconds_count{error_type=javax.net.ssl.SSLHandshakeException} / http_client_request_duration_seconds_count by service_name, server_address
        broken_calls: rate_ratio http_client_request_duration_seconds_count{error_type=ECONNRESET} / http_client_request_duration_seconds_count by service_name, server_address
        call_mean: rate_ratio http_client_request_duration_seconds_sum / http_client_request_duration_seconds_count by service_name, server_address
    """,
    "otel http, old": """
        request_rate: rate http_server_duration_milliseconds_count by service_name
        error_ratio: rate_ratio http_server_duration_milliseconds_count{http_status_code=502} / http_server_duration_milliseconds_count by service_name
        rate_limited: rate_ratio http_server_duration_milliseconds_count{http_status_code=429} / http_server_duration_milliseconds_count by service_name
        latency_p50: quantile 0.5 http_server_duration_milliseconds by service_name
        latency_p95: quantile 0.95 http_server_duration_milliseconds by service_name
        latency_p99: quantile 0.99 http_server_duration_milliseconds by service_name
        client_errors: rate_ratio http_server_duration_milliseconds_count{http_status_code=404} / http_server_duration_milliseconds_count by service_name
        call_p95: quantile 0.95 http_client_duration_milliseconds by service_name, net_peer_name
    """,
    "otel rpc": """
        request_rate: rate rpc_server_duration_milliseconds_count by service_name
        error_ratio: rate_ratio rpc_server_duration_milliseconds_count{rpc_grpc_status_code=14} / rpc_server_duration_milliseconds_count by service_name
        rate_limited: rate_ratio rpc_server_duration_milliseconds_count{rpc_grpc_status_code=8} / rpc_server_duration_milliseconds_count by service_name
        latency_p50: quantile 0.5 rpc_server_duration_milliseconds by service_name
        latency_p95: quantile 0.95 rpc_server_duration_milliseconds by service_name
        latency_p99: quantile 0.99 rpc_server_duration_milliseconds by service_name
        call_p95: quantile 0.95 rpc_client_duration_milliseconds by service_name, server_address
    """,
    "go-grpc-prometheus": """
        request_rate: rate grpc_server_handled_total by job
        error_ratio: rate_ratio grpc_server_handled_total{grpc_code=Unavailable} / grpc_server_handled_total by job
        rate_limited: rate_ratio grpc_server_handled_total{grpc_code=ResourceExhausted} / grpc_server_handled_total by job
    """,
    "micrometer": """
        request_rate: rate http_server_requests_seconds_count by app
        error_ratio: rate_ratio http_server_requests_seconds_count{status=500} / http_server_requests_seconds_count by app
        rate_limited: rate_ratio http_server_requests_seconds_count{status=429} / http_server_requests_seconds_count by app
        latency_p50: quantile 0.5 http_server_requests_seconds by app
        latency_p95: quantile 0.95 http_server_requests_seconds by app
        latency_p99: quantile 0.99 http_server_requests_seconds by app
        client_errors: rate_ratio http_server_requests_seconds_count{status=404} / http_server_requests_seconds_count by app
        db_waiting_clients: raw hikaricp_connections_pending by app
        db_pool_of_limit: ratio hikaricp_connections_active / hikaricp_connections_max by app
        db_pool_timeouts: rate hikaricp_connections_timeout_total by app
    """,
    "client libraries": """
        request_rate: rate http_request_duration_seconds_count by app
        request_rate: rate http_requests_total by app
        error_ratio: rate_ratio http_request_duration_seconds_count{status_code=500} / http_request_duration_seconds_count by app
        error_ratio: rate_ratio http_requests_total{status=5xx} / http_requests_total by app
        rate_limited: rate_ratio http_request_duration_seconds_count{status_code=429} / http_request_duration_seconds_count by app
        rate_limited: rate_ratio http_requests_total{code=429} / http_requests_total by app
        latency_p50: quantile 0.5 http_request_duration_seconds by app
        latency_p95: quantile 0.95 http_request_duration_seconds by app
        latency_p99: quantile 0.99 http_request_duration_seconds by app
        client_errors: rate_ratio http_request_duration_seconds_count{status_code=404} / http_request_duration_seconds_count by app
        client_errors: rate_ratio http_requests_total{code=404} / http_requests_total by app
        cpu_usage: rate process_cpu_seconds_total by app
        memory_used: raw max process_resident_memory_bytes by app
        up: raw min up by app
        instances: raw up by app
    """,
    "tempo": """
        request_rate: rate traces_spanmetrics_calls_total{span_kind=SPAN_KIND_SERVER} by service
        error_ratio: rate_ratio traces_spanmetrics_calls_total{status_code=STATUS_CODE_ERROR,span_kind=SPAN_KIND_SERVER} / traces_spanmetrics_calls_total{span_kind=SPAN_KIND_SERVER} by service
        rate_limited: rate_ratio traces_spanmetrics_calls_total{http_status_code=429,span_kind=SPAN_KIND_SERVER} / traces_spanmetrics_calls_total{span_kind=SPAN_KIND_SERVER} by service
        latency_p50: quantile 0.5 traces_spanmetrics_duration_seconds{span_kind=SPAN_KIND_SERVER} by service
        latency_p50: quantile 0.5 traces_spanmetrics_latency{span_kind=SPAN_KIND_SERVER} by service
        latency_p95: quantile 0.95 traces_spanmetrics_duration_seconds{span_kind=SPAN_KIND_SERVER} by service
        latency_p95: quantile 0.95 traces_spanmetrics_latency{span_kind=SPAN_KIND_SERVER} by service
        latency_p99: quantile 0.99 traces_spanmetrics_duration_seconds{span_kind=SPAN_KIND_SERVER} by service
        latency_p99: quantile 0.99 traces_spanmetrics_latency{span_kind=SPAN_KIND_SERVER} by service
        client_errors: rate_ratio traces_spanmetrics_calls_total{http_status_code=404,span_kind=SPAN_KIND_SERVER} / traces_spanmetrics_calls_total{span_kind=SPAN_KIND_SERVER} by service
    """,
    "span metrics connector": """
        request_rate: rate traces_span_metrics_calls_total{span_kind=SPAN_KIND_CONSUMER|SPAN_KIND_SERVER} by service_name
        error_ratio: rate_ratio traces_span_metrics_calls_total{status_code=STATUS_CODE_ERROR,span_kind=SPAN_KIND_CONSUMER|SPAN_KIND_SERVER} / traces_span_metrics_calls_total{span_kind=SPAN_KIND_CONSUMER|SPAN_KIND_SERVER} by service_name
        rate_limited: rate_ratio traces_span_metrics_calls_total{http_response_status_code=429,span_kind=SPAN_KIND_CONSUMER|SPAN_KIND_SERVER} / traces_span_metrics_calls_total{span_kind=SPAN_KIND_CONSUMER|SPAN_KIND_SERVER} by service_name
        latency_p50: quantile 0.5 traces_span_metrics_duration_milliseconds{span_kind=SPAN_KIND_SERVER} by service_name
        latency_p50: quantile 0.5 traces_span_metrics_duration_seconds{span_kind=SPAN_KIND_SERVER} by service_name
        latency_p95: quantile 0.95 traces_span_metrics_duration_milliseconds{span_kind=SPAN_KIND_SERVER} by service_name
        latency_p95: quantile 0.95 traces_span_metrics_duration_seconds{span_kind=SPAN_KIND_SERVER} by service_name
        latency_p99: quantile 0.99 traces_span_metrics_duration_milliseconds{span_kind=SPAN_KIND_SERVER} by service_name
        latency_p99: quantile 0.99 traces_span_metrics_duration_seconds{span_kind=SPAN_KIND_SERVER} by service_name
        client_errors: rate_ratio traces_span_metrics_calls_total{http_response_status_code=404,span_kind=SPAN_KIND_CONSUMER|SPAN_KIND_SERVER} / traces_span_metrics_calls_total{span_kind=SPAN_KIND_CONSUMER|SPAN_KIND_SERVER} by service_name
    """,
    "cadvisor": """
        cpu_throttling: rate_ratio container_cpu_cfs_throttled_periods_total{container!=|POD} / container_cpu_cfs_periods_total{container!=|POD} by pod
        cpu_usage: rate container_cpu_usage_seconds_total{container!=|POD} by pod
        memory_of_limit: ratio container_memory_working_set_bytes{container!=|POD} / container_spec_memory_limit_bytes{container!=|POD} by pod
        memory_used: raw max container_memory_working_set_bytes{container!=|POD} by pod
        out_of_memory_kills: increase container_oom_events_total{container!=|POD} by pod
        packet_drops: rate container_network_receive_packets_dropped_total by pod
        packet_drops: rate container_network_transmit_packets_dropped_total by pod
        bytes_in: rate container_network_receive_bytes_total by pod
        bytes_out: rate container_network_transmit_bytes_total by pod
    """,
    "kube-state-metrics": """
        cpu_usage: rate container_cpu_usage_seconds_total{container!=|POD} by pod
        memory_of_limit: ratio container_memory_working_set_bytes{container!=|POD} / kube_pod_container_resource_limits{resource=memory} by pod
        memory_used: raw max container_memory_working_set_bytes{container!=|POD} by pod
        restarts: increase kube_pod_container_status_restarts_total by pod
        out_of_memory_kills: raw kube_pod_container_status_last_terminated_reason{reason=OOMKilled} by pod
        replicas_available: raw kube_deployment_status_replicas_available by deployment
        replicas_wanted: raw kube_deployment_spec_replicas by deployment
        replicas_wanted: raw kube_statefulset_replicas by statefulset
        cpu_of_limit: rate_of container_cpu_usage_seconds_total{container!=|POD} / kube_pod_container_resource_limits{resource=cpu} by pod
        memory_alarm: raw kube_node_status_condition{condition=MemoryPressure,status=true} by node
        unhealthy: raw kube_node_status_condition{condition=Ready,status=false} by node
        unhealthy: raw kube_pod_status_phase{phase=Pending} by pod
        scaled_to_limit: ratio kube_horizontalpodautoscaler_status_current_replicas / kube_horizontalpodautoscaler_spec_max_replicas by horizontalpodautoscaler
        disk_alarm: raw kube_node_status_condition{condition=DiskPressure,status=true} by node
    """,
    "postgres_exporter": """
        disk_latency: rate_ratio pg_stat_database_blk_read_time / pg_stat_database_blks_read by server
        db_connections_of_limit: ratio pg_stat_activity_count / pg_settings_max_connections by server
        db_connections_of_limit: ratio pg_stat_database_numbackends / pg_settings_max_connections by server
        db_query_time: rate_ratio pg_stat_statements_seconds_total / pg_stat_statements_calls_total by server
        db_rows_read: rate_ratio pg_stat_database_tup_returned / pg_stat_database_xact_commit by server
        db_sessions: raw pg_stat_database_numbackends by server
        db_sessions: raw pg_stat_activity_count by server
        db_rows_scanned: rate max pg_stat_user_tables_seq_tup_read by server, relname
        db_longest_transaction: raw max pg_stat_activity_max_tx_duration by server
        db_locks: raw pg_locks_count{mode=accessexclusivelock|rowexclusivelock} by server
        db_waiting_for_locks: raw pg_stat_activity_count{wait_event_type=Lock} by server
        db_deadlocks: rate pg_stat_database_deadlocks by server
        db_replication_lag: raw max pg_replication_lag by server
        db_replication_lag: raw max pg_replication_lag_seconds by server
        db_disk_reads: rate_ratio pg_stat_database_blks_read / pg_stat_database_blks_hit by server
        db_checkpoints: rate pg_stat_bgwriter_checkpoints_req by server
        db_checkpoints: rate pg_stat_bgwriter_checkpoints_req_total by server
        db_checkpoints: rate pg_stat_checkpointer_num_requested_total by server
        db_waiting_for_disk: raw pg_stat_activity_count{wait_event_type=IO} by server
        db_held_up: rate pg_stat_bgwriter_buffers_backend_fsync by server
        db_held_up: rate pg_stat_bgwriter_buffers_backend_fsync_total by server
        db_rollbacks: rate_ratio pg_stat_database_xact_rollback / pg_stat_database_xact_commit by server
        db_transactions: rate pg_stat_database_xact_commit by server
        db_size: raw pg_database_size_bytes by server
        db_up: raw min pg_up by server
        db_running: raw pg_stat_activity_count{state=active} by server
    """,
    "postgres, openmetrics": """
        disk_latency: rate_ratio pg_stat_database_blk_read_time_total / pg_stat_database_blks_read_total by server
        db_rows_read: rate_ratio pg_stat_database_tup_returned_total / pg_stat_database_xact_commit_total by server
        db_deadlocks: rate pg_stat_database_deadlocks_total by server
        db_disk_reads: rate_ratio pg_stat_database_blks_read_total / pg_stat_database_blks_hit_total by server
        db_rollbacks: rate_ratio pg_stat_database_xact_rollback_total / pg_stat_database_xact_commit_total by server
        db_transactions: rate pg_stat_database_xact_commit_total by server
    """,
    "mysqld_exporter": """
        db_connections_of_limit: ratio mysql_global_status_threads_connected / mysql_global_variables_max_connections by instance
        db_query_time: rate_ratio mysql_perf_schema_events_statements_seconds_total / mysql_perf_schema_events_statements_total by instance
        db_rows_read: rate_ratio mysql_global_status_innodb_row_ops_total{operation=read} / mysql_global_status_commands_total by instance
        db_pages_read: rate_ratio mysql_global_status_innodb_buffer_pool_read_requests / mysql_global_status_commands_total by instance
        db_sessions: raw mysql_global_status_threads_connected by instance
        db_sessions: raw mysql_global_status_threads_running by instance
        db_rows_scanned: rate mysql_global_status_handlers_total{handler=read_rnd_next} by instance
        db_slow_queries: rate mysql_global_status_slow_queries by instance
        db_waiting_for_locks: raw mysql_global_status_innodb_row_lock_current_waits by instance
        db_deadlocks: rate mysql_global_status_innodb_deadlocks by instance
        db_deadlocks: rate mysql_info_schema_innodb_metrics_lock_lock_deadlocks_total by instance
        db_replication_lag: raw max mysql_slave_status_seconds_behind_master by instance
        db_disk_reads: rate_ratio mysql_global_status_innodb_buffer_pool_reads / mysql_global_status_innodb_buffer_pool_read_requests by instance
        db_waiting_for_disk: raw mysql_global_status_innodb_data_pending_fsyncs by instance
        db_waiting_for_disk: raw mysql_global_status_innodb_data_pending_reads by instance
        db_waiting_for_disk: raw mysql_global_status_innodb_data_pending_writes by instance
        db_waiting_for_disk: raw mysql_global_status_innodb_os_log_pending_fsyncs by instance
        db_waiting_for_disk: raw mysql_global_status_innodb_os_log_pending_writes by instance
        db_held_up: rate mysql_global_status_innodb_buffer_pool_wait_free by instance
        db_held_up: rate mysql_global_status_innodb_log_waits by instance
        db_transactions: rate mysql_global_status_commands_total{command=commit} by instance
        db_up: raw min mysql_up by instance
        db_refused: rate mysql_global_status_connection_errors_total{error=max_connections} by instance
        db_running: raw mysql_global_status_threads_running by instance
        db_broken_off: rate mysql_global_status_aborted_clients by instance
        db_replicating: raw min mysql_slave_status_slave_io_running by instance
        db_replicating: raw min mysql_slave_status_slave_sql_running by instance
    """,
    "redis_exporter": """
        db_connections_of_limit: ratio redis_connected_clients / redis_config_maxclients by instance
        db_query_time: rate_ratio redis_commands_duration_seconds_total / redis_commands_total by instance
        db_sessions: raw redis_connected_clients by instance
        db_disk_reads: rate_ratio redis_keyspace_misses_total / redis_keyspace_hits_total by instance
        db_evictions: rate redis_evicted_keys_total by instance
        db_waiting_for_disk: raw redis_aof_pending_bio_fsync by instance
        db_held_up: rate redis_aof_delayed_fsync by instance
        db_up: raw min redis_up by instance
        db_refused: rate redis_rejected_connections_total by instance
        db_replicating: raw min redis_master_link_up by instance
    """,
    "other databases": """
        db_connections_of_limit: ratio mongodb_ss_connections{conn_type=current} / mongodb_ss_connections{conn_type=available|current} by instance
        db_connections_of_limit: ratio mongodb_connections{state=current} / mongodb_connections{state=available|current} by instance
        db_waiting_clients: raw pgbouncer_pools_client_waiting_connections by job
        db_query_time: rate_ratio mongodb_ss_opLatencies_latency / mongodb_ss_opLatencies_ops by instance
        db_query_time: rate_ratio mongodb_mongod_op_latencies_latency_total / mongodb_mongod_op_latencies_ops_total by instance
        db_sessions: raw mongodb_ss_connections{conn_type=current} by instance
        db_sessions: raw mongodb_connections{state=current} by instance
        db_rows_scanned: rate mongodb_ss_metrics_queryExecutor_scannedObjects by instance
        db_disk_reads: rate_ratio mongodb_ss_wt_cache_pages_read_into_cache / mongodb_ss_wt_cache_pages_requested_from_the_cache by instance
        db_up: raw min mongodb_up by instance
        db_running: raw mongodb_ss_connections{conn_type=active} by instance
    """,
    "go database/sql": """
        db_pool_of_limit: ratio go_sql_in_use_connections / go_sql_max_open_connections by job
    """,
    "otel database client": """
        db_waiting_clients: raw db_client_connection_pending_requests by service_name
        db_pool_of_limit: ratio db_client_connection_count{db_client_connection_state=used} / db_client_connection_max by service_name
        db_pool_timeouts: rate db_client_connection_timeouts_total by service_name
        db_call_p95: quantile 0.95 db_client_operation_duration_seconds by service_name
        db_calls_failing: rate_ratio db_client_operation_duration_seconds_count{error_type=53300|timeout} / db_client_operation_duration_seconds_count by service_name, server_address
        db_calls_without_connection: rate_ratio db_client_operation_duration_seconds_count{error_type=53300} / db_client_operation_duration_seconds_count by service_name, server_address
    """,
    "otel database client, old": """
        db_waiting_clients: raw db_client_connections_pending_requests by service_name
        db_pool_of_limit: ratio db_client_connections_usage{state=used} / db_client_connections_max by service_name
        db_pool_timeouts: rate db_client_connections_timeouts_total by service_name
    """,
    "node_exporter": """
        out_of_memory_kills: increase node_vmstat_oom_kill by instance
        cpu_idle: rate_ratio node_cpu_seconds_total{mode=idle|iowait} / node_cpu_seconds_total by instance
        cpu_waiting: rate_ratio node_cpu_seconds_total{mode=steal} / node_cpu_seconds_total by instance
        disk_busy: rate max node_disk_io_time_seconds_total by instance
        disk_waiting: rate_ratio node_cpu_seconds_total{mode=iowait} / node_cpu_seconds_total by instance
        disk_waiting: rate node_pressure_io_waiting_seconds_total by instance
        disk_queue: rate max node_disk_io_time_weighted_seconds_total by instance
        disk_blocked: raw node_procs_blocked by instance
        disk_free: ratio node_filesystem_avail_bytes / node_filesystem_size_bytes by instance, mountpoint
        disk_latency: rate_ratio node_disk_read_time_seconds_total / node_disk_reads_completed_total by instance
        disk_latency: rate_ratio node_disk_write_time_seconds_total / node_disk_writes_completed_total by instance
        disk_traffic: rate node_disk_reads_completed_total by instance
        disk_traffic: rate node_disk_writes_completed_total by instance
        tcp_retransmits: rate_ratio node_netstat_Tcp_RetransSegs / node_netstat_Tcp_OutSegs by instance
        tcp_resets: rate node_netstat_Tcp_EstabResets by instance
        tcp_resets: rate node_netstat_Tcp_OutRsts by instance
        tcp_failed_attempts: rate node_netstat_Tcp_AttemptFails by instance
        packet_drops: rate node_network_receive_drop_total by instance
        packet_drops: rate node_network_transmit_drop_total by instance
        packet_errors: rate node_network_receive_errs_total by instance
        packet_errors: rate node_network_transmit_errs_total by instance
        bytes_in: rate node_network_receive_bytes_total by instance
        bytes_out: rate node_network_transmit_bytes_total by instance
        conntrack_of_limit: ratio node_nf_conntrack_entries / node_nf_conntrack_entries_limit by instance
    """,
    "coredns": """
        dns_failures: rate_ratio coredns_dns_responses_total{rcode=SERVFAIL} / coredns_dns_responses_total by pod, zone
        dns_p95: quantile 0.95 coredns_dns_request_duration_seconds by pod
    """,
    "ingress-nginx": """
        upstream_errors: rate_ratio nginx_ingress_controller_requests{status=502} / nginx_ingress_controller_requests by service
    """,
    "envoy": """
        upstream_errors: rate_ratio envoy_cluster_upstream_rq{envoy_response_code=503} / envoy_cluster_upstream_rq by app, envoy_cluster_name
        upstream_errors: rate_ratio envoy_cluster_upstream_rq_xx{envoy_response_code_class=5} / envoy_cluster_upstream_rq_xx by app, envoy_cluster_name
        upstream_connect_failures: rate envoy_cluster_upstream_cx_connect_fail by app, envoy_cluster_name
        tls_errors: rate envoy_cluster_ssl_connection_error by app
        tls_errors: rate envoy_listener_ssl_connection_error by app
        tls_errors: rate envoy_listener_ssl_fail_verify_error by app
    """,
    "certificates": """
        certificate_expired: past max certmanager_certificate_expiration_timestamp_seconds by job
        certificate_expired: past max x509_cert_not_after by job
    """,
    "blackbox_exporter": """
        probe_failures: raw min probe_success by instance
        certificate_expired: past max probe_ssl_earliest_cert_expiry by instance
    """,
}

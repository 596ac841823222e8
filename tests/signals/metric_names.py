"""Names of real metrics by who writes them, and what each measures: `name kind [unit] -> signal [unit]`, `-` for nothing worth watching."""

from __future__ import annotations

NAMES = {
    "OpenTelemetry": """
        http_server_request_duration_seconds_count counter -> request_rate /s
        http_server_request_duration_seconds_sum counter -> latency_mean s
        http_server_duration_milliseconds_sum counter -> latency_mean ms
        http_server_active_requests gauge -> requests_in_flight
        http_client_request_duration_seconds_sum counter -> latency_mean s
        rpc_server_call_duration_seconds histogram -> latency_mean s
        db_client_connection_pending_requests gauge -> db_waiting_clients
        db_client_connection_timeouts_total counter -> db_pool_timeouts /s
        db_client_connection_max gauge -> -
        db_client_connection_wait_time_milliseconds histogram -> wait_time ms
        db_client_operation_duration_seconds_sum counter -> latency_mean s
        jvm_cpu_recent_utilization_ratio gauge -> cpu_of_limit ratio
        jvm_memory_used_bytes gauge -> memory_used bytes
        jvm_memory_limit_bytes gauge -> -
        jvm_gc_duration_seconds_sum counter -> gc_time ratio
        jvm_thread_count gauge -> saturation
        process_runtime_cpython_memory_bytes gauge -> memory_used bytes
        process_cpu_time_seconds_total counter -> cpu_usage cores
        process_memory_usage_bytes gauge -> memory_used bytes
        v8js_memory_heap_used_bytes gauge -> memory_used bytes
        nodejs_eventloop_delay_p99_seconds gauge -> event_loop_lag s
        nodejs_eventloop_utilization_ratio gauge -> cpu_of_limit ratio
        dotnet_process_cpu_time_seconds_total counter -> cpu_usage cores
        dotnet_process_memory_working_set_bytes gauge -> memory_used bytes
        dotnet_thread_pool_queue_length gauge -> queue_length
        dotnet_thread_pool_thread_count gauge -> saturation
        dotnet_exceptions_total counter -> errors /s
        dotnet_monitor_lock_contentions_total counter -> -
        dotnet_gc_pause_time_seconds_total counter -> gc_time ratio
        kestrel_active_connections gauge -> connections
        kestrel_queued_requests gauge -> queue_length
        kestrel_rejected_connections_total counter -> rejected /s
        kestrel_tls_handshake_duration_seconds_sum counter -> latency_mean s
        k8s_pod_cpu_usage gauge -> cpu_of_limit
        k8s_pod_memory_working_set_bytes gauge -> memory_used bytes
        k8s_container_restarts gauge -> restarts
        k8s_pod_network_errors_total counter -> packet_errors /s
        system_cpu_utilization_ratio gauge -> cpu_of_limit ratio
        system_memory_utilization_ratio gauge -> memory_of_limit ratio
        system_filesystem_utilization_ratio gauge -> disk_used ratio
        system_network_dropped_packets_total counter -> packet_drops /s
        system_paging_faults_total counter -> -
        messaging_process_duration_seconds_sum counter -> latency_mean s
        traces_spanmetrics_calls_total counter -> request_rate /s
        calls_total counter -> request_rate /s
        duration_milliseconds_sum counter -> latency_mean ms
    """,
    "Micrometer and the JVM": """
        http_server_requests_seconds_count counter -> request_rate /s
        http_server_requests_seconds_max gauge -> latency_p99 s
        http_client_requests_seconds_sum counter -> latency_mean s
        jvm_gc_pause_seconds_sum counter -> gc_time ratio
        jvm_gc_pause_seconds_count counter -> -
        jvm_gc_pause_seconds_max gauge -> gc_pause s
        jvm_gc_overhead_percent gauge -> gc_time percent
        jvm_gc_collection_seconds_sum counter -> gc_time ratio
        jvm_memory_max_bytes gauge -> -
        jvm_memory_committed_bytes gauge -> memory_used bytes
        jvm_threads_live_threads gauge -> saturation
        jvm_threads_deadlocked gauge -> db_deadlocks
        jvm_buffer_memory_used_bytes gauge -> -
        process_cpu_usage gauge -> cpu_of_limit
        system_cpu_usage gauge -> cpu_of_limit
        system_load_average_1m gauge -> load
        process_uptime_seconds gauge -> -
        process_files_open_files gauge -> saturation
        process_files_max_files gauge -> -
        hikaricp_connections_active gauge -> connections
        hikaricp_connections_idle gauge -> -
        hikaricp_connections_max gauge -> -
        hikaricp_connections_pending gauge -> db_waiting_clients
        hikaricp_connections_timeout_total counter -> db_pool_timeouts /s
        hikaricp_connections_acquire_seconds_sum counter -> wait_time s
        jdbc_connections_active gauge -> connections
        tomcat_threads_busy_threads gauge -> saturation
        tomcat_threads_config_max_threads gauge -> -
        tomcat_global_error_total counter -> errors /s
        tomcat_connections_current_connections gauge -> connections
        executor_active_threads gauge -> saturation
        executor_queued_tasks gauge -> queue_length
        logback_events_total counter -> request_rate /s
        resilience4j_circuitbreaker_failure_rate gauge -> error_ratio
        resilience4j_circuitbreaker_calls_seconds_sum counter -> latency_mean s
        kafka_consumer_fetch_manager_records_lag_max gauge -> consumer_lag
        spring_kafka_listener_seconds_max gauge -> latency_p99 s
        lettuce_command_completion_seconds_sum counter -> latency_mean s
        cache_evictions_total counter -> db_evictions /s
        jetty_threads_busy gauge -> saturation
        jetty_connections_current_connections gauge -> connections
        java_lang_operatingsystem_processcpuload gauge -> load
        java_lang_memory_heapmemoryusage_used gauge -> memory_used
    """,
    "Go": """
        go_goroutines gauge -> saturation
        go_threads gauge -> saturation
        go_gc_duration_seconds_sum counter -> gc_time ratio
        go_memstats_heap_inuse_bytes gauge -> memory_used bytes
        go_memstats_alloc_bytes_total counter -> -
        go_sql_in_use_connections gauge -> connections
        go_sql_idle_connections gauge -> -
        go_sql_max_open_connections gauge -> -
        go_sql_wait_duration_seconds_total counter -> wait_time s
        go_info gauge -> -
        process_open_fds gauge -> saturation
        process_max_fds gauge -> -
        process_resident_memory_bytes gauge -> memory_used bytes
        process_virtual_memory_max_bytes gauge -> -
        process_start_time_seconds gauge -> -
        process_cpu_seconds_total counter -> cpu_usage cores
        grpc_server_handled_total counter -> request_rate /s
        grpc_server_handling_seconds_sum counter -> latency_mean s
        grpc_server_started_total counter -> -
        grpc_client_handled_total counter -> request_rate /s
        promhttp_metric_handler_requests_total counter -> -
        gin_requests_total counter -> request_rate /s
        gin_request_duration_seconds_sum counter -> latency_mean s
        echo_request_duration_seconds histogram -> latency_mean s
        pgxpool_acquired_conns gauge -> wait_time
        pgxpool_acquire_duration_seconds_total counter -> wait_time s
    """,
    "Node, Python, Ruby, PHP, .NET": """
        nodejs_eventloop_lag_seconds gauge -> event_loop_lag s
        nodejs_eventloop_lag_p99_seconds gauge -> event_loop_lag s
        nodejs_active_handles_total gauge -> saturation
        nodejs_heap_size_used_bytes gauge -> memory_used bytes
        nodejs_external_memory_bytes gauge -> memory_used bytes
        nodejs_gc_duration_seconds_sum counter -> gc_time ratio
        nodejs_version_info gauge -> -
        http_request_duration_ms histogram -> latency_mean ms
        django_http_responses_total_by_status_total counter -> request_rate /s
        django_http_requests_total_by_method_total counter -> request_rate /s
        django_http_requests_latency_seconds_by_view_method_sum counter -> latency_mean s
        django_http_exceptions_total_by_type_total counter -> errors /s
        django_db_errors_total counter -> errors /s
        django_db_new_connections_total counter -> -
        django_db_query_duration_seconds_sum counter -> db_query_time s
        django_cache_get_misses_total counter -> -
        flask_http_request_duration_seconds histogram -> latency_mean s
        flask_http_request_total counter -> request_rate /s
        flask_http_request_exceptions_total counter -> errors /s
        starlette_requests_total counter -> request_rate /s
        starlette_request_duration_seconds_sum counter -> latency_mean s
        fastapi_requests_duration_seconds_sum counter -> latency_mean s
        fastapi_exceptions_total counter -> errors /s
        gunicorn_workers gauge -> saturation
        gunicorn_requests counter -> request_rate /s
        python_gc_collections_total counter -> -
        python_info gauge -> -
        celery_task_failed_total counter -> errors /s
        celery_task_runtime_sum counter -> -
        celery_queue_length gauge -> queue_length
        celery_worker_up gauge -> healthy
        celery_task_retried_total counter -> retries /s
        celery_tasks_by_state gauge -> request_rate
        flower_task_prefetch_time_seconds gauge -> latency_mean s
        rq_jobs gauge -> request_rate
        rails_request_duration_seconds histogram -> latency_mean s
        rails_requests_total counter -> request_rate /s
        rails_db_runtime_seconds_sum counter -> latency_mean s
        http_server_exceptions_total counter -> errors /s
        ruby_http_request_duration_seconds_sum counter -> latency_mean s
        ruby_http_request_queue_duration_seconds_sum counter -> queue_time s
        puma_backlog gauge -> queue_length
        puma_running gauge -> saturation
        puma_max_threads gauge -> -
        ruby_rss gauge -> memory_used
        sidekiq_jobs_waiting_count gauge -> queue_length
        sidekiq_queue_latency gauge -> queue_time
        sidekiq_jobs_failed_total counter -> errors /s
        sidekiq_jobs_dead_count gauge -> errors
        sidekiq_failed_jobs_total counter -> errors /s
        sidekiq_queue_backlog gauge -> queue_length
        sidekiq_busy_workers gauge -> saturation
        sidekiq_job_duration_seconds_sum counter -> latency_mean s
        phpfpm_listen_queue gauge -> queue_length
        phpfpm_active_processes gauge -> saturation
        phpfpm_slow_requests counter -> db_slow_queries /s
        phpfpm_max_listen_queue gauge -> -
        http_requests_received_total counter -> request_rate /s
        http_requests_in_progress gauge -> requests_in_flight
        dotnet_total_memory_bytes gauge -> memory_used bytes
        dotnet_collection_count_total counter -> -
        system_runtime_threadpool_queue_length gauge -> queue_length
        system_runtime_time_in_gc gauge -> gc_time
        system_runtime_exception_count gauge -> errors
        system_runtime_monitor_lock_contention_count gauge -> db_locks
        microsoft_aspnetcore_hosting_current_requests gauge -> request_rate
        microsoft_aspnetcore_hosting_failed_requests gauge -> errors
        phoenix_endpoint_stop_duration_milliseconds_sum counter -> latency_mean ms
        ecto_repo_query_queue_time_milliseconds_sum counter -> queue_time ms
        beam_memory_bytes gauge -> memory_used bytes
    """,
    "mesh and proxies": """
        istio_requests_total counter -> request_rate /s
        istio_request_duration_milliseconds_sum counter -> latency_mean ms
        istio_tcp_sent_bytes_total counter -> bytes_out B/s
        istio_tcp_received_bytes_total counter -> bytes_in B/s
        pilot_xds_push_errors counter -> errors /s
        response_total counter -> request_rate /s
        response_latency_ms_sum counter -> latency_mean ms
        request_total counter -> request_rate /s
        tcp_open_connections gauge -> connections
        tcp_read_bytes_total counter -> bytes_in B/s
        envoy_cluster_upstream_rq_xx counter -> request_rate /s
        envoy_cluster_upstream_rq_time_sum counter -> latency_mean
        envoy_cluster_upstream_rq_timeout counter -> errors /s
        envoy_cluster_upstream_rq_retry counter -> retries /s
        envoy_cluster_upstream_rq_pending_overflow counter -> rejected /s
        envoy_cluster_upstream_rq_active gauge -> requests_in_flight
        envoy_cluster_upstream_cx_connect_fail counter -> upstream_connect_failures /s
        envoy_cluster_upstream_cx_connect_timeout counter -> upstream_connect_failures /s
        envoy_cluster_upstream_cx_active gauge -> connections
        envoy_cluster_membership_healthy gauge -> healthy
        envoy_cluster_membership_total gauge -> -
        envoy_cluster_ssl_connection_error counter -> tls_errors /s
        envoy_http_downstream_rq_time_sum counter -> latency_mean
        envoy_http_downstream_cx_active gauge -> connections
        envoy_http_local_rate_limiter_http_local_rate_limit_rate_limited counter -> rejected /s
        envoy_server_memory_allocated gauge -> memory_used
        nginx_ingress_controller_requests counter -> request_rate /s
        nginx_ingress_controller_request_duration_seconds histogram -> latency_mean s
        nginx_ingress_controller_config_last_reload_successful gauge -> request_rate
        nginx_ingress_controller_ssl_expire_time_seconds gauge -> -
        nginx_http_requests_total counter -> request_rate /s
        nginx_connections_active gauge -> connections
        nginx_up gauge -> healthy
        nginx_vts_server_requests_total counter -> request_rate /s
        traefik_service_requests_total counter -> request_rate /s
        traefik_service_request_duration_seconds histogram -> latency_mean s
        traefik_service_retries_total counter -> retries /s
        traefik_service_server_up gauge -> healthy
        traefik_entrypoint_open_connections gauge -> connections
        haproxy_backend_http_responses_total counter -> request_rate /s
        haproxy_backend_current_queue gauge -> queue_length
        haproxy_backend_response_time_average_seconds gauge -> latency_mean s
        haproxy_backend_connection_errors_total counter -> upstream_connect_failures /s
        haproxy_backend_response_errors_total counter -> errors /s
        haproxy_backend_retry_warnings_total counter -> retries /s
        haproxy_backend_active_servers gauge -> replicas_available
        haproxy_server_up gauge -> healthy
        haproxy_frontend_current_sessions gauge -> connections
        haproxy_frontend_limit_sessions gauge -> -
        haproxy_backend_queue_time_average_seconds gauge -> queue_time s
        kong_http_requests_total counter -> request_rate /s
        kong_request_latency_ms histogram -> latency_mean ms
        kong_upstream_target_health gauge -> healthy
        caddy_http_request_duration_seconds histogram -> latency_mean s
        caddy_http_requests_in_flight gauge -> requests_in_flight
        apisix_http_status counter -> -
        apisix_http_latency histogram -> latency_mean
        apache_workers gauge -> saturation
        varnish_main_backend_fail counter -> errors /s
    """,
    "Kubernetes": """
        container_cpu_usage_seconds_total counter -> cpu_usage cores
        container_cpu_cfs_periods_total counter -> -
        container_cpu_cfs_throttled_seconds_total counter -> cpu_throttling ratio
        container_memory_working_set_bytes gauge -> memory_used bytes
        container_memory_rss gauge -> memory_used
        container_memory_cache gauge -> -
        container_memory_failcnt counter -> errors /s
        container_spec_memory_limit_bytes gauge -> -
        container_oom_events_total counter -> out_of_memory_kills /s
        container_network_receive_bytes_total counter -> bytes_in B/s
        container_network_transmit_packets_dropped_total counter -> packet_drops /s
        container_network_receive_errors_total counter -> packet_errors /s
        container_fs_writes_bytes_total counter -> disk_traffic B/s
        container_fs_usage_bytes gauge -> -
        container_threads gauge -> saturation
        container_file_descriptors gauge -> saturation
        container_sockets gauge -> connections
        container_last_seen gauge -> -
        container_start_time_seconds gauge -> -
        kube_pod_container_status_restarts_total counter -> restarts /s
        kube_pod_container_resource_limits gauge -> -
        kube_pod_status_ready gauge -> healthy
        kube_pod_status_unschedulable gauge -> unhealthy
        kube_pod_container_status_ready gauge -> healthy
        kube_deployment_status_replicas_available gauge -> replicas_available
        kube_deployment_status_replicas_unavailable gauge -> unhealthy
        kube_deployment_spec_replicas gauge -> -
        kube_statefulset_status_replicas_ready gauge -> replicas_available
        kube_daemonset_status_number_unavailable gauge -> unhealthy
        kube_daemonset_status_number_ready gauge -> healthy
        kube_replicaset_status_ready_replicas gauge -> replicas_available
        kube_job_status_failed gauge -> errors
        kube_job_failed gauge -> errors
        kube_pod_info gauge -> -
        kube_pod_created gauge -> -
        kube_pod_start_time gauge -> -
        kube_endpoint_address_not_ready gauge -> unhealthy
        kubelet_volume_stats_available_bytes gauge -> disk_left bytes
        kubelet_volume_stats_capacity_bytes gauge -> -
        kubelet_volume_stats_inodes_free gauge -> disk_left
        kubelet_runtime_operations_errors_total counter -> errors /s
        apiserver_request_total counter -> request_rate /s
        apiserver_request_duration_seconds histogram -> latency_mean s
        apiserver_current_inflight_requests gauge -> requests_in_flight
        workqueue_depth gauge -> queue_length
        etcd_disk_wal_fsync_duration_seconds histogram -> disk_latency s
        etcd_server_has_leader gauge -> -
        etcd_server_leader_changes_seen_total counter -> -
        etcd_server_proposals_failed_total counter -> errors /s
        etcd_network_peer_round_trip_time_seconds histogram -> network_rtt s
        coredns_dns_responses_total counter -> request_rate /s
        coredns_dns_request_duration_seconds histogram -> dns_p95 s
        coredns_forward_healthcheck_failures_total counter -> errors /s
        coredns_panics_total counter -> errors /s
        certmanager_certificate_ready_status gauge -> healthy
        cilium_drop_count_total counter -> rejected /s
        calico_denied_packets counter -> rejected /s
        conntrack_entries gauge -> -
    """,
    "node_exporter": """
        node_cpu_seconds_total counter -> cpu_usage cores
        node_load1 gauge -> load
        node_load15 gauge -> load
        node_memory_MemAvailable_bytes gauge -> memory_free bytes
        node_memory_MemFree_bytes gauge -> memory_free bytes
        node_memory_MemTotal_bytes gauge -> -
        node_memory_Cached_bytes gauge -> -
        node_memory_SwapTotal_bytes gauge -> -
        node_vmstat_oom_kill counter -> out_of_memory_kills /s
        node_vmstat_pgmajfault counter -> -
        node_filesystem_avail_bytes gauge -> disk_left bytes
        node_filesystem_size_bytes gauge -> -
        node_filesystem_files_free gauge -> disk_left
        node_filesystem_readonly gauge -> unhealthy
        node_filesystem_device_error gauge -> errors
        node_disk_io_time_seconds_total counter -> disk_busy ratio
        node_disk_io_time_weighted_seconds_total counter -> disk_busy ratio
        node_disk_read_time_seconds_total counter -> disk_latency s
        node_disk_written_bytes_total counter -> disk_traffic B/s
        node_disk_reads_completed_total counter -> disk_traffic /s
        node_network_receive_errs_total counter -> packet_errors /s
        node_network_transmit_drop_total counter -> packet_drops /s
        node_network_receive_bytes_total counter -> bytes_in B/s
        node_network_up gauge -> healthy
        node_netstat_Tcp_RetransSegs counter -> tcp_resent /s
        node_netstat_Tcp_CurrEstab gauge -> connections
        node_netstat_Tcp_OutRsts counter -> tcp_resets /s
        node_netstat_TcpExt_ListenDrops counter -> packet_drops /s
        node_netstat_TcpExt_ListenOverflows counter -> packet_drops /s
        node_sockstat_TCP_inuse gauge -> connections
        node_pressure_cpu_waiting_seconds_total counter -> cpu_waiting ratio
        node_pressure_memory_stalled_seconds_total counter -> memory_waiting ratio
        node_pressure_io_stalled_seconds_total counter -> disk_waiting ratio
        node_filefd_allocated gauge -> saturation
        node_filefd_maximum gauge -> -
        node_context_switches_total counter -> -
        node_boot_time_seconds gauge -> -
        node_procs_blocked gauge -> queue_length
        node_procs_running gauge -> saturation
        node_hwmon_temp_celsius gauge -> -
        node_systemd_unit_state gauge -> -
        windows_cpu_time_total counter -> -
        windows_os_physical_memory_free_bytes gauge -> memory_free bytes
        windows_logical_disk_free_bytes gauge -> disk_left bytes
        windows_logical_disk_size_bytes gauge -> -
    """,
    "probes": """
        probe_success gauge -> request_rate
        probe_duration_seconds gauge -> latency_mean s
        probe_http_duration_seconds gauge -> latency_mean s
        probe_dns_lookup_time_seconds gauge -> dns_p95 s
        probe_ssl_earliest_cert_expiry gauge -> -
        probe_icmp_duration_seconds gauge -> latency_mean s
        up gauge -> healthy
        scrape_duration_seconds gauge -> -
        scrape_samples_scraped gauge -> -
        smokeping_response_duration_seconds histogram -> latency_mean s
    """,
    "relational databases": """
        pg_up gauge -> healthy
        pg_locks_count gauge -> db_locks
        pg_replication_lag_seconds gauge -> db_replication_lag s
        pg_settings_max_connections gauge -> -
        pg_stat_database_deadlocks counter -> db_deadlocks /s
        pg_stat_database_numbackends gauge -> db_connections
        pg_stat_database_xact_commit counter -> request_rate /s
        pg_stat_statements_seconds_total counter -> db_query_time s
        pg_stat_database_conflicts counter -> -
        pg_stat_database_temp_bytes counter -> -
        pg_postmaster_start_time_seconds gauge -> -
        pg_exporter_last_scrape_error gauge -> -
        pgbouncer_up gauge -> healthy
        pgbouncer_pools_client_waiting_connections gauge -> db_waiting_clients
        pgbouncer_pools_client_maxwait_seconds gauge -> wait_time s
        pgbouncer_pools_server_active_connections gauge -> connections
        pgbouncer_pools_server_idle_connections gauge -> -
        pgbouncer_databases_pool_size gauge -> -
        pgbouncer_stats_queries_duration_seconds_total counter -> db_query_time s
        pgbouncer_stats_client_wait_seconds_total counter -> wait_time s
        mysql_up gauge -> healthy
        mysql_global_status_threads_connected gauge -> saturation
        mysql_global_status_threads_running gauge -> saturation
        mysql_global_status_slow_queries counter -> db_slow_queries /s
        mysql_global_status_questions counter -> request_rate /s
        mysql_global_status_aborted_connects counter -> upstream_connect_failures /s
        mysql_global_status_connection_errors_total counter -> upstream_connect_failures /s
        mysql_global_status_innodb_row_lock_current_waits gauge -> db_waiting_for_locks
        mysql_global_status_innodb_row_lock_waits counter -> db_lock_waits /s
        mysql_global_variables_max_connections gauge -> -
        mysql_slave_status_seconds_behind_master gauge -> db_replication_lag s
        mysql_slave_status_slave_sql_running gauge -> db_replicating
        mysql_info_schema_innodb_metrics_lock_lock_deadlocks_total counter -> -
        mysql_perf_schema_events_statements_seconds_total counter -> db_query_time s
        mssql_deadlocks counter -> db_deadlocks /s
        mssql_connections gauge -> db_connections
        mssql_batch_requests counter -> request_rate /s
        oracledb_sessions_value gauge -> db_connections
        oracledb_up gauge -> healthy
        sql_client_connections_max gauge -> -
        cockroachdb_sql_service_latency histogram -> latency_mean
        tidb_server_query_total counter -> request_rate /s
    """,
    "other stores and brokers": """
        redis_up gauge -> healthy
        redis_connected_clients gauge -> db_connections
        redis_blocked_clients gauge -> db_waiting_clients
        redis_rejected_connections_total counter -> rejected /s
        redis_evicted_keys_total counter -> db_evictions /s
        redis_memory_used_bytes gauge -> memory_used bytes
        redis_memory_max_bytes gauge -> -
        redis_commands_processed_total counter -> request_rate /s
        redis_commands_duration_seconds_total counter -> latency_mean s
        redis_keyspace_misses_total counter -> -
        redis_slowlog_length gauge -> db_slow_queries
        redis_config_maxclients gauge -> -
        redis_cpu_sys_seconds_total counter -> cpu_usage cores
        redis_latency_percentiles_usec gauge -> latency_mean us
        redis_uptime_in_seconds gauge -> -
        memcached_current_connections gauge -> db_connections
        memcached_max_connections gauge -> -
        memcached_items_evicted_total counter -> db_evictions /s
        mongodb_up gauge -> healthy
        mongodb_ss_connections gauge -> db_connections
        mongodb_ss_globalLock_currentQueue gauge -> db_waiting_for_locks
        mongodb_ss_opcounters counter -> request_rate /s
        mongodb_mongod_replset_member_replication_lag gauge -> db_replication_lag s
        mongodb_ss_mem_resident gauge -> memory_used
        mongodb_ss_metrics_queryExecutor_scannedObjects counter -> db_rows_scanned /s
        elasticsearch_cluster_health_unassigned_shards gauge -> under_replicated
        elasticsearch_cluster_health_number_of_pending_tasks gauge -> queue_length
        elasticsearch_thread_pool_rejected_count counter -> rejected /s
        elasticsearch_thread_pool_queue_count gauge -> queue_length
        elasticsearch_jvm_memory_used_bytes gauge -> memory_used bytes
        elasticsearch_jvm_memory_max_bytes gauge -> -
        elasticsearch_jvm_gc_collection_seconds_sum counter -> gc_time ratio
        elasticsearch_filesystem_data_available_bytes gauge -> disk_left bytes
        elasticsearch_filesystem_data_size_bytes gauge -> -
        elasticsearch_process_cpu_percent gauge -> cpu_of_limit percent
        elasticsearch_indices_search_query_time_seconds counter -> db_query_time s
        elasticsearch_indices_search_query_total counter -> request_rate /s
        elasticsearch_breakers_tripped counter -> -
        kafka_consumergroup_lag gauge -> consumer_lag
        kafka_consumergroup_current_offset counter -> -
        kafka_server_replicamanager_underreplicatedpartitions gauge -> under_replicated
        kafka_controller_kafkacontroller_offlinepartitionscount gauge -> unhealthy
        kafka_server_brokertopicmetrics_messagesin_total counter -> request_rate /s
        kafka_server_brokertopicmetrics_failedproducerequests_total counter -> errors /s
        kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent gauge -> idle percent
        kafka_network_requestmetrics_totaltimems gauge -> latency_mean ms
        kafka_server_replicafetchermanager_maxlag gauge -> consumer_lag
        kafka_brokers gauge -> -
        rabbitmq_queue_messages_ready gauge -> queue_length
        rabbitmq_queue_messages_unacked gauge -> queue_length
        rabbitmq_queue_consumers gauge -> replicas_available
        rabbitmq_connections gauge -> connections
        rabbitmq_alarms_memory_used_watermark gauge -> memory_alarm
        rabbitmq_alarms_free_disk_space_watermark gauge -> disk_alarm
        rabbitmq_disk_space_available_bytes gauge -> disk_left bytes
        rabbitmq_process_resident_memory_bytes gauge -> memory_used bytes
        rabbitmq_resident_memory_limit_bytes gauge -> -
        rabbitmq_process_open_fds gauge -> saturation
        rabbitmq_channel_messages_published_total counter -> request_rate /s
        nats_varz_slow_consumers gauge -> consumer_lag
        nats_jetstream_consumer_num_pending gauge -> queue_length
        pulsar_subscription_back_log gauge -> queue_length
        cassandra_clientrequest_latency gauge -> latency_mean
        cassandra_clientrequest_timeouts_total counter -> errors /s
        cassandra_threadpools_pending_tasks gauge -> queue_length
        clickhouse_metrics_query gauge -> request_rate
        clickhouse_profile_events_failed_query counter -> errors /s
        zookeeper_avg_latency gauge -> latency_mean
        zookeeper_outstanding_requests gauge -> queue_length
        minio_s3_requests_errors_total counter -> errors /s
        minio_cluster_nodes_offline_total gauge -> unhealthy
        solr_metrics_core_errors_total counter -> errors /s
        activemq_queue_size gauge -> queue_length
    """,
    "CloudWatch by YACE": """
        aws_applicationelb_httpcode_target_5_xx_count_sum gauge -> errors
        aws_applicationelb_httpcode_elb_5_xx_count_sum gauge -> errors
        aws_applicationelb_httpcode_target_4_xx_count_sum gauge -> request_rate
        aws_applicationelb_request_count_sum gauge -> request_rate
        aws_applicationelb_target_response_time_average gauge -> latency_mean
        aws_applicationelb_target_response_time_p99 gauge -> latency_p99
        aws_applicationelb_un_healthy_host_count_average gauge -> unhealthy
        aws_applicationelb_healthy_host_count_average gauge -> replicas_available
        aws_applicationelb_target_connection_error_count_sum gauge -> upstream_connect_failures
        aws_applicationelb_rejected_connection_count_sum gauge -> rejected
        aws_applicationelb_active_connection_count_sum gauge -> connections
        aws_rds_cpuutilization_average gauge -> cpu_of_limit
        aws_rds_database_connections_average gauge -> db_connections
        aws_rds_database_connections_maximum gauge -> db_connections
        aws_rds_disk_queue_depth_average gauge -> disk_queue
        aws_rds_free_storage_space_average gauge -> disk_left
        aws_rds_freeable_memory_average gauge -> memory_free
        aws_rds_read_latency_average gauge -> disk_latency
        aws_rds_write_iops_average gauge -> disk_traffic
        aws_rds_replica_lag_average gauge -> db_replication_lag s
        aws_rds_deadlocks_average gauge -> db_deadlocks
        aws_rds_dbload_average gauge -> db_running
        aws_rds_burst_balance_average gauge -> credits
        aws_ecs_cpuutilization_average gauge -> cpu_of_limit
        aws_ecs_memory_utilization_average gauge -> memory_of_limit
        aws_ecs_running_task_count_average gauge -> replicas_available
        aws_lambda_errors_sum gauge -> errors
        aws_lambda_throttles_sum gauge -> rejected
        aws_lambda_duration_average gauge -> latency_mean
        aws_lambda_duration_p99 gauge -> latency_p99
        aws_lambda_invocations_sum gauge -> request_rate
        aws_sqs_approximate_age_of_oldest_message_maximum gauge -> consumer_lag
        aws_sqs_approximate_number_of_messages_visible_average gauge -> queue_length
        aws_sqs_number_of_messages_sent_sum gauge -> request_rate
        aws_dynamodb_throttled_requests_sum gauge -> rejected
        aws_dynamodb_system_errors_sum gauge -> errors
        aws_dynamodb_successful_request_latency_average gauge -> latency_mean
        aws_elasticache_evictions_sum gauge -> db_evictions
        aws_elasticache_cache_hit_rate_average gauge -> cache_hits
        aws_elasticache_curr_connections_average gauge -> db_connections
        aws_elasticache_engine_cpuutilization_average gauge -> cpu_of_limit
        aws_elasticache_database_memory_usage_percentage_average gauge -> memory_of_limit percent
        aws_elasticache_replication_lag_average gauge -> db_replication_lag s
        aws_apigateway_5_xxerror_sum gauge -> errors
        aws_apigateway_latency_average gauge -> latency_mean
        aws_es_jvmmemory_pressure_average gauge -> memory_of_limit
        aws_es_threadpool_search_rejected_sum gauge -> rejected
        aws_kafka_under_replicated_partitions_sum gauge -> under_replicated
        aws_natgateway_error_port_allocation_sum gauge -> errors
        aws_natgateway_packets_drop_count_sum gauge -> packet_drops
        aws_ec2_cpuutilization_average gauge -> cpu_of_limit
        aws_ec2_network_in_sum gauge -> bytes_in
        aws_ec2_status_check_failed_sum gauge -> errors
        aws_networkelb_tcp_target_reset_count_sum gauge -> tcp_resets
    """,
    "Datadog and other agents": """
        trace.http.request.duration.by.service.95p gauge s -> latency_p95 s
        trace.http.request.errors gauge -> errors
        trace.http.request.hits gauge -> request_rate
        kubernetes.cpu.usage.total gauge -> cpu_of_limit
        kubernetes.cpu.limits gauge -> -
        kubernetes.memory.usage_pct gauge -> memory_of_limit percent
        kubernetes.containers.restarts gauge -> restarts
        system.io.util gauge -> disk_busy
        system.disk.in_use gauge -> disk_used
        system.net.tcp.retrans_segs gauge -> tcp_resent
        system.load.1 gauge -> load
        system.mem.usable gauge -> memory_used
        mysql.performance.slow_queries gauge -> db_slow_queries
        mysql.replication.seconds_behind_master gauge -> db_replication_lag s
        mysql.innodb.row_lock_current_waits gauge -> db_waiting_for_locks
        postgresql.percent_usage_connections gauge -> db_connections_of_limit percent
        postgresql.replication_delay gauge -> db_replication_lag s
        redis.mem.used gauge -> memory_used
        redis.mem.maxmemory gauge -> -
        redis.net.clients gauge -> db_connections
        mongodb.replset.replicationlag gauge -> db_replication_lag s
        rabbitmq.queue.messages gauge -> queue_length
        rabbitmq.node.mem_alarm gauge -> memory_alarm
        kafka.consumer_lag gauge -> consumer_lag
        jvm.gc.collectors.old.collection_time gauge -> gc_time
        jvm.mem.heap_in_use gauge -> memory_of_limit
        cpu_usage_idle gauge -> cpu_idle
        cpu_usage_iowait gauge -> disk_waiting
        cpu_usage_steal gauge -> cpu_waiting
        disk_used_percent gauge -> disk_used percent
        mem_available_percent gauge -> memory_free percent
        net_drop_in counter -> packet_drops /s
        diskio_write_time counter -> disk_latency
        nvidia_gpu_memory_used_bytes gauge -> memory_used bytes
        DCGM_FI_DEV_GPU_UTIL gauge -> -
    """,
    "home-made": """
        p50latency gauge ms -> latency_p50 ms
        p99latency gauge -> latency_p99
        latency_p95_ms gauge -> latency_p95 ms
        Latency_p50 gauge s -> latency_p50 s
        lat_50 gauge s -> latency_p50 s
        rt_ms gauge -> latency_mean ms
        rt_avg_us gauge us -> latency_mean us
        rt_p95_us gauge -> latency_p95 us
        mrt gauge ms -> latency_mean ms
        respTimeMs gauge -> latency_mean ms
        avg_response_time gauge -> latency_mean
        requestLatencyMillis gauge -> latency_mean ms
        api_response_time_seconds gauge -> latency_mean s
        qps gauge -> request_rate /s
        throughput_rpm gauge -> request_rate /min
        RequestRate gauge -> request_rate
        requests_per_second gauge -> request_rate /s
        pod_workload_ops gauge 1/s -> request_rate /s
        error_num gauge -> errors
        errCnt gauge -> errors
        ErrorRate(%) gauge % -> error_ratio %
        error_rate gauge -> error_ratio
        http_5xx gauge -> errors
        num_4xx gauge -> request_rate
        sr gauge % -> availability %
        success_rate_pct gauge -> availability percent
        SuccessRate(%) gauge % -> availability %
        availability_average gauge % -> availability %
        CpuUsageRate(%) gauge % -> cpu_of_limit %
        CpuThrottled(%) gauge % -> cpu_throttling %
        cpu gauge % -> cpu_of_limit %
        cpu_usage_m gauge millicores -> cpu_usage millicores
        cpu_cfs gauge % -> cpu_of_limit %
        container_cpu_usage_millicores gauge -> cpu_usage millicores
        cpu_used_pct gauge % -> cpu_of_limit %
        cpuutil gauge -> cpu_of_limit
        MemoryUsageRate(%) gauge % -> memory_of_limit %
        mem gauge B -> memory_used bytes
        mem_rss_mb gauge MiB -> memory_used MiB
        memory_usage_mi gauge MiB -> memory_used MiB
        container_mem_ratio gauge -> memory_of_limit ratio
        freemem gauge -> memory_free
        heapUsed gauge -> memory_used
        tcp_retans gauge -> tcp_resent
        TcpRetrans(%) gauge % -> tcp_retransmits %
        tcp_rtt_us gauge -> network_rtt us
        NetworkRttAvg gauge ms -> network_rtt ms
        net_rx_bytes_per_sec gauge -> bytes_in B/s
        network_transmit_bytes gauge B/s -> bytes_out B/s
        rxPackets gauge -> bytes_in
        fd_num gauge -> saturation
        ThreadsBusy gauge -> saturation
        threadCount gauge -> saturation
        conn_pool_active gauge -> connections
        conn_pool_max gauge -> -
        conn_pool_waiting gauge -> db_waiting_clients
        numConns gauge -> connections
        pool_wait_ms gauge -> wait_time ms
        queueDepth gauge -> queue_length
        jobs_pending gauge -> queue_length
        PodRestart gauge -> restarts
        oomkills gauge -> out_of_memory_kills
        diskUtilPct gauge -> disk_used percent
        diskFreeGb gauge -> disk_left GiB
        gc_pause_ms gauge -> gc_pause ms
        event_loop_lag_ms gauge -> event_loop_lag ms
        cacheHitRatio gauge -> cache_hits ratio
        timeouts_total counter -> errors /s
        orders_failed_total counter -> errors /s
        payment_retries_total counter -> retries /s
        circuit_breaker_open gauge -> -
        batch_size gauge -> -
        cart_value_sum gauge -> -
        recommendations_score gauge -> -
        app_build_info gauge -> -
        temperature_celsius gauge -> -
        customers_active gauge -> -
        feature_flag_enabled gauge -> -
    """,
    "systems that nobody had looked at when the words were chosen": """
        vault_core_unsealed gauge -> -
        consul_health_service_status gauge -> healthy
        consul_raft_leader_lastContact gauge -> -
        nomad_client_allocs_oom_killed counter -> out_of_memory_kills /s
        argocd_app_info gauge -> -
        argocd_app_sync_total counter -> -
        fluentbit_output_retries_failed_total counter -> errors /s
        fluentbit_output_dropped_records_total counter -> rejected /s
        loki_request_duration_seconds histogram -> latency_mean s
        tempo_request_duration_seconds histogram -> latency_mean s
        prometheus_tsdb_head_series gauge -> -
        prometheus_rule_evaluation_failures_total counter -> errors /s
        alertmanager_notifications_failed_total counter -> errors /s
        minio_node_drive_free_bytes gauge -> disk_left bytes
        minio_s3_ttfb_seconds_distribution histogram -> latency_mean s
        ceph_health_status gauge -> healthy
        ceph_osd_up gauge -> healthy
        ceph_osd_apply_latency_ms gauge -> latency_mean ms
        longhorn_volume_actual_size_bytes gauge -> -
        velero_backup_failure_total counter -> errors /s
        keycloak_failed_login_attempts counter -> errors /s
        keycloak_request_duration_sum counter -> latency_mean
        gitlab_transaction_duration_seconds_sum counter -> latency_mean s
        jenkins_queue_size_value gauge -> queue_length
        jenkins_node_offline_value gauge -> unhealthy
        nats_varz_connections gauge -> connections
        solr_metrics_jetty_response_total counter -> request_rate /s
        hystrix_circuit_breaker_open gauge -> -
        hystrix_execution_failure_total counter -> errors /s
        sentinel_block_qps gauge -> request_rate /s
        dubbo_provider_rt_milliseconds_avg gauge -> latency_mean ms
        dubbo_provider_requests_failed_total counter -> errors /s
        skywalking_service_cpm gauge -> -
        skywalking_service_resp_time gauge -> latency_mean
        apm_p99 gauge -> -
        service_sla gauge -> -
        windows_service_state gauge -> -
        windows_net_bytes_received_total counter -> bytes_in B/s
        mssql_io_stall_seconds_total counter -> disk_busy ratio
        oracledb_wait_time_user_io gauge -> disk_busy
        oracledb_tablespace_used_percent gauge -> disk_used percent
        db2_connections_top_seconds_wait gauge -> wait_time s
        questdb_memory_mem_used gauge -> memory_used
        clickhouse_async_metrics_max_replica_delay gauge -> db_replication_lag s
        tikv_grpc_msg_duration_seconds histogram -> latency_mean s
        cockroach_sys_cpu_combined_percent_normalized gauge -> cpu_of_limit percent
        neo4j_bolt_connections_running gauge -> connections
        stackdriver_cloudsql_database_cloudsql_googleapis_com_database_cpu_utilization gauge -> cpu_of_limit
        stackdriver_https_lb_rule_loadbalancing_googleapis_com_https_backend_latencies histogram -> latency_mean
        azure_sqldb_cpu_percent_average gauge -> cpu_of_limit percent
        azure_sqldb_dtu_consumption_percent_maximum gauge -> -
        azure_redis_serverLoad_percent gauge -> load percent
        azure_appservice_Http5xx_total gauge -> errors
        aws_dynamodb_user_errors_sum gauge -> errors
        aws_ebs_volume_queue_length_average gauge -> disk_queue
        aws_ebs_burst_balance_average gauge -> credits
        aws_kinesis_get_records_iterator_age_milliseconds_maximum gauge -> queue_time ms
        aws_kinesis_write_provisioned_throughput_exceeded_sum gauge -> rejected
        aws_elb_surge_queue_length_maximum gauge -> queue_length
        aws_elb_spillover_count_sum gauge -> rejected
        aws_lambda_concurrent_executions_maximum gauge -> requests_in_flight
        aws_cloudfront_5xx_error_rate_average gauge -> error_ratio
        aws_docdb_cursors_timed_out_sum gauge -> errors
        http_client_in_flight_requests gauge -> requests_in_flight
        http_server_handling_seconds histogram -> latency_mean s
        pulsar_publish_latency gauge -> latency_mean
        rocketmq_consumer_lag_messages gauge -> consumer_lag
        rocketmq_broker_tps gauge -> request_rate /s
        dramatiq_messages_rejected_total counter -> rejected /s
        resque_failed_job_executions_total counter -> errors /s
        delayed_jobs_failed gauge -> errors
        unicorn_queued gauge -> queue_length
        passenger_requests_in_queue gauge -> queue_length
        uwsgi_worker_requests_total counter -> request_rate /s
        uwsgi_listen_queue gauge -> queue_length
        gorouter_latency gauge -> latency_mean
        openai_request_errors_total counter -> errors /s
        vllm:num_requests_waiting gauge -> queue_length
        vllm:gpu_cache_usage_perc gauge -> -
        vllm:e2e_request_latency_seconds histogram -> latency_mean s
        container_cpu_load_average_10s gauge -> load
        container_blkio_device_usage_total counter -> disk_traffic /s
        kube_hpa_status_current_replicas gauge -> -
        kubelet_pod_worker_duration_seconds histogram -> latency_mean s
        karpenter_nodes_terminated gauge -> -
        cilium_forward_bytes_total counter -> -
        weave_connections gauge -> connections
        linkerd_proxy_inject_admission_responses_total counter -> request_rate /s
        netdata_disk_backlog_milliseconds_average gauge -> disk_latency ms
        netdata_system_ram_MiB_average gauge -> memory_used MiB
        telegraf_cpu_usage_idle gauge -> cpu_idle
        collectd_load_shortterm gauge -> load
        NumberOfBusyThreads gauge -> saturation
        AvgQueryExecutionTimeMs gauge -> db_query_time ms
        TotalFailures gauge -> errors
        heapFreePct gauge -> memory_free percent
        ActiveDbConnections gauge -> db_connections
        OrdersPerMinute gauge -> -
        checkoutErrorsCount gauge -> errors
        cartServiceLatencyP99Millis gauge -> latency_p99 ms
        pod.mem.rss gauge -> memory_used
        svc.http.err.rate gauge -> error_ratio
        svc.http.rt.p95 gauge -> latency_p95
    """,
}

"""What real exporters list, with their names and labels, by exporter. Histograms are listed by one bucket, as Compass asks for them."""

from __future__ import annotations

import re

SERIES = re.compile(r"(\w+)\{(.*)\}")
LABEL = re.compile(r'(\w+)="([^"]*)"')


def listed(exporter: str) -> list[dict[str, str]]:
    """The series of one exporter as a Prometheus lists them."""
    lines = [SERIES.fullmatch(line.strip()) for line in EXPORTERS[exporter].strip().splitlines()]
    return [{"__name__": line[1], **dict(LABEL.findall(line[2]))} for line in lines if line]


EXPORTERS = {
    # OpenTelemetry semantic conventions 1.23 and later, as the Prometheus exporter of the SDKs writes them
    "otel http": """
        http_server_request_duration_seconds_count{service_name="checkout",http_request_method="GET",http_response_status_code="200",http_route="/pay"}
        http_server_request_duration_seconds_count{service_name="checkout",http_request_method="GET",http_response_status_code="503",http_route="/pay",error_type="503"}
        http_server_request_duration_seconds_count{service_name="checkout",http_request_method="GET",http_response_status_code="429",http_route="/pay"}
        http_server_request_duration_seconds_count{service_name="checkout",http_request_method="GET",http_response_status_code="404"}
        http_server_request_duration_seconds_sum{service_name="checkout",http_request_method="GET",http_response_status_code="200",http_route="/pay"}
        http_server_request_duration_seconds_bucket{service_name="checkout",http_request_method="GET",http_response_status_code="200",le="+Inf"}
        http_server_active_requests{service_name="checkout",http_request_method="GET",url_scheme="http"}
        http_client_request_duration_seconds_count{service_name="checkout",server_address="orders.shop.svc",server_port="80",http_response_status_code="200"}
        http_client_request_duration_seconds_count{service_name="checkout",server_address="orders.shop.svc",server_port="80",error_type="java.net.ConnectException"}
        http_client_request_duration_seconds_count{service_name="checkout",server_address="orders.shop.svc",server_port="80",error_type="ENOTFOUND"}
        http_client_request_duration_seconds_count{service_name="checkout",server_address="orders.shop.svc",server_port="80",error_type="name_resolution_error"}
        http_client_request_duration_seconds_count{service_name="checkout",server_address="orders.shop.svc",server_port="80",error_type="javax.net.ssl.SSLHandshakeException"}
        http_client_request_duration_seconds_count{service_name="checkout",server_address="orders.shop.svc",server_port="80",error_type="ECONNRESET"}
        http_client_request_duration_seconds_count{service_name="checkout",server_address="orders.shop.svc",server_port="80",error_type="500"}
        http_client_request_duration_seconds_sum{service_name="checkout",server_address="orders.shop.svc",server_port="80",http_response_status_code="200"}
        http_client_request_duration_seconds_bucket{service_name="checkout",server_address="orders.shop.svc",server_port="80",http_response_status_code="200",le="+Inf"}
    """,
    # semantic conventions before 1.23
    "otel http, old": """
        http_server_duration_milliseconds_count{service_name="checkout",http_method="GET",http_status_code="502",http_route="/pay"}
        http_server_duration_milliseconds_count{service_name="checkout",http_method="GET",http_status_code="429",http_route="/pay"}
        http_server_duration_milliseconds_count{service_name="checkout",http_method="GET",http_status_code="404",http_route="/pay"}
        http_server_duration_milliseconds_bucket{service_name="checkout",http_method="GET",http_status_code="200",le="+Inf"}
        http_client_duration_milliseconds_bucket{service_name="checkout",http_method="GET",http_status_code="200",net_peer_name="orders.shop.svc",net_peer_port="80",le="+Inf"}
    """,
    "otel rpc": """
        rpc_server_duration_milliseconds_count{service_name="payment",rpc_system="grpc",rpc_service="Pay",rpc_method="Charge",rpc_grpc_status_code="0"}
        rpc_server_duration_milliseconds_count{service_name="payment",rpc_system="grpc",rpc_service="Pay",rpc_method="Charge",rpc_grpc_status_code="8"}
        rpc_server_duration_milliseconds_count{service_name="payment",rpc_system="grpc",rpc_service="Pay",rpc_method="Charge",rpc_grpc_status_code="14"}
        rpc_server_duration_milliseconds_bucket{service_name="payment",rpc_system="grpc",rpc_service="Pay",rpc_method="Charge",le="+Inf"}
        rpc_client_duration_milliseconds_bucket{service_name="payment",rpc_system="grpc",rpc_service="Bank",rpc_method="Book",server_address="bank.shop.svc",le="+Inf"}
    """,
    "go-grpc-prometheus": """
        grpc_server_handled_total{job="shop/payment",grpc_type="unary",grpc_service="Pay",grpc_method="Charge",grpc_code="OK"}
        grpc_server_handled_total{job="shop/payment",grpc_type="unary",grpc_service="Pay",grpc_method="Charge",grpc_code="NotFound"}
        grpc_server_handled_total{job="shop/payment",grpc_type="unary",grpc_service="Pay",grpc_method="Charge",grpc_code="Unavailable"}
        grpc_server_handled_total{job="shop/payment",grpc_type="unary",grpc_service="Pay",grpc_method="Charge",grpc_code="ResourceExhausted"}
    """,
    # Spring Boot's Micrometer, with its HikariCP pool
    "micrometer": """
        http_server_requests_seconds_count{app="catalog",method="GET",uri="/items",status="200",outcome="SUCCESS",exception="none"}
        http_server_requests_seconds_count{app="catalog",method="GET",uri="/items",status="500",outcome="SERVER_ERROR",exception="IOException"}
        http_server_requests_seconds_count{app="catalog",method="GET",uri="/items",status="429",outcome="CLIENT_ERROR",exception="none"}
        http_server_requests_seconds_count{app="catalog",method="GET",uri="/items",status="404",outcome="CLIENT_ERROR",exception="none"}
        http_server_requests_seconds_bucket{app="catalog",method="GET",uri="/items",status="200",le="+Inf"}
        hikaricp_connections_pending{app="catalog",pool="HikariPool-1"}
        hikaricp_connections_active{app="catalog",pool="HikariPool-1"}
        hikaricp_connections_max{app="catalog",pool="HikariPool-1"}
        hikaricp_connections_timeout_total{app="catalog",pool="HikariPool-1"}
    """,
    # express-prom-bundle, and the FastAPI instrumentator that groups statuses
    "client libraries": """
        http_request_duration_seconds_count{app="web",method="GET",path="/",status_code="500"}
        http_request_duration_seconds_count{app="web",method="GET",path="/",status_code="429"}
        http_request_duration_seconds_count{app="web",method="GET",path="/",status_code="404"}
        http_request_duration_seconds_bucket{app="web",method="GET",path="/",status_code="200",le="+Inf"}
        http_requests_total{app="web",method="GET",handler="/",status="2xx"}
        http_requests_total{app="web",method="GET",handler="/",status="5xx"}
        http_requests_total{app="web",method="GET",handler="/old",code="429"}
        http_requests_total{app="web",method="GET",handler="/old",code="404"}
        process_cpu_seconds_total{app="web",instance="10.0.0.9:8000"}
        process_resident_memory_bytes{app="web",instance="10.0.0.9:8000"}
        up{app="web",instance="10.0.0.9:8000"}
    """,
    # Tempo's metrics generator, and the same names from a collector that writes seconds
    "tempo": """
        traces_spanmetrics_calls_total{service="cart",span_name="GET",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET",http_status_code="429"}
        traces_spanmetrics_calls_total{service="cart",span_name="GET",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET",http_status_code="404"}
        traces_spanmetrics_calls_total{service="cart",span_name="GET",span_kind="SPAN_KIND_CLIENT",status_code="STATUS_CODE_ERROR"}
        traces_spanmetrics_latency_bucket{service="cart",span_name="GET",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET",le="+Inf"}
        traces_spanmetrics_duration_seconds_bucket{service="cart",span_name="GET",span_kind="SPAN_KIND_SERVER",le="+Inf"}
    """,
    "span metrics connector": """
        traces_span_metrics_calls_total{service_name="cart",span_name="GET",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_ERROR",http_response_status_code="429"}
        traces_span_metrics_calls_total{service_name="cart",span_name="GET",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_ERROR",http_response_status_code="404"}
        traces_span_metrics_calls_total{service_name="cart",span_name="GET",span_kind="SPAN_KIND_CONSUMER",status_code="STATUS_CODE_OK"}
        traces_span_metrics_calls_total{service_name="cart",span_name="GET",span_kind="SPAN_KIND_INTERNAL",status_code="STATUS_CODE_OK"}
        traces_span_metrics_duration_milliseconds_bucket{service_name="cart",span_name="GET",span_kind="SPAN_KIND_SERVER",le="+Inf"}
        traces_span_metrics_duration_seconds_bucket{service_name="cart",span_name="GET",span_kind="SPAN_KIND_SERVER",le="+Inf"}
    """,
    "cadvisor": """
        container_cpu_usage_seconds_total{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",image="cart:1.4.0",instance="10.0.0.1:10250",job="kubelet"}
        container_cpu_cfs_periods_total{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",instance="10.0.0.1:10250",job="kubelet"}
        container_cpu_cfs_throttled_periods_total{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",instance="10.0.0.1:10250",job="kubelet"}
        container_memory_working_set_bytes{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",instance="10.0.0.1:10250",job="kubelet"}
        container_spec_memory_limit_bytes{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",instance="10.0.0.1:10250",job="kubelet"}
        container_oom_events_total{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",instance="10.0.0.1:10250",job="kubelet"}
        container_network_receive_bytes_total{interface="eth0",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",instance="10.0.0.1:10250",job="kubelet"}
        container_network_transmit_bytes_total{interface="eth0",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",instance="10.0.0.1:10250",job="kubelet"}
        container_network_receive_packets_dropped_total{interface="eth0",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",instance="10.0.0.1:10250",job="kubelet"}
        container_network_transmit_packets_dropped_total{interface="eth0",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",instance="10.0.0.1:10250",job="kubelet"}
    """,
    "kube-state-metrics": """
        kube_pod_container_status_restarts_total{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",uid="u",job="kube-state-metrics"}
        kube_pod_container_status_last_terminated_reason{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",reason="OOMKilled",job="kube-state-metrics"}
        kube_pod_container_status_last_terminated_reason{container="cart",namespace="shop",pod="cart-7c9b6d5f4-m2zqp",reason="Completed",job="kube-state-metrics"}
        kube_deployment_status_replicas_available{deployment="cart",namespace="shop",job="kube-state-metrics"}
        container_cpu_usage_seconds_total{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",job="kubelet"}
        kube_pod_status_phase{namespace="shop",pod="cart-7c9b6d5f4-k4jxs",phase="Running",job="kube-state-metrics"}
        kube_pod_status_phase{namespace="shop",pod="cart-7c9b6d5f4-k4jxs",phase="Pending",job="kube-state-metrics"}
        kube_deployment_spec_replicas{deployment="cart",namespace="shop",job="kube-state-metrics"}
        kube_statefulset_replicas{statefulset="cart-cache",namespace="shop",job="kube-state-metrics"}
        kube_pod_container_resource_limits{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",resource="memory",unit="byte",job="kube-state-metrics"}
        kube_pod_container_resource_limits{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",resource="cpu",unit="core",job="kube-state-metrics"}
        container_memory_working_set_bytes{container="cart",namespace="shop",pod="cart-7c9b6d5f4-k4jxs",job="kubelet"}
        kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler="cart",namespace="shop",job="kube-state-metrics"}
        kube_horizontalpodautoscaler_spec_max_replicas{horizontalpodautoscaler="cart",namespace="shop",job="kube-state-metrics"}
        kube_node_status_condition{node="node-b",condition="Ready",status="true",job="kube-state-metrics"}
        kube_node_status_condition{node="node-b",condition="Ready",status="false",job="kube-state-metrics"}
        kube_node_status_condition{node="node-b",condition="MemoryPressure",status="true",job="kube-state-metrics"}
        kube_node_status_condition{node="node-b",condition="MemoryPressure",status="false",job="kube-state-metrics"}
        kube_node_status_condition{node="node-b",condition="DiskPressure",status="true",job="kube-state-metrics"}
        kube_node_status_condition{node="node-b",condition="DiskPressure",status="false",job="kube-state-metrics"}
    """,
    # postgres_exporter; 0.10 and 0.17 differ in `pg_replication_lag`, checkpoints and statements
    "postgres_exporter": """
        pg_up{server="orders-db:5432",job="postgres",instance="10.0.0.7:9187"}
        pg_stat_activity_count{server="orders-db:5432",datname="orders",state="active",wait_event_type="Lock",wait_event="transactionid",job="postgres"}
        pg_stat_activity_count{server="orders-db:5432",datname="orders",state="idle",wait_event_type="Client",wait_event="ClientRead",job="postgres"}
        pg_stat_activity_count{server="orders-db:5432",datname="orders",state="active",wait_event_type="IO",wait_event="DataFileRead",job="postgres"}
        pg_stat_activity_max_tx_duration{server="orders-db:5432",datname="orders",state="active",job="postgres"}
        pg_settings_max_connections{server="orders-db:5432",job="postgres"}
        pg_stat_database_numbackends{server="orders-db:5432",datid="16384",datname="orders",job="postgres"}
        pg_stat_statements_seconds_total{server="orders-db:5432",datname="orders",user="shop",queryid="1",job="postgres"}
        pg_stat_statements_calls_total{server="orders-db:5432",datname="orders",user="shop",queryid="1",job="postgres"}
        pg_locks_count{server="orders-db:5432",datname="orders",mode="accesssharelock",job="postgres"}
        pg_locks_count{server="orders-db:5432",datname="orders",mode="accessexclusivelock",job="postgres"}
        pg_locks_count{server="orders-db:5432",datname="orders",mode="rowexclusivelock",job="postgres"}
        pg_locks_count{server="orders-db:5432",datname="orders",mode="sireadlock",job="postgres"}
        pg_replication_lag{server="orders-db:5432",job="postgres"}
        pg_replication_lag_seconds{server="orders-db:5432",job="postgres"}
        pg_stat_database_deadlocks{server="orders-db:5432",datid="16384",datname="orders",job="postgres"}
        pg_stat_database_blks_read{server="orders-db:5432",datid="16384",datname="orders",job="postgres"}
        pg_stat_database_blks_hit{server="orders-db:5432",datid="16384",datname="orders",job="postgres"}
        pg_stat_database_blk_read_time{server="orders-db:5432",datid="16384",datname="orders",job="postgres"}
        pg_stat_bgwriter_buffers_backend_fsync{server="orders-db:5432",job="postgres"}
        pg_stat_bgwriter_buffers_backend_fsync_total{server="orders-db:5432",job="postgres"}
        pg_stat_database_tup_returned{server="orders-db:5432",datid="16384",datname="orders",job="postgres"}
        pg_stat_user_tables_seq_tup_read{server="orders-db:5432",datname="orders",schemaname="public",relname="orders",job="postgres"}
        pg_stat_database_xact_commit{server="orders-db:5432",datid="16384",datname="orders",job="postgres"}
        pg_stat_database_xact_rollback{server="orders-db:5432",datid="16384",datname="orders",job="postgres"}
        pg_stat_bgwriter_checkpoints_req{server="orders-db:5432",job="postgres"}
        pg_stat_bgwriter_checkpoints_req_total{server="orders-db:5432",job="postgres"}
        pg_stat_checkpointer_num_requested_total{server="orders-db:5432",job="postgres"}
        pg_database_size_bytes{server="orders-db:5432",datname="orders",job="postgres"}
    """,
    # the recording's exporter, and others that write OpenMetrics
    "postgres, openmetrics": """
        pg_stat_database_deadlocks_total{server="orders-db:5432",datname="orders",job="postgres"}
        pg_stat_database_blks_read_total{server="orders-db:5432",datname="orders",job="postgres"}
        pg_stat_database_blks_hit_total{server="orders-db:5432",datname="orders",job="postgres"}
        pg_stat_database_blk_read_time_total{server="orders-db:5432",datname="orders",job="postgres"}
        pg_stat_database_tup_returned_total{server="orders-db:5432",datname="orders",job="postgres"}
        pg_stat_database_xact_commit_total{server="orders-db:5432",datname="orders",job="postgres"}
        pg_stat_database_xact_rollback_total{server="orders-db:5432",datname="orders",job="postgres"}
    """,
    "mysqld_exporter": """
        mysql_up{instance="carts-db:9104",job="mysql"}
        mysql_global_status_connection_errors_total{instance="carts-db:9104",error="max_connections",job="mysql"}
        mysql_global_status_threads_running{instance="carts-db:9104",job="mysql"}
        mysql_slave_status_slave_sql_running{instance="carts-db:9104",job="mysql"}
        mysql_slave_status_slave_io_running{instance="carts-db:9104",job="mysql"}
        mysql_global_status_threads_connected{instance="carts-db:9104",job="mysql"}
        mysql_global_status_commands_total{command="commit",instance="carts-db:9104",job="mysql"}
        mysql_global_status_handlers_total{handler="read_rnd_next",instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_buffer_pool_read_requests{instance="carts-db:9104",job="mysql"}
        mysql_global_variables_max_connections{instance="carts-db:9104",job="mysql"}
        mysql_global_status_slow_queries{instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_row_lock_current_waits{instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_deadlocks{instance="carts-db:9104",job="mysql"}
        mysql_info_schema_innodb_metrics_lock_lock_deadlocks_total{instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_row_ops_total{operation="read",instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_buffer_pool_reads{instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_buffer_pool_wait_free{instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_log_waits{instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_data_pending_fsyncs{instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_data_pending_reads{instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_data_pending_writes{instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_os_log_pending_fsyncs{instance="carts-db:9104",job="mysql"}
        mysql_global_status_innodb_os_log_pending_writes{instance="carts-db:9104",job="mysql"}
        mysql_global_status_aborted_clients{instance="carts-db:9104",job="mysql"}
        mysql_perf_schema_events_statements_seconds_total{instance="carts-db:9104",schema="carts",digest="1",job="mysql"}
        mysql_perf_schema_events_statements_total{instance="carts-db:9104",schema="carts",digest="1",job="mysql"}
        mysql_slave_status_seconds_behind_master{instance="carts-db:9104",job="mysql",master_host="carts-db-0"}
    """,
    "redis_exporter": """
        redis_up{instance="session-cache:9121",job="redis"}
        redis_connected_clients{instance="session-cache:9121",job="redis"}
        redis_rejected_connections_total{instance="session-cache:9121",job="redis"}
        redis_master_link_up{instance="cache:9121",job="redis"}
        redis_config_maxclients{instance="session-cache:9121",job="redis"}
        redis_keyspace_hits_total{instance="session-cache:9121",job="redis"}
        redis_keyspace_misses_total{instance="session-cache:9121",job="redis"}
        redis_evicted_keys_total{instance="session-cache:9121",job="redis"}
        redis_commands_duration_seconds_total{cmd="get",instance="session-cache:9121",job="redis"}
        redis_commands_total{cmd="get",instance="session-cache:9121",job="redis"}
        redis_aof_delayed_fsync{instance="session-cache:9121",job="redis"}
        redis_aof_pending_bio_fsync{instance="session-cache:9121",job="redis"}
    """,
    "other databases": """
        mongodb_up{instance="profiles-db:9216",job="mongodb",cluster_role="mongod"}
        mongodb_ss_connections{instance="docs-db:9216",conn_type="current",job="mongodb"}
        mongodb_ss_connections{instance="docs-db:9216",conn_type="available",job="mongodb"}
        mongodb_ss_connections{instance="docs-db:9216",conn_type="active",job="mongodb"}
        mongodb_ss_opLatencies_latency{instance="docs-db:9216",op_type="reads",job="mongodb"}
        mongodb_ss_opLatencies_ops{instance="docs-db:9216",op_type="reads",job="mongodb"}
        mongodb_mongod_op_latencies_latency_total{instance="docs-db:9216",type="read",job="mongodb"}
        mongodb_mongod_op_latencies_ops_total{instance="docs-db:9216",type="read",job="mongodb"}
        mongodb_ss_metrics_queryExecutor_scannedObjects{instance="docs-db:9216",job="mongodb"}
        mongodb_ss_wt_cache_pages_read_into_cache{instance="docs-db:9216",job="mongodb"}
        mongodb_ss_wt_cache_pages_requested_from_the_cache{instance="docs-db:9216",job="mongodb"}
        mongodb_connections{instance="docs-db:9216",state="current",job="mongodb"}
        mongodb_connections{instance="docs-db:9216",state="available",job="mongodb"}
        pgbouncer_pools_client_waiting_connections{instance="pooler:9127",job="pgbouncer",database="orders",user="shop"}
    """,
    # prometheus/client_golang's collector of database/sql
    "go database/sql": """
        go_sql_in_use_connections{job="shop/cart",db_name="carts"}
        go_sql_max_open_connections{job="shop/cart",db_name="carts"}
    """,
    "otel database client": """
        db_client_connection_count{service_name="checkout",db_client_connection_pool_name="orders",db_client_connection_state="idle"}
        db_client_connection_count{service_name="checkout",db_client_connection_pool_name="orders",db_client_connection_state="used"}
        db_client_connection_max{service_name="checkout",db_client_connection_pool_name="orders"}
        db_client_connection_pending_requests{service_name="checkout",db_client_connection_pool_name="orders"}
        db_client_connection_timeouts_total{service_name="checkout",db_client_connection_pool_name="orders"}
        db_client_operation_duration_seconds_count{service_name="checkout",db_system_name="postgresql",server_address="orders-db.shop.svc",db_operation_name="SELECT"}
        db_client_operation_duration_seconds_count{service_name="checkout",db_system_name="postgresql",server_address="orders-db.shop.svc",error_type="timeout"}
        db_client_operation_duration_seconds_count{service_name="checkout",db_system_name="postgresql",server_address="orders-db.shop.svc",error_type="53300",db_response_status_code="53300"}
        db_client_operation_duration_seconds_bucket{service_name="checkout",db_system_name="postgresql",server_address="orders-db.shop.svc",le="+Inf"}
    """,
    "otel database client, old": """
        db_client_connections_usage{service_name="checkout",pool_name="orders",state="idle"}
        db_client_connections_usage{service_name="checkout",pool_name="orders",state="used"}
        db_client_connections_max{service_name="checkout",pool_name="orders"}
        db_client_connections_pending_requests{service_name="checkout",pool_name="orders"}
        db_client_connections_timeouts_total{service_name="checkout",pool_name="orders"}
    """,
    "node_exporter": """
        node_vmstat_oom_kill{instance="node-b:9100",job="node"}
        node_cpu_seconds_total{instance="node-b:9100",cpu="0",mode="idle",job="node"}
        node_cpu_seconds_total{instance="node-b:9100",cpu="0",mode="user",job="node"}
        node_cpu_seconds_total{instance="node-b:9100",cpu="0",mode="steal",job="node"}
        node_cpu_seconds_total{instance="node-b:9100",cpu="0",mode="iowait",job="node"}
        node_disk_io_time_seconds_total{instance="node-a:9100",job="node",device="sda"}
        node_disk_io_time_weighted_seconds_total{instance="node-a:9100",device="sda",job="node"}
        node_disk_read_time_seconds_total{instance="node-a:9100",device="sda",job="node"}
        node_disk_reads_completed_total{instance="node-a:9100",device="sda",job="node"}
        node_disk_write_time_seconds_total{instance="node-a:9100",device="sda",job="node"}
        node_disk_writes_completed_total{instance="node-a:9100",device="sda",job="node"}
        node_pressure_io_waiting_seconds_total{instance="node-a:9100",job="node"}
        node_procs_blocked{instance="node-a:9100",job="node"}
        node_filesystem_avail_bytes{instance="node-a:9100",job="node",device="/dev/sda1",fstype="ext4",mountpoint="/"}
        node_filesystem_size_bytes{instance="node-a:9100",job="node",device="/dev/sda1",fstype="ext4",mountpoint="/"}
        node_netstat_Tcp_RetransSegs{instance="node-a:9100",job="node"}
        node_netstat_Tcp_OutSegs{instance="node-a:9100",job="node"}
        node_netstat_Tcp_OutRsts{instance="node-a:9100",job="node"}
        node_netstat_Tcp_EstabResets{instance="node-a:9100",job="node"}
        node_netstat_Tcp_AttemptFails{instance="node-a:9100",job="node"}
        node_network_receive_drop_total{instance="node-a:9100",job="node",device="eth0"}
        node_network_transmit_drop_total{instance="node-a:9100",job="node",device="eth0"}
        node_network_receive_errs_total{instance="node-a:9100",job="node",device="eth0"}
        node_network_transmit_errs_total{instance="node-a:9100",job="node",device="eth0"}
        node_network_receive_bytes_total{instance="node-a:9100",job="node",device="eth0"}
        node_network_transmit_bytes_total{instance="node-a:9100",job="node",device="eth0"}
        node_nf_conntrack_entries{instance="node-a:9100",job="node"}
        node_nf_conntrack_entries_limit{instance="node-a:9100",job="node"}
    """,
    "coredns": """
        coredns_dns_responses_total{server="dns://:53",zone=".",view="",rcode="NOERROR",plugin="forward",job="kube-dns",pod="coredns-5d78c9869d-8xzvq"}
        coredns_dns_responses_total{server="dns://:53",zone=".",view="",rcode="SERVFAIL",plugin="forward",job="kube-dns",pod="coredns-5d78c9869d-8xzvq"}
        coredns_dns_request_duration_seconds_bucket{server="dns://:53",zone=".",view="",le="+Inf",job="kube-dns",pod="coredns-5d78c9869d-8xzvq"}
    """,
    "ingress-nginx": """
        nginx_ingress_controller_requests{controller_class="k8s.io/ingress-nginx",ingress="web",service="web",host="shop.example",method="GET",path="/",status="200"}
        nginx_ingress_controller_requests{controller_class="k8s.io/ingress-nginx",ingress="web",service="web",host="shop.example",method="GET",path="/",status="502"}
    """,
    "envoy": """
        envoy_cluster_upstream_rq_xx{app="edge",envoy_cluster_name="orders",envoy_response_code_class="2"}
        envoy_cluster_upstream_rq_xx{app="edge",envoy_cluster_name="orders",envoy_response_code_class="5"}
        envoy_cluster_upstream_rq{app="edge",envoy_cluster_name="orders",envoy_response_code="200"}
        envoy_cluster_upstream_rq{app="edge",envoy_cluster_name="orders",envoy_response_code="503"}
        envoy_cluster_upstream_cx_connect_fail{app="edge",envoy_cluster_name="orders"}
        envoy_cluster_ssl_connection_error{app="edge",envoy_cluster_name="orders"}
        envoy_listener_ssl_connection_error{app="edge",envoy_listener_address="0.0.0.0_8443"}
        envoy_listener_ssl_fail_verify_error{app="edge",envoy_listener_address="0.0.0.0_8443"}
    """,
    # the exporter of enix, and cert-manager's own
    "certificates": """
        x509_cert_not_after{subject_CN="shop.example",secret_name="shop-tls",job="shop/certificates"}
        certmanager_certificate_expiration_timestamp_seconds{name="shop-tls",job="cert-manager"}
    """,
    "blackbox_exporter": """
        probe_ssl_earliest_cert_expiry{instance="https://shop.example/",job="blackbox"}
        probe_success{instance="https://shop.example/health",job="blackbox"}
    """,
}

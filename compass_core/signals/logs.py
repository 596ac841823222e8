"""What drivers, servers and libraries write for each kind of trouble: codes, names of classes and errors before sentences.

A phrase is a part of a line in lower case, `#` in it any digit. A line tells of the first row here that it holds a phrase of, so that
the more specific comes first: `lock wait timeout` before `timeout`.
"""

from collections.abc import Sequence

from compass_core.domain import AgentName
from compass_core.phrases import first_of
from compass_core.signals.signal import APPLICATION, DATABASE, DIRECT, FELT, NETWORK, Evidence, Scale, Signal


def _split(phrases: str) -> tuple[str, ...]:
    return tuple(phrase for line in phrases.splitlines() for phrase in line.strip().split("|") if phrase)


ERROR_PHRASES = _split(
    """err|eror|exception|fatal|panic|fail|traceback|crit|severe|emerg|alert|timeout|timed out|unavailable| ftl|[ftl|fehler|ошибк|важно|错误
    エラー|오류|level":5#|level": 5#|level":60|level": 60|level":3,|level": 3,|level":2,|priority":"3"|number":17|number": 17|number":21
    s":"e"|s":"f"|e#### ##:##|f#### ##:##|[e]| e  |e, [|[e ######| 5## |status":5##|status": 5##|code":5##|code": 5##|status=5##"""
)
"""What lines of errors hold: a wide net, of which `analysis.lines` reads the level."""

LINES = Scale("change", 1.0, 10.0, 100.0)  # more lines than usual; each is commonly a request that failed
A_MINUTE = LINES.times(0.1)  # the same in ten minutes, where nobody knows what lines tell: whoever writes a few in an hour is well


def _row(name: str, agent: AgentName, words: str, evidence: Evidence, speaks_for: tuple[str, ...], phrases: str) -> Signal:
    return Signal(name, agent, words, "", LINES, evidence, speaks_for, phrases=_split(phrases))


# fmt: off
LOG_SIGNALS = (
    _row("log_lock", DATABASE, "locks in the database", FELT, ("lock_contention",), """
         deadlock|lock wait timeout|could not obtain lock|lock timeout|lock_timeout|lock request time out|still waiting for
         database is locked|table is locked|sqlite_busy|sqlite_locked|40p01|55p03|could not serialize access
         serialization failure|er_lock_|writeconflict|lockacquisition|cannotacquirelock|pessimisticlock|optimisticlock
         unable to acquire lock|metadata lock|ora-00054|ora-00060|bloquage mortel|interblocage|взаимоблокировк|デッドロック|死锁"""),
    _row("log_server_full", DATABASE, "the server takes no more connections", FELT, ("connection_exhaustion",), """
         too many clients|too many connections|too_many_connections|sqlstate 53300|sqlstate: 53300|[53300]|sqlstate[08004]
         (1040|error 1040|er_con_count|max_user_connections|connection slots|max number of clients|ora-12516|ora-12519
         ora-12520|ora-00018|ora-00020|zu viele verbindungen|trop de clients|trop de connexions|demasiados clientes
         demasiadas conexiones|clientes demais|troppi client|troppe connessioni|слишком много клиентов
         слишком много подключений|连接数过多|接続が多すぎ"""),
    _row("log_connection_exhaustion", DATABASE, "no database connection left", FELT, ("connection_exhaustion",), """
         too many open connections|pool exhausted|pool is exhausted|pool has been exhausted|poolexhausted|exhaustedpool
         pool timeout|pooltimeout|pool timed out|pool empty|pool is full|pool is probably full|queuepool limit|max pool size
         connection is not available|timed out waiting for connection|timeout waiting for connection
         timeout waiting for idle|waiting for an open connection|acquire connection|acquire a connection
         acquiring a connection|acquiring connection|connectionacquiretimeout|obtain a connection from
         obtaining a connection|connection from the pool|connection from the connection pool|connection from pool
         checkout a connection|cannot get a connection|get a resource|waitqueuetimeout|getconnectiontimeout
         connectiontimeouterror|no available connection|no connections available|no more connections
         query_wait_timeout|max_client_conn|exceeded when trying to connect|dropped from queue|too many open files|emfile
         upstream_overflow|{overflow}| 503 uo"""),
    _row("log_slow_query", DATABASE, "slow or cancelled queries", FELT, ("slow_queries",), """
         slow query|slow sql|slow_query|slowlog|query_time: |ms  statement: |ms  execute |statement timeout
         statement_timeout|canceling statement due to|57014|query execution was interrupted|max_execution_time
         statement execution time exceeded|querytimeout|query timed out|query timeout|er_query_timeout|query read timeout
         operation exceeded time limit|maxtimemsexpired|execution timeout expired|ora-01013|timeout_exceeded
         storniere anfrage|annulation de la requête|cancelando la sentencia|выполнение оператора отменено"""),
    _row("log_replication", DATABASE, "replication trouble", DIRECT, ("replication_lag",), """
         replication lag|replication slot|requested wal segment|data from wal|terminating walreceiver|replication stopped
         replication terminated|replication broken|slave sql|slave i/o|replica sql|replica i/o|fatal error 1236
         master_link_down|masterdown|too stale to catch up|shrinking isr|notenoughreplicas"""),
    _row("log_database_down", DATABASE, "the database does not serve", DIRECT, ("unavailable",), """
         database system is|database is not available|database is unavailable|terminating connection due to
         not accepting commands|57p01|57p02|57p03|server has gone away|lost connection to
         server closed the connection unexpectedly|communications link failure|loading the dataset
         server shutdown in progress|ora-01034|ora-12514|ora-0311|serverselectiontimeout|server selection
         replica set members|replicasetnoprimary|no primary|notwritableprimary|notprimary|not primary|not master
         primarysteppeddown|node is recovering|read only replica|read-only transaction|--read-only|clusterdown
         masternotdiscovered|no master|leader not available|leadernotavailable|leader_not_available|notleaderfor|not_leader
         no living connections|nonodeavailable|nobrokersavailable|brokers are down|nohostavailable|no hosts available
         no alive nodes|datenbanksystem|système de bases de données|sistema de base de datos|система баз данных"""),
    _row("log_disk_full", DATABASE, "no space for data", DIRECT, ("disk_io",), """
         space left on device|enospc|disk full|disk is full|diskfull|could not extend file|errcode: 28|errno 28|os error 28
         53100|disk quota exceeded|edquot|disk watermark|read-only file system|erofs|read_only_allow_delete
         read-only-allow-delete|out of disk|insufficient disk|not enough disk|disk space|not enough space
         insufficient storage|' is full|misconf redis|rdb snapshot|ora-01653|ora-01654|ora-00257|blk_update_request
         buffer i/o error|input/output error|ext4-fs error|speicherplatz|plus d'espace|espace disponible|queda espacio
         espacio disponible|места на устройстве|места на диске|磁盘空间|设备上没有空间|空き領域"""),
    _row("log_out_of_memory", APPLICATION, "out of memory", DIRECT, ("memory_pressure",), """
         outofmemory|out of memory|oomkill|oom-kill|oom_kill|memory cgroup|cannot allocate memory|enomem|heap limit
         heap space|gc overhead limit|memoryerror|memory exhausted|allowed memory size|oom command not allowed|bad_alloc
         memory limit exceeded|exceeded memory limit|circuit_breaking_exception|circuitbreakingexception|53200
         insufficient memory|not enough memory|memory allocation of|ora-04030|ora-04031|speicher aufgebraucht
         mémoire épuisée|memoria agotada|нехватка памяти|не хватает памяти|内存不足|メモリ不足"""),
    _row("log_tls", NETWORK, "TLS failures", DIRECT, ("tls_failure",), """
         x509:|certificate has expired|certificate expired|certificate is expired|certificate verif|certificate_verif
         verify certificate|verify the first certificate|tls handshake|ssl handshake|sslhandshake|handshake_failure
         handshake failure|ssl_do_handshake|bad certificate|bad_certificate|unknown ca|unknown_ca|pkix|certpath|self signed
         self-signed|self_signed|local issuer|unable_to_verify|cert_has_expired|err_tls_|err_cert|err_ssl
         wrong version number|ssl routines|ssl alert|sslerror|sslexception|remote certificate|untrustedroot
         certificate is not|certificate not trusted|certificate unknown|certificate_unknown|certificate required
         invalid peer certificate|hostname mismatch|altnames|subject alternative|remote error: tls|tls alert|tls: failed"""),
    _row("log_dns", NETWORK, "names not resolved", DIRECT, ("dns_failure",), """
         no such host|name resolution|nameresolution|nxdomain|enotfound|eai_again|getaddrinfo|gaierror
         name or service not known|servfail|unknownhost|unknown host|server misbehaving|resolve host|failed to resolve '
         failed to resolve "|lookup address|nodename nor servname|host not found|no address associated
         name does not resolve|translate host name|unknown mysql server host|11001|dns lookup|dns error|dns resolution
         name_not_resolved|(11): resource temporarily unavailable|namensauflösung|der dienst ist nicht bekannt
         service inconnu|servicio desconocido|разрешении имен|имя или служба"""),
    _row("log_connection_refused", NETWORK, "connections refused", DIRECT, ("connection_refused",), """
         connection refused|econnrefused|connect: refused|connectionrefused|actively refused|10061|os error 111|errno 111
         (111|is the server running|can't connect to mysql|can't connect to local|verbindungsaufbau abgelehnt
         verbindung verweigert|connexion refusée|conexión rehusada|conexión denegada|conexão recusada|connessione rifiutata
         в соединении отказано|拒绝连接|连接被拒绝|接続を拒否"""),
    _row("log_rate_limited", APPLICATION, "rate limits hit", DIRECT, ("rate_limited",), """
         too many requests|toomanyrequests|rate limit|ratelimit|rate_limit|rate exceeded|request rate|throttled|throttling
         requestlimitexceeded|throughputexceeded|error code: slowdown|quota exceeded|quotaexceeded|quota_exceeded
         resource_exhausted|resourceexhausted|resource exhausted|http 429|status 429|status code 429|status=429|status":429
         code":429|" 429 |concurrency limit|esrejectedexecution|rejected_execution"""),
    _row("log_no_worker", APPLICATION, "no worker free", FELT, ("connection_exhaustion", "latency_in_service"), """
         rejectedexecutionexception|thread pool is exhausted|threadpool is exhausted|thread pool exhausted|thread pool is full
         threads are currently busy|low on threads|reached pm.max_children|reached max_children|seems busy (you may need
         reached maxrequestworkers|worker_connections are not enough|listen queue"""),
    _row("log_configuration", APPLICATION, "missing or refused configuration", DIRECT, ("config_change", "bad_deploy"), """
         environment variable|env var|missing required|missing config|missing secret|required config|required setting
         required property|configurationexception|configurationerror|improperlyconfigured|resolve placeholder
         invalid config|config error|configuration error|failed to load config|couldn't find key|createcontainerconfigerror
         password authentication|authentication failed|auth failed|authenticationfailed|access denied|accessdenied|28p01
         28000|login failed for|ora-01017|noauth |wrongpass|invalid username-password|not authorized to perform
         unrecognizedclient|invalidclienttoken|expiredtoken|signaturedoesnotmatch|invalid api key|invalid_api_key
         incorrect api key|locate credentials|42p01|undefinedtable|undefinedcolumn|unknown column|no such table
         passwort-authentifizierung|authentification par mot de passe|autentificación|проверку подлинности
         keine zugriffsberechtigung|accès refusé"""),
    _row("log_bad_answer", APPLICATION, "answers that cannot be used", FELT, ("wrong_return_value", "exception_in_code"), """
         empty body|empty response|empty reply|end of json|unexpected token|invalid character|unmarshal|jsondecodeerror
         jsonparse|json parse|jsonexception|jsonreaderexception|jsonmapping|mismatchedinput|unrecognizedproperty|invalid json
         malformed json|not valid json|expecting value: line|deserializ|decode response|decoding response|invalid response
         unexpected response|malformed response|response body is|schema validation|missing field|invalid_response"""),
    _row("log_connection_reset", NETWORK, "connections broken", FELT, ("network_loss",), """
         connection reset|econnreset|broken pipe|brokenpipe|epipe|unexpected eof|prematurely closed|premature end|hang up
         hung up|no route to host|ehostunreach|enetunreach|noroutetohost|network is unreachable|errno 104|errno 32
         errno 110|errno 113|(104|(110|10054|10060|forcibly closed|connection aborted|remote end closed|remotedisconnected
         server disconnected|unexpected end of stream|closed unexpectedly|incompleteread|chunkedencodingerror|closedchannel
         rst_stream|connection termination|upstream_reset| 503 uc|etimedout|connect timed out|connection timed out
         connecttimeout|connect timeout|i/o timeout|соединение разорвано|соединение сброшено|连接被重置"""),
    _row("log_no_answer", NETWORK, "what it calls does not answer", FELT, ("unavailable",), """
         healthy upstream|live upstream|healthy backend|healthy host|no server is available|no servers available
         available server|endpoints available|available endpoints|service unavailable|serviceunavailable
         upstream connect error|connect to all addresses|code = unavailable|statuscode.unavailable|code=unavailable
         upstream timed out|upstream request timeout|deadline exceeded|deadline_exceeded|deadlineexceeded|read timed out
         readtimeout|sockettimeout|request timed out|operation timed out|response timeout|circuit breaker|circuitbreaker
         callnotpermitted|brokencircuit| 503 uf| 503 uh| 503 urx| 503 nr| 404 nr| 504 ut"""),
)
# fmt: on

_PHRASES = tuple(phrase for kind in LOG_SIGNALS for phrase in kind.phrases)
_KINDS = tuple(kind for kind in LOG_SIGNALS for _ in kind.phrases)

TOLD_OF_PEERS = frozenset({
    "log_connection_refused", "log_database_down", "log_no_answer", "log_server_full", "log_disk_full", "log_lock", "log_bad_answer",
})  # fmt: skip
"""What a caller writes of the thing that it names."""

HEARSAY = frozenset({"log_connection_refused", "log_no_answer", "log_bad_answer"})
"""Of these, what the peer itself has not said."""

TOLD_CALMLY = frozenset({"log_slow_query"})
"""What servers write as mere information."""

ERRORS_IN_LINES = (
    Signal("new_exceptions", APPLICATION, "exceptions in its logs", "", A_MINUTE, FELT, ("exception_in_code",)),
    Signal("new_errors", APPLICATION, "errors in its logs", "", A_MINUTE, FELT, ("exception_in_code",)),
    Signal("error_lines", APPLICATION, "error lines", "", LINES, FELT, ("exception_in_code",)),
    Signal("log_silence", APPLICATION, "log lines that stop", "", LINES, FELT, ("unavailable",)),
)


def phrases_of(agent: AgentName) -> tuple[Signal, ...]:
    """The kinds of trouble that an agent looks for in lines."""
    return tuple(kind for kind in LOG_SIGNALS if kind.agent is agent)


def kinds_of(texts: Sequence[str]) -> list[Signal | None]:
    """What kind of trouble each line tells of."""
    return [_KINDS[place] if place >= 0 else None for place in first_of(_PHRASES, texts)]

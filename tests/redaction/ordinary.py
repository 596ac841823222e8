"""Ordinary log lines, varied and from one seed: what redaction must leave as it is. None holds a secret, many look as if."""

from __future__ import annotations

import json
import random
import uuid
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVICES = (
    "checkout",
    "orders",
    "payments",
    "edge",
    "catalog-api",
    "bookings",
    "mail-worker",
    "auth",
    "token-service",
    "sessions",
    "key-store",
)
WORDS = (
    "cart",
    "order",
    "customer",
    "pool",
    "retry",
    "cache",
    "queue",
    "shard",
    "replica",
    "batch",
    "cursor",
    "offset",
    "page",
    "worker",
    "task",
)
PACKAGES = ("com.acme.shop", "org.postgresql.core", "io.netty.channel", "org.springframework.security.web", "com.zaxxer.hikari.pool")
CLASSES = (
    "TokenFilter",
    "PasswordEncoder",
    "SessionRegistry",
    "HikariPool",
    "SecretManager",
    "ApiKeyResolver",
    "CookieProcessor",
    "Charge",
)
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "kube-probe/1.31", "curl/8.5.0", "Prometheus/2.53.0", "Go-http-client/2.0", "okhttp/4.12.0",
)  # fmt: skip
LOOKALIKES = (
    "password reset requested for user {n}",
    "password: must be at least {small} characters long",
    'FATAL:  password authentication failed for user "app{small}"',
    "Access denied for user 'app'@'{ip}' (using password: YES)",
    "secret: not found",
    'MountVolume.SetUp failed for volume "kube-api-access-{pod}" : secret "default-token-{pod}" not found',
    "secretName: db-creds-{small}",
    "reconciled secret=shop/db-creds version={n}",
    '{{"level":"info","msg":"synced","secret":"kube-system/tls-{word}","generation":{small}}}',
    "token_count={n} prompt_tokens={n} completion_tokens={small} max_tokens: {n}",
    "token expired, refreshing; token_type=bearer expires_in={n}",
    "unexpected token: EOF at line {small}",
    "SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    "token: expired",
    "invalid api key: missing",
    "api_key=null auth=none session=closed",
    "session {n} closed after {small} s, sessions={small}",
    "Session establishment complete on server zk-{small}, sessionid = 0x{hex16}, negotiated timeout = {n}",
    "primary_key={n} foreign_key=customer_{n} routing_key=orders.{word}.created partition_key={small}",
    "cache miss key=user:{n}:{word} ttl={small}s",
    "nextPageToken={b64} pageSize={small}",
    "bearer token is missing in request {uuid}",
    "Basic authentication is disabled; using OAuth2",
    "authorization: denied for role reader-{small}",
    "cookie: not set, consent={small}",
    'Pulled image "registry.acme.dev/{svc}@sha256:{hex64}" in {small}.{small}s',
    "Container image docker-pullable://registry.acme.dev:5000/{svc}:1.{small}@sha256:{hex64} already present on machine",
    "Started getty@tty{small}.service and user@{n}.service",
    "GET /static/img/logo@2x.png 200 {n}",
    "cloned git@github.com:acme/{svc}.git at {hex40}",
    "order {digits16} created, amount={small}.{small}",
    "trace_id={dec19} span_id={dec19} dd.trace_id={dec19}",
    "ratio=0.{digits16} p99={small}.{digits16}",
    "event id={digits16} payload={b64}",
    "timestamp={ns} seq={digits16}",
    'checksum ok sha1={hex40} md5={hex32} etag="{hex32}-{small}"',
    "connected to postgres://app@orders-db:5432/orders?sslmode=disable",
    "upstream http://{ip}:8080/v1/{word}?limit={small}&cursor={b64} timed out",
    "loading /var/run/secrets/kubernetes.io/serviceaccount/token",
    "password_file=/run/secrets/db token_path=/var/run/token",
    "SELECT id, password_hash, token FROM users WHERE token = $1 AND session_id = $2",
    'column "password" of relation "users" does not exist',
    "ERROR:  deadlock detected DETAIL:  Process {n} waits for ShareLock on transaction {n}; blocked by process {n}.",
    'ERROR:  duplicate key value violates unique constraint "orders_pkey" DETAIL:  Key (id)=({n}) already exists.',
    "leader election: lock {svc}-{pod} acquired by {svc}-7c9b6d5f8c-{pod}_{uuid}",
    "task-{hex8}-{hex8} disk-{hex16} risk-score={small}",
    "x-request-id: {uuid} x-b3-traceid: {hex32} traceparent: 00-{hex32}-{hex16}-01",
    "passed={small} failed={small} pass: {small} fail: {small} bypass=true",
    "author=deploy-bot signature verified: true keyId={hex8}",
    "PWD=/app HOME=/root compass_version=1.{small}.0",
    "Set-Cookie header is missing; session affinity disabled",
    "Enter password: ",
    "auth=SCRAM-SHA-256 mechanism ok, credentials: provided",
    # names that begin or end as secrets do
    "global-rate-limiter-service is slow, sk-embedding-service-v{small} restarted, xapp-gateway is down",
    "service=sk-embedding-service-v2 pod=sk-embedding-service-v2-7c9b6d5f8c-{pod} glass-inventory-service-{small}",
    "npm_install_duration_seconds_bucket pypi-mirror-sync-{small} hf_hub_downloads_total glue-catalog-crawler-worker-{small}",
    "connected to user@db.cluster.rds.example.com:5432, database orders@orders-db.abc{small}.eu-west-1.rds.amazonaws.com",
    "celery@checkout-worker-7c9b6d5f8c-{pod} ready; deploy@build{small}.prod.example.com; peer admin@cluster0.example.com",
    "auth: checkout-7c9b6d5f8c-{pod} session_store=redis-sessions-{small} key-store=vault-{small} token_bucket=rate-limiter-{small}",
    "orders-password-rotator is down, password-service: 503, secret-manager: timeout",
    # words of the trade beside the name of a secret
    "pam_unix(passwd:chauthtok): user example does not exist",
    "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)",
    "SyntaxError: unexpected token: 'foo{small}bar'",
    "signing_key=kid-2024-{small} key_id=kid-{hex8}",
    "first pass: {small}ms second pass: {n}ms compiler pass={small} pass rate: {small}%",
    "Account SID: S-1-5-21-{n}-{n}-{n}-{small}",
    "next_token={n} nextToken={small} page_token={hex8} continuation_token={b64}",
    "request_id={uuid} session count: {n} session timeout={small}m",
    "token bucket: {small}/{n} token limit: {n} token: refreshed in {small}ms",
    "password policy: strong, password age: {small} days, password -> validated, auth -> orders {small}ms",
    "column password_hash | created | {small} rows",
    "error code=INVALID_ARGUMENT exit code={small} code={n} ticket=INC-{n} signature mismatch for sha256",
    "GET /static/app.js?v={hex8}&key=uploads/2026/{small}/img_{n}.png&code=ECONNRESET HTTP/1.1",
    # commands
    "docker run -p 8080:80 -u 1000:1000 nginx; mkdir -p /var/lib/x; ssh -p 22 host{small}",
    "mysql -h db -P 3306 -u root; git push -u origin:main; ps -p {n}; nmap -p{small} host",
    "NOAUTH Authentication required. AUTH failed for {ip}; redis AUTH took {small}ms",
    "IDENTIFIED BY clause missing; PASSWORD() function is deprecated",
    "machine gun login failed after {small} attempts; machine learning: cpu {small}",
    # programs of other kinds
    "redis[{small}]: {n} changes in {small} seconds. Saving... Background saving terminated with success",
    "kafka: [GroupCoordinator {small}]: Preparing to rebalance group {word} in state PreparingRebalance with old generation {small}",
    "rabbitmq: closing AMQP connection <0.{n}.0> ({ip}:{n} -> {ip}:5672): missed heartbeats from client, timeout: {small}s",
    'mongod: {{"t":{{"$date":"2026-03-14T17:00:00.000Z"}},"s":"I","c":"NETWORK","id":{n},"msg":"Connection ended"}}',
    'etcd: {{"level":"warn","msg":"apply request took too long","took":"{small}ms","request":"header:<ID:{dec19} > range key:\\"/registry/pods\\""}}',
    "sshd[{n}]: Failed password for invalid user admin from {ip} port {n} ssh2",
    "sshd[{n}]: Accepted publickey for deploy from {ip} port {n} ssh2: ED25519 SHA256:{b64}",
    "systemd[1]: Started Session {n} of user root.",
    "kernel: [{n}.{small}] Out of memory: Killed process {n} (java) total-vm:{n}kB, anon-rss:{n}kB",
    'dockerd: level=error msg="Handler for POST /v1.44/containers/{hex64}/start returned error: no such file"',
    "envoy [critical][main] gRPC config for type.googleapis.com/envoy.config.listener.v3.Listener rejected: {word}",
    "haproxy[{n}]: {ip}:{n} [14/Mar/2026:17:00:00.{small}] fe be/s{small} 0/0/{small}/{n}/{n} 503 {n} - - sC-- 1/1/0/0/3 0/0",
    'traefik: level=debug msg="Unable to obtain ACME certificate for domains" providerName=le.acme routerName=web-{svc}@docker',
    "vault: [INFO]  core: post-unseal setup complete; [ERROR] secrets.system: lease revocation failed: lease_id=auth/token/create/{word}",
    "consul: agent.server.raft: heartbeat timeout reached, starting election: last-leader-addr={ip}:8300 last-leader-id={uuid}",
    "celery: Task shop.tasks.{word}[{uuid}] succeeded in {small}.{n}s: None",
    "php-fpm: PHP Fatal error:  Uncaught TypeError: App\\\\Auth\\\\TokenGuard::check(): Argument #1 must be of type string, null given",
    'rails: Completed 401 Unauthorized in {small}ms (ActiveRecord: 0.{small}ms) Parameters: {{"utf8"=>"x", "password"=>"[FILTERED]"}}',
    "node: UnhandledPromiseRejection: TypeError: Cannot read properties of undefined (reading 'token') at Object.<anonymous> (/app/{word}.js:{small}:{small})",
    "dotnet: Microsoft.AspNetCore.Authentication.JwtBearer.JwtBearerHandler[1] Bearer was not authenticated. Failure message: No SecurityTokenValidator",
    "spark: INFO TaskSetManager: Finished task {small}.0 in stage {small}.0 (TID {n}) in {n} ms on {ip} (executor {small}) ({small}/{n})",
    "terraform: module.{word}.aws_db_instance.main: Still creating... [{small}m{small}s elapsed]",
    "cert-manager: issuing certificate as Secret does not contain a private key, key={svc}-tls namespace=shop",
)  # fmt: skip


def ordinary(count: int, seed: int) -> Iterator[str]:
    """`count` lines; the same ones for the same seed."""
    made = Lines(random.Random(seed))  # noqa: S311 - lines must be the same each time
    kinds: tuple[Callable[[], str], ...] = (
        made.nginx,
        made.json,
        made.logfmt,
        made.java,
        made.go,
        made.postgres,
        made.kubernetes,
        made.lookalike,
    )
    for _ in range(count):
        yield made.random.choice(kinds)()


class Lines:
    """One of each kind of line at each call."""

    def __init__(self, random: random.Random) -> None:
        self.random = random
        self.at = datetime(2026, 3, 14, 17, tzinfo=UTC)

    def hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def digits(self, count: int) -> str:
        return str(self.random.randrange(10 ** (count - 1), 10**count))

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def b64(self) -> str:
        return b64encode(self.random.randbytes(self.random.choice((12, 18, 24, 30, 48)))).decode()

    def ip(self) -> str:
        return ".".join(str(self.random.randrange(1, 255)) for _ in range(4))

    def pod(self) -> str:
        return "".join(self.random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))

    def word(self) -> str:
        return self.random.choice(WORDS)

    def service(self) -> str:
        return self.random.choice(SERVICES)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=self.random.randrange(5_000))
        return self.at

    def nginx(self) -> str:
        path = self.random.choice(
            (
                f"/orders/{self.digits(7)}", f"/v1/{self.word()}s/{self.uuid()}?page={self.random.randrange(90)}&sort=-created_at", "/healthz",
                f"/static/{self.word()}.{self.hex(8)}.js", f"/sessions/{self.digits(16)}/keys", f"/api/token/status?id={self.uuid()}",
                f"/oauth/token?grant_type=refresh_token&state={self.hex(16)}", f"/login?next=%2Fcart%2F{self.digits(5)}",
            )
        )  # fmt: skip
        verb, status = self.random.choice(("GET", "POST", "PUT")), self.random.choice((200, 200, 204, 302, 404, 499, 502, 503))
        return (
            f'{self.ip()} - - [{self.now():%d/%b/%Y:%H:%M:%S} +0000] "{verb} {path} HTTP/1.1" {status} {self.random.randrange(90_000)} "-" '
            f'"{self.random.choice(AGENTS)}" rt={self.random.random():.3f} urt={self.random.random():.16f} upstream={self.ip()}:8080'
        )

    def json(self) -> str:
        fields = {
            "ts": self.now().isoformat(),
            "level": self.random.choice(("info", "warn", "error")),
            "service": self.service(),
            "msg": self.random.choice(
                ("request finished", "timeout waiting for connection", f"{self.word()} refreshed", "token refreshed", "retrying")
            ),
            "trace_id": self.hex(32),
            "span_id": self.hex(16),
            self.random.choice(("duration_ms", "offset", "tokens", "key_count")): self.random.randrange(100_000),
            self.random.choice(("request_id", "order_id", "session_count", "key", "version")): self.random.choice(
                (self.uuid(), self.digits(16), self.hex(40), self.word(), f"{self.service()}:{self.digits(6)}")
            ),
            self.random.choice(("payload", "cursor", "digest", "etag", "labels")): self.random.choice(
                (self.b64(), f"sha256:{self.hex(64)}", "-")
            ),
        }
        return json.dumps(fields, separators=self.random.choice(((",", ":"), (", ", ": "))))

    def logfmt(self) -> str:
        return (
            f'ts={self.now().isoformat()} level=error caller={self.word()}.go:{self.random.randrange(900)} msg="{self.word()} failed: context deadline '
            f'exceeded" service={self.service()} req={self.hex(8)} dur={self.random.randrange(9_000)}ms addr={self.ip()}:5432 attempt={self.random.randrange(9)}'
        )

    def java(self) -> str:
        return self.random.choice(
            (
                f"\tat {self.random.choice(PACKAGES)}.{self.random.choice(CLASSES)}$1.apply({self.random.choice(CLASSES)}.java:{self.random.randrange(900)})",
                f"java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after {self.digits(5)}ms.",
                (
                    f"{self.now():%Y-%m-%d %H:%M:%S},123 ERROR [exec-{self.random.randrange(99)}] {self.random.choice(PACKAGES)}.{self.random.choice(CLASSES)} - "
                    f"{self.random.choice(CLASSES)}@{self.hex(8)} failed for {self.word()} {self.digits(9)}"
                ),
                f"Caused by: java.lang.IllegalStateException: {self.random.choice(CLASSES)}: no {self.word()} for key '{self.word()}.{self.word()}' (state=CLOSED)",
            )
        )

    def go(self) -> str:
        return self.random.choice(
            (
                "panic: runtime error: invalid memory address or nil pointer dereference",
                f"[signal SIGSEGV: segmentation violation code=0x1 addr=0x{self.hex(4)} pc=0x{self.hex(8)}]",
                f"goroutine {self.random.randrange(9_000)} [running]:",
                f"main.(*{self.random.choice(CLASSES)}).Get(0xc000{self.hex(6)}, {{0x{self.hex(6)}, 0x{self.random.randrange(64):x}}})",
                f"\t/src/{self.service()}/{self.word()}.go:{self.random.randrange(900)} +0x{self.hex(3)}",
            )
        )

    def postgres(self) -> str:
        pid = self.random.randrange(99_999)
        return f"{self.now():%Y-%m-%d %H:%M:%S.123} UTC [{pid}] " + self.random.choice(
            (
                f"LOG:  checkpoint complete: wrote {self.digits(4)} buffers ({self.random.random():.1f}%); lsn=2/{self.hex(8).upper()}",
                f'ERROR:  duplicate key value violates unique constraint "{self.word()}s_pkey"',
                f"LOG:  duration: {self.random.random() * 9e3:.3f} ms  statement: VACUUM {self.word()}s; id = {self.digits(9)}",
                "FATAL:  remaining connection slots are reserved for non-replication superuser connections",
                f"ERROR:  canceling statement due to statement timeout CONTEXT:  while updating tuple (0,{self.random.randrange(99)})",
            )
        )

    def kubernetes(self) -> str:
        pod = f"{self.service()}-{self.hex(9)}-{self.pod()}"
        return self.random.choice(
            (
                f"Back-off restarting failed container app in pod {pod}_shop({self.uuid()})",
                f'I0314 17:05:11.{self.digits(6)}       1 event.go:389] "Event occurred" object="shop/{pod}" kind="Pod" type="Warning" reason="Unhealthy"',
                f'Readiness probe failed: Get "http://{self.ip()}:8080/ready": dial tcp {self.ip()}:8080: connect: connection refused',
                f'Successfully pulled image "registry.acme.dev/{self.service()}@sha256:{self.hex(64)}" in {self.random.random() * 9:.3f}s',
                f'error syncing secret "shop/{self.word()}-tls": secrets "{self.word()}-tls" not found, requeueing key="shop/{self.word()}"',
            )
        )

    def lookalike(self) -> str:
        return self.random.choice(LOOKALIKES).format(
            n=self.random.randrange(100_000), small=self.random.randrange(10, 60), ip=self.ip(), pod=self.pod(), word=self.word(),
            svc=self.service(), uuid=self.uuid(), b64=self.b64(), hex8=self.hex(8), hex16=self.hex(16), hex32=self.hex(32), hex40=self.hex(40),
            hex64=self.hex(64), digits16=self.digits(16), dec19=self.random.randrange(2**63), ns=int(self.now().timestamp()) * 10**9,
        )  # fmt: skip

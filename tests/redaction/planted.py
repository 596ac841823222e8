"""Secrets that open nothing, put together when they are needed, in the lines where such secrets are found."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from dataclasses import dataclass
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

HEX = digits + "abcdef"
ALNUM = ascii_letters + digits
URL64 = ALNUM + "-_"
BASE64 = ALNUM + "+/"


@dataclass(frozen=True, slots=True)
class Planted:
    """A secret, the kind of it, and a line that tells it."""

    kind: str
    value: str
    text: str


def planted(seed: int) -> tuple[Planted, ...]:
    """Every kind in each of its lines, each time with another value; the same ones for the same seed."""
    make = Maker(random.Random(seed))  # noqa: S311 - the same each time, and they open nothing
    found = []
    given_out = {name: ((begin, (alphabet, count), (digits, 2)), LINES) for name, begin, alphabet, count in GIVEN_OUT}
    for kind, (parts, texts) in (KINDS | NOTATIONS | given_out).items():
        for text in texts:
            value = make.secret(parts)
            found.append(Planted(kind, value, text.replace("%s", value)))
    return (*found, *make.encoded())


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes values: a part is text, or an alphabet and how many characters of it."""

    random: random.Random

    def secret(self, parts: tuple[str | tuple[str, int], ...]) -> str:
        return "".join(part if isinstance(part, str) else "".join(self.random.choices(part[0], k=part[1])) for part in parts)

    def password(self) -> str:
        """At least one letter, digit and sign each, as rules for passwords want it."""
        return self.secret(("Pw", (ALNUM, 8), (digits, 1), (ascii_letters, 1), self.random.choice("!%@#*+")))

    def card(self) -> str:
        number = self.random.choice(("4", "51", "55", "2221", "6011")) + "0" * 16
        number = number[:8] + "".join(self.random.choices(digits, k=7))
        doubled = sum(sum(divmod(2 * int(one), 10)) for one in number[-1::-2]) + sum(map(int, number[-2::-2]))
        return number + str(-doubled % 10)

    def encoded(self) -> list[Planted]:
        """Those of which the line holds another writing than the value, or which are checked by their digits."""
        basic = b64encode(f"deploy:{self.password()}".encode()).decode()
        jwt = [".".join(self._jwt()) for _ in range(3)]
        inner, outer, spaced = self.password(), self.password(), self.secret(((ALNUM, 6), " ", (ALNUM, 7)))
        cards = [self.card() for _ in range(4)]
        grouped = "-".join(cards[0][at : at + 4] for at in range(0, 16, 4))
        pem = [self._pem(kind) for kind in ("", "RSA ", "EC ", "OPENSSH ")]
        account = json.dumps({"type": "service_account", "private_key": pem[0], "client_email": "x"})
        return [
            Planted("basic credentials", basic, f"upstream refused Authorization: Basic {basic}"),
            Planted(
                "basic credentials",
                b64encode(b"admin:hunter2").decode(),
                f'{{"headers":{{"authorization":"Basic {b64encode(b"admin:hunter2").decode()}"}}}}',
            ),
            Planted("jwt", jwt[0], f"error: token rejected: {jwt[0]} (expired)"),
            Planted("jwt", jwt[1], f'GET /v1/orders?jwt={jwt[1]} HTTP/1.1" 401'),
            Planted("jwt", jwt[2], f"id_token={jwt[2]}"),
            Planted("password", inner, json.dumps({"msg": "login failed", "body": json.dumps({"user": "kim", "password": inner})})),
            Planted("password", outer, json.dumps({"log": json.dumps({"m": json.dumps({"passwd": outer})})})),
            Planted("password", spaced, f"connect: password='{spaced}' host=orders-db"),
            Planted("card", grouped, f"charge declined for card {grouped}: insufficient funds"),
            Planted("card", cards[1], f"payment failed pan={cards[1]} code=51"),
            Planted("card", cards[2], f'{{"error":"declined","cardNumber":"{cards[2]}"}}'),
            Planted("card", cards[3], f"could not tokenize {cards[3]} after 3 attempts"),
            Planted("private key", pem[1], f"failed to parse key:\n{pem[1]}"),
            Planted("private key", pem[2].replace("\n", "\\n"), f"config error: KEY={pem[2]}".replace("\n", "\\n")),
            Planted("private key", pem[3].split("\n")[1], f"error loading {' '.join(pem[3].split(chr(10)))}"),
            Planted("private key", pem[0].split("\n")[1], f"error: invalid service account {account}"),
        ]

    def _jwt(self) -> tuple[str, str, str]:
        head, body = ({"alg": "HS256", "typ": "JWT"}, {"sub": self.secret(((digits, 8),)), "iat": 1773511000})
        first, second = (b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (head, body))
        return first, second, self.secret(((URL64, 43),))

    def _pem(self, kind: str) -> str:
        lines = [self.secret(((BASE64, 64),)) for _ in range(6)]
        fence = f"{kind}PRIVATE" + " KEY"
        return "\n".join((f"-----BEGIN {fence}-----", *lines, self.secret(((BASE64, 22), "==")), f"-----END {fence}-----"))


PASSWORD = ("Pw", (ALNUM, 8), (digits, 1), (ascii_letters, 1), "!")
KINDS: dict[str, tuple[tuple[str | tuple[str, int], ...], tuple[str, ...]]] = {
    "aws access key": (("AK" + "IA", (ascii_uppercase, 8), (digits, 8)), ("error: InvalidAccessKeyId %s", '{"error":"denied","key":"%s"}', "cred=%s/20260314/eu-west-1/s3/aws4_request failed")),
    "aws secret key": (((BASE64, 40),), ("error aws_secret_access_key=%s", '{"SecretAccessKey":"%s","error":"x"}', "AWS_SECRET_ACCESS_KEY: %s")),
    "google api key": (("AI" + "za", (URL64, 35)), ("timeout calling https://maps.example.com/v1?key=%s&q=x", "error: API key %s is not valid")),
    "google oauth": (("ya" + "29.", (URL64, 60)), ("error: oauth %s expired", "Authorization: Bearer %s failed")),
    "azure storage key": (((BASE64, 86), "=="), ("error: DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=%s;EndpointSuffix=core.windows.net",)),
    "azure sas": (((ALNUM, 40), "%2B", (ALNUM, 3), "%3D"), ("failed PUT https://shop.blob.core.windows.net/x?sv=2024-11-04&se=2026-03-14&sig=%s",)),
    "github": (("gh" + "p_", (ALNUM, 36)), ("fatal: could not clone https://%s@github.com/acme/shop.git", "error: bad credentials %s", 'env GITHUB_TOKEN="%s" failed')),
    "github fine-grained": (("github" + "_pat_", (ALNUM, 22), "_", (ALNUM, 59)), ("error: push rejected for %s",)),
    "gitlab": (("gl" + "pat-", (URL64, 20)), ("error 401 PRIVATE-TOKEN: %s", "fatal: https://oauth2:%s@gitlab.example.com/x.git")),
    "slack token": (("xo" + "xb-", (digits, 12), "-", (digits, 12), "-", (ALNUM, 24)), ("slack error: invalid_auth token=%s", "failed to post with %s")),
    "slack webhook": (("T", (ALNUM, 8), "/B", (ALNUM, 8), "/", (ALNUM, 24)), ("error posting to https://hooks.slack.com/" + "services/%s: 404",)),
    "stripe": (("sk" + "_live_", (ALNUM, 24)), ("StripeError: Invalid API Key provided: %s", 'charge failed auth="%s"')),
    "openai": (("sk" + "-proj-", (URL64, 40), "7", (ALNUM, 20)), ("error: Incorrect API key provided: %s.", "OPENAI_API_KEY=%s")),
    "anthropic": (("sk" + "-ant-api03-", (URL64, 80), "9A"), ("x-api-key: %s rejected", "error invalid x-api-key %s")),
    "npm": (("np" + "m_", (ALNUM, 36)), ("npm error code E401 //registry.npmjs.org/:_authToken=%s", "error npm token %s revoked")),
    "pypi": (("py" + "pi-AgEIcHlwaS5vcmc", (URL64, 80)), ("twine upload failed -p %s",)),
    "twilio": (("S" + "K", (HEX, 32)), ("error 20003 for key %s",)),
    "sendgrid": (("S" + "G.", (URL64, 22), ".", (URL64, 43)), ("mail error: 401 with %s", "SENDGRID=%s failed")),
    "datadog": (((HEX, 32),), ("error: forbidden DD-API-KEY: %s", "DD_API_KEY=%s invalid", "datadog_app_key: %s rejected, error")),
    "grafana": (("gl" + "sa_", (ALNUM, 32), "_", (HEX, 8)), ("error: annotation not sent with %s",)),
    "vault": (("hv" + "s.", (URL64, 90)), ("error: permission denied X-Vault-Token: %s", "vault login failed for %s")),
    "digitalocean": (("do" + "p_v1_", (HEX, 64)), ("error 401 %s",)),
    "bearer": (((ALNUM, 12), "7.", (ALNUM, 18)), ("error calling orders: Authorization: Bearer %s", '{"error":"x","authorization":["bearer %s"]}', "curl -H 'authorization: bearer %s' failed")),
    "cookie": ((("sid=", (ALNUM, 30), "4; theme=", (ascii_lowercase, 5)), ("error request Cookie: %s", '{"error":"bad","set-cookie":"%s; Path=/; HttpOnly"}'))),
    "session": (((ALNUM, 31), "8"), ("error: session=%s is gone", "failed GET /cart;jsessionid=%s HTTP/1.1", '{"sessionId":"%s","error":"timeout"}')),
    "password in url": (PASSWORD, ("could not connect to postgres://app:%s@orders-db:5432/orders", "redis error redis://:%s@cache:6379/0", "amqp failure amqps://shop:%s@mq.example.com/vhost")),
    "password": (
        PASSWORD,
        (
            "error: login failed password=%s", "connection failed: host=db user=app password=%s dbname=orders", 'error {"password":"%s","user":"kim"}', "DB_PASSWORD: %s",
            "failed: Server=tcp:db,1433;User ID=app;Password=%s;Encrypt=True", "error <Password>%s</Password>", "ERROR: syntax STATEMENT: ALTER ROLE app WITH PASSWORD '%s'",
            "ERROR near CREATE USER app IDENTIFIED BY '%s'", "mysqldump --password %s failed", "error {password=%s, user=kim}", "LoginRequest(user=kim, pwd=%s)",
            "error env name: DB_PASSWORD, value: %s", "POST /login?user=kim&password=%s&x=1 500", "error 'passwd' => '%s'", "\x1b[31merror\x1b[0m password\x1b[0m=\x1b[35m%s\x1b[0m",
            "ERROR:  duplicate key DETAIL:  Key (password)=(%s) already exists.",
        ),
    ),
    "token": (((ALNUM, 16), "5a"), ("error: token=%s expired", '{"error":"x","refresh_token":"%s"}', "failed GET /feed?access_token=%s HTTP/1.1", "csrf-token: %s mismatch error", "client_secret=%s rejected")),
    "email": (((ascii_lowercase, 6), ".", (ascii_lowercase, 7), "@mail.example.com"), ("error: no account for %s", "Key (email)=(%s) already exists.", "failed GET /users/%s/orders 404")),
}  # fmt: skip

WORDS = (ascii_lowercase, 6), " ", (ascii_lowercase, 5), " ", (ascii_lowercase, 7)
RANDOM = (ALNUM, 10), (digits, 2), (ALNUM, 12)
# where only the notation or the place says that something is secret: their names begin so
NOTATIONS: dict[str, tuple[tuple[str | tuple[str, int], ...], tuple[str, ...]]] = {
    "notation: words": (WORDS, ("error password: %s", 'error password="%s"', "error <password>%s</password>", "login error\npassphrase: %s\nhost: db")),
    "notation: escaped": (PASSWORD, (
        "error {\\u0022user\\u0022:\\u0022kim\\u0022,\\u0022password\\u0022:\\u0022%s\\u0022}", "error {\\\\u0022password\\\\u0022:\\\\u0022%s\\\\u0022}",
        'error {"log":"{\\\\\\"password\\\\\\":\\\\\\"%s\\\\\\"}"}', "error &lt;password&gt;%s&lt;/password&gt;",
    )),
    "notation: xml": (PASSWORD, (
        'error <user name="kim" password="%s"/>', '<add key="DbPassword" value="%s" /> error', '<entry key="db.password">%s</entry> error',
        '<param name="password">%s</param> error', '<ns:Password type="text">%s</ns:Password> error',
    )),
    "notation: yaml": (PASSWORD, (
        "error in db:\n  user: app\n  password: %s\n  host: x", "error password: |\n    %s\nother: 1", "error - name: DB_PASSWORD\n  value: %s\n",
        "error in kind: Secret\nstringData:\n  password: %s\n",
    )),
    "notation: toml": (PASSWORD, ('error password = "%s"', "error password = '''%s'''", 'error db.password = """%s"""')),
    "notation: table": (PASSWORD, ("error | password | %s |", "error password | %s | 2024", "error \u2502 password \u2502 %s \u2502")),
    "notation: arrow": (PASSWORD, ("error password -> %s", "error password --> %s", "error password \u2192 %s", "error password \u21d2 %s")),
    "notation: full-width": (PASSWORD, ("error password\uff1a%s", "error password\uff1d%s", "error \u5bc6\u7801\uff1a%s")),
    "notation: languages": (PASSWORD, ("error contrase\u00f1a: %s", "error mot de passe : %s", "error \u043f\u0430\u0440\u043e\u043b\u044c: %s", "error Kennwort=%s")),
    "notation: php": (PASSWORD, ('error ["password"]=> string(14) "%s"', 'error s:8:"password";s:14:"%s";', "error array('password' => '%s')")),
    "notation: other": (PASSWORD, (
        'error password: Some("%s")', "error password=Optional[%s]", "error ('password', '%s')", 'error setPassword("%s")', "error password[%s]",
        "error password was '%s'", "error the password is %s", "error invalid password '%s' for kim", "error &{Host:db Password:%s Port:1}",
    )),
    "command: mysql": (PASSWORD, ("error mysql -u root -p%s db", 'error ["mysql", "-u", "root", "-p", "%s"]', "error: mysqldump --password %s x failed")),
    "command: curl": (PASSWORD, ("error curl -u kim:%s https://x", "error curl --user kim:%s https://x", "error curl -su kim:%s https://x")),
    "command: sshpass": (PASSWORD, ("error sshpass -p %s ssh host", "error sshpass -p'%s' ssh host")),
    "command: docker": (PASSWORD, ("error docker login -u kim -p %s reg", "error echo %s | docker login --password-stdin")),
    "command: ldap": (PASSWORD, ("error ldapsearch -D cn=x -w %s -b dc", "error sqlcmd -S db -U sa -P %s -Q x", "error openssl rsa -passin pass:%s -in k")),
    "command: others": (PASSWORD, ("error rabbitmqctl add_user kim %s", "error htpasswd -b file kim %s", "error smbclient //x -U kim%%s", "error helm --set db.password=%s x")),
    "sql": (PASSWORD, (
        "error CREATE USER 'app'@'%' IDENTIFIED WITH mysql_native_password BY '%s'", "error SET PASSWORD FOR 'a'@'%' = PASSWORD('%s')",
        "error CREATE LOGIN app WITH PASSWORD = N'%s'", "error ALTER ROLE app WITH ENCRYPTED PASSWORD '%s'", "error CHANGE MASTER TO MASTER_PASSWORD='%s'",
    )),
    "redis": (PASSWORD, (
        "error AUTH %s", "error redis: AUTH default %s", 'error [0 10.0.0.1:1234] "AUTH" "default" "%s"', "error requirepass %s", "error masterauth %s",
        "error ACL SETUSER kim on >%s ~*", "error redis-cli -h x -a %s ping",
    )),
    "netrc": (PASSWORD, ("error machine api.x login kim password %s", "error machine x\n  login kim\n  password %s")),
    "raw url": (("p/", (ALNUM, 6), "@", (digits, 2), "w x"), ("error postgres://app:%s@db:5432/orders",)),
    "raw url, quoted": (("p'", (ALNUM, 6), '"', (digits, 2)), ("error postgres://app:%s@db:5432/orders",)),
    "oracle": (PASSWORD, ("error jdbc:oracle:thin:kim/%s@//db:1521/x",)),
    "authorization": (RANDOM, (
        "error Authorization: Custom-Scheme %s", "error authorization: Splunk %s", "error Authorization: NTLM %s", "error Authorization: SharedKey acct:%s",
        'error Authorization: Digest username="kim", realm="x", nonce="abc", uri="/", response="%s"', "error [authorization, Bearer %s]",
        'error Authorization: Hawk id="dh37", ts="135", nonce="j4h3g2", mac="%s"', "error Authorization:Bearer%20%s",
        "error Authorization: AWS4-HMAC-SHA256 Credential=x/20260602/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=%s",
    )),
    "signed": (RANDOM, (
        "error GET /x?Signature=%s&Expires=1&Key-Pair-Id=AB", "error GET /x?X-Amz-Signature=%s", "error X-Hub-Signature-256: sha256=%s", "error GET /x?hmac=%s&shop=1",
        "error Stripe-Signature: t=149,v1=%s",
    )),
    "oauth code": (RANDOM, ("error GET /cb?code=%s&state=xyz", "error GET /x?SAMLResponse=%s", "error GET /x?ticket=%s", "error GET /x?jwt=%s")),
    "key by its name": (RANDOM, (
        "error client-key-data: %s", "error InstrumentationKey=%s", "error NEW_RELIC_LICENSE_KEY=%s", "error Unseal Key 1: %s", "error x-functions-key: %s",
        "error Incorrect API key provided: %s", "error api key %s is not valid",
    )),
    "token by its name": (RANDOM, (
        "error using token %s", 'error token "%s" is invalid', "error session token %s expired", "error npm config set //r/:_authToken %s",
        "error | token | %s |", "error token -> %s", "error --client-secret %s --tenant x", 'error {"auths":{"reg":{"auth":"%s"}}}',
    )),
}  # fmt: skip
LINES = ("error with %s", 'error {"value":"%s"}', "error GET /x/%s HTTP/1.1")
GIVEN_OUT = (
    ("digitalocean, refresh", "dor" + "_v1_", HEX, 62), ("groq", "gs" + "k_", ALNUM, 50), ("xai", "xa" + "i-", ALNUM, 78), ("perplexity", "pplx" + "-", ALNUM, 46),
    ("hugging face", "hf" + "_", ALNUM, 32), ("replicate", "r8" + "_", ALNUM, 35), ("langsmith", "lsv2" + "_pt_", HEX, 30), ("posthog", "phx" + "_", ALNUM, 40),
    ("docker", "dckr" + "_pat_", ALNUM, 25), ("rubygems", "rubygems" + "_", HEX, 46), ("artifactory", "AKC" + "p", ALNUM, 66), ("atlassian", "ATATT" + "3", ALNUM, 180),
    ("bitbucket", "ATB" + "B", ALNUM, 30), ("slack app", "xap" + "p-1-A0", ALNUM, 60), ("gitlab deploy", "gld" + "t-", ALNUM, 18), ("gitlab trigger", "glp" + "tt-", HEX, 38),
    ("stripe restricted", "rk" + "_live_", ALNUM, 22), ("openrouter", "sk" + "-or-v1-", HEX, 62), ("brevo", "xkey" + "sib-", HEX, 62), ("new relic", "NRA" + "K-", ascii_uppercase, 25),
    ("grafana cloud", "gl" + "c_", ALNUM, 60), ("sentry", "sntr" + "ys_", ALNUM, 60), ("dynatrace", "dt0" + "c01.ABCDEFGHIJKLMNOPQRSTUVWX.", ascii_uppercase, 62),
    ("honeycomb", "hca" + "ik_", ALNUM, 56), ("sourcegraph", "sg" + "p_", HEX, 38), ("alibaba", "LTA" + "I", ALNUM, 18), ("yandex", "t" + "1.", ALNUM, 60),
    ("fly", "fm" + "2_", ALNUM, 60), ("render", "rn" + "d_", ALNUM, 30), ("netlify", "nf" + "p_", ALNUM, 36), ("shopify", "shp" + "at_", HEX, 30), ("databricks", "dap" + "i", HEX, 30),
    ("supabase", "sb" + "p_", HEX, 38), ("planetscale", "pscale" + "_tkn_", ALNUM, 41), ("linear", "lin" + "_api_", ALNUM, 38), ("figma", "fig" + "d_", ALNUM, 40),
    ("postman", "PMA" + "K-", HEX, 56), ("notion", "nt" + "n_", ALNUM, 44), ("hubspot", "pat" + "-na1-", HEX, 34), ("square", "sq0" + "csp-", ALNUM, 41), ("razorpay", "rzp" + "_live_", ALNUM, 12),
    ("typeform", "tf" + "p_", ALNUM, 56), ("pulumi", "pu" + "l-", HEX, 38), ("tailscale", "tskey" + "-auth-", ALNUM, 30), ("sonarqube", "sq" + "u_", HEX, 38), ("circleci", "CCI" + "PAT_", ALNUM, 60),
    ("ory", "ory" + "_at_", ALNUM, 40), ("openshift", "sha" + "256~", ALNUM, 41), ("easypost", "EZ" + "AK", ALNUM, 52), ("facebook", "EA" + "AC", ALNUM, 120),
)  # fmt: skip

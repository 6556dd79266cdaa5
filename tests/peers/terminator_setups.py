"""How each of the examples is started, as whoever copies it would."""

import getpass
import os
import re

from app.terms import ClientCertForm
from tests.peers.device_side import MqttVisit
from tests.peers.entrances import Change, Example, Values
from tests.peers.terminators import Workshop, free_port, is_listening


def _haproxy_http(workshop: Workshop, values: Values, change: Change) -> int:
    return _haproxy(workshop, "haproxy-http", values, change)


def _haproxy_tcp(workshop: Workshop, values: Values, change: Change) -> int:
    mqtt = free_port()
    port = _haproxy(workshop, "haproxy-tcp", values | {"mqtt_port": mqtt}, change)
    mosquitto = workshop.start("mosquitto", "-c", workshop.folder / "mosquitto.conf")
    mosquitto.until(lambda: is_listening(mqtt), "Mosquitto listens")
    return port


def _haproxy(workshop: Workshop, example: str, values: Values, change: Change) -> int:
    port = free_port()
    workshop.render(example, values | {"listen": f"127.0.0.1:{port}"}, change)
    process = workshop.start("haproxy", "-db", "-f", workshop.folder / "haproxy.cfg")
    process.until(lambda: is_listening(port), "HAProxy listens")
    return port


def _nginx(workshop: Workshop, values: Values, change: Change) -> int:
    port = free_port()
    workshop.render("nginx", values | {"listen": f"127.0.0.1:{port}"}, change)
    return start_nginx(workshop, port)


def start_nginx(workshop: Workshop, port: int) -> int:
    """What Debian's own nginx.conf does around conf.d and modules-enabled, with its files in the workshop."""
    folder = workshop.folder
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in _NGINX_TEMPORARY)
    user = f"user {getpass.getuser()};\n" if os.geteuid() == 0 else ""
    workshop.write(
        "nginx.conf",
        f"{user}pid {folder}/nginx.pid;\ndaemon off;\nerror_log stderr info;\n"
        f"include {folder}/main*.conf;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}include {folder}/anchorage.conf;\n}}\n",
    )
    process = workshop.start("nginx", "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf")
    process.until(lambda: is_listening(port), "nginx listens")
    return port


def _caddy(workshop: Workshop, values: Values, change: Change) -> int:
    port = free_port()
    workshop.render("caddy", values | {"host": f"localhost:{port}"}, change)
    return start_caddy(workshop, port)


def start_caddy(workshop: Workshop, port: int) -> int:
    """With what it writes in the workshop."""
    process = workshop.start(
        "caddy",
        "run",
        "--config",
        workshop.folder / "Caddyfile",
        XDG_DATA_HOME=str(workshop.folder),
        XDG_CONFIG_HOME=str(workshop.folder),
        HOME=str(workshop.folder),
    )
    process.until(lambda: is_listening(port), "Caddy listens")
    return port


def _envoy(workshop: Workshop, values: Values, change: Change) -> int:
    port = free_port()
    apart = {"address": "127.0.0.1", "port": port}
    for name in ("anchorage", "application"):
        apart |= dict(zip((f"{name}_address", f"{name}_port"), str(values[name]).split(":"), strict=True))
    workshop.render("envoy", values | apart, change)
    return start_envoy(workshop, port)


def start_envoy(workshop: Workshop, port: int) -> int:
    """One worker, and without what lets two of them share a port, for others run beside it."""
    process = workshop.start(
        "envoy", "-c", workshop.folder / "envoy.yaml", "--concurrency", 1, "--disable-hot-restart", "-l", "warning"
    )
    process.until(lambda: is_listening(port), "Envoy listens")
    return port


def _without(*lines: str) -> Change:
    """Without what stands against resumption."""

    def change(text: str) -> str:
        for line in lines:
            text = re.sub(line, "", text)
        return text

    return change


def with_short_lives(text: str) -> str:
    """Envoy's connections and requests end soon."""
    return re.sub(r"(max_(?:connection|stream)_duration): \d+s", r"\1: 1s", text)


_NGINX_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
HAPROXY_RESUMES = _without(r"tune\.ssl\.cachesize 0", r" no-tls-tickets")
NGINX_RESUMES = _without(r"ssl_session_cache off;", r"ssl_session_tickets off;")
ENVOY_RESUMES = _without(r"disable_state\w+_session_resumption: true")

HAPROXY_HTTP = Example("haproxy-http", ClientCertForm.DER, ("haproxy",), _haproxy_http, resumes_where=HAPROXY_RESUMES)
HAPROXY_TCP = Example(
    "haproxy-tcp",
    ClientCertForm.DER,
    ("haproxy", "mosquitto"),
    _haproxy_tcp,
    resumes_where=HAPROXY_RESUMES,
    visit=MqttVisit,
    watch="keep-watch",
)
NGINX = Example(
    "nginx",
    ClientCertForm.PEM,
    ("nginx",),
    _nginx,
    resumes_where=NGINX_RESUMES,
    passes_chain=False,
)
CADDY = Example("caddy", ClientCertForm.DER, ("caddy",), _caddy, resumes_where=None, passes_chain=False)
ENVOY = Example(
    "envoy",
    ClientCertForm.XFCC,
    ("envoy",),
    _envoy,
    resumes_where=ENVOY_RESUMES,
    hurried=with_short_lives,
)

"""How each of the examples with a bundle is started, as whoever copies it would."""

from tests.peers.device_side import MqttVisit
from tests.peers.dtls_device import DtlsVisit
from tests.peers.entrances import Change, Example, Values, keep_bundle
from tests.peers.terminator_setups import (
    ENVOY_RESUMES,
    HAPROXY_RESUMES,
    NGINX_RESUMES,
    start_caddy,
    start_envoy,
    start_nginx,
    with_short_lives,
)
from tests.peers.terminators import LIBCOAP_HEADER, Process, Workshop, free_port, is_listening

# A service manager: the program runs again when it is told to.
_SUPERVISOR = """
again=1
trap 'again=1; kill "$child"' HUP
trap 'kill "$child"; exit' TERM
echo 0 > generation; number=0
while [ "$again" ]; do
    again=
    "$@" & child=$!
    number=$((number + 1)); echo "$number" > generation
    wait "$child"; wait "$child"
done
exit 1
"""
_RESTART = """#!/bin/sh
set -eu
before=$(cat generation)
kill -HUP "$(cat pid)"
while [ "$(cat generation)" = "$before" ]; do sleep 0.01; done
"""


def _nginx(workshop: Workshop, values: Values, change: Change) -> int:
    port, folder = free_port(), workshop.folder
    reload = f"nginx -p {folder} -e stderr -c {folder}/nginx.conf -s reload"
    _prepare(workshop, "nginx-bundle", values | {"listen": f"127.0.0.1:{port}", "reload": reload}, change)
    return start_nginx(workshop, port)


def _haproxy(workshop: Workshop, values: Values, change: Change) -> int:
    port = free_port()
    reload = f"kill -USR2 $(cat {workshop.folder}/pid)"
    _prepare(workshop, "haproxy-bundle", values | {"listen": f"127.0.0.1:{port}", "reload": reload}, change)
    process = workshop.start("haproxy", "-W", "-f", workshop.folder / "haproxy.cfg")
    return _known(workshop, process, port)


def _envoy(workshop: Workshop, values: Values, change: Change) -> int:
    port = free_port()
    address, number = str(values["application"]).split(":")
    more = {"address": "127.0.0.1", "port": port, "application_address": address, "application_port": number}
    _prepare(workshop, "envoy-bundle", values | more, change)
    return start_envoy(workshop, port)


def _caddy(workshop: Workshop, values: Values, change: Change) -> int:
    port = free_port()
    _prepare(workshop, "caddy-bundle", values | {"host": f"localhost:{port}"}, change)
    workshop.processes[0].until((workshop.folder / "anchors.caddy").exists, "Caddy has its lines")
    return start_caddy(workshop, port)


def _mosquitto(workshop: Workshop, values: Values, change: Change) -> int:
    port = free_port()
    more = {"listen": f"{port} 127.0.0.1", "restart": workshop.folder / "restart"}
    _prepare(workshop, "mosquitto-bundle", values | more, change)
    return _supervised(workshop, port, "mosquitto", "-c", workshop.folder / "mosquitto.conf")


def _libcoap(workshop: Workshop, library: str, values: Values, change: Change) -> int:
    # The example server of the package takes the port below as well.
    port = free_port() + 1
    more = {"address": "127.0.0.1", "port": port, "restart": workshop.folder / "restart"}
    _prepare(workshop, f"libcoap-{library}", values | more, change)
    built = workshop.run("cc", "-O2", "-Wall", "-Werror", "-o", "server", "server.c", f"-lcoap-3-{library}")
    assert built.returncode == 0, built.stderr.decode()
    return _supervised(workshop, port, workshop.folder / "serve")


def _libcoap_openssl(workshop: Workshop, values: Values, change: Change) -> int:
    return _libcoap(workshop, "openssl", values, change)


def _libcoap_gnutls(workshop: Workshop, values: Values, change: Change) -> int:
    return _libcoap(workshop, "gnutls", values, change)


def _with_short_requests(text: str) -> str:
    return text.replace("read_body 60s", "read_body 1s").replace("write 60s", "write 1s")


def _prepare(workshop: Workshop, example: str, values: Values, change: Change) -> None:
    workshop.render(example, values, change)
    keeping = keep_bundle(workshop, values)
    keeping.until((workshop.folder / "bundle.pem.json").exists, "the bundle is there")


def _supervised(workshop: Workshop, port: int, *command: object) -> int:
    workshop.write("restart", _RESTART).chmod(0o755)
    process = workshop.start("sh", "-c", _SUPERVISOR, "supervisor", *command)
    return _known(workshop, process, port)


def _known(workshop: Workshop, process: Process, port: int) -> int:
    process.until(lambda: is_listening(port), f"{process.command[0]} listens")
    # Only now can it be told to begin anew: a signal that comes too early ends it.
    workshop.write("pid", str(process.popen.pid))
    return port


NGINX_BUNDLE = Example("nginx-bundle", None, ("nginx",), _nginx, resumes_where=NGINX_RESUMES)
HAPROXY_BUNDLE = Example("haproxy-bundle", None, ("haproxy",), _haproxy, resumes_where=HAPROXY_RESUMES)
ENVOY_BUNDLE = Example(
    "envoy-bundle",
    None,
    ("envoy",),
    _envoy,
    resumes_where=ENVOY_RESUMES,
    hurried=with_short_lives,
)
CADDY_BUNDLE = Example(
    "caddy-bundle", None, ("caddy",), _caddy, resumes_where=None, rejects=False, hurried=_with_short_requests
)
MOSQUITTO_BUNDLE = Example("mosquitto-bundle", None, ("mosquitto",), _mosquitto, resumes_where=None, visit=MqttVisit)
LIBCOAP_OPENSSL = Example(
    "libcoap-openssl",
    None,
    ("cc", LIBCOAP_HEADER, "openssl"),
    _libcoap_openssl,
    resumes_where=None,
    visit=DtlsVisit,
)
LIBCOAP_GNUTLS = Example(
    "libcoap-gnutls",
    None,
    ("cc", LIBCOAP_HEADER, "openssl"),
    _libcoap_gnutls,
    resumes_where=None,
    visit=DtlsVisit,
    rejects=False,
)

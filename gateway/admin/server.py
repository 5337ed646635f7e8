"""The admin API over HTTP: a Unix socket (mode 0600 suffices) or loopback TCP with a token.

Rules: errors are {"error": {"code", "message"}} with the status that fits: 400 bad input, 401, 404, 405, 409
refused, 413 too large, 500; tokens are compared in constant time; sizes are bounded before anything is read;
what a handler does is in operations.py.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import stat
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
from aiohttp import web

from gateway import metrics
from gateway.admin.api import BODY_MAX, OPERATIONS, BadRequest, NotFound, Operation, typed
from gateway.admin.operations import Operations
from gateway.config import Config, ConfigError
from gateway.control import Control
from gateway.guards import Refused
from gateway.logs import get_logger
from gateway.secret import load_or_create

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OCTETS = "application/octet-stream"


class Host(Protocol):
    """What the server needs of the daemon."""

    config: Config
    control: Control
    collector: metrics.Collector

    def status(self) -> dict[str, Any]: ...
    def stats(self) -> dict[str, Any]: ...
    async def reload(self) -> list[str]: ...


def json_response(data: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(data) + b"\n", status=status, content_type="application/json"
    )


def error_response(status: int, code: str, message: str) -> web.Response:
    return json_response({"error": {"code": code, "message": message}}, status)


def _origin(request: web.Request) -> str:
    """Who asks, for the log of changes: the uid at the other end of a Unix socket, or the address."""
    sock = request.transport.get_extra_info("socket") if request.transport else None
    if sock is not None and sock.family == socket.AF_UNIX:
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return f"admin:uid={uid}"
    return f"admin:{request.remote}"


async def _params(request: web.Request) -> dict[str, Any]:
    params: dict[str, Any] = {**request.query, **request.match_info}
    body = await request.read()
    if not body:
        return params
    if request.content_type == OCTETS:
        return {**params, "numbers": body}
    try:
        fields = msgspec.json.decode(body)
    except msgspec.DecodeError as e:
        raise BadRequest(f"the body is no JSON: {e}") from None
    if not isinstance(fields, dict):
        raise BadRequest("the body must be a JSON object")
    return {**fields, **params}


class AdminServer:
    def __init__(self, config: Config, host: Host) -> None:
        self._config = config
        self._host = host
        self._log = get_logger("admin")
        self._runner: web.AppRunner | None = None
        self._token: bytes | None = None
        self.port = 0  # TCP only

    async def start(self) -> None:
        """Raises OSError with the address that cannot be bound."""
        app = web.Application(client_max_size=BODY_MAX, middlewares=[self._middleware])
        for name, op in OPERATIONS.items():
            app.router.add_route(op.method, f"/v1{op.path}", self._handler(name, op))
        for path in ("/metrics", "/v1/metrics"):
            app.router.add_get(path, self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
        await self._runner.setup()
        sock = self._listen()
        await web.SockSite(self._runner, sock).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            if path := self._config.admin_socket:
                path.unlink(missing_ok=True)

    def _listen(self) -> socket.socket:
        path = self._config.admin_socket
        try:
            if path is not None:
                return _listen_unix(path)
            host, port = self._config.admin_tcp or ("127.0.0.1", 0)
            if (token := self._config.token_path) is not None:
                self._token = load_or_create(token, secrets.token_urlsafe(32).encode() + b"\n").strip()
            sock = socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, reuse_port=False
            )
        except OSError as e:
            raise OSError(f"admin API on {self._config.admin.listen}: {e.strerror or e}") from e
        self.port = sock.getsockname()[1]
        return sock

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if not self._authorised(request):
                return error_response(401, "unauthorised", "send the token: Authorization: Bearer ...")
            return await handler(request)
        except BadRequest as e:
            return error_response(400, "bad-request", str(e))
        except NotFound as e:
            return error_response(404, "not-found", str(e))
        except Refused as e:
            return error_response(409, e.code, str(e))
        except ConfigError as e:
            return error_response(409, "configuration", str(e))
        except web.HTTPException as e:
            codes = {404: "not-found", 405: "method", 413: "too-large"}
            return error_response(e.status, codes.get(e.status, "http"), e.reason)
        except Exception:  # noqa: BLE001  the last line of defence: logged with its trace, answered, the gateway goes on
            self._log.exception("admin request failed", method=request.method, path=request.path)
            return error_response(500, "internal", "see the gateway's log")

    def _authorised(self, request: web.Request) -> bool:
        if self._config.admin_socket is not None:
            return True  # the socket's mode is the key
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        return (
            kind.lower() == "bearer" and self._token is not None and hmac.compare_digest(given, self._token)
        )

    def _handler(self, name: str, op: Operation) -> Handler:
        direct: dict[str, Callable[[], Any]] = {"status": self._host.status, "stats": self._host.stats}

        async def handle(request: web.Request) -> web.StreamResponse:
            wanted = typed(op, await _params(request))
            if name in direct:
                return json_response(direct[name]())
            if name == "reload":
                return json_response({"changed": await self._host.reload()})
            operations = Operations(self._host.control, self._host.config, _origin(request))
            return json_response(await getattr(operations, name)(wanted))

        return handle

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        body = metrics.render(self._host.collector)
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})


def _listen_unix(path: Path) -> socket.socket:
    """Mode 0600 from its first moment. A socket that an earlier run left is removed, nothing else."""
    if path.exists():
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise OSError(f"{path} exists and is no socket")
        path.unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old_mask = os.umask(0o177)
    try:
        sock.bind(str(path))
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(old_mask)
    sock.listen(128)
    return sock

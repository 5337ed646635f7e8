"""The CLI's side of the admin API: the running gateway over HTTP, or, when none runs, the rules in the feed
directly.

    async with connect(config) as gateway:
        answer = await gateway.call("lists_add", name="fraud", entries=["+8613800000001"])

Rules: both ways run the same operations and refuse the same things; `gateway.running` says which it was.
Without a gateway the state lock is held meanwhile, so that none can start behind our back. Who only reads
where no feed is gets what ships, and nothing is made on the disk.
"""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import AsyncIterator
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from gateway.admin.api import OPERATIONS, BadRequest, NotFound, typed
from gateway.config import Config, host_text


class NotRunning(Exception):
    """No gateway answers at the configured address."""


class ApiError(Exception):
    """The gateway (or the feed) refused; `code` is a short word, `status` the HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Gateway(Protocol):
    running: bool
    empty: bool  # there is no feed: what ships is shown

    async def call(self, op: str, **params: Any) -> Any: ...


class RemoteGateway:
    """Over the Unix socket, or TCP with the token."""

    running = True
    empty = False

    def __init__(self, config: Config) -> None:
        self._config = config
        self._base = "http://localhost/v1"
        headers = {}
        connector: aiohttp.BaseConnector
        if config.admin_socket is not None:
            connector = aiohttp.UnixConnector(str(config.admin_socket))
        else:
            host, port = config.admin_tcp or ("127.0.0.1", 8080)
            self._base = f"http://{host_text(host)}:{port}/v1"
            connector = aiohttp.TCPConnector()
            if config.token_path is not None:
                headers["Authorization"] = f"Bearer {self._token()}"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=600)
        self._session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)

    def _token(self) -> str:
        try:
            return (self._config.token_path or self._config.state_path).read_text().strip()
        except FileNotFoundError:
            return ""
        except OSError as e:
            raise ApiError(401, "unauthorised", f"the token cannot be read: {e}") from None

    async def close(self) -> None:
        await self._session.close()

    async def call(self, op: str, **params: Any) -> Any:
        """The decoded answer. Raises ApiError, NotRunning."""
        operation = OPERATIONS[op]
        path = operation.path
        for name in list(params):
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", quote(str(params.pop(name)), safe=""))
        url = URL(self._base + path, encoded=True)
        body, headers, query = b"", {}, {}
        if "numbers" in params:
            body, headers = params.pop("numbers"), {"Content-Type": "application/octet-stream"}
            query = {k: str(v) for k, v in params.items()}
        elif operation.method == "GET":
            query = {k: str(v) for k, v in params.items()}
        elif params:
            body, headers = msgspec.json.encode(params), {"Content-Type": "application/json"}
        try:
            async with self._session.request(
                operation.method, url, data=body or None, params=query or None, headers=headers
            ) as response:
                return _decoded(response.status, await response.read())
        except (aiohttp.ClientConnectorError, FileNotFoundError) as e:
            raise NotRunning(f"no gateway answers at {self._config.admin.listen}: {e}") from None
        except aiohttp.ClientError as e:
            raise ApiError(502, "broken", f"the gateway broke off: {e}") from None


def _decoded(status: int, body: bytes) -> Any:
    try:
        data = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise ApiError(status, "broken", f"the answer is no JSON (HTTP {status})") from None
    if status >= 400:
        error = data.get("error", {}) if isinstance(data, dict) else {}
        raise ApiError(status, error.get("code", "error"), error.get("message", f"HTTP {status}"))
    return data


class LocalRules:
    """No gateway runs: the same operations on the feed of state_dir, in this process."""

    running = False

    def __init__(self, config: Config, *, reading: bool) -> None:
        from gateway.control import Control
        from gateway.lock import InUse, StateLock
        from native.tables import Rcu
        from native.world import Texts

        self._config = config
        self.empty = reading and not config.feed_path.exists()
        with contextlib.ExitStack() as undo:
            if not self.empty:
                try:
                    undo.callback(StateLock(config.state_path).close)
                except InUse as e:
                    raise ApiError(409, "in-use", f"{e}, but its admin API does not answer") from None
            self._control = Control(config, rcu=Rcu(), texts=Texts(), empty=self.empty)
            undo.callback(self._control.stop)
            self._control.load()
            self._control.start(lambda world: None)
            self._undo = undo.pop_all()

    async def close(self) -> None:
        self._undo.close()

    async def call(self, op: str, **params: Any) -> Any:
        from gateway.admin.operations import Operations
        from gateway.guards import Refused

        if op in ("status", "stats", "reload"):
            raise NotRunning("no gateway is running")
        operations = Operations(self._control, self._config, f"cli:{getpass.getuser()}", running=False)
        try:
            answer = await getattr(operations, op)(typed(OPERATIONS[op], params))
        except BadRequest as e:
            raise ApiError(400, "bad-request", str(e)) from None
        except NotFound as e:
            raise ApiError(404, "not-found", str(e)) from None
        except Refused as e:
            raise ApiError(409, e.code, str(e)) from None
        return msgspec.to_builtins(answer)


@contextlib.asynccontextmanager
async def connect(
    config: Config, *, only_running: bool = False, reading: bool = False
) -> AsyncIterator[Gateway]:
    """The running gateway; else, unless `only_running`, the feed itself, which is made when it is not there,
    unless `reading`. Raises NotRunning, ApiError.
    """
    remote = RemoteGateway(config)
    try:
        await remote.call("lists")
    except NotRunning:
        await remote.close()
        if only_running:
            raise
    except BaseException:
        await remote.close()
        raise
    else:
        try:
            yield remote
        finally:
            await remote.close()
        return
    local = LocalRules(config, reading=reading)
    try:
        yield local
    finally:
        await local.close()

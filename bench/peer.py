"""The peer: Kamailio with one UDP worker, on a configuration of kamailio/ that does the same work."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from procs import BenchError, Child, answers_options, free_udp_port, wait_until

TEMPLATES = Path(__file__).parent / "kamailio"
MODULE_DIRS = (
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/",
    "/usr/lib64/kamailio/modules/",
    "/usr/lib/kamailio/modules/",
)


def binary() -> str | None:
    """Debian puts it into /usr/sbin, which is not on every user's PATH."""
    return shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin")


def version() -> str:
    name = binary()
    if name is None:
        return "not installed"
    out = subprocess.run([name, "-v"], capture_output=True, text=True).stdout
    return out.split("\n", 1)[0].removeprefix("version: kamailio ")


@contextlib.contextmanager
def kamailio(
    kind: str, work: Path, *, count: int, callee: int = 9, cpu: int | None = None
) -> Iterator[tuple[Child, int]]:
    """Runs kind.cfg ("reject" or "relay") with `count` numbers; yields the process and its port."""
    name = binary()
    modules = next((d for d in MODULE_DIRS if Path(d).is_dir()), None)
    if name is None or modules is None:
        raise BenchError("Kamailio is not installed: apt-get install kamailio")
    home = work / f"kamailio-{kind}-{count}"
    home.mkdir(exist_ok=True)
    port = free_udp_port()
    text = (TEMPLATES / "common.cfg.in").read_text() + (TEMPLATES / f"{kind}.cfg.in").read_text()
    values = {"PORT": port, "CALLEE": callee, "COUNT": count, "MPATH": modules}
    values["HTSIZE"] = max(
        8, min(20, count.bit_length())
    )  # log2 of the buckets; one number a bucket at a million
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    config = home / "kamailio.cfg"
    config.write_text(text)
    argv = [name, "-DD", "-E", "-f", config, "-x", "fm", "-m", "1024", "-Y", home, "-P", home / "pid"]
    with Child(argv, home / "log", cpu=cpu) as child:
        wait_until(lambda: answers_options(port), "Kamailio", 60, child)
        yield child, port

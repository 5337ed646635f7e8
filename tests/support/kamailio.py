"""Kamailio as a neighbour: a transaction-stateful proxy that stays in the dialog (Record-Route), in front
of the gateway or behind it. Requests outside a dialog go to `next_port`; everything else follows Route and
Via."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.process import free_port, started, wait_for_options

_CONFIG = """#!KAMAILIO
debug=1
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:{port}
server_header="Server: neighbour"

loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"

modparam("rr", "enable_full_lr", 1)
modparam("rr", "append_fromtag", {append_fromtag})

request_route {{
    if (!mf_process_maxfwd_header("70")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("OPTIONS") && uri == myself) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            t_relay();
            exit;
        }}
        if (is_method("ACK")) {{
            if (t_check_trans()) t_relay();
            exit;
        }}
        sl_send_reply("404", "Not here");
        exit;
    }}
    t_check_trans();
    record_route();
    $du = "sip:127.0.0.1:{next_port}";
    t_relay();
}}
"""


class Kamailio:
    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log


@contextmanager
def kamailio_neighbour(next_port: int, *, port: int = 0, append_fromtag: bool = True) -> Iterator[Kamailio]:
    """Runs until the block ends; `next_port`: where new calls go (the gateway, or the called party)."""
    with tempfile.TemporaryDirectory(prefix="callwarden-kamailio-") as name:
        folder = Path(name)
        port = port or free_port()
        config = folder / "kamailio.cfg"
        config.write_text(_CONFIG.format(port=port, next_port=next_port, append_fromtag=int(append_fromtag)))
        log = folder / "log"
        command = ["kamailio", "-DD", "-E", "-f", str(config), "-m", "16", "-M", "4", "-w", name]
        command += ["-Y", name, "-P", str(folder / "pid")]
        with started(command, log) as process:
            wait_for_options(process, port, log, "Kamailio")
            yield Kamailio(port, log)

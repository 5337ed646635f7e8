"""A short run of every fuzz target: first the regression corpus, then new inputs. `make fuzz` runs long."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent / "fuzz"
SECONDS = "8"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("target", sorted(p.stem.removeprefix("fuzz_") for p in FUZZ.glob("fuzz_*.c")))
def test_no_new_input_breaks_a_promise(target: str) -> None:
    command = [sys.executable, str(FUZZ / "run.py"), target, "--seconds", SECONDS]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=230)
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert "stat::number_of_executed_units" in ran.stderr, "libFuzzer did not run"

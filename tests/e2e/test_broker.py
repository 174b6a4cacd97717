"""The C tests of the ports' implementations (tests/broker), here with the Kafka that they want."""

import os
import subprocess

import pytest

from harness.processor import binary

PROGRAMS = sorted(path for path in (binary().parent / "broker").glob("*_test") if path.is_file())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_port(program, services):
    done = subprocess.run([program], env=dict(os.environ, DECLIC_TEST_KAFKA=services.kafka), text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == 0, f"DECLIC_TEST_KAFKA={services.kafka} {program}\n{done.stdout}{done.stderr}"

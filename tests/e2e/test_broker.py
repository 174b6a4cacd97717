"""The C tests of the ports' implementations (tests/broker), here with the Kafka that they want."""

import os
import subprocess

import pytest

from harness.processor import binary

PROGRAMS = sorted(path for path in (binary().parent / "broker").glob("*_test") if path.is_file())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_port(program, services):
    pid = (services.folder / "kafka" / "pid").read_text().strip()
    done = subprocess.run([program], text=True, capture_output=True, timeout=120,
                          env=dict(os.environ, DECLIC_TEST_KAFKA=services.kafka, DECLIC_TEST_KAFKA_PID=pid))
    assert done.returncode == 0, f"DECLIC_TEST_KAFKA={services.kafka} {program}\n{done.stdout}{done.stderr}"

"""The proxy that the fault tests break connections with does what it says."""

import socket
import threading

import pytest

from harness.links import Links
from harness.processor import free_port


@pytest.fixture
def echo():
    """A port that answers with what it is sent."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer(connection):
        try:
            while data := connection.recv(4096):
                connection.sendall(data)
        except OSError:
            pass

    def accept():
        try:
            while True:
                threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
        except OSError:
            pass

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def says(connection, text, seconds=1):
    """What comes back; None when the connection ends, or when nothing comes for so long."""
    try:
        connection.settimeout(seconds)
        connection.sendall(text)
        return connection.recv(100) or None
    except OSError:
        return None


def test_connections_are_cut_refused_stalled_and_mended(echo):
    port = free_port()
    links = Links({"there": (port, echo)})

    def connect():
        return socket.create_connection(("127.0.0.1", port))

    first, gone = connect(), connect()
    assert says(first, b"a", 60) == b"a" and says(gone, b"b", 60) == b"b"
    gone.close()
    links.cut("there")
    assert says(first, b"c") is None
    assert says(connect(), b"d") is None
    links.mend("there")
    second = connect()
    assert says(second, b"e", 60) == b"e"
    links.stall("there")
    assert says(second, b"f") is None
    assert links.touched("there") >= 3
    links.mend("there")
    second.settimeout(60)
    assert second.recv(100) == b"f"
    links.aim("there", free_port())
    assert says(second, b"g") is None
    links.close()

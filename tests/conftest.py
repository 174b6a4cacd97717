"""Fixtures of all tests on real services. Folders with logs stay when a test fails, or with KEEP=1."""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.services import Services  # noqa: E402
from harness.site import Site  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().when == "call":
        item.failed_call = outcome.get_result().failed


@pytest.fixture(scope="session")
def services():
    """One broker and one Redis for tests that leave them alone."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="declic-services-"))
    running = Services(folder)
    try:
        yield running.up()
    finally:
        running.down()


@pytest.fixture
def folder(request):
    made = pathlib.Path(tempfile.mkdtemp(prefix="declic-test-"))
    yield made
    if getattr(request.node, "failed_call", False) or os.environ.get("KEEP"):
        print(f"\nkept: {made}")
    else:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def own_services(folder):
    """A broker and a Redis for one test that breaks them; made by calling it, with what is special about them."""
    running = []

    def make(**special):
        running.append(Services(folder / f"services{len(running)}", **special))
        return running[-1].up()

    yield make
    for one in running:
        if os.environ.get("KEEP"):
            one.kill("kafka").kill("redis")
        else:
            one.down()


@pytest.fixture
def site(request, folder, services):
    """Makes a Site by calling it: site(campaigns={...}, policy=..., settings=...)."""
    made = []

    def make(on=None, **arguments):
        made.append(Site(folder / f"site{len(made)}", on or services, **arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()
        if getattr(request.node, "failed_call", False):
            print(one.logs())

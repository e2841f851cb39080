# SPDX-License-Identifier: MIT OR Apache-2.0
"""`kapelle install blender`, and then the person opens Blender's window: the add-on is on, and connects to the hub."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from instance import wait_until
from window import Quiet, profile_environment

sys.path.append(str(Path(__file__).resolve().parent.parent / "walk"))
from hubs import Hub
from programs import find_binary


@pytest.fixture
def profile(tmp_path):
    folder = tmp_path / "profile"
    folder.mkdir()
    return folder


@pytest.fixture
def hub(tmp_path, profile):
    binary = find_binary()
    if isinstance(binary, str):
        pytest.fail(binary) if os.environ.get("CI") == "true" else pytest.skip(binary)
    with Hub(binary, tmp_path / "home", profile_environment(profile)) as made:
        yield made


def test_the_window_has_it_and_connects(program, addon, hub, profile):
    (told,) = hub.document("install", "blender", "--blender", program)["installed"]
    assert told["module"] == addon and told["blender"].startswith(told["seen"]["version"]), told
    wait_until(lambda: not hub.http.get("/v1/instances")["instances"], 60, "the leaving of the one that was tried")
    with Quiet(program, profile, SimpleNamespace(home=str(hub.home), close=lambda: None)) as window:
        wait_until(lambda: hub.http.get("/v1/instances")["instances"], 120, "its coming:\n" + window.text())
        (view,) = hub.http.get("/v1/instances")["instances"]
        assert view["mode"] == "gui" and not view["started_by_hub"], view
        window.open_panel()
        window.wait_shown("Connected as " + view["name"])
        made = hub.document("run", "blender", "object.create", "kind=cube", "name=Installed")
        assert made["value"]["name"] == "Installed"
        window.wait_shown("object.create  Installed")
        window.screenshot("installed")

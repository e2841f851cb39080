# SPDX-License-Identifier: MIT OR Apache-2.0
"""Finds the hub: its address and the bridge's secret, read from the home folder at every dial.

A hub at any port is found, and one that was restarted with a new secret too. Nothing is kept.
"""

import json
import os

# Bytes of either file.
_FILE_BYTES_MAX = 64 * 1024


class HomeError(Exception):
    """The hub cannot be found; the text says why, for a person."""


def folder(home=None):
    """The home folder: `home`, else KAPELLE_HOME, else ~/.kapelle."""
    return home or os.environ.get("KAPELLE_HOME") or os.path.join(os.path.expanduser("~"), ".kapelle")


def find(home=None):
    """(host, port, secret, url). Raises HomeError."""
    where = folder(home)
    path = os.path.join(where, "run", "hub.json")
    try:
        told, host, port = said(_read(path))
    except FileNotFoundError:
        raise HomeError(f"no hub is running: there is no {path}") from None
    except OSError as error:
        raise HomeError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise HomeError(f"{path} does not name the hub's address for bridges") from None
    return host, port, secret(where), str(told.get("url", ""))


def said(text):
    """(what a hub wrote, its host, its port for bridges). Raises ValueError."""
    try:
        told = json.loads(text)
        host, port = str(told["bridge"]).rsplit(":", 1)
        port = int(port)
    except (KeyError, TypeError, RecursionError):
        raise ValueError("it names no hub") from None
    if not isinstance(told, dict) or not 0 <= port <= 65535:
        raise ValueError("it names no hub")
    return told, host.strip("[]"), port


def secret(where):
    """The bridge token's bytes. Raises HomeError."""
    path = os.path.join(where, "tokens", "bridge")
    try:
        token = _read(path).strip()
    except FileNotFoundError:
        raise HomeError(f"there is no bridge token at {path}; start the hub once") from None
    except OSError as error:
        raise HomeError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise HomeError(f"{path} is not a token") from None
    if not token:
        raise HomeError(f"{path} is empty")
    try:
        return token.encode("ascii")
    except UnicodeEncodeError:
        raise HomeError(f"{path} is not a token") from None


def _read(path):
    with open(path, "rb") as file:
        return file.read(_FILE_BYTES_MAX).decode("utf-8")

"""The configuration that a stack's layer holds, where functions of the local AWS find it.

AWS unpacks a layer into /opt. The local AWS does so for Python and Node only, so the layer that was deployed is fetched from it and
unpacked beside, and functions are told that place. What they read is what was deployed and not what lies in a working folder.
"""

from __future__ import annotations

import io
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

READERS = ("worker", "approve", "console")


def fetched(lambda_, version: str, url: str) -> bytes:
    """The zip of a version of a layer. Its address names a host that nobody resolves; the local AWS is at `url`."""
    location = urllib.parse.urlsplit(lambda_.get_layer_version_by_arn(Arn=version)["Content"]["Location"])
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{url}{location.path}?{location.query}", timeout=30) as answer:
        return answer.read()


def unpacked(lambda_, stack: str, url: str, folder: Path) -> Path:
    """Tells the functions of a stack where their layer is unpacked; the configuration folder in it."""
    found: set[Path] = set()
    for kind in READERS:
        name = f"{stack}-{kind}"
        settings = lambda_.get_function_configuration(FunctionName=name)
        (version,) = (one["Arn"] for one in settings["Layers"])
        place = folder / version.replace(":", "-")
        if not place.exists():
            with zipfile.ZipFile(io.BytesIO(fetched(lambda_, version, url))) as archive:
                archive.extractall(place)
        variables = settings["Environment"]["Variables"] | {"ROLLCALL_CONFIG": str(place / "config")}
        lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        found.add(place / "config")
    (config,) = found
    return config

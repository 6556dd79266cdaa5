"""Sees to it that a package carries the built portal: `pip install` of a wheel needs no Node.js."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuildHook(BuildHookInterface[Any]):
    """Builds `app/web/dist` before files are chosen, unless it is already there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the portal from its sources.

        Raises RuntimeError when that fails: a wheel without the portal would install, and serve nothing at `/`.
        """
        del build_data
        root = Path(self.root)
        web = root / "app" / "web"
        # PKG-INFO: these are an sdist's sources, which bring the portal already built.
        is_built = (root / "PKG-INFO").exists() and (web / "dist").is_dir()
        if version == "editable" or is_built or not (web / "package.json").exists():
            return
        # An interpreter of its own: the set-up finds the project by its own place, not by the build's.
        built = subprocess.run([sys.executable, root / "scripts" / "setup_environment.py", "web"], check=False)
        if built.returncode != 0:
            raise RuntimeError("The portal could not be built; the reason stands above.")

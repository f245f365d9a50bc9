"""Pin npm's modules anew: `python -m tests.integrations.modules`, after a change of a package.json below this folder.

A lock file has a package a line, and neither addresses nor anything else that `npm ci` does not read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.widget.checks import npm

UNREAD = ("funding", "resolved", "license", "engines", "deprecated")


def shortened(lock: str) -> str:
    """npm's lock file, a package a line."""
    head = json.loads(lock)
    packages = {
        name: {key: value for key, value in package.items() if key not in UNREAD}
        for name, package in head.pop("packages").items()
    }
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(package)}" for name, package in packages.items())
    return json.dumps(head)[:-1] + ', "packages": {\n' + lines + "\n}}\n"


def main() -> int:
    for package in sorted(Path(__file__).parent.glob("*/package.json")):
        lock = package.with_name("package-lock.json")
        pinned = npm("install", "--package-lock-only", cwd=package.parent)
        if pinned.returncode:
            print(pinned.stderr, file=sys.stderr)
            return pinned.returncode
        lock.write_text(shortened(lock.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Where the parts of fidelity are."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE / "okta-management.json"

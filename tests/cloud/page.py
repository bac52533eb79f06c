"""The commands of a page of documentation, in order, and a terminal to type them in."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Line:
    """One command of a page."""

    section: str
    text: str


def fences(page: Path, language: str) -> list[tuple[str, str]]:
    """The fences of a language, each with the heading that it stands under."""
    text, found = page.read_text(), []
    for fence in FENCE.finditer(text):
        if fence[1] == language:
            headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text[:fence.start()]), re.MULTILINE)
            found.append((headings[-1] if headings else "", fence[2]))
    return found


def commands(page: Path) -> list[Line]:
    """Every command: what follows `$ `, with the indented lines that go on with it."""
    found = []
    for section, block in fences(page, "console"):
        lines: list[str] = []
        for line in block.splitlines():
            if line.startswith("$ "):
                lines.append(line[2:])
            elif lines and line.startswith(" "):
                lines[-1] += f"\n{line}"
            else:
                raise ValueError(f"{page}: {line!r} is neither a command nor goes on with one")
        found += [Line(section, line) for line in lines]
    return found


class Terminal:
    """One shell for all commands: what one sets, the next has. It ends with `close`."""

    END = "\x1e"

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], env=environment, cwd=folder, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def type(self, command: str) -> tuple[int, str]:
        """Types a command; its exit code and what it said. Whatever it asks, it gets no answer."""
        self._shell.stdin.write(f"{{ {command}\n}} </dev/null; printf '{self.END}%s{self.END}\\n' $?\n")
        self._shell.stdin.flush()
        said = ""
        while not (end := re.search(f"{self.END}(\\d+){self.END}\n$", said)):
            line = self._shell.stdout.readline()
            if not line:
                return self._shell.wait(), said
            said += line
        return int(end[1]), said[:end.start()]

    def close(self) -> None:
        """Ends the shell."""
        self._shell.stdin.close()
        self._shell.wait(20)
        self._shell.stdout.close()

"""Whether the documentation says what is there.

    tests/docs/run              everything; the last line is `N passed, M failed`

Looked at: every relative link and its heading; every `rollcall ...` that is written down, parsed by the command's own definition (the
program `rollcall-reference --typed`, nothing is carried out); every error code has a page, and code that uses it; every runbook that an alarm
names is there, and every alarm names one.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TEMPLATE = ROOT / "infra" / "template.yaml"
CODES = ROOT / "shared" / "runtime" / "src" / "codes.rs"

LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()\s]*\))?[^()\s]*)\)")
CODE_SPAN = re.compile(r"`([^`]+)`")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
FENCE = re.compile(r"^\s*(```|~~~)(\w*)")
ERROR_CODE = re.compile(r"\bRC\d{4}\b")
# Values of arguments whose type clap checks; everything else takes a placeholder such as PERSON or `5f1c…` as it stands.
PLACEHOLDERS = {"MOMENT": "2026-11-27T10:00:00Z"}


@dataclass(frozen=True)
class Line:
    """One command line as written down, and where."""

    file: Path
    number: int
    text: str
    whole: bool


def pages() -> list[Path]:
    """Every Markdown page of the repository that people read, in order of name."""
    folders = [DOCS, ROOT / "functions", ROOT / "infra", ROOT / "shared", ROOT / "tests"]
    found = [ROOT / "README.md"]
    for folder in folders:
        found += sorted(
            page
            for page in folder.rglob("*.md")
            if ".tools" not in page.parts and "target" not in page.parts and "node_modules" not in page.parts
        )
    return found


def name(path: Path) -> str:
    """The path as people write it."""
    return str(path.relative_to(ROOT))


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, no punctuation, blanks as hyphens."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def prose(page: Path) -> list[tuple[int, str, str]]:
    """Each line with its number and the language of the fence that it is in; an empty language outside of fences."""
    lines, fence, language = [], "", ""
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        found = FENCE.match(text)
        if found and (not fence or found.group(1) == fence):
            fence, language = ("", "") if fence else (found.group(1), found.group(2) or "text")
            continue
        lines.append((number, text, language))
    return lines


def anchors(page: Path) -> set[str]:
    """Every anchor of a page; a heading that stands twice gets a number."""
    found: set[str] = set()
    for _, text, language in prose(page):
        heading = HEADING.match(text) if not language else None
        if heading:
            base, count = slug(heading.group(1)), 0
            anchor = base
            while anchor in found:
                count += 1
                anchor = f"{base}-{count}"
            found.add(anchor)
    return found


def broken_links() -> tuple[int, list[str]]:
    """How many links there are, and those that lead nowhere."""
    count, wrong = 0, []
    known: dict[Path, set[str]] = {}
    for page in pages():
        for number, text, language in prose(page):
            if language:
                continue
            for target in LINK.findall(CODE_SPAN.sub("", text)):
                if re.match(r"[a-z][a-z0-9+.-]*:", target):
                    continue
                count += 1
                path, _, anchor = target.partition("#")
                there = (page.parent / path).resolve() if path else page
                if not there.exists():
                    wrong.append(f"{name(page)}:{number}: {target} is not there")
                elif anchor and there.suffix == ".md":
                    if there not in known:
                        known[there] = anchors(there)
                    if anchor not in known[there]:
                        wrong.append(f"{name(page)}:{number}: {target}: there is no such heading")
    return count, wrong


def commands() -> list[Line]:
    """Every command line of ours: whole ones from console blocks, mentions from code spans."""
    found: list[Line] = []
    for page in pages():
        held = ""
        for number, text, language in prose(page):
            if language in ("console", "text", "bash", "sh"):
                line = held + text.strip()
                held = ""
                if line.endswith("\\"):
                    held = line[:-1].rstrip() + " "
                    continue
                typed = re.match(r"^\$ (.*)$", line) or re.match(r"^(rollcall .*)$", line)
                if typed and not is_usage(line):
                    found += [Line(page, number, part, True) for part in ours(typed.group(1))]
            elif not language:
                for span in CODE_SPAN.findall(text):
                    if span.startswith("rollcall "):
                        found.append(Line(page, number, span, False))
    return found


def is_usage(line: str) -> bool:
    """Whether a line describes a form instead of being typed: help texts have such lines."""
    return bool(re.search(r"Usage:|\[OPTIONS\]|<[A-Z]+>|\[COMMAND\]", line))


def ours(line: str) -> list[str]:
    """The parts of a shell line that call us."""
    line = re.sub(r"\s{2,}#.*$|\s#\s.*$", "", line)
    line = re.sub(r"^cargo run (?:--release )?-- ", "rollcall ", line)
    parts = re.split(r"\s(?:\||&&|;)\s", line)
    return [part.strip() for part in parts if part.strip().startswith("rollcall ")]


def words(line: Line) -> list[str] | None:
    """The words as a shell would give them; none for what is no command line."""
    text = line.text
    if not line.whole:
        # `rollcall/leaver@1` and the like are names, and `rollcall x`, `y` is prose.
        text = text.rstrip(".,:")
    else:
        # Examples of help texts are followed by what they do.
        text = re.split(r"\s{3,}", text)[0]
    try:
        split = shlex.split(text)
    except ValueError:
        return None
    return [PLACEHOLDERS.get(word, word) for word in split]


def refused_commands(program: list[str]) -> tuple[int, list[str]]:
    """How many command lines there are, and those that the command's own definition refuses."""
    lines, wrong, asked = [], [], []
    for line in commands():
        split = words(line)
        if split is None:
            wrong.append(f"{name(line.file)}:{line.number}: `{line.text}` is no command line of a shell")
        else:
            lines.append(line)
            asked.append(json.dumps({"words": split, "whole": line.whole}))
    done = subprocess.run(
        [*program, "--typed"], input="\n".join(asked) + "\n", capture_output=True, text=True, check=False, cwd=ROOT
    )
    answers = done.stdout.splitlines()
    if done.returncode != 0 or len(answers) != len(lines):
        sys.exit(f"{' '.join(program)} answered {len(answers)} of {len(lines)} lines:\n{done.stderr}")
    for line, answer in zip(lines, answers, strict=True):
        why = json.loads(answer)
        if why is not None:
            first = next((part for part in why.splitlines() if part.strip()), why)
            wrong.append(f"{name(line.file)}:{line.number}: `{line.text}`: {first}")
    return len(asked), wrong


def codes() -> tuple[int, list[str]]:
    """How many error codes there are, and what is missing about them."""
    wrong = []
    listed = dict(re.findall(r"^\s*([A-Z_]+) = \"(RC\d{4})\"", CODES.read_text(encoding="utf-8"), re.MULTILINE))
    known = set(listed.values())
    there = {page.stem for page in (DOCS / "errors").glob("RC*.md")}
    wrong += [f"docs/errors/{code}.md is not there" for code in sorted(known - there)]
    wrong += [f"docs/errors/{code}.md is about a code that does not exist" for code in sorted(there - known)]
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("functions", "shared")
        for path in sorted((ROOT / folder).rglob("*.rs"))
        if path != CODES and "target" not in path.parts
    )
    for constant, code in sorted(listed.items(), key=lambda item: item[1]):
        page = DOCS / "errors" / f"{code}.md"
        is_reserved = page.exists() and "never raises it" in page.read_text(encoding="utf-8")
        is_used = re.search(rf"\b{constant}\b", sources) is not None
        if not is_used and not is_reserved:
            wrong.append(f"{code} ({constant}) is raised nowhere, and its page does not say that it is reserved")
        if is_used and is_reserved:
            wrong.append(f"{code} ({constant}) is raised, and its page says that it never is")
    for page in pages():
        for number, text, _ in prose(page):
            for code in ERROR_CODE.findall(text):
                if code not in known:
                    wrong.append(f"{name(page)}:{number}: {code} does not exist")
    return len(known), wrong


def alarms() -> tuple[int, list[str]]:
    """How many alarms the template has, and those whose runbook is not there or not named."""
    if not TEMPLATE.exists():
        return 0, [f"{name(TEMPLATE)} is not there"]
    text = TEMPLATE.read_text(encoding="utf-8")
    blocks = re.split(r"(?m)^  (?=\w+:\s*$)", text)
    found = [block for block in blocks if "Type: AWS::CloudWatch::Alarm" in block or "AWS::CloudWatch::CompositeAlarm" in block]
    wrong = []
    for block in found:
        alarm = block.split(":", 1)[0]
        named = re.findall(r"docs/runbooks/[\w-]+\.md", block)
        if not named:
            wrong.append(f"infra/template.yaml: the alarm {alarm} names no runbook")
        wrong += [
            f"infra/template.yaml: the alarm {alarm} names {runbook}, which is not there"
            for runbook in named
            if not (ROOT / runbook).exists()
        ]
    if not found:
        wrong.append("infra/template.yaml has no alarm")
    return len(found), wrong


def main() -> int:
    """Looks at everything; 1 when something is wrong."""
    program = sys.argv[1:]
    if not program:
        sys.exit("usage: check.py PROGRAM [ARGUMENT...]: what runs rollcall-reference; tests/docs/run does")
    failed = passed = 0
    for what, (count, wrong) in {
        "links": broken_links(),
        "command lines": refused_commands(program),
        "error codes": codes(),
        "alarms": alarms(),
    }.items():
        print(f"{what}: {count} looked at, {len(wrong)} wrong")
        for one in wrong:
            print(f"  {one}")
        failed += len(wrong)
        passed += max(count - len(wrong), 0)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

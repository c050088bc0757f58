"""A new adapter as a Python package of its own: code, page, captured record and tests, from templates."""

import re
from pathlib import Path
from string import Template

from connectors.protocols.adapter import Family

FILES = Path(__file__).parent / "files"
ENDING = ".txt"
KIND = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class UnableToScaffold(Exception):
    """The package cannot be written like that. The message says why, and what to do."""


def write_package(*, kind: str, label: str, family: Family, into: Path, taken: frozenset[str]) -> tuple[Path, ...]:
    """
    Write the package of a new adapter into a folder that is named after its kind.

    :param into: where that folder is made
    :param taken: the kinds that there are
    :return: the files, in order, the package's folder first
    :raises UnableToScaffold: if the kind is none, or is taken, or the folder is there already
    """
    if not KIND.fullmatch(kind):
        raise UnableToScaffold(f"{kind!r} is no kind. Write it in small letters with hyphens, such as tide-gauges.")
    if kind in taken:
        raise UnableToScaffold(f"There is an adapter of kind {kind} already. Choose another name.")
    folder = into / kind
    words = {
        "kind": kind,
        "package": kind.replace("-", "_"),
        "name": "".join(word.capitalize() for word in kind.split("-")),
        "label": label.strip() or kind.replace("-", " ").capitalize(),
        "family": family.value,
    }
    if any(mark in words["label"] for mark in '"\\\n${}:'):
        raise UnableToScaffold("Leave quotes, colons, braces and backslashes out of the label.")
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UnableToScaffold(f"{folder} is there already. Nothing was written.") from None
    return (folder, *(_written(template, folder, words) for template in sorted(FILES.rglob(f"*{ENDING}"))))


def _written(template: Path, folder: Path, words: dict[str, str]) -> Path:
    inside = template.relative_to(FILES)
    kinds_own = {"page.md": f"{words['kind']}.md", "samples.json": f"{words['kind']}.samples.json"}
    name = inside.name.removesuffix(ENDING)
    parts = [words["package"] if part == "package" else part for part in inside.parts[:-1]]
    path = folder.joinpath(*parts, kinds_own.get(name, name))
    path.parent.mkdir(exist_ok=True)
    path.write_text(Template(template.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")
    return path

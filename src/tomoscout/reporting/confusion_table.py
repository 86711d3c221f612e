"""The section of the page that tells which object is taken for which."""

from __future__ import annotations

from html import escape

from tomoscout.core.objects import ObjectTable
from tomoscout.metrics.confusion import MISSED, NOTHING, SECOND, Confusion
from tomoscout.reporting.findings import Findings
from tomoscout.reporting.markup import plural, section, swatch

_MEANING = {
    SECOND: "Picks on a particle, of any object, that has its pick already",
    NOTHING: "Picks with no particle of any object in reach",
    MISSED: "Particles without any pick on them",
}


def confusion_table(found: Findings) -> str:
    """Return particles (rows) by what they were called (columns); nothing without truth."""
    if found.errors is None:
        return ""
    confusion, objects = found.errors.confusion, found.data.objects
    if not confusion.table.sum():
        return ""
    lead = (
        "Each row is what a particle is, each column what it was called. Hits lie on the diagonal; "
        "a number beside it is a particle that got another object's pick. The two rows at the "
        "bottom are the false alarms that are left."
    )
    drawn = _matrix(confusion, objects)
    return section("confusion", "Confusion", drawn, _words(confusion), lead=lead)


def _matrix(confusion: Confusion, objects: ObjectTable) -> str:
    """Return the table, shaded by the share of the row (of the column for the rows below)."""
    counts, k = confusion.table, len(confusion.names)
    called = "".join(f'<th scope="col">{_name(objects, name)}</th>' for name in confusion.columns)
    lines = []
    for i, row in enumerate(confusion.rows):
        cells = []
        for j in range(len(confusion.columns)):
            whole = counts[i].sum() if i < k else counts[:, j].sum()
            share = counts[i, j] / whole if whole else 0.0
            kind = "right" if i == j else "wrong"
            cells.append(_cell(int(counts[i, j]), float(share), kind))
        there = f"{counts[i].sum():,}" if i < k else ""
        lines.append(
            f'<tr><th scope="row">{_name(objects, row)}</th>{"".join(cells)}<td>{there}</td></tr>'
        )
    total = "".join(f"<td>{counts[:, j].sum():,}</td>" for j in range(k))
    lines.append(f'<tr class="total"><th scope="row">picks</th>{total}<td></td><td></td></tr>')
    return (
        '<div class="scroll"><table class="matrix"><caption>Rows of objects are shaded by the '
        "share of their particles, the rows below them by the share of the picks of their column."
        f'</caption><thead><tr><th></th>{called}<th scope="col">particles</th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(count: int, share: float, kind: str) -> str:
    """Return a number on a ground that is the stronger the larger its share."""
    if not count:
        return '<td class="none">·</td>'
    return f'<td class="{kind}" style="--s:{share:.2f}" title="{share:.0%}">{count:,}</td>'


def _name(objects: ObjectTable, name: str) -> str:
    """Return an object with its colour, or another heading with its meaning."""
    if name in objects.names:
        return swatch(objects, name)
    return f'<span title="{escape(_MEANING[name])}">{escape(name)}</span>'


def _words(confusion: Confusion) -> str:
    """Say which mix-up is the most frequent, if any."""
    wrong = confusion.called.copy()
    k = len(confusion.names)
    wrong[range(k), range(k)] = 0
    if not wrong.any():
        return ""
    i, j = divmod(int(wrong.argmax()), k)
    return (
        f'<p class="note">Most often mixed up: {escape(confusion.names[i])} called '
        f"{escape(confusion.names[j])}, {plural(int(wrong[i, j]), 'time')}.</p>"
    )

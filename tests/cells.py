"""The cells of a chapter, with the exercise or the solution that each belongs to."""

import re


def labelled(cells):
    """Each code cell with what was last opened before it, ("exercise", label) or ("solution", label)."""
    opened = (None, None)
    for cell in cells:
        if cell.cell_type == "markdown":
            starts = re.findall(r"\{(exercise|solution)-start\}.*?:label: (\S+)", cell.source, re.S)
            opened = starts[-1] if starts else opened
        else:
            yield *opened, cell

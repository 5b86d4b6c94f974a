"""Draws what a terminal shows, with its colors, as SVG: reads from stdin, writes to stdout. The argument is the title."""

import io
import re
import sys

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

lines = sys.stdin.read().rstrip().splitlines()
width = max(60, *(len(Text.from_ansi(line).plain.rstrip()) for line in lines))
console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
for line in lines:
    console.print(Text.from_ansi(line), no_wrap=True, overflow="ignore", crop=False)
svg = console.export_svg(title=sys.argv[1], theme=MONOKAI, unique_id="terminal")
# A picture loads no font from elsewhere.
svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
print(svg)

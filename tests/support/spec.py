"""A small SPEC file, as 34-ID-C writes them."""

from __future__ import annotations

POINTS = 6

HEADER = """#F test.spec
#E 1580609738
#D Sat Feb 01 20:15:38 2020
#O0 Delta  Theta  Chi  Phi  Gamma
#O1 camdist  Energy
#o0 del th chi phi gam
#o1 cam en

"""
SCAN = """#S {number}  ascan  th 0 0.05  {intervals} 0.25
#D Tue Feb 04 12:28:23 2020
#P0 32.174 0 90 -5 12.6346
#P1 500 9
#UIMDET 34idcTIM2:
#UIMR5  {roi} 1
#N 4
#L Theta  Seconds  pm detector  Monitor
"""


def spec_text(number: int = 7, roi: str = "20 10 30 8", points: int = POINTS) -> str:
    rows = [f"{0.01 * i:.7g} 0.25 3 {1000 + 10 * i}" for i in range(points)]
    head = SCAN.format(number=number, intervals=POINTS - 1, roi=roi)
    return HEADER + head + "\n".join(rows) + "\n"

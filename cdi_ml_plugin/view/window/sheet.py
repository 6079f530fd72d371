"""The table and the checks of an inspection, and the command that phases the data."""

from __future__ import annotations

from html import escape

from silx.gui import qt

from .recorded import Recorded

LEVELS = {"green": "#00703c", "amber": "#9a6200", "red": "#b3261e"}  # dark enough to read
COMMAND_LINES = 7


class Sheet:
    """Words beside the plots; the command can be copied."""

    def __init__(self) -> None:
        self.widget = qt.QWidget()
        self.words = qt.QTextBrowser()
        self.words.setFrameShape(qt.QFrame.Shape.NoFrame)
        self.command = qt.QPlainTextEdit()
        self.command.setReadOnly(True)
        self.command.setFont(qt.QFontDatabase.systemFont(qt.QFontDatabase.SystemFont.FixedFont))
        height = qt.QFontMetrics(self.command.font()).lineSpacing()
        self.command.setFixedHeight(COMMAND_LINES * height + 14)
        self.copy = qt.QPushButton("Copy")
        self.copy.setToolTip("Copy the command, to paste it into a terminal")
        self.copy.clicked.connect(self._copy)
        head = qt.QHBoxLayout()
        head.addWidget(qt.QLabel("<b>To phase it</b>"), 1)
        head.addWidget(self.copy)
        layout = qt.QVBoxLayout(self.widget)
        layout.addWidget(self.words, 1)
        layout.addLayout(head)
        layout.addWidget(self.command)

    def show(self, recorded: Recorded) -> None:
        """Write what was found."""
        found = recorded.found
        table = "".join(
            f'<tr><td style="padding-right: 8px"><b>{escape(name)}</b></td>'
            f"<td>{escape(value)}</td></tr>"
            for name, value in recorded.rows
        )
        doubts = [check for check in found.checks if check.level != "green"]
        fine = len(found.checks) - len(doubts)
        lines = [f"<b>{fine} of {len(found.checks)} checks in order</b>"]
        for check in doubts:
            level, rest = check.level, str(check).removeprefix(check.level)
            lines.append(f'<font color="{LEVELS[level]}"><b>{level}</b></font>{escape(rest)}')
        lines += [f"note: {escape(note)}" for note in found.notes]
        paragraphs = "".join(f'<p style="margin: 5px 0">{line}</p>' for line in lines)
        self.words.setHtml(f"<table>{table}</table>{paragraphs}")
        self.command.setPlainText(recorded.command)

    def _copy(self) -> None:
        qt.QApplication.clipboard().setText(self.command.toPlainText())

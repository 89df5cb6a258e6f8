"""Writes the table of claims into science/claims.md, between its two marks.

python docs/make_claims.py
"""

from pathlib import Path

from keras_selectivity import claims

PAGE = Path(__file__).parent / "science" / "claims.md"
START, END = "<!-- table of claims -->", "<!-- end of the table -->"
HEADS = {
    "claim": "claim",
    "statement": "what the paper says",
    "theirs": "its number",
    "networks": "networks",
    "check": "check; smallest effect of interest",
}


def table() -> str:
    """The table of claims, as Markdown."""
    lines = [f"| {' | '.join(HEADS.values())} |", "|---" * len(HEADS) + "|"]
    for row in claims.outline().to_dicts():
        row["statement"] += f" ({row['paper']}, {row['where']})"
        lines.append("| " + " | ".join(row[name].replace("|", "\\|") for name in HEADS) + " |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with its table anew."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

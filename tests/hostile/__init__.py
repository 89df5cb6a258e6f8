"""Inputs that no one should give: each gets a line that says what is wrong, and nothing is lost."""

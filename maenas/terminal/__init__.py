"""Terminal output: console, progress lines, checks of the machine."""

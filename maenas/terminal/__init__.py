"""What people see in a terminal: console, progress, checks of the machine."""

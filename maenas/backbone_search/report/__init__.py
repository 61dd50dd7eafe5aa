"""`report.html`: the report of one or several searches in one file that works offline."""

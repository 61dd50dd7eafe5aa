"""YOLO label files: rows, and their reader."""

"""Readers of data sets: YOLO text files and COCO JSON."""

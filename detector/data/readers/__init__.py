"""Readers of data sets: YOLO text files, COCO JSON and Pascal VOC XML."""

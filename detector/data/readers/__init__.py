"""Readers of data sets: YOLO text files, COCO JSON, Pascal VOC XML and CSV lists."""

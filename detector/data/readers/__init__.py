"""Readers of data sets: YOLO, COCO, Pascal VOC, CSV, published forms and unions of several."""

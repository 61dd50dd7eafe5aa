"""Writers of data sets: COCO JSON, YOLO text files and Pascal VOC XML."""

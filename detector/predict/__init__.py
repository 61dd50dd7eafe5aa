"""Inference on images: thresholds, results and COCO records."""

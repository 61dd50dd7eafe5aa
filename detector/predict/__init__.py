"""Images in, objects out: thresholds, results, COCO records."""

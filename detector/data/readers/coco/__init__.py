"""Reader of COCO files."""

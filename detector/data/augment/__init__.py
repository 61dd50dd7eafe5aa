"""Augmentation of images and their boxes: functions of their arguments and random draws."""

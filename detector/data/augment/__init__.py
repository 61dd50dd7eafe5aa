"""Changes to images and their boxes: functions of what they are given and of draws."""

"""Changes to pictures and their boxes: functions of what they are given and of draws."""

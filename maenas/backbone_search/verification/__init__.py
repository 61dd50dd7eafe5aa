"""Verification: finalists measured on a device of this machine or by a command of the user's."""

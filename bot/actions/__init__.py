"""The buttons, one concern a file: a click is authorised when it happens, by who clicked."""

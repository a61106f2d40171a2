"""Makes the packages of the program, around PyInstaller. Not shipped."""

"""What makes the packaged program besides PyInstaller. Not shipped."""

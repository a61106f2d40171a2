"""Writing a video file: encoder, sound, subtitles, descriptions and clock of another one."""

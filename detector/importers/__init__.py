"""Model files of other programs, converted into ours. No torch, and nothing in a file is run.

``conversion`` reads a file and finds its layout's importer; ``model_writer`` puts the result into a folder.
"""

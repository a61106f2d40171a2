"""Feeding readers of untrusted files with damaged ones: every input must give a result or one plain line."""

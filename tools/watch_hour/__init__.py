"""``ssd-viewer watch`` on generated streams through scripted faults; what it keeps is held to what was sent."""

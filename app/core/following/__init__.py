"""Objects followed from frame to frame between the runs of the network: tracking and motion together."""

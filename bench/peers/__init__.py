"""What ours is measured beside: the ceiling, the customary way, and ours with layers switched off."""

"""What those who run the installation call: authorities, bins, keys, quarantine, jobs."""

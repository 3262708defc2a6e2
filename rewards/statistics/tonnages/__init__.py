"""What the authority collected, as its weighbridge knows it: read from its files, kept by place, stream and days."""

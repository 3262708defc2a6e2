"""What others collect, to compare with: by département and year as SINOE publishes it, summed to regions and nation."""

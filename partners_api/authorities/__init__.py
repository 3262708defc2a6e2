"""What an authority's agents and programs call: tariffs, offers, shops and their pay, bins, disputes, figures."""

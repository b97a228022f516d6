"""Mock surveys of recipe 1, unchanged: atlases made of them show their spectra to the last bit."""

// Walled in, not yet furnished.

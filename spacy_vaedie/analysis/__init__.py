"""What looks at a whole corpus at once."""

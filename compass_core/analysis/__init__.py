"""What the numbers, lines and spans say, before anyone interprets them."""

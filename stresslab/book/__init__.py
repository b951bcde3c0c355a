"""What is held: positions, pools and configurations."""

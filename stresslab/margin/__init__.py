"""What prices do to the book: requirements, liquidation and bankruptcy prices, pools."""

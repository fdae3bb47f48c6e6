"""What customer-profile does. Each function works in the transaction that its caller opened."""

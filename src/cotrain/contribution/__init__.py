"""What an owner's updates were worth: scores, what releasing them costs, and how a pool is divided by them."""

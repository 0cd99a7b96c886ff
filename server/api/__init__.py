"""What answers at each address, the bodies of requests and replies, and the document that describes them."""

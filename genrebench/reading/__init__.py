"""Other people's network files, read without the framework that wrote them and without trusting them."""

"""A web page and a JSON API that classify recordings; its packages are the extra ``web``."""

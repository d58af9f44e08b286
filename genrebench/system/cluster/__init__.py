"""Work on the workers of a Dask cluster, which is imported where one is used."""

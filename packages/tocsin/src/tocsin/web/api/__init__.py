"""The API, a file for each noun."""
